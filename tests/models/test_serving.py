"""Serving a packaged model: the endpoint answers, holds to its key, and ends with what started it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from crosstune.errors import ModelUnavailable
from crosstune.models.packaged import PACKAGED_MODELS, packaged_parts
from crosstune.models.packaged_gguf import packaged_gguf, require_checksum
from crosstune.models.serving import served_model, serving

pytest.importorskip("xllamacpp")

MODEL = "smollm2-135m"


def is_installed(name: str) -> bool:
    try:
        packaged_parts(PACKAGED_MODELS[name])
    except ModelUnavailable:
        return False
    return True


needs_model = pytest.mark.skipif(not is_installed(MODEL), reason=f"{MODEL} is not installed")
real = [pytest.mark.packaged_model, pytest.mark.enable_socket, needs_model]


def ask(address: str, body: dict[str, object], key: str = "") -> dict[str, object]:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{address}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        found: dict[str, object] = json.load(response)
        return found


class TestServing:
    pytestmark = real

    def test_answers_in_the_form_that_a_schema_asks_for_and_to_those_with_the_key(self) -> None:
        schema = {
            "type": "object",
            "properties": {"mark": {"type": "integer", "enum": [0, 1, 2]}},
            "required": ["mark"],
            "additionalProperties": False,
        }
        body: dict[str, object] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Is the sky blue? Give a mark as JSON."}],
            "max_tokens": 40,
            "temperature": 0,
            "response_format": {"type": "json_schema", "json_schema": {"name": "marks", "schema": schema}},
        }
        with serving(served_model(MODEL), api_key="secret", context_tokens=512, parallel=2) as address:
            with pytest.raises(HTTPError) as refusal:
                ask(address, body)
            assert refusal.value.code == 401
            reply = ask(address, body, key="secret")
        assert reply["model"] == MODEL
        (choice,) = reply["choices"]  # type: ignore[misc]
        assert json.loads(choice["message"]["content"])["mark"] in (0, 1, 2)

    def test_a_port_that_is_taken(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            taken = pytest.raises(ModelUnavailable, match=f"cannot listen on 127.0.0.1:{port}")
            with taken, serving(served_model(MODEL), port=port):
                pass

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        damaged = tmp_path / "model.gguf"
        damaged.write_bytes(b"GGUF" + bytes(1000))
        refused = pytest.raises(ModelUnavailable, match="cannot serve this model")
        with refused, serving(served_model(str(damaged))):
            pass


COMMAND = [sys.executable, "-m", "crosstune", "serve", MODEL, "--port", "0", "--parallel", "1", "--context", "256"]


@contextmanager
def started(command: list[str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestCommand:
    pytestmark = real

    def test_ends_cleanly_when_told_to(self) -> None:
        with started(COMMAND) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"{MODEL} answers at http://127.0.0.1:")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0

    def test_ends_with_its_parent_even_when_that_is_killed(self) -> None:
        code = (
            "import subprocess, sys, time\n"
            "process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)\n"
            "process.stdout.readline()\n"
            "print(process.pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        with started([sys.executable, "-c", code, *COMMAND]) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert is_running(pid)
            parent.kill()
            deadline = time.monotonic() + 15
            while is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not is_running(pid)


def test_what_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="neither a packaged model nor a file"):
        served_model("smollm2")
    text = tmp_path / "model.gguf"
    text.write_text("no model")
    with pytest.raises(ModelUnavailable, match="not a GGUF file"):
        served_model(str(text))


def test_a_package_with_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not what its checksum says"):
        require_checksum(PACKAGED_MODELS[MODEL], "0" * 64, tmp_path)


@pytest.mark.packaged_model
@pytest.mark.skipif(not is_installed("gemma-3-270m"), reason="gemma-3-270m is not installed")
def test_parts_are_joined_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTUNE_CACHE", str(tmp_path))
    joined = packaged_gguf(PACKAGED_MODELS["gemma-3-270m"])
    assert joined.is_relative_to(tmp_path)
    assert joined.read_bytes()[:4] == b"GGUF"
    before = joined.stat().st_mtime_ns
    assert packaged_gguf(PACKAGED_MODELS["gemma-3-270m"]) == joined
    assert joined.stat().st_mtime_ns == before
