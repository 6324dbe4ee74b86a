"""Runs steps in this process: one after the other, and those together that share their work."""

from collections.abc import Iterable, Sequence

from crosstune.errors import CrosstuneError, StorageFailure
from crosstune.steps.events import Failed, OnEvent, Skipped
from crosstune.steps.executors.finish import finish, forget_frames, is_settled, raise_failures
from crosstune.steps.executors.together import companions, work_together
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
    run = _Run(store, on_event)
    ordered = in_order(steps)
    for number, step in enumerate(ordered):
        run.settle(step, ordered[number + 1 :])
    raise_failures(run.errors)


class _Run:
    """What has become of the steps so far."""

    def __init__(self, store: Store, on_event: OnEvent) -> None:
        self._store = store
        self._on_event = on_event
        self._settled: set[str] = set()
        self._failed: dict[str, Step] = {}  # folder of a step without a result -> the step that is to blame
        self.errors: list[tuple[Step, CrosstuneError]] = []

    def settle(self, step: Step, later: Sequence[Step]) -> None:
        """Finishes a step, together with those of `later` that share its work, or tells why not."""
        if step.folder in self._settled:
            return
        if step.together is None or self._culprit(step) is not None or is_settled(step, self._store):
            self._settle_alone(step)
            return
        group = companions(step, [other for other in later if other.folder not in self._settled], self._store)
        if len(group) > 1:
            for needed in in_order(other for member in group for other in member.inputs.values()):
                self.settle(needed, [])
            group = [member for member in group if self._culprit(member) is None]
        begun = work_together(group, self._store, self._on_event) if len(group) > 1 else {}
        for member in group:
            self._settle_alone(member, begun.get(member.folder))

    def _culprit(self, step: Step) -> Step | None:
        return next(
            (self._failed[other.folder] for other in step.inputs.values() if other.folder in self._failed), None
        )

    def _settle_alone(self, step: Step, begun: float | None = None) -> None:
        if step.folder in self._settled:
            return
        self._settled.add(step.folder)
        culprit = self._culprit(step)
        if culprit is not None:
            self._failed[step.folder] = culprit
            self._on_event(Skipped(step, culprit))
            return
        try:
            finish(step, self._store, self._on_event, begun=begun)
        except StorageFailure:
            raise
        except CrosstuneError as error:
            self._failed[step.folder] = step
            forget_frames(error)
            self.errors.append((step, error))
            self._on_event(Failed(step, error))
