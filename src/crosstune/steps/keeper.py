"""Takes snapshots of what steps write, while they write it: in a thread, and as seldom as uploads are slow."""

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from crosstune.errors import InvalidStudy, StorageFailure, StoreUnavailable
from crosstune.progress import ignore_progress
from crosstune.steps.byte_progress import ByteProgress
from crosstune.steps.contents import difference
from crosstune.steps.remote_files import RemoteFiles
from crosstune.steps.snapshots import Snapshot, Snapshots
from crosstune.steps.step import Step
from crosstune.steps.store import DIGEST_UP_TO_BYTES, IDENTITY, MANIFEST
from crosstune.steps.work import Work
from crosstune.storage.atomic import make_folder
from crosstune.storage.digests import file_digest

logger = logging.getLogger(__name__)

VARIABLE = "CROSSTUNE_SNAPSHOT_SECONDS"
"""Of the environment: seconds between snapshots at least; 0: none are taken. Default: 60."""
_MOST_SECONDS = 7 * 86_400.0
_TIMES_ITS_OWN = 9.0
"""The next snapshots wait so many times as long as the last ones took: uploads take a tenth of the time at most."""
_SECONDS_TO_END = 10.0
_SECONDS_TO_SETTLE = 60.0
"""A large file that nobody has written to for so long is taken for whole."""
_LISTINGS = 3

_Key = tuple[int, int]
"""Size and time of a file."""


def seconds_between() -> float:
    """What the environment says of it.

    Raises:
        InvalidStudy: it is no number of seconds, or more than a week.
    """
    text = os.environ.get(VARIABLE) or "60"
    with suppress(ValueError):
        seconds = float(text)
        if 0 <= seconds <= _MOST_SECONDS:
            return seconds
    raise InvalidStudy(f"{VARIABLE} is '{text}'", hint="give seconds, at most 604800, or 0 for no snapshots")


@dataclass(slots=True)
class Kept:
    """A step that is being written.

    Attributes:
        step: the step.
        folder: where it is written.
        beside: a folder on the same disk for what is on its way; not there yet, and removed after each snapshot.
        work: what has gone into it.
    """

    step: Step
    folder: Path
    beside: Path
    work: Work
    last: str | None = None
    """Id of the snapshot that was written last."""
    holds: dict[str, tuple[_Key, dict[str, Any]]] = field(default_factory=dict)
    """By name: the file as it was, and what the last snapshot says of it."""
    uploaded: dict[tuple[str, _Key], dict[str, Any]] = field(default_factory=dict)
    """Files that are there and in no snapshot: one was broken off."""
    growing: set[str] = field(default_factory=set)
    """Large files that grew while they were uploaded."""
    is_there: bool = False
    """Whether the store has anything of it."""
    is_told: bool = False
    """Whether it was said that something keeps its snapshots from being taken."""


