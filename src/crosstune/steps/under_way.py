"""Unfinished steps of machines that share a store: what one has written, another goes on from.

<root>/.snapshots/<kind>/<hash8>.json      how much work an unfinished step holds
<root>/.snapshots/<kind>/<hash8>-<any>/    what it has written, on its way to the store or from it
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from crosstune.errors import DamagedInStore, StorageFailure, StoreUnavailable
from crosstune.progress import OnProgress
from crosstune.steps.keeper import Keeper, Kept
from crosstune.steps.remote_files import RemoteFiles
from crosstune.steps.snapshots import Snapshots
from crosstune.steps.step import Step
from crosstune.steps.store import work_path
from crosstune.steps.work import Work, forget_work, guessed_work, is_empty, known_work, save_work
from crosstune.storage.atomic import make_folder, sync_folder

logger = logging.getLogger(__name__)


class UnderWay:
    """Takes snapshots of unfinished steps, and takes up those that others have left."""

    def __init__(self, files: RemoteFiles) -> None:
        """Args:
        files: those of the store.
        """
        self._files = files
        self._snapshots = Snapshots(files)
        self._there: set[str] = set()
        """Fingerprints of steps of which this process knows that the store has something."""

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_snapshots": self._snapshots, "_there": set()}

    def look(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Learns which steps are under way somewhere; where the store refuses, none are.

        Args:
            steps: asked about.
            again: also about kinds of steps that were asked about before.
        """
        self._snapshots.look(steps, again=again)

    def has(self, step: Step) -> bool:
        """Whether a step was under way somewhere when looked at."""
        return self._snapshots.has(step)

    def told(self, step: Step) -> str:
        """Where a step is under way, and how far."""
        with suppress(StoreUnavailable):
            snapshot = self._snapshots.read(step, is_wanted_only=True)
            if snapshot is not None:
                done = f"{timedelta(seconds=round(snapshot.work))} of work, saved at {snapshot.saved}"
                return f"under way or interrupted on {snapshot.host}: {done}, in {self._files.url}"
        return f"under way or interrupted elsewhere; {self._files.url} holds what it had written"

    def take_up(self, step: Step, partial: Path, root: Path, on_progress: OnProgress) -> None:
        """Brings what another machine has written, where that is farther; where it cannot be had, says so.

        Args:
            step: the step. Its lock must be held.
            partial: where it is written; need not be there.
            root: of this machine.
            on_progress: told how far it is.
        """
        counted, beside = work_path(root, step), _beside(step, root)
        is_resting = self._files.is_resting  # which has been told
        try:
            if is_empty(partial):
                forget_work(counted)  # of what somebody has removed
            here = known_work(counted)
            known = self._snapshots.read(step)
            if known is None:
                return
            self._there.add(step.fingerprint)
            if not is_empty(partial) and (here is None or known.work <= here):
                return  # where nobody has counted, nothing is thrown away
            snapshot = self._snapshots.fetch(step, beside, on_progress)
            if snapshot is None:
                return
            _put_in_place(beside / snapshot.id, partial)
            save_work(counted, snapshot.work)  # last: what is here must never look farther than it is
        except DamagedInStore as error:
            logger.warning("%s; the step goes on from what is here", error)
            self._snapshots.remove(step)
        except (StoreUnavailable, StorageFailure, OSError, ValueError) as error:
            if not is_resting:
                logger.warning("what %s may have done elsewhere cannot be fetched: %s", step, error)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    @contextmanager
    def kept(self, steps: Sequence[tuple[Step, Path]], root: Path) -> Iterator[None]:
        """While entered, what steps write is copied to the store now and then.

        Args:
            steps: with the folders to which they are written.
            root: of this machine.
        """
        paths = [work_path(root, step) for step, _ in steps]
        written = [
            Kept(step, folder, _beside(step, root), Work(path, _work_before(folder, path)))
            for (step, folder), path in zip(steps, paths, strict=True)
        ]
        try:
            with Keeper(self._files.url, written):
                yield
        finally:
            self._there.update(each.step.fingerprint for each in written if each.is_there)

    def end(self, step: Step, root: Path) -> None:
        """Removes all that there is of a step, which is finished."""
        if step.fingerprint in self._there or self._snapshots.has(step):
            self._snapshots.remove(step)
            self._there.discard(step.fingerprint)
        self.forget(step, root)

    def forget(self, step: Step, root: Path) -> None:
        """Removes what there is of it on this machine beside its folder."""
        _beside(step, root)
        forget_work(work_path(root, step))


def _put_in_place(folder: Path, partial: Path) -> None:
    """Has a folder take the place of another, which stays where that fails."""
    make_folder(partial.parent)
    replaced = folder.with_name("replaced")
    if partial.exists():
        partial.rename(replaced)
    try:
        folder.rename(partial)
    except OSError:
        if replaced.exists():
            replaced.rename(partial)
        raise
    sync_folder(partial.parent)


def _work_before(folder: Path, path: Path) -> float:
    known = known_work(path)
    return guessed_work(folder) if known is None else known


def _beside(step: Step, root: Path) -> Path:
    """A new folder, and none of those that were left by a kill. The lock of the step must be held."""
    path = work_path(root, step)
    for left in path.parent.glob(f"{path.stem}-*"):
        shutil.rmtree(left, ignore_errors=True)
    return path.with_name(f"{path.stem}-{uuid4().hex[:8]}")
