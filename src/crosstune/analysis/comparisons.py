"""Configurations compared in pairs, on the same prompts: differences, how sure they are, and how many were compared.

Intervals are paired (see `paired_values`); p-values flip signs of instructions (see `significance`). The more pairs are
compared, the more differ by chance, so p-values are corrected by Holm's method: pairs' means over languages among
themselves, and pairs in single languages among all pairs in all languages.
"""

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import DRAWS, LEAST_CLUSTERS, Array
from crosstune.analysis.levels import By
from crosstune.analysis.paired_values import Pair, paired_values
from crosstune.analysis.significance import holm, sign_flip_p_values, smallest_difference
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData, did_you_mean

COMPARISONS_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "first": pl.String(),
        "second": pl.String(),
        "language": pl.String(),
        "n": pl.Int64(),
        "n_left_out": pl.Int64(),
        "instructions": pl.Int64(),
        "first_level": pl.Float64(),
        "second_level": pl.Float64(),
        "difference": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
        "p": pl.Float64(),
        "p_holm": pl.Float64(),
        "smallest_difference": pl.Float64(),
    }
)
"""One row a pair and language; a null language is the mean over languages, each counting the same."""


def compare_configurations(
    tables: StudyTables,
    facet: str,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    by: By = "configuration",
    rater: str | None = None,
    power: float = 0.8,
    seed: int = 0,
    draws: int = DRAWS,
) -> pl.DataFrame:
    """First minus second of each pair, in each language and in their mean.

    Args:
        tables: the study.
        facet: what is rated.
        pairs: labels of what to compare; None: all pairs, in the order of `configurations`.
        by: configurations, or runs.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        power: of `smallest_difference`.
        seed: of the resamples and of the flips.
        draws: number of resamples.

    Returns:
        `COMPARISONS_SCHEMA`. `n` prompts have a value under both, `n_left_out` under one only. `p` is two-sided and
        null with fewer than five instructions, `p_holm` is corrected. `smallest_difference` is the true difference that
        so many instructions, as different from one another as they are, are likely (`power`) to show when it alone is
        tested; null where fewer than two instructions differ from the rest.

    Raises:
        InvalidData: there is no such configuration.
    """
    values = paired_values(tables, facet, by=by, rater=rater, seed=seed, draws=draws)
    if values is None:
        return pl.DataFrame(schema=COMPARISONS_SCHEMA)
    for name in {name: None for pair in pairs or () for name in pair}:
        if name not in values.units:
            raise InvalidData(f"there are no scores of '{name}'", hint=did_you_mean(name, values.units))
    rows: list[dict[str, Any]] = []
    contributions: list[Array] = []
    everything = list(range(len(values.languages)))
    wanted = list(combinations(values.units, 2) if pairs is None else pairs)
    for (first, second), pair in zip(wanted, values.pairs(wanted), strict=True):
        for language, positions in [
            *((code, [position]) for position, code in enumerate(values.languages)),
            (None, everything),
        ]:
            n, left_out = pair.counts(positions)
            if not n and not left_out:
                continue
            by_instruction = pair.by_instruction(positions)
            key = {"facet": facet, "rater": values.rater, "first": first, "second": second, "language": language}
            rows.append({**key, "n": n, "n_left_out": left_out, **_difference(pair, positions, power)})
            enough = rows[-1]["instructions"] >= LEAST_CLUSTERS
            contributions.append(by_instruction if enough else np.full_like(by_instruction, np.nan))
    if not rows:
        return pl.DataFrame(schema=COMPARISONS_SCHEMA)
    p_values = sign_flip_p_values(np.stack(contributions, axis=1), generator=np.random.default_rng(seed))
    for row, p in zip(rows, p_values, strict=True):
        row["p"] = None if np.isnan(p) else float(p)
    for family in (True, False):
        members = [row for row in rows if (row["language"] is None) == family]
        for row, corrected in zip(members, holm([row["p"] for row in members]), strict=True):
            row["p_holm"] = corrected
    return pl.DataFrame(rows, schema=COMPARISONS_SCHEMA, orient="row")


def _difference(pair: Pair, positions: list[int], power: float) -> dict[str, Any]:
    interval = pair.difference(positions)
    first, second = pair.levels(positions)
    smallest = None
    if interval.estimate is not None and interval.clusters >= LEAST_CLUSTERS:
        apart = pair.contributions(positions)
        if (np.abs(apart) > 1e-12).sum() > 1:
            # √n times the standard error of a linearised ratio of sums over n instructions, as in `summary`.
            spread = sqrt(float((apart**2).sum()) / (interval.clusters - 1)) * interval.clusters
            smallest = smallest_difference(interval.clusters, standard_deviation=spread, power=power)
    return {
        "instructions": interval.clusters,
        "first_level": first,
        "second_level": second,
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "method": interval.method,
        "smallest_difference": smallest,
    }
