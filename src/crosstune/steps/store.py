"""The outputs of steps on disk.

    <root>/
        <kind>/<name>-<hash8>/            finished: holds manifest.json, which was written last
        <kind>/<name>-<hash8>.partial/    under way or interrupted: holds step.json and what was written so far
        .locks/<kind>/<hash8>.lock

A step is finished when its folder exists under its final name with a manifest whose files have the sizes it says.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from crosstune.errors import StorageFailure
from crosstune.progress import OnProgress, ignore_progress
from crosstune.steps.fingerprint import differences
from crosstune.steps.step import Step
from crosstune.storage.atomic import full_disk_errors, make_folder, storage_errors, sync_folder, write_atomic
from crosstune.storage.digests import file_digest
from crosstune.storage.locks import lock

MANIFEST = "manifest.json"
_PARTIAL = ".partial"
IDENTITY = "step.json"
AGAIN = "again.json"
"""A file that a finished step leaves when a later run may better its result, as when an endpoint failed: `{"why": …}`.
The step is then taken up again, with what it had written, and so is all that builds on it."""
MANIFEST_KEYS = {"kind", "version", "config", "inputs", "fingerprint", "files", "started", "seconds"}
DIGEST_UP_TO_BYTES = 64 << 20
"""Larger files (weights) are recorded by size alone: reading 26 GB again to hash them would cost a minute a step."""


class State(StrEnum):
    """How far a step is."""

    FINISHED = "finished"
    PARTIAL = "partial"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step would run, or why not.

    Attributes:
        step: the step.
        state: how far it is.
        reasons: a line each; for a new step, how it differs from the finished step nearest to it.
    """

    step: Step
    state: State
    reasons: tuple[str, ...]


