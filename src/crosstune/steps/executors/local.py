"""Runs steps one after the other in this process."""

import time
from collections.abc import Iterable

from crosstune.errors import CrosstuneError, StepFailed, StorageFailure
from crosstune.progress import Progress
from crosstune.steps.events import Advanced, Failed, Finished, Found, OnEvent, Skipped, Started, Waiting
from crosstune.steps.step import Step, Workspace, in_order
from crosstune.steps.store import State, Store


def execute(steps: Iterable[Step], store: Store, on_event: OnEvent) -> None:
    """Finishes the steps and all that they build on.

    A step that fails stops only those that need it; a full disk or an interrupt stops everything. Whatever finished
    stays finished.

    Args:
        steps: the steps wanted; their inputs are found from them.
        store: where outputs are looked up and written.
        on_event: told of everything that happens, in order.

    Raises:
        StepFailed: at least one step failed; the others are done.
        StorageFailure: results cannot be written.
    """
    failed: dict[str, Step] = {}
    errors: list[tuple[Step, CrosstuneError]] = []
    for step in in_order(steps):
        culprit = next((failed[other.folder] for other in step.inputs.values() if other.folder in failed), None)
        if culprit is not None:
            failed[step.folder] = culprit
            on_event(Skipped(step, culprit))
            continue
        try:
            _finish(step, store, on_event)
        except StorageFailure:
            raise
        except CrosstuneError as error:
            failed[step.folder] = step
            _forget_frames(error)
            errors.append((step, error))
            on_event(Failed(step, error))
    if errors:
        first, why = errors[0]
        others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise StepFailed(f"{first} failed{others}: {why}", hint="every step that does not need it is finished and kept")


def _forget_frames(error: BaseException | None) -> None:
    """Lets go of what an error's frames hold, such as the model that did not fit: further steps need the memory."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _finish(step: Step, store: Store, on_event: OnEvent) -> None:
    if store.state(step) is State.FINISHED and store.again(step) is None:
        on_event(Found(step))
        return
    with store.lock(step, on_wait=lambda holder: on_event(Waiting(step, holder))):
        state = store.state(step)
        if state is State.FINISHED and store.again(step) is not None:
            store.reopen(step)
            state = State.PARTIAL
        if state is State.FINISHED:  # by whoever held the lock
            on_event(Found(step))
            return
        on_event(Started(step, resumed=state is State.PARTIAL))
        started = time.monotonic()
        inputs = {name: store.folder(other) for name, other in step.inputs.items()}

        def on_progress(progress: Progress) -> None:
            on_event(Advanced(step, progress))

        with store.writing(step) as out:
            step.run(Workspace(out=out, inputs=inputs, on_progress=on_progress))
        on_event(Finished(step, time.monotonic() - started))
