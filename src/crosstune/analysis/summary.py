"""Levels of any scores by any columns, with analytic intervals that take the answers to one prompt together.

For a study, whose cells are compared with one another, `levels` resamples. Here cells stand alone and may be many, so
that intervals come from formulas; both give nearly the same.

A level is a ratio of two sums over prompts, of values and of their number. Its standard error is that of a linearised
ratio of cluster totals (Cochran, Sampling Techniques, 1977, chapter 6; Cameron & Miller, A Practitioner's Guide to
Cluster-Robust Inference, Journal of Human Resources 50 (2015)), times the square root of J/(J-1) for J prompts.

    adjusted   On a known scale: Wilson's score interval (JASA 22 (1927)) with the effective number of answers, that is
               how many independent ones would have this standard error, made smaller for few prompts by the square of
               the normal over Student's quantile (Korn & Graubard, Survey Methodology 24 (1998), 193-201;
               Dean & Pagano, Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys,
               Journal of Survey Statistics and Methodology 3 (2015), 484-503). Theirs is the quantile for the number of
               answers, ours the normal one, so that an answer given twice adds nothing. As with them, answers that
               differ within a prompt more than by chance are not counted for more than there are.
    score      Where fewer than five prompts carry the variation, as when all answers are right: Wilson's with as many
               trials as prompts, as in `bootstrap`.
    student    On an open scale: the level and Student's quantile times the standard error.
    none       Fewer than five prompts, or an open scale and fewer than five that carry the variation.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crosstune.analysis.bootstrap import CONFIDENCE, LEAST_CARRYING, LEAST_CLUSTERS, student_quantile
from crosstune.analysis.facets import FACETS, facet, scale_of
from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.records import MODIFIER_SIGN

Array = NDArray[np.float64]

BY = ("model", "language")

_CALLED = {"model": "run", "id": "prompt_id"}
"""What scores call what the columns of answers call otherwise."""
_ANSWER = ("run", "prompt_id", "language", "requested_language")
"""What tells answers apart; two that agree in these are repetitions."""
_METHODS = np.array(["none", "student", "score", "adjusted"])


def summary(scores: pl.DataFrame | pl.LazyFrame, by: Sequence[str] = BY, *, cluster: str = "prompt_id") -> pl.DataFrame:
    """How high each cell stands in each facet, how sure that is, and what has no value.

    Args:
        scores: as `crosstune.score` gives them, or those of a study.
        by: columns whose values make a cell, beside facet and rater; `model` is the column `run` of scores.
        cluster: the column in which answers agree that are not independent. Of prompts' ids, what follows a `+` (the
            names of modifiers) is left out, so that all versions of an instruction are one.

    Returns:
        The columns of `by`, then facet, rater, n (answers that the facet is asked of), n_scored (with a value),
        clusters (with a value), level (the mean; null without a value), low and high (95 % interval), method,
        reasons (a list of reason and count, for those without a value). Ordered by cells, then facets, languages and
        facets in the order of their tables.

    Raises:
        InvalidData: there is no such column.
    """
    frame = scores.lazy()
    names = frame.collect_schema().names()
    keys, renamed = grouping(by, names)
    for name in (cluster, "facet", "rater", "value", "reason"):
        if name not in names:
            raise InvalidData(f"the scores have no column '{name}'", hint=did_you_mean(name, names))
    frame = frame.select({*keys, *(set(names) & set(_ANSWER)), cluster, "facet", "rater", "value", "reason"})
    # One facet after the other: of many scores, only so much is in memory at once.
    order = {name: place for place, name in enumerate(FACETS)}
    found = frame.select(pl.col("facet").unique()).collect()["facet"].to_list()
    parts = [
        _facet_summary(frame.filter(pl.col("facet") == name), name, keys, cluster)
        for name in sorted(found, key=lambda name: (order.get(name, len(order)), name))
    ]
    if not parts:
        empty = frame.filter(pl.lit(value=False))
        parts = [_facet_summary(empty, "", keys, cluster)]
    whole = pl.concat(parts).with_row_index("_place")
    return whole.sort([*map(_order, keys), *keys, "_place"], nulls_last=True).drop("_place").rename(renamed)


def grouping(by: Sequence[str], names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The columns that scores are grouped by, and which of them are called otherwise in what comes out.

    Args:
        by: as in `summary`.
        names: the columns of the scores.

    Raises:
        InvalidData: there is no such column.
    """
    keys = []
    renamed: dict[str, str] = {}
    for name in dict.fromkeys(by):
        key = _CALLED.get(name, name) if name not in names else name
        if key not in names:
            raise InvalidData(f"the scores have no column '{name}'", hint=did_you_mean(name, names))
        if key not in keys and key not in ("facet", "rater"):
            keys.append(key)
            renamed |= {key: name} if key != name else {}
    return keys, renamed


def _order(name: str) -> pl.Expr:
    """Languages in the order of their table; other columns by their values alone."""
    if name not in ("language", "requested_language"):
        return pl.col(name)
    order = {code: place for place, code in enumerate(languages())}
    return pl.col(name).replace_strict(order, default=len(order), return_dtype=pl.Int64())


