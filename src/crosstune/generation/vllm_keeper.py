"""Runs a command, and ends it and all it started when whoever asked for it is gone: a program of its own.

    python vllm_keeper.py FOLDER COMMAND...

It waits for its standard input: a byte means that the command is to end; the end of it, or another parent than at the
start, that the process that started it has ended, however it did. Nobody will then remove the folder of the command's
log, so this does. Knows nothing of vLLM, and imports nothing of crosstune, so that it starts at once.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_END = 10.0
"""Between asking the command to end and killing it."""
_PR_SET_PDEATHSIG = 1
"""Of Linux' prctl: the signal to send when the parent dies."""


def _end_with_the_keeper() -> None:
    """Runs in the command's process before it starts: should the keeper itself be killed, the command is too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_all(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def keep(command: Sequence[str], folder: str) -> int:
    """Runs a command until it ends or is to end; nothing that it started is left then.

    Args:
        command: with its arguments.
        folder: removed if the process that started this one is gone in the end.

    Returns:
        Its exit status; 128 and the number of the signal where one ended it, as shells have it.
    """
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_the_keeper,  # noqa: PLW1509 (there are no threads here)
    )
    is_left_alone = False
    try:
        while child.poll() is None:
            readable, _, _ = select.select([0], [], [], _SECONDS_BETWEEN_LOOKS)
            if readable:  # a byte from a process that lives, the end of the pipe from one that does not
                is_left_alone = not os.read(0, 1)
                break
            if os.getppid() != parent:
                break
    finally:
        if child.poll() is None:
            _signal_all(child.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_SECONDS_TO_END)
        _signal_all(child.pid, signal.SIGKILL)  # what it leaves behind would keep the GPU's memory
        status = child.wait()
        if is_left_alone or os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(keep(sys.argv[2:], folder=sys.argv[1]))
