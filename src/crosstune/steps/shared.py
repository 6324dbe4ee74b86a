"""A root of this machine beside a store that machines share: what is finished goes there, what is needed is fetched.

    <root>/.fetched/<kind>/<hash8>-<upload>/     a finished step on its way here, renamed into place when it is whole
    <root>/.parts/<kind>/<hash8>-<upload>/       those files of one that were needed, such as a curve without a model

A step is finished when a copy of it is whole, here or there. Of two copies the one here counts, unless it is to be
taken up again and the other is not. Inside a step everything is as without a store: what grows, grows here, and copies
of it are taken now and then for another machine to go on from (see `under_way`).
"""

import json
import logging
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import Enum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from crosstune.errors import StoreUnavailable
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.steps.contents import content_damage
from crosstune.steps.remote import RemoteStore
from crosstune.steps.step import Step
from crosstune.steps.store import MANIFEST, Explanation, State, Store
from crosstune.steps.under_way import UnderWay
from crosstune.storage.atomic import make_folder, storage_errors, sync_folder, write_atomic

logger = logging.getLogger(__name__)


class _Copy(Enum):
    """Which copy of a finished step counts."""

    HERE = "here"
    THERE = "there"


class SharedStore(Store):
    """Outputs of steps below a local root and in a remote store."""

    def __init__(self, root: Path, environment: Callable[[], Mapping[str, Any]] = dict, *, remote: RemoteStore) -> None:
        """Args:
        root: the folder of this machine.
        environment: versions and the like, written into every manifest.
        remote: what machines share.
        """
        super().__init__(root, environment)
        self.remote = remote
        self._under_way = UnderWay(remote.files)

    def begin(self, step: Step) -> Path:
        """The folder in which a step's output grows, ready to be written to. Its lock must be held."""
        return self._begin(step)

    def _copy(self, step: Step) -> _Copy | None:
        is_here = self.damage(step) is None
        if is_here and super().again(step) is None:
            return _Copy.HERE
        there = self._there(step)
        if there is not None and (not is_here or "again" not in there):
            return _Copy.THERE
        return _Copy.HERE if is_here else None

    def _there(self, step: Step) -> dict[str, Any] | None:
        """The manifest in the store, if its inputs are still those that it was made of."""
        there = self.remote.manifest(step)
        for name, finished in (there or {}).get("unsettled_inputs", {}).items():
            other = self.current(step.inputs[name]) if name in step.inputs else None
            if other is not None and other.get("finished") != finished:
                return None
        return there

    def state(self, step: Step) -> State:
        """Whether a step is finished, here or there, under way or interrupted somewhere, or new."""
        if self._copy(step) is not None:
            return State.FINISHED
        return State.PARTIAL if self._under_way.has(step) else super().state(step)

    def current(self, step: Step) -> dict[str, Any] | None:
        """The manifest of a finished step wherever it lies, or None."""
        return self.remote.manifest(step) if self._copy(step) is _Copy.THERE else self.manifest(step)

    def again(self, step: Step) -> str | None:
        """Why a finished step is to be taken up again by the next run; None when it is settled."""
        if self._copy(step) is _Copy.THERE:
            return (self.remote.manifest(step) or {}).get("again")
        return super().again(step)

    def look(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Learns which of some steps are in the store, all at once.

        Args:
            steps: asked about.
            again: also about those that were asked about before; what is known holds while the store refuses.

        Raises:
            StoreUnavailable: it cannot be read, and is not asked again.
        """
        steps = list(steps)
        with suppress(StoreUnavailable) if again else nullcontext():
            self.remote.look(steps, again=again)
        if not again:
            self._under_way.look(steps)

    def open(self, step: Step, on_progress: OnProgress = ignore_progress, *, only: Sequence[str] | None = None) -> Path:
        """The folder of a finished step, fetched when it lies in the store alone.

        Args:
            step: the step.
            on_progress: told how far it is.
            only: names of the files that are needed; None: all. A step that was fetched in part is not finished here.

        Raises:
            DamagedInStore: it is not what its manifest says; it is finished no more.
            StoreUnavailable: the store does not give it.
            StorageFailure: it cannot be written here.
        """
        if self._copy(step) is _Copy.THERE:
            with self.lock(step):
                if only is not None and self._copy(step) is _Copy.THERE:
                    folder = self._beside(step, ".parts")
                    self.remote.fetch(step, folder, on_progress, only=only)
                    return folder
                self.fetch(step, on_progress)
        return self.folder(step)

    def _beside(self, step: Step, place: str) -> Path:
        """Where the files of what is in the store are brought: for each upload another folder."""
        there = self.remote.manifest(step)
        assert there is not None
        upload = PurePosixPath(there["files_at"]).name
        folder = self.root / place / step.kind / f"{step.fingerprint[:8]}-{upload}"
        make_folder(folder)
        return folder

    def fetch(self, step: Step, on_progress: OnProgress = ignore_progress) -> None:
        """Brings a finished step here when it lies in the store alone. Its lock must be held.

        Raises:
            DamagedInStore: it is not what its manifest says; it is finished no more.
            StoreUnavailable: the store does not give it.
            StorageFailure: it cannot be written here.
        """
        if self._copy(step) is not _Copy.THERE:  # or another process has brought it meanwhile
            return
        beside = self._beside(step, ".fetched")
        manifest = self.remote.fetch(step, beside, on_progress)
        with storage_errors(beside):
            write_atomic(beside / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
            for old in (self.folder(step), self.partial_folder(step)):
                if old.exists():
                    shutil.rmtree(old)
            folder = self.root / step.folder
            make_folder(folder.parent)
            beside.rename(folder)
            sync_folder(folder.parent)
        self._under_way.forget(step, self.root)
        self._listed.pop(step.kind, None)

    def take_up(self, step: Step, on_progress: OnProgress = ignore_progress) -> None:
        """Brings what another machine has written of an unfinished step, where that is farther than what is here.

        Where it cannot be had, the step does without, with a warning.

        Args:
            step: the step. Its lock must be held.
            on_progress: told how far it is.
        """
        if self._copy(step) is None:
            self._under_way.take_up(step, self.partial_folder(step), self.root, on_progress)
            self._listed.pop(step.kind, None)

    def kept(self, steps: Sequence[tuple[Step, Path]]) -> AbstractContextManager[None]:
        """While entered, what steps write to their folders is copied to the store now and then."""
        return self._under_way.kept(steps, self.root)

    def tidy(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Removes snapshots of finished steps: a machine that is lost right after its last upload leaves one.

        Args:
            steps: perhaps finished.
            again: whether what the store had when it was looked at may be out of date.
        """
        steps = list(steps)
        self._under_way.look(steps, again=again)
        for step in steps:
            if self._under_way.has(step) and self._copy(step) is not None:
                self._under_way.end(step, self.root)

    def is_unsent(self, step: Step) -> bool:
        """Whether a step is finished here and the store has no copy that is as good."""
        if self.damage(step) is not None:
            return False
        there = self._there(step)
        return there is None or ("again" in there and super().again(step) is None)

    def send(self, step: Step, on_progress: OnProgress = ignore_progress, *, must: bool = False) -> None:
        """Uploads a step that is finished here, unless the store has it. Its lock must be held.

        Args:
            step: the step.
            on_progress: told how far it is.
            must: whether others wait for it; otherwise that the store refuses is told in a warning.

        Raises:
            StoreUnavailable: the store refuses, and it must be there.
        """
        is_resting = self.remote.is_resting
        try:
            if self.is_unsent(step):
                self._send(step, on_progress)
            self._under_way.end(step, self.root)
        except StoreUnavailable as error:
            what = f"{step} is finished on {socket.gethostname()}, but could not be uploaded: {error.message}"
            if must:
                hint = f"it is kept in {self.folder(step)} there; {error.hint or 'run the same command again'}"
                raise StoreUnavailable(what, where=error.where, hint=hint) from error
            if not is_resting:
                logger.warning("%s; the study goes on, and the upload is tried again later", what)

    def _send(self, step: Step, on_progress: OnProgress) -> None:
        manifest = self.manifest(step)
        assert manifest is not None
        wrong = content_damage(step, self)
        if wrong is not None:
            logger.warning("%s is not uploaded: %s", step, wrong)
            return
        self.remote.push(step, self.folder(step), manifest, super().again(step), on_progress)

    def send_missing(self, steps: Iterable[Step], on_progress: Callable[[Step, Progress], None]) -> None:
        """Uploads what could not be uploaded when it was finished.

        Args:
            steps: perhaps finished here.
            on_progress: told how far it is.

        Raises:
            StoreUnavailable: the store still refuses.
        """
        unsent = [step for step in steps if self.is_unsent(step)]
        for number, step in enumerate(unsent):
            try:
                with self.lock(step):
                    self._send(step, partial(on_progress, step))
            except StoreUnavailable as error:
                steps_left = len(unsent) - number
                count = "1 finished step is" if steps_left == 1 else f"{steps_left} finished steps are"
                hint = "they are kept here; run the same command again to upload them"
                raise StoreUnavailable(
                    f"{count} not in the store: {error.message}", where=error.where, hint=hint
                ) from error

    def explain(self, step: Step) -> Explanation:
        """Why a step would run, or why not."""
        found = self._copy(step)
        if found is None and self._under_way.has(step) and not self.partial_folder(step).is_dir():
            return Explanation(step, State.PARTIAL, (self._under_way.told(step),))
        if found is not _Copy.THERE:
            return super().explain(step)
        there = self.remote.manifest(step) or {}
        reasons = [f"finished in {there['seconds']:.0f} s, begun {there['started']}; in {self.remote.url}"]
        if (why := there.get("again")) is not None:
            reasons.append(f"is taken up again by the next run: {why}")
        return Explanation(step, State.FINISHED, tuple(reasons))
