"""What an executor tells those who watch it."""

from collections.abc import Callable
from dataclasses import dataclass

from crosstune.errors import CrosstuneError
from crosstune.progress import Progress
from crosstune.steps.step import Step


@dataclass(frozen=True, slots=True)
class Found:
    """The step was finished before."""

    step: Step


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another process works on the step."""

    step: Step
    holder: str


@dataclass(frozen=True, slots=True)
class Started:
    """The step runs; `resumed` when an interrupted try is gone on with."""

    step: Step
    resumed: bool


@dataclass(frozen=True, slots=True)
class Advanced:
    """The step reports how far it is."""

    step: Step
    progress: Progress


@dataclass(frozen=True, slots=True)
class Finished:
    """The step is complete."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The step stopped with an error meant for the user."""

    step: Step
    error: CrosstuneError


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step needs one that failed."""

    step: Step
    because: Step


Event = Found | Waiting | Started | Advanced | Finished | Failed | Skipped
OnEvent = Callable[[Event], None]
