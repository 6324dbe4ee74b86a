"""How far judges, people and measures agree in rating the same answers, and how sure that is.

Intervals resample instructions, because the answers to one instruction are not independent; Krippendorff's own
bootstrap draws pairs of values instead, as if they were. As in `bootstrap`, quantiles are moved outwards for few
instructions (Hesterberg 2015), and resampling is not trusted where it rests on fewer than five instructions: raters
who agree about everything would resample to perfect agreement without any doubt. What is trusted there is Wilson's
score interval of the observed disagreement, as a share of the largest possible one and with as many trials as
instructions; the disagreement that chance would give is then taken as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crosstune.analysis.agreement_measures import (
    Alpha,
    Array,
    ExactAgreement,
    Integers,
    Kappa,
    Level,
    Measure,
    Weights,
    agreements,
)
from crosstune.analysis.bootstrap import DRAWS, LEAST_CARRYING, LEAST_CLUSTERS, Interval, expanded_tail, score_interval
from crosstune.analysis.facets import FACETS
from crosstune.analysis.levels import in_table_order
from crosstune.errors import InvalidData, did_you_mean
from crosstune.records import instruction_of

ALL = "all"
"""Stands for all languages, and for all raters."""

AGREEMENT_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "requested_language": pl.String(),
        "first": pl.String(),
        "second": pl.String(),
        "raters": pl.Int64(),
        "n": pl.Int64(),
        "n_left_out": pl.Int64(),
        "instructions": pl.Int64(),
        "alpha": pl.Float64(),
        "alpha_low": pl.Float64(),
        "alpha_high": pl.Float64(),
        "alpha_method": pl.String(),
        "kappa": pl.Float64(),
        "kappa_low": pl.Float64(),
        "kappa_high": pl.Float64(),
        "kappa_method": pl.String(),
        "exact": pl.Float64(),
        "exact_low": pl.Float64(),
        "exact_high": pl.Float64(),
        "exact_method": pl.String(),
    }
)
"""One row for raters (a pair, or `all`) rating a facet of the answers wanted in a language (or in `all`)."""

_ANSWER = ["run", "prompt_id", "language", "requested_language"]
_NOTHING = Interval(None, None, None, "none", 0)


@dataclass(frozen=True)
class _Ratings:
    """One facet's values, with answers in a fixed order."""

    values: Array
    """NaN where there is none; raters × answers."""
    asked: NDArray[np.bool_]
    """Whether a rater has a row of an answer, be it a value or a reason; raters × answers."""
    languages: NDArray[np.str_]
    """The requested language of each answer."""
    clusters: Integers
    """The instruction of each answer, numbered in the order of their names."""