def _facet_summary(scores: pl.LazyFrame, name: str, keys: list[str], cluster: str) -> pl.DataFrame:
    cell = [*keys, "rater"]
    frame = scores.select(
        *{*keys, *(set(_ANSWER) & set(scores.collect_schema().names())), "rater", "value", "reason"},
        (pl.col(cluster).str.splitn(MODIFIER_SIGN, 2).struct[0] if cluster == "prompt_id" else pl.col(cluster)).alias(
            "_cluster"
        ),
    ).collect()
    counts = frame.group_by(cell, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col("value").count().cast(pl.Int64).alias("n_scored")
    )
    reasons = (
        frame.filter(pl.col("reason").is_not_null())
        .group_by(*cell, "reason")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .sort("reason")
        .group_by(cell, maintain_order=True)
        .agg(pl.struct("reason", "count").alias("reasons"))
    )
    scales = {scale_of(name, str(rater), part["value"]) for (rater,), part in frame.group_by("rater")}
    scale = scales.pop() if len(scales) == 1 else None
    levels = _with_intervals(_cells(frame, cell), scale, facet(name).lowest)
    joined = counts.join(levels, on=cell, how="left", nulls_equal=True, maintain_order="left").join(
        reasons, on=cell, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.select(
        *keys,
        pl.lit(name).alias("facet"),
        "rater",
        "n",
        "n_scored",
        pl.col("clusters").fill_null(0),
        "level",
        "low",
        "high",
        pl.col("method").fill_null("none"),
        pl.col("reasons").fill_null(pl.lit([], dtype=pl.List(pl.Struct({"reason": pl.String(), "count": pl.Int64()})))),
    )


def _cells(frame: pl.DataFrame, cell: list[str]) -> pl.DataFrame:
    """Per cell: clusters, level, standard error squared, clusters that carry the variation, variance of a mean of as
    many independent values as there are different answers."""
    value = pl.col("value")
    told_apart = list(dict.fromkeys([*cell, "_cluster", *(name for name in _ANSWER if name in frame.columns)]))
    answers = (
        frame.filter(value.is_not_null())
        .group_by(told_apart, maintain_order=True)
        .agg(value.sum().alias("sum"), (value**2).sum().alias("squares"), pl.len().cast(pl.Float64).alias("count"))
    )
    clusters = answers.group_by(*cell, "_cluster", maintain_order=True).agg(
        pl.col("sum", "squares", "count").sum(), pl.len().alias("answers")
    )
    # What a cluster adds to a level, to first order.
    contribution = (pl.col("sum") - pl.col("count") * pl.col("level")) / pl.col("count").sum().over(cell)
    squared = pl.when(contribution.abs() < 1e-12).then(0.0).otherwise(contribution) ** 2  # rounding leaves dust
    return (
        clusters.with_columns((pl.col("sum").sum() / pl.col("count").sum()).over(cell).alias("level"))
        .with_columns(squared.alias("squared"))
        .group_by(cell, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("clusters"),
            pl.col("level").first(),
            pl.col("squared").sum().alias("total"),
            (pl.col("squared") ** 2).sum().alias("total_squared"),
            (pl.col("squares").sum() / pl.col("count").sum()).alias("mean_square"),
            pl.col("answers").sum(),
        )
        .with_columns(
            (pl.col("total") * pl.col("clusters") / (pl.col("clusters") - 1)).alias("variance"),
            pl.when(pl.col("total") > 0)
            .then(pl.col("total") ** 2 / pl.col("total_squared"))
            .otherwise(0.0)
            .alias("carrying"),
            ((pl.col("mean_square") - pl.col("level") ** 2).clip(0.0) / pl.col("answers")).alias("least_variance"),
        )
    )


def _with_intervals(cells: pl.DataFrame, scale: tuple[float, float] | None, lowest: float | None) -> pl.DataFrame:
    level, clusters = (cells[name].to_numpy().astype(np.float64) for name in ("level", "clusters"))
    variance = np.maximum(cells["variance"].to_numpy(), cells["least_variance"].to_numpy())
    few = cells["carrying"].to_numpy() < LEAST_CARRYING
    enough = clusters >= LEAST_CLUSTERS
    normal = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    degrees, position = np.unique(np.where(enough, clusters - 1, LEAST_CLUSTERS), return_inverse=True)
    student = np.array([student_quantile((1 + CONFIDENCE) / 2, int(each)) for each in degrees])[position]
    if scale is None:
        half = student * np.sqrt(np.where(enough, variance, 0.0))
        low, high = level - half, level + half
        if lowest is not None:
            low = np.maximum(low, lowest)
        method = np.where(enough & ~few, 1, 0)
    else:
        bottom, width = scale[0], scale[1] - scale[0]
        share = np.clip((level - bottom) / width, 0.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            trials = share * (1 - share) * width**2 / variance * (normal / student) ** 2
        trials = np.where(few, clusters, trials)
        low, high = _wilson(share, np.where(enough, trials, 1.0), normal)
        low, high = bottom + low * width, bottom + high * width
        method = np.where(enough, np.where(few, 2, 3), 0)
    return cells.select(
        *[name for name in cells.columns if name not in _WORKED_OUT],
        pl.Series("low", low).set(pl.Series(method == 0), None),
        pl.Series("high", high).set(pl.Series(method == 0), None),
        pl.Series("method", _METHODS[method], dtype=pl.String()),
    )


_WORKED_OUT = ("total", "total_squared", "mean_square", "answers", "variance", "carrying", "least_variance")


def _wilson(share: Array, trials: Array, z: float) -> tuple[Array, Array]:
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return np.minimum(share, np.clip(centre - half, 0.0, 1.0)), np.maximum(share, np.clip(centre + half, 0.0, 1.0))