class Store:
    """Finds, opens and completes the outputs of steps below one root folder."""

    def __init__(self, root: Path, environment: Callable[[], Mapping[str, Any]] = dict) -> None:
        """Args:
        root: the folder; made when first written to.
        environment: versions and the like, written into every manifest.
        """
        self.root = root
        self._environment = environment
        self._listed: dict[str, dict[str, str]] = {}

    def folder(self, step: Step) -> Path:
        """Where the finished output of a step lies, or will lie."""
        return self._found(step, "")

    def partial_folder(self, step: Step) -> Path:
        """Where the output of a step grows."""
        return self._found(step, _PARTIAL)

    def _found(self, step: Step, suffix: str) -> Path:
        """The step's folder under its own name, else one of the same hash: what a step is called is not what it is."""
        own = self.root / (step.folder + suffix)
        with storage_errors(own):
            if own.is_dir():
                return own
        if step.kind not in self._listed:
            parent = self.root / step.kind
            names = [entry.name for entry in os.scandir(parent)] if parent.is_dir() else []
            self._listed[step.kind] = {_hash_and_suffix(name): name for name in names}
        name = self._listed[step.kind].get(step.fingerprint[:8] + suffix)
        if name is None:
            return own
        other = self.root / step.kind / name
        return other if _identity_in(other) == step.identity else own

    def state(self, step: Step) -> State:
        """Whether a step is finished (and undamaged), interrupted, or new."""
        if self.damage(step) is None:
            return State.FINISHED
        return State.PARTIAL if self.partial_folder(step).is_dir() else State.NEW

    def manifest(self, step: Step) -> dict[str, Any] | None:
        """The manifest of a finished step, or None."""
        return read_manifest(self.folder(step))

    def current(self, step: Step) -> dict[str, Any] | None:
        """The manifest of a finished step wherever it lies, or None."""
        return self.manifest(step)

    def look(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Learns what lies elsewhere of some steps, all at once; nothing does unless a store says otherwise."""

    def open(self, step: Step, on_progress: OnProgress = ignore_progress, *, only: Sequence[str] | None = None) -> Path:
        """The folder of a finished step, brought here when it lies elsewhere: all of it, or only some files."""
        return self.folder(step)

    def fetch(self, step: Step, on_progress: OnProgress = ignore_progress) -> None:
        """Brings a finished step here when it lies elsewhere. Its lock must be held."""

    def send(self, step: Step, on_progress: OnProgress = ignore_progress, *, must: bool = False) -> None:
        """Has others see a finished step, where that takes more than to have written it. Its lock must be held."""

    def take_up(self, step: Step, on_progress: OnProgress = ignore_progress) -> None:
        """Brings what another machine has written of an unfinished step, where that is known. Its lock must be held."""

    def kept(self, steps: Sequence[tuple[Step, Path]]) -> AbstractContextManager[None]:
        """While entered, what steps write to their folders is kept elsewhere too, where there is such a place."""
        return nullcontext()

    def damage(self, step: Step) -> str | None:
        """None for a finished step whose files are all there; else what is wrong, `not finished` included."""
        folder = self.folder(step)
        manifest = self.manifest(step)
        if manifest is None:
            return "not finished" if not folder.exists() else "its manifest is missing or damaged"
        if manifest["fingerprint"] != step.fingerprint:
            return f"its folder belongs to another step ({manifest['fingerprint'][:16]})"
        for name, facts in manifest["files"].items():
            try:
                size = (folder / name).stat().st_size
            except OSError:
                return f"{name} is missing"
            if size != facts["bytes"]:
                return f"{name} has {size} bytes instead of {facts['bytes']}"
        for name, finished in manifest.get("unsettled_inputs", {}).items():
            other = self.current(step.inputs[name]) if name in step.inputs else None
            if other is not None and other.get("finished") != finished:
                return f"its input {name} was taken up again since"
        return None

    def again(self, step: Step) -> str | None:
        """Why a finished step is to be taken up again by the next run; None when it is settled."""
        try:
            return str(json.loads((self.folder(step) / AGAIN).read_text("utf-8"))["why"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def reopen(self, step: Step) -> None:
        """Makes a finished step one that is under way, with all it has written. Its lock must be held.

        Raises:
            StorageFailure: its folder cannot be renamed.
        """
        folder, partial = self.folder(step), self.root / (step.folder + _PARTIAL)
        with storage_errors(folder):
            if partial.exists():
                shutil.rmtree(partial)
            folder.rename(partial)  # first: a folder of this name without a manifest would be made anew
            sync_folder(partial.parent)
            _forget_completion(partial)
        self._listed.pop(step.kind, None)

    @contextmanager
    def lock(self, step: Step, *, wait: bool = True, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
        """Holds a step, so that two processes never write the same output."""
        path = self.root / ".locks" / step.kind / f"{step.fingerprint[:8]}.lock"
        with lock(path, str(step), wait=wait, on_wait=on_wait):
            self._listed.pop(step.kind, None)  # another process may have finished it under another name meanwhile
            yield

    def begin(self, step: Step) -> Path:
        """The folder in which a step's output grows, ready to be written to. Its lock must be held.

        Raises:
            StorageFailure: the folder cannot be written.
        """
        with suppress(OSError):  # as this try is not counted, what was counted before would tell too little
            work_path(self.root, step).unlink(missing_ok=True)
        return self._begin(step)

    def _begin(self, step: Step) -> Path:
        partial, folder = self.partial_folder(step), self.folder(step)
        with storage_errors(partial):
            if folder.exists():  # damaged, or the caller would not write it again
                shutil.rmtree(folder)
            make_folder(partial)
            for torn in partial.rglob(".*.tmp"):  # left by a kill inside an atomic write
                torn.unlink()
            _forget_completion(partial)
            write_atomic(partial / IDENTITY, json.dumps(step.identity, ensure_ascii=False, indent=1))
        return partial

    @contextmanager
    def writing(self, step: Step, *, spent: float = 0.0) -> Iterator[Path]:
        """The folder to write a step's output to; on leaving without an error it becomes the finished output.

        An error leaves what was written, for the next try to go on from.

        Args:
            step: the step. Its lock must be held.
            spent: seconds of work that this run did on it before; they are told of as its own.

        Raises:
            StorageFailure: the folder cannot be written.
        """
        partial = self.begin(step)
        started, clock = datetime.now(UTC), time.monotonic()
        with full_disk_errors(partial):
            yield partial
        with storage_errors(partial):
            self._complete(step, partial, started, spent + time.monotonic() - clock)

    def _complete(self, step: Step, partial: Path, started: datetime, seconds: float) -> None:
        files = {}
        for path in sorted(path for path in partial.rglob("*") if path.is_file() and path.name != MANIFEST):
            size = path.stat().st_size
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            name = path.relative_to(partial).as_posix()
            files[name] = {"bytes": size}
            if size <= DIGEST_UP_TO_BYTES:
                files[name]["sha256"] = file_digest(path)  # type: ignore[assignment]
        manifest = {
            "format": 1,
            **step.identity,
            "name": step.name,
            "fingerprint": step.fingerprint,
            "input_folders": {
                name: self.folder(other).relative_to(self.root).as_posix()
                for name, other in sorted(step.inputs.items())
            },
            "unsettled_inputs": self._unsettled_inputs(step),
            "files": files,
            "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "environment": dict(self._environment()),
        }
        write_atomic(partial / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        folder = self.root / step.folder
        partial.rename(folder)
        sync_folder(folder.parent)
        self._listed.pop(step.kind, None)

    def _unsettled_inputs(self, step: Step) -> dict[str, str]:
        """When the inputs were finished that a later run may take up again, or that build on such."""
        found = {}
        for name, other in sorted(step.inputs.items()):
            manifest = self.manifest(other) or {}
            if self.again(other) is not None or manifest.get("unsettled_inputs"):
                found[name] = manifest.get("finished", "")
        return found

    def manifests(self, kind: str) -> Iterator[dict[str, Any]]:
        """The manifests of all finished steps of a kind."""
        parent = self.root / kind
        if not parent.is_dir():
            return
        for folder in sorted(parent.iterdir()):
            if folder.suffix != ".partial" and (manifest := read_manifest(folder)) is not None:
                yield manifest

    def explain(self, step: Step) -> Explanation:
        """Why a step would run, or why not."""
        damage = self.damage(step)
        if damage is None:
            manifest = self.manifest(step)
            assert manifest is not None
            reasons = [f"finished in {manifest['seconds']:.0f} s, begun {manifest['started']}"]
            if (why := self.again(step)) is not None:
                reasons.append(f"is taken up again by the next run: {why}")
            return Explanation(step, State.FINISHED, tuple(reasons))
        if self.partial_folder(step).is_dir():
            return Explanation(step, State.PARTIAL, ("interrupted: goes on from what is on disk",))
        if damage != "not finished":
            return Explanation(step, State.NEW, (f"damaged: {damage}; is made again",))
        nearest = min(
            (differences(_comparable(manifest), _comparable(step.identity)) for manifest in self.manifests(step.kind)),
            key=len,
            default=None,
        )
        if nearest is None:
            return Explanation(step, State.NEW, (f"no {step.kind} has been run here yet",))
        return Explanation(step, State.NEW, tuple(nearest))


def _comparable(identity: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {name: f"{digest[:8]} (another result)" for name, digest in identity["inputs"].items()}
    return {"version": identity["version"], **identity["config"], "inputs": inputs}


def work_path(root: Path, step: Step) -> Path:
    """Where it is written down how many seconds of work an unfinished step holds, in runs with a shared store."""
    return root / ".snapshots" / step.kind / f"{step.fingerprint[:8]}.json"


def _forget_completion(partial: Path) -> None:
    """Removes what an earlier try said when it had finished, or was about to: this try says it for itself."""
    for name in (MANIFEST, AGAIN):
        (partial / name).unlink(missing_ok=True)


def _identity_in(folder: Path) -> Any:
    try:
        return json.loads((folder / IDENTITY).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _hash_and_suffix(name: str) -> str:
    suffix = _PARTIAL if name.endswith(_PARTIAL) else ""
    return name.removesuffix(_PARTIAL)[-8:] + suffix


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder, or None when there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.keys() >= MANIFEST_KEYS else None


def require_finished(store: Store, step: Step) -> Path:
    """The folder of a finished step.

    Raises:
        StorageFailure: it is not finished, or damaged.
        StoreUnavailable: it lies in a store that does not give it.
    """
    folder = store.open(step)
    damage = store.damage(step)
    if damage is not None:
        raise StorageFailure(
            f"{step} cannot be read: {damage}", where=str(store.folder(step)), hint="run the study (again)"
        )
    return folder
