"""The command `crosstune annotate`, in a process of its own: started, killed, started again."""

import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from crosstune.annotation.server import app as server_app
from crosstune.annotation.server import serving
from crosstune.cli.main import app
from crosstune.errors import Busy, CrosstuneError, InvalidData, InvalidStudy, StorageFailure

ROWS = [
    {"prompt": f"Question {number} ?", "response": f"Réponse {number}.", "language": "fr", "model": f"m{number % 2}"}
    for number in range(6)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), "utf-8")
    return path


class Served:
    """A server, and one annotator who asks it."""

    def __init__(self, file: Path, *options: str) -> None:
        command = [sys.executable, "-m", "crosstune", "annotate", str(file), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = self.process.stdout.readline()
            assert line, self.printed
            self.printed += line
        found = re.search(r"http://127\.0\.0\.1:(\d+)/coordinate", self.printed)
        assert found is not None
        self.port = int(found[1])
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, self.headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status < 400, text
        return text, response.headers

    def join(self, token: str) -> str:
        """The address of the annotator's pages."""
        _, headers = self.ask("GET", f"/join/{token}")
        self.headers["cookie"] = headers["set-cookie"].split(";")[0]
        home = headers["location"].rstrip("/")
        page, _ = self.ask("GET", f"{home}/languages")
        csrf = re.search(r'name="csrf" content="(\w+)"', page)
        assert csrf is not None
        self.headers["x-csrf-token"] = csrf[1]
        return home

    def mark(self, home: str, item: str, key: str) -> Any:
        entry = {"kind": "mark", "item": item, "facet": "fluency", "value": 1, "client_key": key}
        text, _ = self.ask("POST", f"{home}/entries", json.dumps({"entries": [entry]}))
        return json.loads(text)["results"][0]["state"]

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read()
        return self.process.wait(20)


@pytest.mark.enable_socket
def test_killed_and_started_again(file: Path) -> None:
    first = Served(file, "--add", "ada", "--raters", "1")
    token = re.search(r"/join/(\S+)", first.printed)
    assert token is not None
    home = first.join(token[1])
    first.ask("POST", f"{home}/languages", "language=fr")
    _, headers = first.ask("GET", f"{home}/work")
    item = headers["location"].rpartition("/")[2]
    assert first.mark(home, item, "before-the-kill") == "saved"

    # Nobody else may have the same answers meanwhile.
    with pytest.raises(Busy, match=r"annotating answers.*one server at a time"):
        run("annotate", str(file))

    first.end(signal.SIGKILL)
    second = Served(file, "--add", "ada")
    assert "ada is there already" in second.printed
    assert "Answers were chosen before" in second.printed
    assert second.join(token[1]) == home
    assert second.mark(home, item, "before-the-kill") == "known"
    assert second.mark(home, item, "after-the-kill") == "saved"
    assert second.end(signal.SIGINT) == 0
    # It leaves one whole file behind, which nobody else may read.
    database = file.with_name("answers.jsonl.annotation.sqlite")
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "answers.jsonl",
        "answers.jsonl.annotation.sqlite",
        "answers.jsonl.annotation.sqlite.lock",
    ]
    assert database.stat().st_mode & 0o077 == 0
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT client_key FROM marks ORDER BY id").fetchall() == [
            ("before-the-kill",),
            ("after-the-kill",),
        ]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.fixture
def not_served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything but the serving itself."""
    monkeypatch.setattr(serving, "serve", lambda app, host, port, on_ready: on_ready(f"http://{host}:{port}"))
    monkeypatch.setattr(server_app, "new_token", lambda: "the-token")
    yield


@pytest.mark.usefixtures("not_served")
def test_options(file: Path) -> None:
    printed = run("annotate", str(file), "--languages", "fr", "--per-language", "4", "--host", "0.0.0.0", "--port", "9")
    assert "Answers to be rated: fr 4" in printed
    assert "/coordinate/the-token" in printed
    assert "everybody who reaches 0.0.0.0" in printed
    assert "everybody" not in run("annotate", str(file), "--port", "9")
    printed = run("annotate", str(file), "--add", "ada", "--address", "https://rate.example.org:444/")
    assert "https://rate.example.org:444/join/" in printed
    assert "https://rate.example.org:444/coordinate/the-token" in printed
    assert "on this machine alone" not in printed
    assert "on this machine alone" in run("annotate", str(file), "--port", "9")


@pytest.mark.enable_socket
def test_links_of_a_server_that_listens_on_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving._Server, "run", lambda *_, **__: None)
    monkeypatch.setattr(socket, "gethostname", lambda: "workshop")
    shown: list[str] = []
    serving.serve(FastAPI(), "0.0.0.0", 0, shown.append)
    assert re.fullmatch(r"http://workshop:\d+", shown[0])


@pytest.mark.usefixtures("not_served")
def test_pairs(file: Path) -> None:
    rows = [{**row, "prompt": "La même question ?"} for row in ROWS[:2]]
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    assert "Answers to be rated: fr 1" in run("annotate", str(file), "--pairs")
    # It stays what it is.
    run("annotate", str(file))
    with sqlite3.connect(file.with_name("answers.jsonl.annotation.sqlite")) as connection:
        assert connection.execute("SELECT run, second_run, withdrawn FROM items").fetchall() == [("m0", "m1", 0)]


@pytest.mark.usefixtures("not_served")
def test_what_cannot_be_annotated(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no such file"):
        run("annotate", str(tmp_path / "nothing.jsonl"))
    with pytest.raises(InvalidStudy):
        run("annotate", str(tmp_path / "nothing.yaml"))
    with pytest.raises(InvalidStudy, match="'xx' is not a language"):
        run("annotate", str(file), "--languages", "xx")
    with pytest.raises(InvalidData, match="no answer that is not chosen already fits"):
        run("annotate", str(file), "--languages", "de")
    for wrong in ("rate.example.org", "ftp://x", "https://", "https://x/y", "http://["):
        with pytest.raises(InvalidData, match="no address of a server"):
            run("annotate", str(file), "--address", wrong)
    nothing = tmp_path / "nothing.jsonl"
    nothing.write_text('{"prompt": "?", "response": null, "language": "fr"}\n')
    with pytest.raises(InvalidData, match="no answer to rate"):
        run("annotate", str(nothing))


@pytest.mark.enable_socket
def test_ports_and_addresses_that_cannot_be_used(file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Busy, match="--port"):
            run("annotate", str(file), "--port", str(taken.getsockname()[1]))
    with pytest.raises((StorageFailure, Busy), match=r"no address of this machine|nothing can listen"):
        run("annotate", str(file), "--host", "203.0.113.1", "--port", "0")