def agreement(
    scores: pl.DataFrame,
    raters: Sequence[str] | None = None,
    *,
    level: Level = "ordinal",
    weights: Weights = "quadratic",
    draws: int = DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """How far raters agree, for each facet, requested language and pair of raters, and for all raters together.

    Answers are the same when run, prompt, language and requested language are. A score with a reason instead of a
    value is left out and counted.

    Args:
        scores: columns of `records.Score`, rows in any order.
        raters: whose scores are compared; None takes all raters there are.
        level: of measurement, for Krippendorff's alpha.
        weights: of disagreements, for Cohen's kappa.
        draws: number of resamples.
        seed: of the resamples. A row's interval depends on its own scores and this alone.

    Returns:
        `AGREEMENT_SCHEMA`. `raters` have at least one of the values; `n` answers have at least two, and belong to so
        many `instructions`; `n_left_out` are answers that at least two raters have a row of, while fewer than two gave
        a value. `alpha` is Krippendorff's, `kappa` Cohen's weighted (of pairs only), `exact` the share of equal values
        (of more than two raters: of pairs of an answer's values, averaged over answers). They are null where undefined:
        without such answers, alpha and kappa also where all values are the same. 95 % intervals are null with fewer
        than five instructions; methods are those of `bootstrap.Interval`. Facets and languages are in the order of
        their tables, raters in the order given or by name, and what is about all of them comes first. Rows without an
        answer that two raters have a row of are not there.

        Values of `all` languages are pooled, so differences of level between languages count as something to agree on.

    Raises:
        InvalidData: a column is missing, a rater scored the same facet of an answer twice, or there is no such rater.
    """
    wanted = [*_ANSWER, "rater", "facet", "value"]
    missing = [name for name in wanted if name not in scores.columns]
    if missing:
        raise InvalidData(f"the scores have no column {', '.join(missing)}", hint=f"they have {scores.columns}")
    names = _known_raters(scores, raters)
    scores = scores.select(wanted).filter(pl.col("rater").is_in(names))
    repeated = scores.filter(pl.struct([*_ANSWER, "rater", "facet"]).is_duplicated())
    if not repeated.is_empty():
        raise InvalidData(
            f"{repeated['rater'][0]} scored {repeated['facet'][0]} of the same answer twice",
            where=f"run {repeated['run'][0]}, prompt {repeated['prompt_id'][0]}",
        )
    order = {name: place for place, name in enumerate(FACETS)}
    rows: list[dict[str, Any]] = []
    for facet in sorted(scores["facet"].unique(), key=lambda name: (order.get(name, len(order)), name)):
        of_facet = scores.filter(pl.col("facet") == facet)
        present = set(of_facet["rater"].unique())
        rating = [name for name in names if name in present]
        if len(rating) < 2:
            continue
        ratings = _ratings(of_facet, rating)
        for language, group, label in _cells(ratings, rating):
            row = _row(ratings, language, group, (level, weights, draws, seed))
            if row:
                key = {"facet": facet, "requested_language": language, "first": label[0], "second": label[1]}
                rows.append({**key, **row})
    return pl.DataFrame(rows, schema=AGREEMENT_SCHEMA, orient="row")


def agreement_interval(measure: Measure, clusters: int, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """A measure of agreement with its interval.

    Args:
        measure: of ratings in clusters.
        clusters: how many there are.
        draws: number of resamples.
        seed: of the resamples.

    Returns:
        No estimate where the measure is undefined, and no interval with fewer than five clusters.
    """
    whole = measure.disagreement(np.ones((1, clusters)))
    estimate = float(whole.agreement[0])
    if np.isnan(estimate):
        return Interval(None, None, None, "none", clusters)
    if clusters < LEAST_CLUSTERS:
        return Interval(estimate, None, None, "none", clusters)
    if _carrying(measure, clusters) >= LEAST_CARRYING:
        replicates = agreements(measure, _resamples(clusters, draws, seed))
        tail = expanded_tail(clusters)
        # A resample in which all values are the same has nothing to say.
        low, high = np.quantile(replicates[~np.isnan(replicates)], [tail, 1 - tail])
        return Interval(estimate, float(low), float(high), "bootstrap", clusters)
    scale = float(whole.largest[0] / whole.expected[0])
    share = min(1.0, float(whole.observed[0] / whole.largest[0]))
    least, most = score_interval(share, clusters)
    # Nothing is below -1, where values are as far apart as they can be.
    return Interval(estimate, min(estimate, max(-1.0, 1 - most * scale)), 1 - least * scale, "score", clusters)


def _carrying(measure: Measure, clusters: int) -> float:
    """How many clusters carry the variation (see `bootstrap`), by leaving out each in turn."""
    without = agreements(measure, 1 - np.eye(clusters))
    if np.isnan(without).any():  # one cluster alone holds all variation
        return 1.0
    contributions = without.mean() - without
    contributions[np.abs(contributions) < 1e-12] = 0.0  # rounding leaves dust
    squares = contributions**2
    return float(squares.sum() ** 2 / (squares**2).sum()) if squares.any() else 0.0


@lru_cache(maxsize=8)
def _resamples(clusters: int, draws: int, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)
    weights.flags.writeable = False
    return weights  # draws, clusters


def _known_raters(scores: pl.DataFrame, raters: Sequence[str] | None) -> list[str]:
    present = sorted(scores["rater"].unique())
    if raters is None:
        return present
    for name in raters:
        if name not in present:
            raise InvalidData(f"there are no scores by '{name}'", hint=did_you_mean(name, present))
    return list(dict.fromkeys(raters))


def _ratings(scores: pl.DataFrame, names: Sequence[str]) -> _Ratings:
    answers = scores.select(_ANSWER).unique().sort(_ANSWER).with_row_index("answer")
    placed = scores.join(answers, on=_ANSWER, how="left")
    places = {name: place for place, name in enumerate(names)}
    rows, columns = np.array([places[name] for name in placed["rater"]]), placed["answer"].to_numpy()
    asked = np.zeros((len(names), len(answers)), dtype=bool)
    asked[rows, columns] = True
    values = np.full(asked.shape, np.nan)
    values[rows, columns] = placed["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    values[np.isinf(values)] = np.nan  # no value on any scale
    _, clusters = np.unique([instruction_of(name) for name in answers["prompt_id"]], return_inverse=True)
    return _Ratings(values, asked, np.array(answers["requested_language"].to_list()), clusters.astype(np.int64))


def _cells(ratings: _Ratings, names: Sequence[str]) -> Iterator[tuple[str, list[int], tuple[str, str]]]:
    """Requested language, raters and what they are called, of each row there may be."""
    everyone = list(range(len(names)))
    for language in (ALL, *in_table_order(ratings.languages.tolist())):
        yield language, everyone, (ALL, ALL)
        for one, other in combinations(everyone, 2):
            yield language, [one, other], (names[one], names[other])


def _row(
    ratings: _Ratings, language: str, group: list[int], how: tuple[Level, Weights, int, int]
) -> dict[str, Any] | None:
    level, weights, draws, seed = how
    here = (ratings.asked[group].sum(axis=0) > 1) & ((language == ALL) | (ratings.languages == language))
    asked = int(here.sum())
    if not asked:
        return None
    here &= (~np.isnan(ratings.values[group])).sum(axis=0) > 1
    values = ratings.values[group][:, here]
    instructions, clusters = np.unique(ratings.clusters[here], return_inverse=True)
    clusters = clusters.astype(np.int64)
    intervals = {"alpha": _NOTHING, "kappa": _NOTHING, "exact": _NOTHING}
    if values.size:
        measures: dict[str, Measure] = {"alpha": Alpha(values, clusters, level)}
        if len(group) == 2:
            measures["kappa"] = Kappa(values[0], values[1], clusters, weights)
        measures["exact"] = ExactAgreement(values, clusters)
        for name, measure in measures.items():
            intervals[name] = agreement_interval(measure, len(instructions), draws=draws, seed=seed)
    row: dict[str, Any] = {
        "raters": int((~np.isnan(values)).any(axis=1).sum()),
        "n": int(here.sum()),
        "n_left_out": asked - int(here.sum()),
        "instructions": len(instructions),
    }
    for name, interval in intervals.items():
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
        row[f"{name}_method"] = interval.method
    return row
