"""What a judge's reply says: a mark for each criterion, or why there is none. Strict: nothing is guessed.

A reply is one JSON object. What else is let pass says nothing that could be taken for a mark: a block of thoughts
before it, a code fence around it, words without braces before or behind it. Two objects, a key that stands twice, a
number in quotation marks or one outside the scale are no marks; the problem that is named goes back to the judge once.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from crosstune.judging.rubric import HIGHEST_MARK, Rubric
from crosstune.records import Reason

MOST_CHARACTERS_READ = 50_000
LONGEST_REASON = 300
_THOUGHTS = re.compile(r"\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_KINDS = {
    str: "text",
    bool: "a yes or no",
    type(None): "null",
    list: "a list",
    dict: "an object",
    float: "a fraction",
}
"""What a mark is instead of a number, as the judge is told."""

Entry = TypeVar("Entry")
NOTHING = object()
"""In place of an entry that a reply has not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Of one criterion: a value, or the reason why there is none."""

    value: int | None
    why: str = ""
    """The judge's reason, untrusted text."""
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one reply."""

    by_facet: dict[str, Mark]
    """Each criterion of the rubric, in its order."""
    problem: str
    """What is wrong with the reply, as a clause for the judge; empty when every criterion has a mark."""


class Unreadable(ValueError):
    """A reply that is not one JSON object; says why, as a clause for the judge."""


def read_marks(reply: str, rubric: Rubric) -> Marks:
    """The marks in a reply.

    Args:
        reply: anything.
        rubric: which criteria.
    """
    entries, problem = read_entries(reply, rubric, _mark, missing=Mark(None, "", Reason.JUDGE_UNPARSABLE))
    return Marks(entries, problem)


def read_entries(
    reply: str, rubric: Rubric, read: Callable[[Any, str], tuple[Entry, str]], *, missing: Entry
) -> tuple[dict[str, Entry], str]:
    """What a reply says of each criterion.

    Args:
        reply: anything.
        rubric: which criteria.
        read: what an entry of the reply says of a criterion, and what is wrong with it, as a clause for the judge.
        missing: what each criterion has where the reply cannot be read.

    Returns:
        By criterion, in the order of the rubric; and all that is wrong, empty where nothing is.
    """
    try:
        found = json_object(reply)
    except Unreadable as error:
        return dict.fromkeys(rubric.facets, missing), str(error)
    # What is not there reads otherwise than a null, which is a value that a judge may write.
    read_ones = {facet: read(found.get(facet, NOTHING), facet) for facet in rubric.facets}
    problems = "; ".join(problem for _, problem in read_ones.values() if problem)
    return {facet: entry for facet, (entry, _) in read_ones.items()}, problems


def reason_in(entry: Mapping[str, Any]) -> str:
    """The reason that a judge gives in an entry; empty where it is none."""
    why = entry.get("reason")
    return why[:LONGEST_REASON] if isinstance(why, str) else ""


def _mark(entry: Any, facet: str) -> tuple[Mark, str]:
    if entry is NOTHING:
        return Mark(None, "", Reason.JUDGE_UNPARSABLE), f'"{facet}" is missing'
    if not isinstance(entry, dict) or "mark" not in entry:
        return Mark(None, "", Reason.JUDGE_UNPARSABLE), f'"{facet}" is no object with a "reason" and a "mark"'
    why = reason_in(entry)
    value = entry["mark"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        kind = _KINDS.get(type(value), "something else")
        problem = f'the mark of "{facet}" is {kind} instead of the number 0, 1 or 2'
        return Mark(None, why, Reason.JUDGE_UNPARSABLE), problem
    if not 0 <= value <= HIGHEST_MARK:
        return Mark(None, why, Reason.OUT_OF_RANGE), f'the mark of "{facet}" is not 0, 1 or 2'
    return Mark(value, why), ""


def without_thoughts(reply: str) -> str:
    """A reply without the block of thoughts before it."""
    thoughts = _THOUGHTS.match(reply)
    return reply if thoughts is None else reply[thoughts.end() :]


def json_object(reply: str) -> dict[str, Any]:
    """The one JSON object of a reply.

    Raises:
        Unreadable: there is none, or not one alone.
    """
    if len(reply) > MOST_CHARACTERS_READ:
        raise Unreadable("it is far too long")
    text = without_thoughts(reply)
    start = text.find("{")
    if start < 0:
        raise Unreadable("it has no JSON object")
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    try:
        found, end = decoder.raw_decode(text, start)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        place = f" ({error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"it is not valid JSON{place}") from None
    if "{" in text[end:] or "}" in text[end:]:
        raise Unreadable("it has more than one JSON object")
    return dict(found)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("a key stands in it twice")
    return found


def _no_constant(name: str) -> Any:
    raise Unreadable(f"{name} is no number of JSON")
