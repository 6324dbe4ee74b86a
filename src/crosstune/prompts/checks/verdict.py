"""What a check says of an answer: it follows, it does not, or the reason why that cannot be told."""

from dataclasses import dataclass

from crosstune.records import Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """Exactly one of `passed` and `reason` is there: what cannot be told is never a pass."""

    passed: bool | None
    reason: Reason | None = None
    detail: str = ""
    """For a reader: what was found, such as `4 sentences`."""

    def __post_init__(self) -> None:
        if (self.passed is None) == (self.reason is None):
            raise ValueError(f"a verdict is passed or not, or has a reason, not {self.passed!r} and {self.reason!r}")


def decided(passed: bool, detail: str = "") -> Verdict:
    """A verdict that says whether the answer follows."""
    return Verdict(passed, None, detail)


def undecided(reason: Reason, detail: str = "") -> Verdict:
    """A verdict that says why it cannot be told."""
    return Verdict(None, reason, detail)
