"""Runs a study in a process of its own for each line of its input; the chaos test kills that process.

The libraries are loaded once, here, and each try is a fork: a try then spends its time on the study, which is where it
is to be killed, and not on imports. A line is `{"root": …, "study": …, "faults": {…}}`; what is said is
`pid <n>` when a try has begun and `ended <exit status>` when it is over. Exit statuses: 0 the study is finished, 1 an
error that is meant for the user, 2 any other. Faults:

    "full": n            there is no space left from the n-th write on that waits for the disk
    "largest_file": n    no file can grow beyond so many bytes; the operating system sees to it
    "clock": seconds     all clocks are off by so much
    "kill_at": n         killed right before the n-th time that something is flushed, renamed or removed, which is when
                         what is on disk is about to mean something else
    "kill_in": kind      killed `kill_after_start` seconds after the start of the first step of this kind
"""

import errno
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

LOADED = (
    "torch",
    "trl",
    "peft",
    "polars",
    "inspect_ai",
    "inspect_ai.log",
    "crosstune.training.train",
    "crosstune.generation.backends.transformers",
    "crosstune.scoring.score",
    "crosstune.judging.judge",
    "crosstune.judging.inspect_log",
    "crosstune.reporting.report",
    "crosstune.study.study",
)


def fill_disk(after: int) -> None:
    """Lets `after` more writes wait for the disk, and refuses every one from then on, as a full disk does."""
    waits, make = os.fsync, tempfile.mkstemp
    left = after

    def refuse() -> None:
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fsync(descriptor: int) -> None:
        nonlocal left
        refuse()
        left -= 1
        waits(descriptor)

    def mkstemp(*args: Any, **kwargs: Any) -> tuple[int, str]:
        refuse()
        return make(*args, **kwargs)

    os.fsync, tempfile.mkstemp = fsync, mkstemp  # type: ignore[assignment]


def kill_at(change: int) -> None:
    """Lets the process kill itself right before the n-th change to what files mean."""
    left = change

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def change_files(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return change_files

    for name in ("fsync", "rename", "replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def shift_clock(seconds: float) -> None:
    """Sets the clocks that crosstune and Python's own modules read."""
    now = time.time

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    time.time = lambda: now() + seconds
    for name, module in list(sys.modules.items()):
        if name.startswith("crosstune") and getattr(module, "datetime", None) is datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]


def attempt(task: dict[str, Any]) -> int:
    """Runs the study until it is finished, fails, or is killed."""
    os.setsid()
    faults = task.get("faults", {})
    try:
        if "clock" in faults:
            shift_clock(faults["clock"])
        if "full" in faults:
            fill_disk(faults["full"])
        if "kill_at" in faults:
            kill_at(faults["kill_at"])
        if "largest_file" in faults:
            resource.setrlimit(resource.RLIMIT_FSIZE, (faults["largest_file"], resource.RLIM_INFINITY))
        return run(task)
    except BaseException:  # noqa: BLE001 (whatever it is, the test is told)
        traceback.print_exc()
        return 2


def killer(faults: dict[str, Any]) -> Callable[[Any], None]:
    """Watches what starts, for the faults that ask for it."""
    from crosstune.steps.events import Started

    def watch(event: Any) -> None:
        if isinstance(event, Started) and event.step.kind == faults.get("kill_in"):
            seconds = faults["kill_after_start"]
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    return watch


def run(task: dict[str, Any]) -> int:
    from crosstune import Study
    from crosstune.errors import CrosstuneError

    try:
        Study.load(task["study"], root=Path(task["root"])).run(on_event=killer(task.get("faults", {})))
    except CrosstuneError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def main() -> None:
    """Forks a try for each line."""
    for name in LOADED:
        __import__(name)
    sys.modules["torch"].set_num_threads(1)  # type: ignore[attr-defined]
    print("ready", flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(attempt(task))
        print("pid", pid, flush=True)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
