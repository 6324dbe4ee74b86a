"""Levels by what was asked: task, set, tag, modifier, region and script, and where a configuration is weakest.

task, set   of the prompt
tag         each of a prompt's tags; a prompt with several counts under each
modifier    what was added to the instruction, `none` for the plain one; several together are one group
region      what a question is about, for prompts whose tags say so: `about-fr`, `us-centric`
script      how the requested language is written, as its ISO 15924 code
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import DRAWS, ClusterBootstrap, resamples
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.facets import scale_of
from crosstune.analysis.levels import facet_scores, in_table_order
from crosstune.analysis.summary import summary
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages as language_table

Kind = Literal["task", "set", "tag", "modifier", "region", "script"]
KINDS: tuple[Kind, ...] = ("task", "set", "tag", "modifier", "region", "script")
PLACE_TAG = "about-"
"""How tags start that name a language whose countries a question is about."""
US_TAG = "us-centric"
NO_MODIFIER = "none"
LEAST_ANSWERS = 5
"""A weak spot rests on at least so many rated answers on either side."""

WEAK_SPOTS_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "configuration": pl.String(),
        "language": pl.String(),
        "kind": pl.String(),
        "group": pl.String(),
        "n_scored": pl.Int64(),
        "instructions": pl.Int64(),
        "level": pl.Float64(),
        "rest_level": pl.Float64(),
        "difference": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
    }
)


def grouped_scores(tables: StudyTables, facet: str, kind: Kind, *, rater: str | None = None) -> pl.DataFrame:
    """The scores of a facet with the column `group`; one row for each group that an answer's prompt belongs to.

    Of prompts that want an answer in their own language, and for modifiers also of those that want another. Answers
    whose prompt belongs to no group have no row.
    """
    scores = facet_scores(tables, facet, rater=rater)
    if kind == "modifier":
        across = facet_scores(tables, facet, rater=rater, asked="another-language")
        scores = pl.concat([scores, across])
        modifiers = pl.col("prompt_id").str.extract(r"\+(.*)$")
        return scores.with_columns(modifiers.fill_null(NO_MODIFIER).alias("group"))
    if kind == "script":
        scripts = {code: entry.script for code, entry in language_table().items()}
        script = pl.col("requested_language").replace_strict(scripts, default=None, return_dtype=pl.String())
        return scores.with_columns(script.alias("group")).filter(pl.col("group").is_not_null())
    prompts = tables.prompts.rename({"id": "prompt_id"})
    if kind in ("task", "set"):
        groups = prompts.select("prompt_id", "language", pl.col(kind).alias("group"))
    else:
        tagged = prompts.select("prompt_id", "language", pl.col("tags").alias("group")).explode("group")
        is_place = pl.col("group").str.starts_with(PLACE_TAG)
        # `us-centric` is both: a place, and a way of asking that tags of prompts of all kinds tell.
        wanted = is_place | (pl.col("group") == US_TAG) if kind == "region" else ~is_place
        groups = tagged.filter(pl.col("group").is_not_null() & wanted)
    return scores.join(groups.unique(), on=["prompt_id", "language"], how="inner", maintain_order="left")


def breakdown(
    tables: StudyTables,
    facet: str,
    kind: Kind,
    *,
    by: Sequence[str] = ("configuration", "language"),
    rater: str | None = None,
) -> pl.DataFrame:
    """Levels by group, within the cells of some columns, with the intervals of `summary`.

    Args:
        tables: the study.
        facet: what is rated.
        kind: of groups.
        by: other columns of the scores; none gives one row a group.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.

    Returns:
        As `summary.summary`, with the column `group` after those of `by`. Without rows where no prompt has such groups.

    Raises:
        InvalidData: there is no such kind or column.
    """
    if kind not in KINDS:
        raise InvalidData(f"there is no breakdown by '{kind}'", hint=did_you_mean(kind, KINDS))
    return summary(grouped_scores(tables, facet, kind, rater=rater), [*by, "group"])


def weak_spots(
    tables: StudyTables,
    facet: str,
    configuration: str,
    *,
    kinds: Sequence[Kind] = KINDS,
    rater: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> pl.DataFrame:
    """Where one configuration is worse than it is otherwise: each group against all its other answers.

    Intervals resample instructions, with all their answers on both sides, so that an instruction with and without a
    modifier is compared with itself. Groups are many, and a few will look weak by chance; see how far an interval is
    from 0.

    Args:
        tables: the study.
        facet: what is rated.
        configuration: its label.
        kinds: of groups to look at.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        seed: of the resamples.
        draws: number of resamples.

    Returns:
        `WEAK_SPOTS_SCHEMA`: a row for each language (null: all of them together) and group with at least
        `LEAST_ANSWERS` rated answers in it and outside; scripts only over all languages. Weakest first; where neither
        high nor low is better, lowest first.
    """
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        grouped = grouped_scores(tables, facet, kind, rater=rater).filter(
            pl.col("configuration") == configuration, pl.col("value").is_not_null()
        )
        if grouped.is_empty():
            continue
        wide = kind == "script"
        # Prompts without a tag are among all others; every prompt has one task, set, modifier and script.
        whole = grouped
        if kind in ("tag", "region"):
            whole = facet_scores(tables, facet, rater=rater).filter(
                pl.col("configuration") == configuration, pl.col("value").is_not_null()
            )
        for language in [None] if wide else [*in_table_order(grouped["language"].to_list()), None]:
            mine = grouped if language is None else grouped.filter(pl.col("language") == language)
            key = {"facet": facet, "configuration": configuration, "language": language, "kind": kind}
            rest = whole if language is None else whole.filter(pl.col("language") == language)
            rows += [{**key, **row} for row in _against_the_rest(mine, rest, facet, seed, draws)]
    lower_is_better = facet_of(facet).better == "lower"
    rows.sort(key=lambda row: (-row["difference"] if lower_is_better else row["difference"], row["kind"], row["group"]))
    return pl.DataFrame(rows, schema=WEAK_SPOTS_SCHEMA, orient="row")


def _against_the_rest(
    grouped: pl.DataFrame, whole: pl.DataFrame, facet: str, seed: int, draws: int
) -> list[dict[str, Any]]:
    """Each group of answers against all others of the whole, which has every answer once."""
    names = sorted(whole["instruction"].unique())
    groups = sorted(grouped["group"].unique())
    place = {name: number for number, name in enumerate(names)}
    sums, counts = (np.zeros((len(names), 2 * len(groups))) for _ in range(2))
    totals = whole.group_by("instruction").agg(pl.col("value").sum().alias("sum"), pl.len().alias("count"))
    for name, total, count in totals.select("instruction", "sum", "count").iter_rows():
        sums[place[name], len(groups) :], counts[place[name], len(groups) :] = total, count
    each = grouped.group_by("instruction", "group").agg(pl.col("value").sum().alias("sum"), pl.len().alias("count"))
    for name, group, total, count in each.select("instruction", "group", "sum", "count").iter_rows():
        column = groups.index(group)
        sums[place[name], column], counts[place[name], column] = total, count
    sums[:, len(groups) :] -= sums[:, : len(groups)]
    counts[:, len(groups) :] -= counts[:, : len(groups)]
    bootstrap = ClusterBootstrap(
        sums,
        counts,
        weights=resamples(len(names), np.random.default_rng(seed), draws),
        scale=scale_of(facet, whole["rater"][0], whole["value"]),
    )
    rows = []
    for number, group in enumerate(groups):
        rest = len(groups) + number
        size = counts.sum(axis=0)
        if min(size[number], size[rest]) < LEAST_ANSWERS:
            continue
        weights = np.zeros(2 * len(groups))
        weights[number], weights[rest] = 1.0, -1.0
        interval = bootstrap.interval(weights)
        rows.append(
            {
                "rater": whole["rater"][0],
                "group": group,
                "n_scored": int(size[number]),
                "instructions": int((counts[:, number] > 0).sum()),
                "level": float(bootstrap.levels[number]),
                "rest_level": float(bootstrap.levels[rest]),
                "difference": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "method": interval.method,
            }
        )
    return rows