class Keeper:
    """Takes snapshots of steps now and then, in a thread of its own, while it is entered."""

    def __init__(self, url: str, steps: Sequence[Kept]) -> None:
        """Args:
        url: of the store.
        steps: what is written.
        """
        self._snapshots = Snapshots(RemoteFiles(url))  # that it is refused is no matter of others
        self._steps = steps
        self._seconds = seconds_between()
        self._uploads = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="snapshots", daemon=True)

    def __enter__(self) -> "Keeper":
        for kept in self._steps:
            self._note(kept)
        if self._seconds > 0:
            try:
                self._thread.start()
            except RuntimeError as error:  # the machine has no more threads to give
                logger.warning("no snapshots are taken: %s", error)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive() and kind is None:  # who was interrupted does not wait
            self._thread.join(_SECONDS_TO_END)  # an upload cannot be broken off; what it leaves is of no snapshot
        for kept in self._steps if kind is not None else ():  # of what is finished nobody asks
            self._note(kept)

    def _note(self, kept: Kept) -> None:
        """Writes down how much work it is, for a later try here."""
        with suppress(StorageFailure, OSError):
            kept.work.note(_found(kept.folder))
            kept.work.save()

    def _keep(self) -> None:
        wait = self._seconds
        while not self._stop.wait(wait):
            started, self._uploads = time.monotonic(), 0
            for kept in self._steps:
                self._try(kept)
            times = _TIMES_ITS_OWN if self._uploads else 1.0  # of a store that was silent, nothing was taken up
            wait = max(self._seconds, times * (time.monotonic() - started))

    def _try(self, kept: Kept) -> None:
        if self._stop.is_set():
            return
        try:
            self.take(kept)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is no reason to end the thread or the work)
            self._tell(kept, str(error) or type(error).__name__)
        finally:
            shutil.rmtree(kept.beside, ignore_errors=True)

    def _tell(self, kept: Kept, why: str) -> None:
        if not kept.is_told and not self._stop.is_set():
            kept.is_told = True
            logger.warning("what %s has done is not kept in the store: %s; it is tried again", kept.step, why)

    def take(self, kept: Kept) -> bool:
        """Takes a snapshot, unless nothing has changed since the last, or the store has one that is farther.

        Args:
            kept: what it is taken of.

        Returns:
            Whether there is a new one.

        Raises:
            StoreUnavailable: the store refuses.
            StorageFailure: its work cannot be written down.
            OSError: the folder cannot be read.
        """
        found = _found(kept.folder)
        kept.work.note(found)
        kept.work.save()  # first: where the step is gone on with here, the snapshot must not look farther
        if found.keys() <= {IDENTITY} or {name: key for name, (key, _) in kept.holds.items()} == found:
            return False
        there = self._snapshots.read(kept.step, is_wanted_only=True)
        if there is not None and there.id != kept.last:
            kept.is_there = True
            if self._is_farther(there, kept):
                return False
            kept.holds = _same(there, kept.folder, found)
        staged = _staged(kept, found)
        holds = None if staged is None else self._upload(kept, staged)
        return holds is not None and self._is_written(kept, holds)

    def _is_written(self, kept: Kept, holds: dict[str, tuple[_Key, dict[str, Any]]]) -> bool:
        """Makes of uploaded files the last snapshot, unless the store has changed in the meantime."""
        there = self._snapshots.read(kept.step, is_wanted_only=True)
        if self._stop.is_set() or (there is not None and there.id != kept.last and self._is_farther(there, kept)):
            return False
        files = {name: facts for name, (_, facts) in holds.items()}
        if not {facts["at"] for facts in files.values()} <= self._snapshots.objects(kept.step):
            kept.holds, kept.uploaded = {}, {}  # somebody has removed some: all are uploaded again
            return False
        snapshot = Snapshot(uuid4().hex[:16], kept.work.seconds, datetime.now(UTC), socket.gethostname(), files)
        self._snapshots.write(kept.step, snapshot)
        before = {facts["at"] for _, facts in kept.holds.values()} | {facts["at"] for facts in kept.uploaded.values()}
        if there is not None:
            before |= {facts["at"] for facts in there.files.values()}
        kept.last, kept.holds, kept.uploaded = snapshot.id, holds, {}
        with suppress(StoreUnavailable):  # the end of the step removes them all
            self._snapshots.drop(kept.step, sorted(before - {facts["at"] for facts in files.values()}))
        return True

    def _is_farther(self, there: Snapshot, kept: Kept) -> bool:
        if there.work > kept.work.seconds:
            self._tell(kept, f"it holds what was done on {there.host}, which is farther")
        return there.work > kept.work.seconds

    def _upload(self, kept: Kept, staged: dict[str, tuple[_Key, Path | None]]) -> dict[str, Any] | None:
        """What a snapshot is to hold, or None where it cannot be had now."""
        holds: dict[str, tuple[_Key, dict[str, Any]]] = {}
        upload = uuid4().hex[:16]
        for number, (name, (key, path)) in enumerate(staged.items()):
            if self._stop.is_set():
                return None
            if path is None:
                holds[name] = kept.holds[name]
                continue
            facts = kept.uploaded.get((name, key))
            if facts is None:
                facts = {**_facts(path), "at": f"{upload}-{number}"}
                kept.is_there = True
                self._snapshots.put(kept.step, path, facts["at"], ByteProgress(0, "", ignore_progress))
                self._uploads += 1
                if path.stat().st_size != facts["bytes"]:
                    kept.growing.add(name)  # the next one has a copy
                    return None
                kept.uploaded[name, key] = facts
            holds[name] = (key, facts)
        return holds


def _found(folder: Path) -> dict[str, _Key]:
    """By name, size and time of the files in a folder, but for those that are being made; the oldest first.

    Libraries tell by times which checkpoint is the newest, and of files that are fetched the last is the newest.
    """
    found = {}
    for parent, folders, names in os.walk(folder):  # what is removed meanwhile is left out
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            with suppress(FileNotFoundError):
                facts = path.stat()
                if not name.startswith(".") and path != folder / MANIFEST:
                    found[path.relative_to(folder).as_posix()] = (facts.st_size, facts.st_mtime_ns)
    return dict(sorted(found.items(), key=lambda item: (item[1][1], item[0])))


def _same(there: Snapshot, folder: Path, found: dict[str, _Key]) -> dict[str, tuple[_Key, dict[str, Any]]]:
    """Files that a snapshot holds and that are here as it says, such as those that were fetched."""
    return {
        name: (found[name], dict(facts))
        for name, facts in there.files.items()
        if name in found and "sha256" in facts and difference(folder / name, facts) is None
    }


def _staged(kept: Kept, found: dict[str, _Key]) -> dict[str, tuple[_Key, Path | None]] | None:
    """Copies of the files, and none of those that the last snapshot holds as they are.

    Returns:
        By name: the file as it was found, and its copy. None where files were removed again and again meanwhile: what
        is left may make no sense, such as the end of something without its beginning.
    """
    for _ in range(_LISTINGS):
        staged: dict[str, tuple[_Key, Path | None]] = {}
        try:
            for name, key in found.items():
                is_held = name in kept.holds and kept.holds[name][0] == key
                path = None if is_held else _copy(kept, name, key)
                staged[name] = (key, path)
        except FileNotFoundError:
            found = _found(kept.folder)
            continue
        return staged
    return None


def _copy(kept: Kept, name: str, key: _Key) -> Path:
    """A copy of a file that nobody removes or appends to; of a large one that is not written to, a second name."""
    source, target = kept.folder / name, kept.beside / name
    size, time_ns = key
    make_folder(target.parent)
    target.unlink(missing_ok=True)
    if (name, key) in kept.uploaded:
        return source  # there already
    if size > DIGEST_UP_TO_BYTES:
        is_written = name in kept.growing and time.time() - time_ns / 1e9 < _SECONDS_TO_SETTLE
        if not is_written:
            with suppress(OSError):
                os.link(source, target)
                return target
    if shutil.disk_usage(target.parent).free < 2 * size:
        raise OSError(f"there is too little space beside {kept.folder} for a copy of {name}")
    shutil.copyfile(source, target)
    return target


def _facts(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"bytes": size, **({"sha256": file_digest(path, read_again=True)} if size <= DIGEST_UP_TO_BYTES else {})}
