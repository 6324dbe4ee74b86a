"""A rule and whether it holds, in one line of plain text."""

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crosstune.analysis.facets import Facet
from crosstune.analysis.facets import facet as facet_of

if TYPE_CHECKING:
    from crosstune.study.baseline import BaselineVerdict
    from crosstune.study.gate import Reading, Verdict

_LONGEST_LIST = 6


def rule_line(verdict: "Verdict") -> str:
    """A rule with the level, its interval, how many answers it is of, and what is missing."""
    rule, facet = verdict.rule, facet_of(verdict.rule.facet, verdict.rater)
    of = f" ({verdict.configuration})"
    if verdict.why_not is not None:
        return f"{rule.text}{of}: {verdict.why_not}"
    failed = [each for each in verdict.readings if not each.holds]
    if len(verdict.readings) == 1:
        (reading,) = verdict.readings
        name = f"{reading.language}: " if rule.selector == "worst" and reading.language else ""
        why = f"; {reading.why_not}" if reading.why_not and reading.level is not None else ""
        return f"{rule.text}{of}: {name}{_reading(facet, reading)}{why}"
    if not failed:
        number = len(verdict.readings)
        sign = 1 if rule.wants_high else -1
        nearest = min(verdict.readings, key=lambda each: sign * (each.level or 0.0))
        nearest_told = f"{nearest.language} {_reading(facet, nearest)}"
        return f"{rule.text}{of}: all {number} languages; nearest: {nearest_told}"
    told = [f"{each.language} {_reading(facet, each)}{_why(each)}" for each in failed[:_LONGEST_LIST]]
    more = f"; and {len(failed) - _LONGEST_LIST} more" if len(failed) > _LONGEST_LIST else ""
    return f"{rule.text}{of}: {len(failed)} of {len(verdict.readings)} languages do not: {'; '.join(told)}{more}"


def _why(reading: "Reading") -> str:
    if reading.level is None or reading.why_not is None or reading.why_not == "the level does not keep it":
        return ""
    return f", {reading.why_not}"


def baseline_line(verdict: "BaselineVerdict") -> str:
    """A comparison with the baseline."""
    language, facet = verdict.language or "mean", facet_of(verdict.facet, verdict.rater)
    head = f"{verdict.facet}[{language}] no worse than the baseline ({verdict.configuration})"
    if verdict.difference is None or verdict.level is None or verdict.before is None:
        return f"{head}: {verdict.why_not}"
    levels = f"{_number(facet, verdict.level)} now, {_number(facet, verdict.before)} before"
    interval = ""
    if verdict.low is not None and verdict.high is not None:
        low, high = (_number(facet, end, sign=True) for end in (verdict.low, verdict.high))
        interval = f" ({low} to {high})"
    shared = f"{verdict.n} shared prompts" if verdict.n else "no shared prompt"
    why = f"; {verdict.why_not}" if verdict.why_not else ""
    return f"{head}: {levels}, {_number(facet, verdict.difference, sign=True)}{interval}, {shared}{why}"


def _reading(facet: Facet, reading: "Reading") -> str:
    if reading.level is None:
        return f"none of {reading.n} answers has a value{_reasons(reading.reasons)}"
    interval = ""
    if reading.low is not None and reading.high is not None:
        interval = f" ({_number(facet, reading.low)}–{_number(facet, reading.high)})"
    missing = reading.n - reading.n_scored
    without = f", {missing} without a value{_reasons(reading.reasons)}" if missing else ""
    return f"{_number(facet, reading.level)}{interval}, n {reading.n_scored}{without}"


def _reasons(reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.items())
    return f" ({told})" if told else ""


def _number(facet: Facet, value: float, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    return f"{value:{plus}.3f}" if facet.is_share else f"{value:{plus}.2f}"


def annotation(message: str) -> str:
    """A line that GitHub Actions takes for an error of the workflow; nothing in the message can begin another one."""
    clean = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in message)
    return f"::error::{clean.replace('%', '%25')}"
