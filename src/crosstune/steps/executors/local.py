"""Runs steps one after the other in this process."""

from collections.abc import Iterable

from crosstune.errors import CrosstuneError, StorageFailure
from crosstune.steps.events import Failed, OnEvent, Skipped
from crosstune.steps.executors.finish import finish, forget_frames, raise_failures
from crosstune.steps.step import Step, in_order
from crosstune.steps.store import Store


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
            finish(step, store, on_event)
        except StorageFailure:
            raise
        except CrosstuneError as error:
            failed[step.folder] = step
            forget_frames(error)
            errors.append((step, error))
            on_event(Failed(step, error))
    raise_failures(errors)
