"""Where a study's steps lie: below its root, and in a store that machines share when there is one."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from crosstune.errors import DamagedInStore, StepFailed, StoreUnavailable
from crosstune.steps.events import Advanced, Event, Failed, OnEvent
from crosstune.steps.executors import Executor
from crosstune.steps.keeper import seconds_between
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step, in_order
from crosstune.steps.store import Store
from crosstune.study.environment import environment

logger = logging.getLogger(__name__)

_PASSES = 3
"""How often a run begins anew because something in the store was damaged."""


def open_store(root: Path, url: str | None) -> Store:
    """Finds the outputs of steps; nothing is read yet.

    Args:
        root: the folder of this machine.
        url: of the store that machines share; None: `$CROSSTUNE_STORE`, else there is none.

    Raises:
        InvalidStudy: it cannot be the URL of a store.
    """
    url = url if url is not None else os.environ.get("CROSSTUNE_STORE") or None
    if url is None:
        return Store(root, environment)
    return SharedStore(root, environment, remote=RemoteStore(url))


def url_of(store: Store) -> str | None:
    """The URL of the store that machines share, or None."""
    return store.remote.url if isinstance(store, SharedStore) else None


def is_begun(store: Store) -> bool:
    """Whether anything has been written to the store that machines share; a mistyped prefix has nothing.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    return isinstance(store, SharedStore) and store.remote.identity() is not None


def prepare_store(store: Store, steps: Iterable[Step]) -> None:
    """Makes sure that the store can be read and written, and learns what is in it. From then on a run can do without.

    Args:
        store: of the study.
        steps: of the study.

    Raises:
        InvalidStudy: the library for it is missing, or `$CROSSTUNE_SNAPSHOT_SECONDS` is no number of seconds.
        StoreUnavailable: it cannot be used.
    """
    if isinstance(store, SharedStore):
        seconds_between()
        store.remote.prepare()
        steps = list(steps)
        store.look(steps)
        store.tidy(steps)
        store.remote.bear_refusals()


def send_missing(steps: Iterable[Step], store: Store, on_event: OnEvent, *, is_end: bool) -> None:
    """Uploads what is finished on this machine and in the store not yet.

    Args:
        steps: of the study.
        store: where they lie.
        on_event: told how far it is.
        is_end: whether nobody tries again after this; otherwise a refusal is told in a warning.

    Raises:
        StoreUnavailable: the store refuses.
    """
    if not isinstance(store, SharedStore):
        return
    steps = list(steps)
    try:
        if is_end:
            store.tidy(steps, again=True)
        store.send_missing(steps, lambda step, progress: on_event(Advanced(step, progress)))
    except StoreUnavailable as error:
        if is_end:
            raise
        logger.warning("%s", error)


def making_damaged_again(executor: Executor) -> Executor:
    """An executor that makes a step again when what the store has of it turns out to be damaged.

    Args:
        executor: in which the step that needs it fails, and the store is told of the damage.
    """

    def execute(steps: Iterable[Step], store: Store, on_event: OnEvent) -> None:
        steps = list(steps)
        damaged: list[Step] = []

        def watch(event: Event) -> None:
            if isinstance(event, Failed) and isinstance(event.error, DamagedInStore):
                damaged.append(event.step)
            on_event(event)

        for number in range(_PASSES):
            damaged.clear()
            try:
                executor(steps, store, watch)
                return
            except StepFailed:
                if not damaged or number + 1 == _PASSES:
                    raise
                store.look(in_order(steps), again=True)

    return execute
