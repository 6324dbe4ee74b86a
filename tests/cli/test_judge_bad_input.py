"""`crosstune judge` with what cannot be, and stopped in the middle; on an endpoint on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks.chat_endpoint import ChatEndpoint, chat_endpoint
from judged_answers import MODEL, answers, write
from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.errors import CrosstuneError, InvalidData, InvalidStudy, ModelUnavailable, StorageFailure

pytestmark = pytest.mark.enable_socket  # loopback alone


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("CROSSTUNE_ROOT", str(tmp_path / "runs"))
    monkeypatch.delenv("LOCAL_API_KEY", raising=False)
    return tmp_path


def run(command: str, *arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, [command, *arguments])
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == status, (result.output, result.exception)
    return result


def judged(url: str, *arguments: str, file: str = "a.jsonl", status: int = 0) -> Any:
    return run("judge", file, "-m", MODEL, "--base-url", url, *arguments, status=status)


def test_a_budget_of_nothing(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", answers(2))
    for option in (("--max-calls", "0"), ("--max-tokens", "0"), ("--max-dollars", "0", "--price", "1,1")):
        assert "100% of what was asked" in judged(url, *option, status=1).stderr
    assert not endpoint.requests


def test_bad_options(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", answers(2))
    Path("file").write_text("")
    good = ("-m", MODEL, "--base-url", url)
    for arguments, kind, problem in (
        ((), InvalidStudy, "--model: no judge is named"),
        (("-m", "gpt-5"), InvalidStudy, "--model: 'gpt-5' does not name a provider"),
        (("-m", "nobody/x"), ModelUnavailable, "cannot be used"),
        ((*good, "--price", "1"), InvalidStudy, "--price: '1' is not two prices"),
        ((*good, "--price", "-1,2"), InvalidStudy, "--price: .*greater than or equal to 0"),
        ((*good, "--price", "inf,2"), InvalidStudy, "--price: 'inf,2' is not two prices"),
        (("-m", MODEL, "--base-url", "localhost:1"), InvalidStudy, "--base-url: .*needs http://"),
        ((*good, "--max-dollars", "1"), InvalidStudy, "needs the price of every judge"),
        ((*good, "-m", MODEL), InvalidStudy, "named twice"),
        ((*good, "--rubric", "englsh-1"), InvalidData, "no rubric 'englsh-1'.*english-1"),
        ((*good, "--by", "lang"), InvalidData, "no column 'lang'"),
        ((*good, "--out", "x.xlsx"), InvalidData, "ends in none of"),
        ((*good, "--out", "folder.csv"), InvalidData, "is a folder"),
        ((*good, "--out", "file/x.csv"), StorageFailure, "the folder cannot be made"),
        ((*good, "--logs", "file"), StorageFailure, "the folder cannot be made"),
        ((*good, "--ledger", "file"), StorageFailure, "cannot be"),
    ):
        Path("folder.csv").mkdir(exist_ok=True)
        with pytest.raises(kind, match=problem):
            run("judge", "a.jsonl", *arguments)
    assert not endpoint.requests


def test_an_unreadable_row_stops_before_money_is_spent(endpoint: ChatEndpoint, url: str) -> None:
    Path("a.jsonl").write_text("\n".join([*map(json.dumps, answers(3)), "{", "[1]"]) + "\n")
    with pytest.raises(InvalidData, match=r"a.jsonl, line 4: .*\(and 1 more rows?\)"):
        judged(url)
    assert not endpoint.requests


def test_a_foreign_line_in_what_is_kept(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", answers(2))
    judged(url)
    (kept,) = Path("runs/judge").glob("*.jsonl")
    whole = kept.read_bytes()
    for line in (
        b"hello\n",
        b"[1]\n",
        b'{"a": 1}\n',
        whole.splitlines()[0].replace(b'"tries": 1', b'"tries": "x"') + b"\n",
    ):
        kept.write_bytes(whole + line)
        with pytest.raises(InvalidData, match=r"jsonl, line 3: .*delete the line"):
            judged(url)
    kept.write_bytes(whole + whole[:50])  # torn by a crash
    judged(url)
    assert len(endpoint.requests) == 2


def test_dead_endpoint_wrong_key_and_no_model(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", answers(30))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        judged(dead)
    with pytest.raises(ModelUnavailable, match="a base URL usually ends in /v1"):
        judged(url.removesuffix("/v1"))
    endpoint.key = "secret"
    with pytest.raises(ModelUnavailable, match="refuses the key"):
        judged(url)
    assert len(endpoint.requests) == 1


def test_too_much_without_a_mark_is_loud(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.replies |= {"cannot be used": "No.", "(0)": "No."}
    write("a.jsonl", answers(10))
    result = judged(url, "--json", status=1)
    assert "10% of what was asked of the judge has no mark" in result.stderr
    assert json.loads(result.stdout)["unmarked"] == {"judge_unparsable": 6}
    write("many.jsonl", answers(30))
    judged(url, file="many.jsonl")  # 3 % are not too many


def test_interrupted_it_goes_on(folder: Path) -> None:
    endpoint = ChatEndpoint(milliseconds=50)
    write("a.jsonl", answers(200))
    with chat_endpoint(endpoint) as url:
        command = [sys.executable, "-m", "crosstune", "judge", "a.jsonl", "-m", MODEL, "--base-url", url]
        process = subprocess.Popen(
            [*command, "--connections", "4", "--out", "marks.csv"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )
        started = time.monotonic()
        while time.monotonic() - started < 60 and len(endpoint.requests) < 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130 and "Interrupted" in errors and "Traceback" not in errors
        assert not Path("marks.csv").exists() and len(endpoint.requests) < 200
        endpoint.milliseconds = 0
        found = json.loads(judged(url, "--json").stdout)
        assert found["answers"] == found["judges"][0]["calls"] == 200 and not found["unmarked"]
        # Those under way when it ended, four at most, came twice.
        assert len(endpoint.requests) <= 204
