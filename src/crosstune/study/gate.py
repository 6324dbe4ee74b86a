"""Rules that a result must keep, such as `correct_language[fr] >= .95`, for continuous integration.

A rule is text that is taken apart here and never executed:

    facet[language]   or [mean] over languages, [worst] language, [*] every language
    @configuration    optional: a label, or the name of a run
    >= > <= <         and a number, or a percentage
    sure              optional: the whole 95 % interval must keep the rule, and not the level alone

A rule about what has no values does not hold, and says why.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import polars as pl

from crosstune.analysis.bootstrap import LEAST_CLUSTERS
from crosstune.analysis.facets import FACETS, Facet
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import LevelGrid, level_frame, level_grid, mean_level_frame
from crosstune.errors import InvalidStudy, did_you_mean, nearest
from crosstune.languages import languages as language_table
from crosstune.study.comparison import Side, facets_in_order, side_tables

Operator = Literal[">=", ">", "<=", "<"]
EVERY, MEAN, WORST = "*", "mean", "worst"

_FORM = "facet[language], facet[mean], facet[worst] or facet[*], then >=, >, <= or <, then a number, then maybe sure"
_HEAD = re.compile(
    r"\s*(?P<facet>[^\[\]@<>=≥≤]*?)\s*(?:\[(?P<selector>[^\[\]]*)\])?\s*(?P<rest>[@<>=≥≤].*|$)", re.DOTALL
)
_REST = re.compile(
    r"(?:@\s*(?P<configuration>.*?)\s*)?(?P<operator>>=|<=|≥|≤|>|<)\s*"
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)\s*(?P<sure>sure)?\s*",
    re.DOTALL,
)
_PLAIN: dict[str, Operator] = {">=": ">=", "≥": ">=", ">": ">", "<=": "<=", "≤": "<=", "<": "<"}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Rule:
    """What a level must be."""

    text: str
    facet: str
    selector: str
    """A language, or one of `EVERY`, `MEAN` and `WORST`."""
    configuration: str | None
    operator: Operator
    bound: float
    sure: bool
    is_percent: bool = False
    """Whether the bound was written as a percentage; of a share alone that says something."""

    @property
    def wants_high(self) -> bool:
        """Whether higher levels keep it."""
        return self.operator in (">=", ">")

    def keeps(self, value: float) -> bool:
        """Whether a value keeps the rule."""
        if self.operator == ">=":
            return value >= self.bound - _ROUNDING
        if self.operator == ">":
            return value > self.bound + _ROUNDING
        return value <= self.bound + _ROUNDING if self.operator == "<=" else value < self.bound - _ROUNDING


def parse_rule(text: str, *, where: str | None = None) -> Rule:
    """Takes a rule apart.

    Args:
        text: such as `correct_language[fr] >= .95 sure`.
        where: where it stands, for errors.

    Raises:
        InvalidStudy: it has not the form of a rule, or no value on the facet's scale could keep or break it.
    """

    def wrong(message: str, hint: str) -> InvalidStudy:
        return InvalidStudy(f"'{text.strip()}': {message}", where=where, hint=hint)

    head = _HEAD.fullmatch(text)
    if head is None or not head["facet"]:
        raise wrong("not a rule", f"a rule is {_FORM}")
    facet, selector = head["facet"], head["selector"]
    if not re.fullmatch(r"\w+", facet):
        raise wrong(f"'{facet}' is not the name of a facet", did_you_mean(facet, FACETS))
    if selector is None or not selector.strip():
        raise wrong("it does not say which language", f"write {facet}[fr], {facet}[mean], {facet}[worst] or {facet}[*]")
    if re.match(r"(@.*)?=", head["rest"]) and not re.match(r"(@.*)?[<>≥≤]", head["rest"]):
        raise wrong("a level is hardly ever equal to a number", "use >=, >, <= or <")
    rest = _REST.fullmatch(head["rest"])
    if rest is None:
        raise wrong("not a rule", f"a rule is {_FORM}")
    if rest["configuration"] == "":
        raise wrong("nothing follows the @", "write the label of a configuration or the name of a run after it")
    bound = float(rest["number"]) / (100 if rest["percent"] else 1)
    if not isfinite(bound):
        raise wrong("the number is too large", "give a level")
    is_percent = bool(rest["percent"])
    problem = _off_scale(facet_of(facet), bound, is_percent=is_percent) if facet in FACETS else None
    if problem is not None:
        raise wrong(*problem)
    rule = text.strip(), facet, selector.strip(), rest["configuration"], _PLAIN[rest["operator"]], bound
    return Rule(*rule, bool(rest["sure"]), is_percent)


def _off_scale(known: Facet, bound: float, *, is_percent: bool) -> tuple[str, str] | None:
    """Why a bound says nothing of a facet, and what would; None where it does."""
    lowest, highest = known.lowest, known.highest
    if is_percent and not known.is_share:
        return f"{known.name} is no share", f"give a number as the facet has it{_range(lowest, highest)}"
    if (lowest is not None and bound < lowest) or (highest is not None and bound > highest):
        hint = f"did you mean {bound:g}%?" if known.is_share and 1 < bound <= 100 else "give a number on this scale"
        return f"{known.name} is never {bound:g}{_range(lowest, highest)}", hint
    return None


def _range(lowest: float | None, highest: float | None) -> str:
    if lowest is None:
        return ""
    return f" (it is from {lowest:g} on)" if highest is None else f" (it is from {lowest:g} to {highest:g})"


@dataclass(frozen=True, slots=True)
class Reading:
    """A level in a language, or in the mean of languages, and whether it keeps a rule."""

    language: str | None
    """None: the mean over languages."""
    level: float | None
    low: float | None
    high: float | None
    n: int
    """Answers that were asked for."""
    n_scored: int
    reasons: Mapping[str, int]
    """Why the others have no value."""
    holds: bool
    why_not: str | None
    """A clause for a reader."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule holds."""

    rule: Rule
    configuration: str
    rater: str | None
    holds: bool
    readings: tuple[Reading, ...]
    """Of every language where the rule is of every one, else one; none where there is nothing to read."""
    why_not: str | None
    """Why it does not hold where it is not for a level; a clause for a reader."""


