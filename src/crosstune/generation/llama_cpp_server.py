"""Starts the program that serves a model by llama.cpp, asks it, and ends it. Knows nothing of prompts.

It listens on loopback alone, and wants a key made up for it.
"""

import http.client
import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable, StepFailed
from crosstune.generation import llama_cpp_program

_SECONDS_FOR_A_REPLY = 3600.0
_SECONDS_TO_SHOW_ITS_STATUS = 5.0
"""Between a connection that broke and the end of the process behind it."""
_LINES_SHOWN = 5
_LONGEST_LINE = 300
"""Characters."""


@dataclass(frozen=True, slots=True)
class ServedGguf:
    """What a server serves.

    Attributes:
        gguf: the model.
        adapter: a GGUF file too, or None.
        slots: prompts that are answered at once.
        context: tokens that each may have with its answer.
        threads: of its computing.
    """

    gguf: Path
    adapter: Path | None
    slots: int
    context: int
    threads: int


class BadReply(Exception):
    """A reply that is no answer."""


class ServerEnded(Exception):
    """The server is not there any more."""


class LlamaCppServer:
    """A server that runs. Several threads can ask it at once."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str, key: str) -> None:
        self._process = process
        self._address = address
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """The reply of `/completion`.

        Raises:
            BadReply: it refuses, or its reply is no JSON object.
            ServerEnded: it is not there any more.
        """
        request = urllib.request.Request(f"{self._address}/completion", json.dumps(body).encode(), self._headers)
        try:
            with self._opener.open(request, timeout=_SECONDS_FOR_A_REPLY) as reply:
                read = json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode("utf-8", errors="replace")
            raise BadReply(f"status {error.code}: {' '.join(said.split())[:_LONGEST_LINE]}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            with suppress(subprocess.TimeoutExpired):
                raise ServerEnded(f"status {self._process.wait(_SECONDS_TO_SHOW_ITS_STATUS)}") from error
            raise BadReply(str(error) or type(error).__name__) from error
        if not isinstance(read, dict):
            raise BadReply("the reply is no JSON object")
        return read


@contextmanager
def llama_cpp_server(served: ServedGguf, log: Path) -> Iterator[LlamaCppServer]:
    """A server, from when it can be asked to the end of the block.

    Args:
        served: what it serves.
        log: file for what it writes, removed in the end when that is nothing.

    Raises:
        ModelUnavailable: xllamacpp is not installed, or llama.cpp cannot load the model or the adapter.
        StepFailed: the process ended before it was ready.
    """
    if find_spec("xllamacpp") is None:
        raise ModelUnavailable(
            "the backend llama.cpp needs the package xllamacpp",
            hint="install it with: pip install 'crosstune[serve]', or set generation.backend: transformers",
        )
    key = secrets.token_urlsafe(24)
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-P", llama_cpp_program.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            start_new_session=True,  # Ctrl-C is for this process, which ends the server once it has cleaned up
            # Threads that wait for each other sleep. Else, where other programs want the processor, most of it goes
            # into waiting: answers were twenty times as slow.
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},
        )
    try:
        yield LlamaCppServer(process, _address(process, served, key, log), key)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        with suppress(OSError):
            if not log.stat().st_size:
                log.unlink()


def _address(process: "subprocess.Popen[bytes]", served: ServedGguf, key: str, log: Path) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    settings = {
        "gguf": str(served.gguf),
        "adapter": None if served.adapter is None else str(served.adapter),
        "slots": served.slots,
        "context": served.context,
        "threads": served.threads,
        "key": key,
    }
    with suppress(OSError):  # it ended: what follows says so
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise StepFailed(
            f"the server ended with status {process.wait()} before it was ready",
            where="llama.cpp",
            hint=last_lines(log),
        )
    reply = json.loads(line)
    if "error" in reply:
        what = "the model" if served.adapter is None else "the model or its adapter"
        raise ModelUnavailable(
            f"llama.cpp cannot load {what} ({reply['error']})",
            where=str(served.gguf),
            hint=f"use generation.backend: transformers\n{last_lines(log)}",
        )
    return str(reply["address"])


def last_lines(log: Path) -> str:
    """What a server wrote last, for people."""
    try:
        text = log.read_text("utf-8", errors="replace")
    except OSError:
        text = ""
    lines = [line[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    return "\n".join(["the last lines of its log:", *lines[-_LINES_SHOWN:]]) if lines else "its log is empty"
