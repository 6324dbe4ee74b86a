"""What a vLLM server's log and replies say about why it does not answer."""

import json
import os
import re
from pathlib import Path

from crosstune.errors import CrosstuneError, ModelUnavailable, OutOfMemory, StepFailed

_TAIL_BYTES = 64 << 10
_LINES_SHOWN = 5
_LONGEST_LINE = 300
"""Characters."""
_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|No available memory for the cache blocks|less than desired GPU memory utilization"
    r"|stored in KV cache|available KV cache memory",
    re.IGNORECASE,
)
_UNAVAILABLE = re.compile(
    r"architectures? .* (?:is|are) not supported|does not support LoRA|No module named '?vllm"
    r"|Failed to infer device type"
)
_PORT_TAKEN = re.compile(r"address already in use", re.IGNORECASE)
_CAUSE = re.compile(r"\b(?:[\w.]*(?:Error|Exception)): .*")
_NO_CAUSE = re.compile(r"See root cause above|Engine core initialization failed")
"""What the outer process says of the inner one's failure."""
MEMORY_HINT = (
    "set generation.vllm.max_model_len to what prompts and answers need, or generation.vllm.gpu_memory_utilization to "
    "what is free on the GPU"
)


class ServerDied(Exception):
    """The server does not answer any more."""


def tail(log: Path, since: int = 0) -> list[str]:
    """The last lines of a log from byte `since` on; none when it cannot be read."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since, end - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]


def cause(lines: list[str]) -> str:
    """The first error in the log that explains something, or its last line."""
    for line in lines:
        if (found := _CAUSE.search(line)) and not _NO_CAUSE.search(line):
            return found.group()
    return lines[-1] if lines else "its log is empty"


def port_was_taken(lines: list[str]) -> bool:
    """Whether another program took the port between its choice and its use."""
    return any(_PORT_TAKEN.search(line) for line in lines)


def failure_to_start(what: str, lines: list[str]) -> CrosstuneError:
    """The error for a server that did not come up.

    Args:
        what: what happened, such as `the server ended with status 1 before it was ready`.
        lines: the last ones of its log.
    """
    why = cause(lines)
    shown = (
        "\n".join(["the last lines of its log (vllm.log in the folder of the step):", *lines[-_LINES_SHOWN:]])
        if lines
        else "its log is empty"
    )
    if any(_OUT_OF_MEMORY.search(line) for line in lines):
        return OutOfMemory(f"{what}: out of memory ({why})", where="vLLM", hint=f"{MEMORY_HINT}\n{shown}")
    if any(_UNAVAILABLE.search(line) for line in lines):
        hint = f"use generation.backend: transformers for this model\n{shown}"
        return ModelUnavailable(f"{what}: {why}", where="vLLM", hint=hint)
    return StepFailed(f"{what}: {why}", where="vLLM", hint=shown)


def said(body: bytes) -> str:
    """What the server says in an error reply, in one short line."""
    try:
        reply = json.loads(body)
    except ValueError:
        reply = body.decode("utf-8", errors="replace")
    if isinstance(reply, dict):
        error = reply.get("error", reply)
        reply = error.get("message", error.get("detail", error)) if isinstance(error, dict) else error
    return " ".join(str(reply).split())[:_LONGEST_LINE] or "nothing"
