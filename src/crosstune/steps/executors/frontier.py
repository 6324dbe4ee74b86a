"""Which steps can run now: those whose inputs are settled, in the order in which one process would run them."""

import heapq
from collections.abc import Callable, Iterable

from crosstune.steps.step import Needs, Step, in_order


class Frontier:
    """Keeps which steps are done, which can run, and which never will."""

    def __init__(self, steps: Iterable[Step]) -> None:
        """Args:
        steps: the steps wanted; all that they build on is added.
        """
        self._steps = in_order(steps)
        self._missing = {step.folder: {other.folder for other in step.inputs.values()} for step in self._steps}
        self._number = {step.folder: number for number, step in enumerate(self._steps)}
        self._needed_by: dict[str, list[str]] = {step.folder: [] for step in self._steps}
        for step in self._steps:
            for other in self._missing[step.folder]:
                self._needed_by[other].append(step.folder)
        self._ready: dict[Needs, list[int]] = {}
        self._unsettled = set(self._number)
        for step in self._steps:
            if not self._missing[step.folder]:
                self._add(step)

    @property
    def is_empty(self) -> bool:
        """Whether every step is settled, one way or the other."""
        return not self._unsettled

    def _add(self, step: Step) -> None:
        heapq.heappush(self._ready.setdefault(step.needs, []), self._number[step.folder])

    def take(self, has_room: Callable[[Needs], bool]) -> Step | None:
        """The first step that can run and whose needs have room, or None. It is not given again."""
        ready = [(numbers[0], needs) for needs, numbers in self._ready.items() if numbers and has_room(needs)]
        if not ready:
            return None
        number, needs = min(ready, key=lambda item: item[0])
        heapq.heappop(self._ready[needs])
        return self._steps[number]

    def finish(self, step: Step) -> None:
        """A step is finished: what waited for it alone can run."""
        self._unsettled.discard(step.folder)
        for folder in self._needed_by[step.folder]:
            self._missing[folder].discard(step.folder)
            if not self._missing[folder] and folder in self._unsettled:
                self._add(self._steps[self._number[folder]])

    def fail(self, step: Step) -> list[Step]:
        """A step failed: the steps that need it, directly or not, and were not left out before; they never run."""
        self._unsettled.discard(step.folder)
        left_out, waiting = set(), [step.folder]
        while waiting:
            for folder in self._needed_by[waiting.pop()]:
                if folder in self._unsettled:
                    self._unsettled.discard(folder)
                    left_out.add(self._number[folder])
                    waiting.append(folder)
        return [self._steps[number] for number in sorted(left_out)]
