"""Lets like steps share their work, in this process; each is finished by itself afterwards."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from crosstune.errors import Busy, CrosstuneError, StorageFailure
from crosstune.progress import OnProgress, Progress
from crosstune.steps.events import Advanced, OnEvent, Started
from crosstune.steps.executors.finish import forget_frames
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import State, Store

_log = logging.getLogger(__name__)


def companions(step: Step, later: Iterable[Step], store: Store) -> list[Step]:
    """A step and those unfinished ones of `later` that can work together with it, in their order."""
    if step.together is None:
        return [step]
    group = [step]
    for other in later:
        if len(group) >= step.together.most:
            break
        is_like = other.together is not None and other.together.key == step.together.key
        if is_like and store.state(other) is not State.FINISHED:
            group.append(other)
    return group


def work_together(group: Sequence[Step], store: Store, on_event: OnEvent) -> Mapping[str, float]:
    """Does most of the work of several steps at once, where at least two can be had.

    Steps that another process holds or has finished are left out. When the work fails, what each step has by then
    stays, and is gone on from alone: so a fault of one is not the others'.

    Args:
        group: unfinished steps of one `Together.key`, whose inputs are finished.
        store: where their inputs lie and their output goes.
        on_event: told that they started and how far they are.

    Returns:
        By folder of the steps that started: the seconds spent on each.

    Raises:
        StorageFailure: results cannot be written.
    """
    with _held(group, store) as steps:
        if len(steps) < 2:
            return {}
        shared = steps[0].together
        assert shared is not None
        started = time.monotonic()
        for step in steps:
            store.take_up(step, _teller(step, on_event))
            on_event(Started(step, resumed=store.partial_folder(step).is_dir()))
        try:
            workspaces = [_workspace(step, store, on_event) for step in steps]
            with store.kept([(step, space.out) for step, space in zip(steps, workspaces, strict=True)]):
                shared.run(workspaces, [step.together.subject for step in steps if step.together is not None])
        except StorageFailure:
            raise
        except CrosstuneError as error:
            forget_frames(error)
            names = ", ".join(step.name for step in steps)
            _log.warning("%s: these go on one by one, for together they failed: %s", names, error)
        spent = (time.monotonic() - started) / len(steps)
        return {step.folder: spent for step in steps}


def _workspace(step: Step, store: Store, on_event: OnEvent) -> Workspace:
    on_progress = _teller(step, on_event)
    inputs = {name: store.open(other, on_progress, only=step.reads.get(name)) for name, other in step.inputs.items()}
    return Workspace(out=store.begin(step), inputs=inputs, on_progress=on_progress)


def _teller(step: Step, on_event: OnEvent) -> OnProgress:
    def on_progress(progress: Progress) -> None:
        on_event(Advanced(step, progress))

    return on_progress


@contextmanager
def _held(group: Sequence[Step], store: Store) -> Iterator[list[Step]]:
    """Those steps that nobody else holds or has finished, with their locks.

    None is waited for, so two processes that want some of the same steps never wait for each other.
    """
    with ExitStack() as locks:
        held = []
        for step in sorted(group, key=lambda step: step.fingerprint):
            try:
                locks.enter_context(store.lock(step, wait=False))
            except Busy:
                continue
            held.append(step)
        store.look(held, again=True)
        yield [step for step in group if step in held and store.state(step) is not State.FINISHED]
