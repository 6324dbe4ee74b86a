"""What every executor does with one step, wherever it runs."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from crosstune.errors import CrosstuneError, StepFailed, StorageFailure, StoreUnavailable
from crosstune.progress import OnProgress, Progress
from crosstune.steps.events import Advanced, Finished, Found, OnEvent, Started, Waiting
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import State, Store

logger = logging.getLogger(__name__)


def is_settled(step: Step, store: Store) -> bool:
    """Whether a step is finished, and no later run may better its result. Its inputs must be settled."""
    return store.state(step) is State.FINISHED and store.again(step) is None


def finish(step: Step, store: Store, on_event: OnEvent, *, must_send: bool = False, begun: float | None = None) -> None:
    """Finishes one step whose inputs are finished, unless it is finished already.

    Args:
        step: the step.
        store: where its inputs lie, or from where they can be brought, and where its output goes.
        on_event: told of what happens.
        must_send: whether it is done only when others can see it. Otherwise that a shared store refuses is no failure:
            what is finished here can be built on here.
        begun: seconds that this run has worked on it before, if it has; that it started was told then.

    Raises:
        CrosstuneError: the step failed; what it has written stays for the next try.
        StoreUnavailable: an input cannot be fetched, or the step, which is finished, cannot be uploaded and must be.
    """

    def on_progress(progress: Progress) -> None:
        on_event(Advanced(step, progress))

    if is_settled(step, store):
        if must_send:
            with store.lock(step):
                store.send(step, on_progress, must=True)
        on_event(Found(step))
        return
    with store.lock(step, on_wait=lambda holder: on_event(Waiting(step, holder))):
        store.look([step], again=True)  # another machine may have finished it meanwhile
        store.take_up(step, on_progress)
        state = store.state(step)
        if state is State.FINISHED and store.again(step) is not None:
            store.fetch(step, on_progress)
            store.reopen(step)
            state = State.PARTIAL
        if state is State.FINISHED:  # by whoever held the lock
            store.send(step, on_progress, must=must_send)
            on_event(Found(step))
            return
        if begun is None:
            on_event(Started(step, resumed=store.partial_folder(step).is_dir()))
        started = time.monotonic() - (begun or 0.0)
        inputs = {
            name: store.open(other, on_progress, only=step.reads.get(name)) for name, other in step.inputs.items()
        }
        earlier = _earlier(step, store, on_progress)
        with store.writing(step, spent=begun or 0.0) as out, store.kept([(step, out)]):
            step.run(Workspace(out=out, inputs=inputs, on_progress=on_progress, earlier=earlier))
        store.send(step, on_progress, must=must_send)
        on_event(Finished(step, time.monotonic() - started))


def _earlier(step: Step, store: Store, on_progress: OnProgress) -> Path | None:
    """The folder of what a step goes on from, where it can be had: the step takes longer without, and ends the same."""
    if step.earlier is None:
        return None
    try:
        if store.state(step.earlier) is State.FINISHED:
            return store.open(step.earlier, on_progress)
        why = f"{step.earlier} is not there any more"
    except (StoreUnavailable, StorageFailure) as error:
        why = str(error)
    logger.warning("%s does without what was done before: %s", step, why)
    return None


def forget_frames(error: BaseException | None) -> None:
    """Lets go of what an error's frames hold, such as the model that did not fit: further steps need the memory."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def raise_failures(errors: Sequence[tuple[Step, CrosstuneError]]) -> None:
    """Ends a run in which steps failed.

    Raises:
        StepFailed: there are some; it names the first.
    """
    if errors:
        first, why = errors[0]
        others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise StepFailed(f"{first} failed{others}: {why}", hint="every step that does not need it is finished and kept")