@dataclass(frozen=True)
class Levels:
    """One side's levels, laid out once a facet."""

    side: Side
    _frames: dict[str, "_Frames | None"]

    @classmethod
    def of(cls, side: Side) -> "Levels":
        """Nothing is worked out before it is asked for."""
        return cls(side, {})

    def frames(self, facet: str) -> "_Frames | None":
        """Levels of a facet; None without scores of it."""
        if facet not in self._frames:
            laid_out = side_tables([Side(self.side.name, self.side.scores.filter(pl.col("facet") == facet))])
            grid = None if laid_out.tables.scores.is_empty() else level_grid(laid_out.tables, facet)
            self._frames[facet] = None if grid is None else _Frames.of(grid)
        return self._frames[facet]

    @property
    def facets(self) -> list[str]:
        """What there are scores of."""
        return facets_in_order(self.side.scores)


@dataclass(frozen=True)
class _Frames:
    rater: str
    languages: dict[str, dict[str, Any]]
    mean: dict[str, Any]

    @classmethod
    def of(cls, grid: LevelGrid) -> "_Frames":
        by_language = level_frame(grid, "configuration").to_dicts()
        (mean,) = mean_level_frame(grid, "configuration").to_dicts()
        return cls(grid.rater, {row["language"]: row for row in by_language}, mean)


