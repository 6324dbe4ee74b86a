"""How many seconds of work an unfinished step holds: by that, of two machines' copies the farther one is known.

Time counts up to when something was last written: waiting for an endpoint, or beginning again and again, is no work.
"""

import json
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from crosstune.steps.store import IDENTITY
from crosstune.storage.atomic import write_atomic

_LONGEST_GAP = 600.0
"""Seconds between two writes that may have been work; after more, somebody had stopped it."""


class Work:
    """Counts what goes into a step, beside that of earlier tries here and on other machines."""

    def __init__(self, path: Path, before: float) -> None:
        """Args:
        path: where it is written down.
        before: seconds of earlier tries.
        """
        self.seconds = before
        """All of them, up to when something was last written."""
        self._path = path
        self._before = before
        self._begun = time.monotonic()
        self._seen: object = None

    def note(self, written: object) -> None:
        """Counts up to now, if something has been written since it was last asked.

        Args:
            written: what there is, to be compared.
        """
        if written != self._seen:
            self._seen = written
            self.seconds = round(self._before + time.monotonic() - self._begun, 1)

    def save(self) -> None:
        """Writes it down.

        Raises:
            StorageFailure: it cannot be written; what was written down before stays.
        """
        save_work(self._path, self.seconds)


def save_work(path: Path, seconds: float) -> None:
    """Writes down what an unfinished step holds.

    Raises:
        StorageFailure: it cannot be written; what was written down before stays.
    """
    write_atomic(path, json.dumps({"seconds": seconds}))


def forget_work(path: Path) -> None:
    """Removes what was written down, of a step that is finished or has been worked on without being counted."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def known_work(path: Path) -> float | None:
    """Seconds of work that are written down, or None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(path.read_text("utf-8"))["seconds"])
    return None


def guessed_work(folder: Path) -> float:
    """Seconds of work in the folder of an unfinished step, by the times of its files: as many at least."""
    try:
        times = sorted(item.stat().st_mtime for item in folder.rglob("*") if item.is_file())
    except OSError:
        return 0.0
    return round(sum(min(after - before, _LONGEST_GAP) for before, after in pairwise(times)), 1)


def is_empty(folder: Path) -> bool:
    """Whether nothing has been written to the folder of an unfinished step but what it is."""
    try:
        return {item.name for item in folder.iterdir()} <= {IDENTITY}
    except FileNotFoundError:
        return True
    except OSError:  # who knows
        return False
