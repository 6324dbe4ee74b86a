"""What unfinished steps have written, in a store that machines share: with a machine, minutes are lost, not hours.

    <store>/under-way/<kind>/<fingerprint>/snapshot.json    what the last snapshot of a step holds; written last
    <store>/under-way/<kind>/<fingerprint>/<upload>-<n>     files, which the last snapshots hold

What a step has written can be gone on from after a kill at any time, so a copy of it can. Nothing relies on a snapshot:
where one is refused, damaged or gone, the step goes on from what is on its machine, or starts anew. When the step is
finished, all that was kept of it here is removed; nothing else in a store ever is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from crosstune.errors import DamagedInStore, StoreUnavailable
from crosstune.progress import OnProgress
from crosstune.steps.byte_progress import ByteProgress
from crosstune.steps.contents import difference
from crosstune.steps.remote_files import RemoteFiles, is_below
from crosstune.steps.step import Step
from crosstune.storage.atomic import make_folder

_FORMAT = 1
_OBJECT = re.compile(r"[0-9a-f]{8,32}-\d{1,9}")
_MOST_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one holds.

    Attributes:
        id: no other has it.
        work: seconds that went into what it holds, on whatever machines.
        saved: when it was taken.
        host: the machine it was taken on.
        files: by name: `bytes`, `sha256` of those that are not large, and the object that it is (`at`).
    """

    id: str
    work: float
    saved: datetime
    host: str
    files: Mapping[str, Mapping[str, Any]]


class Snapshots:
    """Finds, fetches, writes and removes snapshots."""

    def __init__(self, files: RemoteFiles) -> None:
        """Args:
        files: those of the store.
        """
        self._files = files
        self._listed: dict[str, set[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_listed": {}}

    def look(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Learns of which steps there are some; that the store refuses means there are none.

        Args:
            steps: asked about.
            again: also about kinds of steps that were asked about before.
        """
        for kind in sorted({step.kind for step in steps} - (set() if again else set(self._listed))):
            self._listed[kind] = set()
            with suppress(StoreUnavailable):
                self._listed[kind] = self._files.names(f"under-way/{kind}", is_wanted_only=True)

    def has(self, step: Step) -> bool:
        """Whether there was one when looked at."""
        return step.fingerprint in self._listed.get(step.kind, ())

    def read(self, step: Step, *, is_wanted_only: bool = False) -> Snapshot | None:
        """What the last one holds; None where there is none that can be used.

        Args:
            step: the step.
            is_wanted_only: whether one can do without: then it is not tried again.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        name = f"{_folder(step)}/snapshot.json"
        content = self._files.read([name], is_wanted_only=is_wanted_only).get(name)
        return None if content is None else _whole(content, step)

    def fetch(self, step: Step, folder: Path, on_progress: OnProgress) -> Snapshot | None:
        """Brings the last snapshot of a step, or one by which another machine replaces it meanwhile.

        Args:
            step: the step.
            folder: where its files go: into a folder below, called by its `id`.
            on_progress: told how far it is, in megabytes.

        Returns:
            What it holds; None where there is none.

        Raises:
            DamagedInStore: a file is missing, or another than the snapshot says.
            StoreUnavailable: it cannot be read.
            StorageFailure: it cannot be written here.
        """
        before: Snapshot | None = None
        while (snapshot := self.read(step)) is not None:
            if before is not None and before.id == snapshot.id:
                what = f"what {step} had done on {snapshot.host} is damaged in the store"
                raise DamagedInStore(what, where=f"{self._files.url}/{_folder(step)}")
            if self._is_fetched(step, snapshot, folder / snapshot.id, on_progress):
                return snapshot
            before = snapshot
        return None

    def _is_fetched(self, step: Step, snapshot: Snapshot, folder: Path, on_progress: OnProgress) -> bool:
        total = sum(facts["bytes"] for facts in snapshot.files.values())
        progress = ByteProgress(total, "fetching what was done", on_progress)
        for name, facts in snapshot.files.items():
            target = folder / name
            make_folder(target.parent)
            at = f"{_folder(step)}/{facts['at']}"
            # What arrives wrong may be whole where it comes from.
            if not any(self._files.get(at, target, progress) and difference(target, facts) is None for _ in range(2)):
                return False
            progress.add(facts["bytes"])
        return True

    def put(self, step: Step, source: Path, at: str, progress: ByteProgress) -> None:
        """Uploads a file of a snapshot that is not written yet. It is tried once.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        self._files.put(source, f"{_folder(step)}/{at}", progress, is_wanted_only=True)

    def objects(self, step: Step) -> set[str]:
        """The files there, of snapshots or not.

        Raises:
            StoreUnavailable: they cannot be listed.
        """
        return self._files.names(_folder(step), is_wanted_only=True)

    def write(self, step: Step, snapshot: Snapshot) -> None:
        """Makes it the last one of a step, whose files are there. It is tried once.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        content = {
            "format": _FORMAT,
            "identity": step.identity,
            "id": snapshot.id,
            "work": round(snapshot.work, 1),
            "saved": snapshot.saved.isoformat(timespec="seconds"),
            "host": snapshot.host,
            "files": snapshot.files,
        }
        self._files.write(f"{_folder(step)}/snapshot.json", content, is_wanted_only=True)

    def drop(self, step: Step, objects: Iterable[str]) -> None:
        """Removes files that no snapshot holds any more.

        Raises:
            StoreUnavailable: they cannot be removed.
        """
        self._files.remove([f"{_folder(step)}/{at}" for at in objects])

    def remove(self, step: Step) -> None:
        """Removes all that there is of a step. That the store refuses costs space there until a later run."""
        with suppress(StoreUnavailable):
            names = self.objects(step)
            self._files.remove([f"{_folder(step)}/{name}" for name in sorted(names, key=_is_object)])  # it goes first
        self._listed.get(step.kind, set()).discard(step.fingerprint)


def _folder(step: Step) -> str:
    return f"under-way/{step.kind}/{step.fingerprint}"


def _is_object(name: str) -> bool:
    return _OBJECT.fullmatch(name) is not None


def _whole(content: bytes, step: Step) -> Snapshot | None:
    """What a snapshot holds, or None; others may write to a store, so it is looked at closely."""
    try:
        told = json.loads(content)
        files = told["files"]
        snapshot = Snapshot(told["id"], float(told["work"]), datetime.fromisoformat(told["saved"]), told["host"], files)
        is_whole = (
            told["format"] == _FORMAT
            and told["identity"] == step.identity
            and re.fullmatch(r"[0-9a-f]{8,32}", snapshot.id) is not None
            and isinstance(snapshot.host, str)
            and isfinite(snapshot.work)
            and snapshot.work >= 0
            and bool(files)
            and all(_is_file(name, facts) for name, facts in files.items())
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return snapshot if is_whole else None


def _is_file(name: str, facts: Mapping[str, Any]) -> bool:
    size = facts["bytes"]
    return (
        is_below(name)
        and not any(part.startswith(".") for part in name.split("/"))
        and "\0" not in name
        and type(size) is int
        and 0 <= size < _MOST_BYTES
        and _is_object(facts["at"])
    )
