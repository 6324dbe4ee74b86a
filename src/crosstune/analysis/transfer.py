"""How far a skill carries: from English to other languages, and from an untuned base model through tuning.

    transfer gap   English minus another language, within one configuration, on the instructions rated in both.
    retention      What tuning leaves of the base model's level in a language: tuned minus base, and tuned over base
                   where the facet has a true zero. Below 0 (or 1) tuning took something away.

Both are paired: every instruction stands on both sides (see `paired_values`), and intervals resample instructions as
`bootstrap` says. A level next to a gap is of the compared prompts, and so may differ from that of `levels`.
"""

from typing import Any

import polars as pl

from crosstune.analysis.bootstrap import DRAWS, Interval
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import By
from crosstune.analysis.paired_values import Pair, PairedValues, paired_values
from crosstune.analysis.ratios import ratio_interval
from crosstune.analysis.tables import StudyTables

ENGLISH = "en"

_COMPARED = {"n": pl.Int64(), "n_left_out": pl.Int64(), "instructions": pl.Int64()}
_INTERVAL = {"low": pl.Float64(), "high": pl.Float64(), "method": pl.String()}

GAPS_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "configuration": pl.String(),
        "language": pl.String(),
        **_COMPARED,
        "english": pl.Float64(),
        "level": pl.Float64(),
        "gap": pl.Float64(),
        **_INTERVAL,
    }
)

RETENTION_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "configuration": pl.String(),
        "base": pl.String(),
        "language": pl.String(),
        **_COMPARED,
        "base_level": pl.Float64(),
        "level": pl.Float64(),
        "difference": pl.Float64(),
        **_INTERVAL,
        "ratio": pl.Float64(),
        "ratio_low": pl.Float64(),
        "ratio_high": pl.Float64(),
        "ratio_method": pl.String(),
        "why_no_ratio": pl.String(),
    }
)


def transfer_gaps(
    tables: StudyTables,
    facet: str,
    *,
    by: By = "configuration",
    rater: str | None = None,
    english: str = ENGLISH,
    seed: int = 0,
    draws: int = DRAWS,
) -> pl.DataFrame:
    """English minus each other language, for each configuration, then minus their mean (null language).

    Args:
        tables: the study.
        facet: what is rated.
        by: configurations, or runs.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        english: the language that is compared with, as its code.
        seed: of the resamples.
        draws: number of resamples.

    Returns:
        `GAPS_SCHEMA`, its column `configuration` named after `by`. `n` prompts have a value in both languages and
        `n_left_out` in one only. `gap` is null where `n` is 0. A mean is over languages, each counting the same, and
        null unless all have a value. No rows when nothing is asked in English, or in English alone.
    """
    values = paired_values(tables, facet, by=by, rater=rater, seed=seed, draws=draws)
    rows: list[dict[str, Any]] = []
    if values is not None and english in values.languages:
        others = [position for position, code in enumerate(values.languages) if code != english]
        for unit, pair in zip(values.units, values.english_pairs(english), strict=True) if others else ():
            for language, positions in _languages(values, others):
                gap = pair.difference(positions)
                of_english, level = pair.levels(positions)
                if language is not None and gap.estimate is None and not _has_any(pair, positions):
                    continue
                rows.append(
                    {
                        "facet": facet,
                        "rater": values.rater,
                        "configuration": unit,
                        "language": language,
                        **_compared(pair, positions, gap),
                        "english": of_english,
                        "level": level,
                        "gap": gap.estimate,
                        "low": gap.low,
                        "high": gap.high,
                        "method": gap.method,
                    }
                )
    return pl.DataFrame(rows, schema=GAPS_SCHEMA, orient="row").rename({"configuration": by})


def retention(
    tables: StudyTables, facet: str, *, rater: str | None = None, seed: int = 0, draws: int = DRAWS
) -> pl.DataFrame:
    """Each tuned configuration against its own untuned base model, in each language, then in their mean.

    Args:
        tables: the study.
        facet: what is rated.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        seed: of the resamples.
        draws: number of resamples.

    Returns:
        `RETENTION_SCHEMA`. `base` is the label of the base model's configuration; where several differ in how they
        answer, it is the one with the same settings. `ratio` is tuned over base; `why_no_ratio` is `base_is_zero`,
        `no_true_zero` (the facet's scale does not start at 0) or `nothing_compared`. A configuration whose base model
        has no scores has no rows.
    """
    values = paired_values(tables, facet, rater=rater, seed=seed, draws=draws)
    rows: list[dict[str, Any]] = []
    if values is None:
        return pl.DataFrame(schema=RETENTION_SCHEMA)
    found = configurations(tables.cells)
    with_base = [(item.label, own.label) for item in found if (own := base_of(item, found)) is not None]
    compared = [labels for labels in with_base if {*labels} <= {*values.units}]
    for (tuned, base), pair in zip(compared, values.pairs(compared), strict=True):
        for language, positions in _languages(values, list(range(len(values.languages)))):
            if _has_any(pair, positions):
                key = {"configuration": tuned, "base": base, "language": language}
                rows.append({"facet": facet, "rater": values.rater, **key, **_retained(values, pair, positions)})
    return pl.DataFrame(rows, schema=RETENTION_SCHEMA, orient="row")


def base_of(tuned: Configuration, found: list[Configuration]) -> Configuration | None:
    """The untuned configuration that a tuned one is to be compared with; None where there is none, or it is one."""
    if not tuned.tuned:
        return None
    for base in found:
        same_settings = all(tuned.further.get(axis) == value for axis, value in base.further.items())
        if not base.tuned and not base.api and base.base_model == tuned.base_model and same_settings:
            return base
    return None


def _retained(values: PairedValues, pair: Pair, positions: list[int]) -> dict[str, Any]:
    difference = pair.difference(positions)
    tuned, base = pair.coefficients(1.0, 0.0, positions), pair.coefficients(0.0, 1.0, positions)
    level, base_level = pair.levels(positions)
    lowest = values.scale[0] if values.scale else facet_of(values.facet).lowest
    why = None
    if difference.estimate is None:
        why = "nothing_compared"
    elif lowest != 0:
        why = "no_true_zero"
    elif base_level == 0:
        why = "base_is_zero"
    ratio = Interval(None, None, None, "none", difference.clusters)
    if why is None:
        ratio = ratio_interval(pair.sides, tuned, base)
    return {
        **_compared(pair, positions, difference),
        "base_level": base_level,
        "level": level,
        "difference": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "method": difference.method,
        "ratio": ratio.estimate,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "ratio_method": ratio.method,
        "why_no_ratio": why,
    }


def _languages(values: PairedValues, positions: list[int]) -> list[tuple[str | None, list[int]]]:
    """Each language, then all together."""
    return [*((values.languages[position], [position]) for position in positions), (None, positions)]


def _has_any(pair: Pair, positions: list[int]) -> bool:
    return sum(pair.counts(positions)) > 0


def _compared(pair: Pair, positions: list[int], interval: Interval) -> dict[str, int]:
    n, left_out = pair.counts(positions)
    return {"n": n, "n_left_out": left_out, "instructions": interval.clusters}
