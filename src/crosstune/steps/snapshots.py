"""What steps under way have written, in a store that machines share: with a machine, minutes are lost, not hours.

    <store>/under-way/<kind>/<fingerprint>.json             what the last snapshot of a step holds; written last
    <store>/<kind>/<name>-<hash8>.partial/<upload>/<file>   files that one or more of its snapshots hold

What a step has written can be gone on from after a kill at any time, so a copy of it can. Nothing relies on a snapshot:
where one is refused, damaged or gone, the step goes on from what is on its machine, or starts anew. It is removed when
the step is finished.
"""

import json
import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

from crosstune.errors import CrosstuneError, InvalidStudy, StoreUnavailable
from crosstune.progress import OnProgress, ignore_progress
from crosstune.steps.byte_progress import ByteProgress
from crosstune.steps.contents import difference
from crosstune.steps.remote_files import RemoteFiles, is_below
from crosstune.steps.step import Step
from crosstune.steps.store import DIGEST_UP_TO_BYTES, MANIFEST
from crosstune.storage.atomic import make_folder
from crosstune.storage.digests import file_digest

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = "CROSSTUNE_SNAPSHOT_SECONDS"
"""Seconds between snapshots at least; 0: none are taken. Default: 60."""
_TIMES_ITS_OWN = 9.0
"""The next snapshot waits so many times as long as the last one took: a tenth of the time goes into uploads at most."""
_SECONDS_TO_END = 60.0


def seconds_between() -> float:
    """What the environment says of it.

    Raises:
        InvalidStudy: it is no number of seconds.
    """
    text = os.environ.get(SECONDS_BETWEEN) or "60"
    with suppress(ValueError):
        seconds = float(text)
        if 0 <= seconds < inf:
            return seconds
    raise InvalidStudy(f"{SECONDS_BETWEEN} is '{text}'", hint="give a number of seconds, or 0 for no snapshots")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one holds.

    Attributes:
        saved: when it was taken, with its time zone.
        by: the machine and the folder it was taken of.
        files: by name: `bytes`, `sha256` of those that are not large, and where it lies (`at`).
    """

    saved: datetime
    by: tuple[str, str]
    files: Mapping[str, Mapping[str, Any]]


class Snapshots:
    """Finds, fetches and removes snapshots. Sent elsewhere, it takes nothing along but the URL."""

    def __init__(self, url: str) -> None:
        """Args:
        url: of the store.

        Raises:
            InvalidStudy: it cannot be used.
        """
        self._files = RemoteFiles(url)
        self._listed: dict[str, set[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_listed": {}}

    def look(self, steps: Iterable[Step]) -> None:
        """Learns of which steps there are some; that the store refuses means there are none."""
        for kind in sorted({step.kind for step in steps}):
            self._listed[kind] = set()
            with suppress(StoreUnavailable):
                self._listed[kind] = self._files.names(f"under-way/{kind}", is_wanted_only=True)

    def has(self, step: Step) -> bool:
        """Whether there was one when last looked at."""
        return f"{step.fingerprint}.json" in self._listed.get(step.kind, ())

    def read(self, step: Step) -> Snapshot | None:
        """What the last one holds; None where there is none that can be used.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        name = _name(step)
        content = self._files.read([name], is_wanted_only=True).get(name) if self.has(step) else None
        return None if content is None else _whole(content, step)

    def fetch(self, snapshot: Snapshot, folder: Path, on_progress: OnProgress) -> bool:
        """Brings its files.

        Args:
            snapshot: what it holds.
            folder: where they go.
            on_progress: told how far it is, in megabytes.

        Returns:
            Whether all are there and whole.

        Raises:
            StoreUnavailable: they cannot be read.
            StorageFailure: they cannot be written here.
        """
        total = sum(int(facts["bytes"]) for facts in snapshot.files.values())
        progress = ByteProgress(total, "fetching what was done", on_progress)
        for name, facts in snapshot.files.items():
            target = folder / name
            make_folder(target.parent)
            if not self._files.get(facts["at"], target, progress) or difference(target, facts) is not None:
                return False
            progress.add(facts["bytes"])
        return True

    def remove(self, step: Step) -> None:
        """Removes what there is of a step, which needs it no more. That the store refuses costs space there."""
        with suppress(StoreUnavailable):
            snapshot = self.read(step)
            self._files.remove([_name(step)])
            if snapshot is not None:
                self._files.remove([facts["at"] for facts in snapshot.files.values()])
        self._listed.get(step.kind, set()).discard(f"{step.fingerprint}.json")

    def keeper(self, step: Step, folder: Path, beside: Path) -> "Keeper":
        """What takes snapshots of a step while it is written.

        Args:
            step: the step.
            folder: where it is written.
            beside: a folder on the same disk for what is on its way; not there yet, and removed in the end.
        """
        return Keeper(self, step, folder, beside)

    def taken(self, step: Step) -> None:
        """Notes that there is one now."""
        self._listed.setdefault(step.kind, set()).add(f"{step.fingerprint}.json")


