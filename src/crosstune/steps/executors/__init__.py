"""Where steps run; one file an executor.

An executor finishes the steps it is given and all that they build on, tells of everything that happens, and raises
`StepFailed` when a step failed and the others are done, `StorageFailure` when results cannot be written.
"""

from collections.abc import Callable, Iterable

from crosstune.steps.events import OnEvent
from crosstune.steps.step import Step
from crosstune.steps.store import Store

Executor = Callable[[Iterable[Step], Store, OnEvent], None]
