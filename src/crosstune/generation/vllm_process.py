"""The process of a server: started, watched, ended.

`vllm_keeper.py` stands between it and this one, and ends it when this one is gone, however that came.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from crosstune.generation import vllm_keeper
from crosstune.generation.vllm_failures import tail

_SECONDS_TO_END = 20.0


class VllmProcess:
    """One process at a time, and one log for all of them."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._started_at = 0

    @property
    def log(self) -> Path:
        """Where it writes: a temporary file, as it may outlive the step that started it."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="crosstune-vllm-"))
        return self._folder / "vllm.log"

    def log_size(self) -> int:
        """Bytes in the log so far."""
        return self.log.stat().st_size if self.log.exists() else 0

    def last_lines(self) -> list[str]:
        """What the newest process wrote last."""
        return tail(self.log, self._started_at)

    def copy_log(self, since: int, to: Path) -> None:
        """Adds the part of the log from byte `since` on to a file."""
        if self.log_size() > since:
            with self.log.open("rb") as log, to.open("ab") as file:
                log.seek(since)
                shutil.copyfileobj(log, file)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it, and ends the one before.

        Args:
            command: with its arguments.
            environment: all of its variables.
        """
        self.end()
        self._started_at = self.log_size()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, vllm_keeper.__file__, str(self.log.parent), *command],
                stdin=subprocess.PIPE,  # its end is the sign for the keeper
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which ends the server once it has cleaned up
                env=dict(environment),
            )

    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll() if self._process is not None else None

    def end(self) -> None:
        """Ends it, and all it started. Can be called twice."""
        if os.getpid() != self._owner:
            return  # a fork of the process that it belongs to
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(b".")  # it is wanted no more, but who started it lives
            process.stdin.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()  # the keeper, and the server goes with it
            process.wait()

    def forget(self) -> None:
        """Removes the log."""
        if self._folder is not None and os.getpid() == self._owner:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
