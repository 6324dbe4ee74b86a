"""Which of two configurations answers a prompt better, by a judge that sees their answers in both orders.

A judge that prefers what stands first, or second, says so by changing its mind when the order changes: such a pair is a
tie, and how many there are is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from crosstune.judging.reply import read_entries, reason_in
from crosstune.judging.rubric import CHOICES, Rubric

Choice = Literal["1", "2", "tie"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a judge says of one criterion of two answers to the same prompt."""

    SCHEMA_VERSION: ClassVar[int] = 1

    run_a: str
    run_b: str
    prompt_id: str
    language: str
    requested_language: str
    rater: str
    """`judge:<model>`."""
    facet: str
    value: float | None
    """1: A is better; 0: B is; 0.5: neither, or the judge follows the order."""
    reason: str | None
    """Why there is no value."""
    a_first: str
    """What it said with A first: `a`, `b` or `tie`; empty without a value."""
    b_first: str
    """The same with B first."""
    detail: str = ""
    """The judge's reasons, untrusted text."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Of one reply."""

    by_facet: Mapping[str, tuple[Choice | None, str]]
    """Of each criterion the choice, None where there is none that can be read, and the judge's reason."""
    problem: str
    """What is wrong with the reply, as a clause for the judge; empty when every criterion has a choice."""


def read_choices(reply: str, rubric: Rubric) -> Choices:
    """The choices in a reply; as strict as `reply.read_marks`.

    Args:
        reply: anything.
        rubric: which criteria.
    """
    missing: tuple[Choice | None, str] = (None, "")
    return Choices(*read_entries(reply, rubric, _choice, missing=missing))


def _choice(entry: Any, facet: str) -> tuple[tuple[Choice | None, str], str]:
    if not isinstance(entry, dict):
        entry = {}
    better = entry.get("better")
    choice = better if better in CHOICES else None
    problem = "" if choice else f'"{facet}" has no "better" that is "1", "2" or "tie"'
    return (choice, reason_in(entry)), problem


def outcome(a_first: Choice, b_first: Choice) -> tuple[float, str, str]:
    """What two replies in opposite orders mean.

    Args:
        a_first: the choice when A stood first.
        b_first: when B did.

    Returns:
        1, 0 or 0.5, and what was said each time in the names of the answers.
    """
    first = {"1": "a", "2": "b", "tie": "tie"}[a_first]
    second = {"1": "b", "2": "a", "tie": "tie"}[b_first]
    points = {"a": 1.0, "b": 0.0, "tie": 0.5}
    # Once for one and once for a tie leans to that one; once for each is no preference but a habit.
    mean = (points[first] + points[second]) / 2
    return (1.0 if mean > 0.5 else 0.0 if mean < 0.5 else 0.5), first, second
