"""How long work tells its caller how far it is; knows nothing of screens."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of work under way.

    Attributes:
        done: units finished, those of an earlier, interrupted try included.
        total: units in all, or None when not known.
        unit: what is counted, such as `updates` or `answers`.
        tokens_per_second: current speed, when tokens are what costs.
        note: a few words on the current state, such as `loss 1.93`.
    """

    done: int
    total: int | None
    unit: str
    tokens_per_second: float | None = None
    note: str = ""


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """For callers that do not watch."""
