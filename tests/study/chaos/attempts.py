"""Tries of a study that are killed, and the damage that is done to what they leave."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crosstune.steps.store import read_manifest

RUNNER = Path(__file__).with_name("runner.py")


class Attempts:
    """Tries of one study, one after the other, each in a process that can be killed."""

    def __init__(self, runner: "subprocess.Popen[str]", study: Path) -> None:
        self._runner = runner
        self._study = study
        self._words: list[str] = []
        assert runner.stderr is not None
        # Through a pipe, since a limit on the size of files would hold for a log too.
        threading.Thread(target=self._words.extend, args=(runner.stderr,), daemon=True).start()

    def said(self) -> str:
        """The end of what the tries wrote to their error output."""
        return "".join(self._words[-60:])

    def wait_until_ready(self) -> None:
        """Waits until the libraries are loaded."""
        assert self._runner.stdout is not None
        assert self._runner.stdout.readline() == "ready\n", self.said()

    def _say(self, task: dict[str, Any]) -> int:
        assert self._runner.stdin is not None
        self._runner.stdin.write(json.dumps(task) + "\n")
        self._runner.stdin.flush()
        return int(self._heard("pid"))

    def _heard(self, what: str) -> str:
        assert self._runner.stdout is not None
        line = self._runner.stdout.readline().split()
        assert line[:1] == [what], f"the runner ended: {self.said()}"
        return line[1]

    def run(self, root: Path, *, kill_after: float | None = None, **faults: float | str) -> int:
        """One try.

        Args:
            root: where results go.
            kill_after: seconds; None: it may end by itself.
            faults: see `runner`.

        Returns:
            Its exit status: 0 finished, 1 an error meant for the user; -9 when it was killed.
        """
        pid = self._say({"root": str(root), "study": str(self._study), "faults": faults})
        timer = threading.Timer(kill_after, os.kill, (pid, signal.SIGKILL)) if kill_after is not None else None
        if timer is not None:
            timer.start()
        status = int(self._heard("ended"))
        if timer is not None:
            timer.cancel()
        assert status in (0, 1, -signal.SIGKILL), self.said()
        assert not left_running(pid), "processes outlive the one that started them"
        return status


@contextmanager
def attempts(study: Path) -> Iterator[Attempts]:
    """Starts what runs the tries, which loads all libraries first."""
    pipe = subprocess.PIPE
    runner = subprocess.Popen([sys.executable, str(RUNNER)], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert runner.stdin is not None
    try:
        tries = Attempts(runner, study)
        tries.wait_until_ready()
        yield tries
    finally:
        runner.stdin.close()
        runner.wait(30)


def left_running(session: int, seconds: float = 3.0) -> list[int]:
    """Processes that a try started and that are still there after a while; on Linux alone."""
    deadline = time.monotonic() + seconds
    while found := [pid for pid in _processes() if _session_of(pid) == session]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return []


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(path.name) for path in proc.iterdir() if path.name.isdecimal()] if proc.is_dir() else []


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def finished_steps(root: Path) -> dict[Path, str]:
    """The finished steps, and when each was finished."""
    found = {}
    for path in root.glob("*/*/manifest.json"):
        if path.parent.suffix != ".partial" and (manifest := read_manifest(path.parent)) is not None:
            found[path.parent] = str(manifest["finished"])
    return found


def truncate_newest(root: Path, draw: random.Random) -> Path | None:
    """Cuts the file that was written last in a folder that is under way, as a power cut might."""
    files = [path for path in root.glob("*/*.partial/**/*") if path.is_file()]
    if not files:
        return None
    newest = max(files, key=lambda path: path.stat().st_mtime_ns)
    os.truncate(newest, draw.randrange(newest.stat().st_size + 1))
    return newest


def damage_finished(root: Path, draw: random.Random) -> tuple[Path, Path] | None:
    """Cuts a file of a finished step, or changes one of its bytes and leaves its size.

    Returns:
        The step's folder and the file.
    """
    folders = sorted(finished_steps(root))
    if not folders:
        return None
    folder = draw.choice(folders)
    file = draw.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size))
    content = bytearray(file.read_bytes())
    place = draw.randrange(len(content))
    if draw.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return folder, file


def spread_times(root: Path, draw: random.Random) -> None:
    """Dates files a year back or ahead, as when the clock was set meanwhile."""
    for path in root.rglob("*"):
        if path.is_file() and draw.random() < 0.5:
            seconds = time.time() + draw.choice((-1, 1)) * 365 * 86_400
            os.utime(path, (seconds, seconds))