class Keeper:
    """Takes snapshots of a step's folder now and then, in a thread of its own, while it is entered."""

    def __init__(self, snapshots: Snapshots, step: Step, folder: Path, beside: Path) -> None:
        """Args:
        snapshots: told of each.
        step: the step.
        folder: where it is written.
        beside: a folder on the same disk for what is on its way.
        """
        self._snapshots, self._step, self._folder, self._beside = snapshots, step, folder, beside
        self._files = RemoteFiles(snapshots._files.url)  # connections of libraries belong to a thread
        self._seconds = seconds_between()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"snapshots of {step}", daemon=True)
        self._taken: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}

    def __enter__(self) -> "Keeper":
        if self._seconds > 0:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        if self._seconds > 0 and kind is None:  # who was interrupted does not wait
            self._thread.join(_SECONDS_TO_END)  # an upload cannot be broken off; what it leaves is of no snapshot

    def _keep(self) -> None:
        wait = self._seconds
        is_told = False
        while not self._stop.wait(wait):
            started = time.monotonic()
            try:
                self.take()
            except (CrosstuneError, OSError) as error:
                if not is_told and not self._stop.is_set():
                    is_told = True
                    logger.warning("what %s has done is not in the store yet: %s; it is tried again", self._step, error)
            finally:
                shutil.rmtree(self._beside, ignore_errors=True)
            wait = max(self._seconds, _TIMES_ITS_OWN * (time.monotonic() - started))

    def take(self) -> bool:
        """Takes one, unless nothing has changed since the last.

        Returns:
            Whether there is a new one.

        Raises:
            StoreUnavailable: it cannot be written.
            OSError: the folder cannot be read.
        """
        found = _found(self._folder)
        if not found or {name: key for name, (key, _) in self._taken.items()} == found:
            return False
        upload = uuid4().hex[:16]
        staged: dict[str, tuple[tuple[int, int], Path]] = {}
        for name, key in found.items():
            if name not in self._taken or self._taken[name][0] != key:
                with suppress(FileNotFoundError):  # removed meanwhile, as an old checkpoint is
                    staged[name] = (key, _staged(self._folder / name, self._beside / upload / name, key[0]))
        now = {name: self._taken[name] for name in found if name in self._taken and name not in staged}
        for name, (key, path) in staged.items():
            if self._stop.is_set():
                return False
            facts = _facts(path)
            at = f"{self._step.folder}.partial/{upload}/{name}"
            self._files.put(path, at, ByteProgress(0, "", ignore_progress), is_wanted_only=True)
            if path.stat().st_size != facts["bytes"]:
                return False  # it is still being written; the next one has it
            now[name] = (key, {**facts, "at": at})
        if self._stop.is_set():
            return False
        content = {
            "format": 1,
            "identity": self._step.identity,
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": [socket.gethostname(), str(self._folder)],
            "files": {name: facts for name, (_, facts) in now.items()},
        }
        self._files.write(_name(self._step), content, is_wanted_only=True)
        self._snapshots.taken(self._step)
        kept = {facts["at"] for _, facts in now.values()}
        gone = [facts["at"] for _, facts in self._taken.values() if facts["at"] not in kept]
        self._taken = now
        with suppress(StoreUnavailable):
            self._files.remove(gone)
        return True


def _name(step: Step) -> str:
    return f"under-way/{step.kind}/{step.fingerprint}.json"


def _found(folder: Path) -> dict[str, tuple[int, int]]:
    """By name, size and time of the files in a folder, the oldest first: logs say of no more than what is there."""
    found = []
    for path in folder.rglob("*"):
        is_torn = path.name.startswith(".") and path.name.endswith(".tmp")
        with suppress(FileNotFoundError):
            facts = path.stat()
            if path.is_file() and not is_torn and path != folder / MANIFEST:
                found.append((facts.st_mtime_ns, path.relative_to(folder).as_posix(), facts.st_size))
    return {name: (size, time_ns) for time_ns, name, size in sorted(found)}


def _staged(source: Path, target: Path, size: int) -> Path:
    """A copy of a file that nobody removes or appends to; of a large one, which is written once, a second name."""
    make_folder(target.parent)
    if size > DIGEST_UP_TO_BYTES:
        with suppress(OSError):
            os.link(source, target)
            return target
    shutil.copyfile(source, target)
    return target


def _facts(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"bytes": size, **({"sha256": file_digest(path, read_again=True)} if size <= DIGEST_UP_TO_BYTES else {})}


def _whole(content: bytes, step: Step) -> Snapshot | None:
    """What a snapshot holds, or None; others may write to a store, so it is looked at closely."""
    try:
        told = json.loads(content)
        host, folder = told["by"]
        files = told["files"]
        saved = datetime.fromisoformat(told["saved"])
        is_whole = (
            told["identity"] == step.identity
            and saved.tzinfo is not None
            and all(is_below(name) and is_below(facts["at"]) and facts["bytes"] >= 0 for name, facts in files.items())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Snapshot(saved, (str(host), str(folder)), files) if is_whole else None
