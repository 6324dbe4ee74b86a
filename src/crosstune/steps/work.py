"""How many seconds of work an unfinished step holds: by that, of two machines' copies the farther one is known."""

import json
import time
from contextlib import suppress
from pathlib import Path

from crosstune.errors import StorageFailure
from crosstune.steps.store import IDENTITY
from crosstune.storage.atomic import write_atomic


class Work:
    """Counts the seconds that go into a step, beside those of earlier tries here and on other machines."""

    def __init__(self, path: Path, before: float) -> None:
        """Args:
        path: where it is written down.
        before: seconds of earlier tries.
        """
        self._path = path
        self._before = before
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """All of them so far."""
        return self._before + time.monotonic() - self._started

    def save(self) -> None:
        """Writes it down; where that is refused, what was written down before stays."""
        save_work(self._path, self.seconds)


def save_work(path: Path, seconds: float) -> None:
    """Writes down what an unfinished step holds; where that is refused, what was written down before stays."""
    with suppress(StorageFailure, OSError):
        write_atomic(path, json.dumps({"seconds": round(seconds, 1)}))


def work_in(folder: Path, path: Path) -> float:
    """Seconds of work in the folder of an unfinished step.

    Args:
        folder: where it is written.
        path: where its work is written down; where it is not, as of a run without a store, the times of files tell.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(path.read_text("utf-8"))["seconds"])
    times = [item.stat().st_mtime for item in folder.rglob("*") if item.is_file() and item.name != IDENTITY]
    return max(times) - min(times) if times else 0.0