def judge_rule(rule: Rule, levels: Levels, *, allow_missing: float | None = None) -> Verdict:
    """Whether a rule holds.

    Args:
        rule: what must be.
        levels: of the configuration that it is about.
        allow_missing: the largest share of answers without a value with which a level is believed; None: any.
    """
    frames = levels.frames(rule.facet)

    def fails(why: str) -> Verdict:
        return Verdict(rule, levels.side.name, frames.rater if frames else None, False, (), why)

    if frames is None:
        return fails(_why_no_levels(rule.facet, levels.facets))
    # A facet of a study's own is known by its scores alone.
    problem = _off_scale(facet_of(rule.facet, frames.rater), rule.bound, is_percent=rule.is_percent)
    if problem is not None:
        return fails("; ".join(problem))
    rows = _rows(rule.selector, frames)
    if not rows:
        there = ", ".join(frames.languages)
        known = rule.selector in language_table()
        return fails(f"no answer {'is' if known else 'can be'} in '{rule.selector}'; there are {there}")
    readings = [_reading(rule, row, allow_missing) for row in rows]
    if rule.selector == MEAN and readings[0].level is None and readings[0].n_scored:
        without = [code for code, row in frames.languages.items() if row["level"] is None]
        return fails(f"there is no mean, because there is no value in {', '.join(without)}")
    if rule.selector == WORST:
        return _worst(rule, levels.side.name, frames.rater, readings)
    return Verdict(rule, levels.side.name, frames.rater, all(each.holds for each in readings), tuple(readings), None)


def _why_no_levels(facet: str, there: Sequence[str]) -> str:
    if facet in there:
        return "every answer with a score of it should be in another language than its prompt"
    other = nearest(facet, there)
    hint = f"did you mean '{other}'?" if other else f"there are {', '.join(there) or 'none at all'}"
    return f"there are no scores of '{facet}'; {hint}"


def _rows(selector: str, frames: "_Frames") -> list[dict[str, Any]]:
    """The levels that a rule is about; none where its language has none."""
    if selector in (EVERY, WORST):
        return list(frames.languages.values())
    if selector == MEAN:
        return [frames.mean]
    return [frames.languages[selector]] if selector in frames.languages else []


def _worst(rule: Rule, name: str, rater: str, readings: Sequence[Reading]) -> Verdict:
    """A language without values is the worst: it may be anything."""
    sign = 1.0 if rule.wants_high else -1.0

    def place(reading: Reading) -> float:
        return -float("inf") if reading.level is None else sign * reading.level

    worst = min(readings, key=place)
    # Which language is worst is itself uncertain: to be sure, every language must be.
    broken = [each for each in readings if not each.holds]
    shown = worst if not worst.holds or not broken else broken[0]
    return Verdict(rule, name, rater, not broken, (shown,), None)


def _reading(rule: Rule, row: Mapping[str, Any], allow_missing: float | None) -> Reading:
    missing = row["n"] - row["n_scored"]
    why: str | None = None
    if row["level"] is None:
        why = "no answer has a value"
    elif allow_missing is not None and missing > allow_missing * row["n"] + _ROUNDING:
        why = f"{missing} of {row['n']} answers have no value, more than {allow_missing:.0%}"
    elif not rule.keeps(row["level"]):
        why = "the level does not keep it"
    elif rule.sure and row["low"] is None:
        few = row["instructions"] < LEAST_CLUSTERS
        why = f"{row['instructions']} prompts are too few for an interval" if few else "there is no interval"
    elif rule.sure and not rule.keeps(row["low"] if rule.wants_high else row["high"]):
        why = "the level keeps it, its interval does not"
    return Reading(
        language=row["language"],
        level=row["level"],
        low=row["low"],
        high=row["high"],
        n=row["n"],
        n_scored=row["n_scored"],
        reasons={item["reason"]: item["count"] for item in row["reasons"]},
        holds=why is None,
        why_not=why,
    )


def judge_rules(
    rules: Sequence[Rule],
    side_of: Callable[[str | None], Side],
    *,
    allow_missing: float | None = None,
) -> list[Verdict]:
    """Whether rules hold, in their order.

    Args:
        rules: what must be.
        side_of: the scores of a configuration by its name; None is what rules without one are about.
        allow_missing: as for `judge_rule`.
    """
    known: dict[str | None, Levels] = {}
    found = []
    for rule in rules:
        if rule.configuration not in known:
            known[rule.configuration] = Levels.of(side_of(rule.configuration))
        found.append(judge_rule(rule, known[rule.configuration], allow_missing=allow_missing))
    return found
