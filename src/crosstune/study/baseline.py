"""What a result was earlier, prompt by prompt, and whether it is worse now than noise explains.

A baseline is a JSON file:

    {"crosstune_baseline": 1,
     "configurations": {<label>: {<facet>: {"rater": <rater>, "values": {<language>: {<prompt id>: <value>}}}}}}

Values are averaged over the seeds or repetitions of a prompt. On prompts that both have, the difference is paired;
where they share none, the intervals of both levels are put together (Zou and Donner, Statistics in Medicine 27 (2008),
1693-1702). Of a rule about every language, p-values are corrected by Holm's method, so that twelve languages do not
give twelve times as many false alarms.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from pathlib import Path
from typing import Any

import polars as pl

from crosstune.analysis.bootstrap import Interval
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import in_table_order, level_grid
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.atomic import write_atomic
from crosstune.storage.tables import table_schema
from crosstune.study.comparison import SIGNIFICANT, Side, compare_sides, facets_in_order, side_tables
from crosstune.study.gate import EVERY, MEAN, WORST, Levels

VERSION = 1
_KEY = "crosstune_baseline"
_ROUNDING = 1e-9


def write_baseline(path: Path, sides: list[Side]) -> None:
    """Keeps the values of configurations.

    Raises:
        StorageFailure: the file cannot be written.
    """
    found = {side.name: {facet: _values(side, facet) for facet in facets_in_order(side.scores)} for side in sides}
    content = {_KEY: VERSION, "configurations": found}
    write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def _values(side: Side, facet: str) -> dict[str, Any]:
    frames = Levels.of(side).frames(facet)
    rater = frames.rater if frames else ""
    means = (
        side.scores.filter(
            pl.col("facet") == facet,
            pl.col("rater") == rater,
            pl.col("language") == pl.col("requested_language"),
            pl.col("value").is_not_null(),
        )
        .group_by("language", "prompt_id")
        .agg(pl.col("value").mean())
    )
    values: dict[str, dict[str, float]] = {}
    for language, prompt_id, value in means.iter_rows():
        values.setdefault(language, {})[prompt_id] = value
    return {"rater": rater, "values": values}


def read_baseline(path: Path) -> dict[str, Side]:
    """The configurations of a baseline.

    Raises:
        InvalidData: it is missing, or no baseline.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidData("no such file", where=str(path), hint="make one with --store") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidData(f"cannot be read ({error})", where=str(path), hint="make it with --store") from error
    if not isinstance(content, dict) or _KEY not in content:
        raise InvalidData("this is no baseline", where=str(path), hint="make one with --store")
    if content[_KEY] != VERSION:
        raise InvalidData(
            f"it has version {content[_KEY]}; this crosstune reads {VERSION}",
            where=str(path),
            hint="make it again with --store",
        )
    try:
        return {name: _side(name, facets) for name, facets in content["configurations"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidData("it is damaged", where=str(path), hint="make it again with --store") from error


def _side(name: str, facets: Mapping[str, Any]) -> Side:
    if not all(isinstance(told["rater"], str) for told in facets.values()):
        raise TypeError("a rater has no name")
    rows = [
        {"run": name, "prompt_id": prompt_id, "language": language, "requested_language": language, "facet": facet}
        | {"rater": told["rater"], "value": _number(value), "reason": None, "detail": "", "spans": []}
        | {"schema_version": Score.SCHEMA_VERSION}
        for facet, told in facets.items()
        for language, values in told["values"].items()
        for prompt_id, value in values.items()
    ]
    return Side(name, pl.DataFrame(rows, schema=table_schema(Score), orient="row"))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("not a number")
    return float(value)


@dataclass(frozen=True, slots=True)
class BaselineVerdict:
    """Whether something is no worse than it was."""

    facet: str
    language: str | None
    """None: the mean over languages."""
    configuration: str
    level: float | None
    before: float | None
    difference: float | None
    """Now minus before."""
    low: float | None
    high: float | None
    n: int
    """Prompts that both have a value of; 0 where the levels of different prompts are compared."""
    holds: bool
    why_not: str | None
    """A clause for a reader."""
    rater: str | None = None
    """Whose scores; None where nothing is compared."""


def no_worse(
    now: Side, before: Side, facet: str, selector: str = EVERY, *, allow: float = 0.0
) -> list[BaselineVerdict]:
    """Whether a facet is no worse than in a baseline, beyond noise.

    It is worse where the interval of the difference lies beyond what is allowed, and where the p-value, corrected for
    the number of languages, shows a difference.

    Args:
        now: what is there.
        before: what there was.
        facet: what is rated.
        selector: as of a rule; of the worst language, that which is the worst now.
        allow: how much worse it may be, on the facet's scale.
    """

    def nothing(why: str, language: str | None = None) -> BaselineVerdict:
        return BaselineVerdict(facet, language, now.name, None, None, None, None, None, 0, False, why)

    frames, earlier = Levels.of(now).frames(facet), Levels.of(before).frames(facet)
    if frames is None:
        return [nothing("there are no scores of it now")]
    if earlier is None:
        return [nothing("the baseline has no scores of it")]
    if frames.rater != earlier.rater:
        return [nothing(f"it is rated by {frames.rater} now and was rated by {earlier.rater}")]
    rated_now = [code for code, row in frames.languages.items() if row["level"] is not None]
    both = [code for code in rated_now if code in earlier.languages]
    wanted: list[str | None]
    if selector == MEAN:
        wanted = [None]
    elif selector == EVERY:
        # A language that is gone is a reason to look; a new one has nothing that it could be worse than.
        wanted = list(in_table_order([*both, *earlier.languages]))
    elif selector == WORST:
        sign = -1.0 if facet_of(facet).better == "lower" else 1.0
        wanted = [min(rated_now, key=lambda code: sign * frames.languages[code]["level"])] if rated_now else []
    else:
        wanted = [selector]
    if not both:
        return [nothing("no language has values now and in the baseline")]
    # Of one language alone, no other takes part in the correction.
    compared_in = [selector] if selector in both else both
    sides = [
        Side(name, side.scores.filter(pl.col("language").is_in(compared_in)))
        for name, side in (("now", now), ("before", before))
    ]
    compared = compare_sides(sides, [("now", "before")], [facet], rater=frames.rater)
    rows = {row["language"]: row for row in compared.rows}
    found = []
    for language in wanted:
        if language is not None and language not in both:
            gone = language in earlier.languages
            found.append(nothing(f"there are no values {'now' if gone else 'in the baseline'}", language))
            continue
        row = rows.get(language)
        if row is None or row["difference"] is None:
            row = _unpaired(sides, facet, frames.rater, language)
        found.append(replace(_verdict(now.name, facet, language, row, allow), rater=frames.rater))
    return found


def _unpaired(sides: list[Side], facet: str, rater: str, language: str | None) -> dict[str, Any]:
    """The difference of two levels of different prompts."""
    laid_out = side_tables(sides)
    grid = level_grid(laid_out.tables, facet, rater=rater)
    assert grid is not None  # both sides have values
    pair = None if language is None else (language, language)
    first, second = (grid.level(laid_out.labels[side.name], pair) for side in sides)
    row: dict[str, Any] = {"n": 0, "first_level": first.estimate, "second_level": second.estimate}
    row |= {"difference": None, "low": None, "high": None, "p_holm": None}
    if first.estimate is not None and second.estimate is not None:
        row["difference"] = first.estimate - second.estimate
        row["low"], row["high"] = _limits(first, second)
    return row


def _limits(first: Interval, second: Interval) -> tuple[float | None, float | None]:
    if first.estimate is None or first.low is None or first.high is None:
        return None, None
    if second.estimate is None or second.low is None or second.high is None:
        return None, None
    difference = first.estimate - second.estimate
    below = sqrt((first.estimate - first.low) ** 2 + (second.high - second.estimate) ** 2)
    above = sqrt((first.high - first.estimate) ** 2 + (second.estimate - second.low) ** 2)
    return difference - below, difference + above


def _verdict(name: str, facet: str, language: str | None, row: Mapping[str, Any], allow: float) -> BaselineVerdict:
    lower_is_better = facet_of(facet).better == "lower"
    difference, low, high = row["difference"], row["low"], row["high"]
    why = None
    if difference is None:
        why = "there is nothing to compare"
    else:
        gain, best = (-difference, None if low is None else -low) if lower_is_better else (difference, high)
        if gain >= -allow - _ROUNDING:
            pass
        elif best is None:
            why = f"{row['n']} prompts are too few to tell it from noise"
        elif best < -allow - _ROUNDING and (row["p_holm"] is None or row["p_holm"] < SIGNIFICANT):
            why = "it is worse, beyond noise" + (f" and what is allowed ({allow:g})" if allow else "")
    levels = row["first_level"], row["second_level"]
    return BaselineVerdict(facet, language, name, *levels, difference, low, high, row["n"], why is None, why)
