"""What every executor does with one step, wherever it runs."""

import time
from collections.abc import Sequence

from crosstune.errors import CrosstuneError, StepFailed
from crosstune.progress import Progress
from crosstune.steps.events import Advanced, Finished, Found, OnEvent, Started, Waiting
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import State, Store


def is_settled(step: Step, store: Store) -> bool:
    """Whether a step is finished, and no later run may better its result. Its inputs must be settled."""
    return store.state(step) is State.FINISHED and store.again(step) is None


def finish(step: Step, store: Store, on_event: OnEvent) -> None:
    """Finishes one step whose inputs are finished, unless it is finished already.

    Raises:
        CrosstuneError: the step failed; what it has written stays for the next try.
    """
    if is_settled(step, store):
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
