"""How high each run or configuration stands in each language, how sure that is, and what could not be rated.

A level is the mean over rated answers; answers without a value are counted beside by reason and never enter as zeros.
Main levels are of answers that should be in the language of their prompt. Prompts that ask for an answer in another
language are a task of their own (`asked="another-language"`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crosstune.analysis.bootstrap import ClusterBootstrap, Interval
from crosstune.analysis.configurations import configurations
from crosstune.analysis.facets import scale_of
from crosstune.analysis.tables import StudyTables
from crosstune.languages import languages as language_table
from crosstune.records import instruction_of

By = Literal["run", "configuration"]
Asked = Literal["same-language", "another-language"]

_PANEL = "judge:panel"

LEVELS_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "run": pl.String(),
        "language": pl.String(),
        "requested_language": pl.String(),
        "n": pl.Int64(),
        "n_scored": pl.Int64(),
        "instructions": pl.Int64(),
        "reasons": pl.List(pl.Struct({"reason": pl.String(), "count": pl.Int64()})),
        "level": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
    }
)
"""`run` is `configuration` in levels by configuration, and `language` is null in means over languages."""


def in_table_order(codes: Sequence[str]) -> list[str]:
    """Language codes in the order of the table of languages, unknown ones last."""
    order = {code: position for position, code in enumerate(language_table())}
    return sorted(set(codes), key=lambda code: (order.get(code, len(order)), code))


def choose_rater(tables: StudyTables, facet: str) -> str | None:
    """Whose scores of a facet are used: its first measure's, else the panel's of several judges, else the first rater's
    by name; None without scores."""
    return choose_rater_of(tables.scores, facet)


def choose_rater_of(scores: pl.DataFrame, facet: str) -> str | None:
    """As `choose_rater`, from scores alone."""
    raters = scores.filter(pl.col("facet") == facet)["rater"].unique().to_list()
    return min(raters, key=lambda name: (not name.startswith("scorer:"), name != _PANEL, name), default=None)


def facet_scores(
    tables: StudyTables, facet: str, *, rater: str | None = None, asked: Asked = "same-language"
) -> pl.DataFrame:
    """The scores of one facet by one rater, with the columns `instruction` and `configuration` added."""
    labels = {run: item.label for item in configurations(tables.cells) for run in item.runs}
    same = pl.col("language") == pl.col("requested_language")
    ids = tables.scores["prompt_id"].unique().to_list()
    return tables.scores.filter(
        pl.col("facet") == facet,
        pl.col("rater") == (rater or choose_rater(tables, facet) or ""),
        same if asked == "same-language" else ~same,
    ).with_columns(
        pl.col("prompt_id")
        .replace_strict({name: instruction_of(name) for name in ids}, return_dtype=pl.String())
        .alias("instruction"),
        pl.col("run").replace_strict(labels, return_dtype=pl.String()).alias("configuration"),
    )


@dataclass(frozen=True)
class LevelGrid:
    """Scores of one facet laid out for the bootstrap: units (runs or configurations) × languages."""

    facet: str
    rater: str
    units: tuple[str, ...]
    languages: tuple[tuple[str, str], ...]
    """Pairs of prompt language and requested language."""
    bootstrap: ClusterBootstrap
    """Its cells are units × languages, the language running fastest."""
    instructions: int
    """Instructions with a rated answer."""
    rows: dict[tuple[str, str, str], dict[str, Any]]
    """(unit, language, requested language) to `n`, `n_scored` and `reasons`."""

    def cell(self, unit: str, language: tuple[str, str]) -> int:
        """Position of a unit's level in a language."""
        return self.units.index(unit) * len(self.languages) + self.languages.index(language)

    def coefficients(self, *parts: tuple[float, str, tuple[str, str] | None]) -> NDArray[np.float64]:
        """A weighted sum of levels.

        Args:
            parts: weight, unit and language; language None is the mean over all languages.
        """
        weights = np.zeros(len(self.units) * len(self.languages))
        for weight, unit, language in parts:
            chosen = self.languages if language is None else (language,)
            for one in chosen:
                weights[self.cell(unit, one)] += weight / len(chosen)
        return weights

    def level(self, unit: str, language: tuple[str, str] | None) -> Interval:
        """The level of a unit in a language, or its mean over all languages, each counting the same."""
        return self.bootstrap.interval(self.coefficients((1.0, unit, language)))


def level_grid(
    tables: StudyTables,
    facet: str,
    *,
    by: By = "configuration",
    rater: str | None = None,
    asked: Asked = "same-language",
    instructions: Sequence[str] | None = None,
    seed: int = 0,
) -> LevelGrid | None:
    """Lays out a facet's scores; None when it has none.

    Args:
        tables: the study.
        facet: what is rated.
        by: one row a run, or all seeds of a configuration together.
        rater: whose scores; None takes `choose_rater`.
        asked: prompts that want the answer in their own language, or in another.
        instructions: what is resampled; None: those with a score. Facets that are compared need the same.
        seed: of the resamples.
    """
    scores = facet_scores(tables, facet, rater=rater, asked=asked)
    if scores.is_empty():
        return None
    units = _unit_names(tables, by, set(scores[by]))
    pairs = set(scores.select("language", "requested_language").iter_rows())
    order = in_table_order([code for pair in pairs for code in pair])
    languages = sorted(pairs, key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
    if instructions is None:
        instructions = sorted(set(scores["instruction"]))
    cell_of = {
        (unit, *pair): i * len(languages) + j for i, unit in enumerate(units) for j, pair in enumerate(languages)
    }
    cluster_of = {name: position for position, name in enumerate(instructions)}

    sums = np.zeros((len(instructions), len(units) * len(languages)))
    counts = np.zeros_like(sums)
    grouped = (
        scores.filter(pl.col("value").is_not_null())
        .group_by("instruction", by, "language", "requested_language")
        .agg(pl.col("value").sum(), pl.len().alias("count"))
    )
    for name, unit, language, requested, total, count in grouped.iter_rows():
        position = cluster_of[name], cell_of[unit, language, requested]
        sums[position], counts[position] = total, count

    return LevelGrid(
        facet=facet,
        rater=scores["rater"][0],
        units=tuple(units),
        languages=tuple(languages),
        bootstrap=ClusterBootstrap(
            sums,
            counts,
            generator=np.random.default_rng(seed),
            scale=scale_of(facet, scores["rater"][0], scores["value"]),
        ),
        instructions=int(counts.any(axis=1).sum()),
        rows=_counts(scores, by),
    )


def _unit_names(tables: StudyTables, by: By, present: set[str]) -> list[str]:
    found = configurations(tables.cells)
    names = [item.label for item in found] if by == "configuration" else [run for item in found for run in item.runs]
    return [name for name in names if name in present]


def _counts(scores: pl.DataFrame, by: By) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    grouped = scores.group_by(by, "language", "requested_language", "reason").agg(pl.len()).sort("reason")
    for unit, language, requested, reason, count in grouped.iter_rows():
        row = rows.setdefault((unit, language, requested), {"n": 0, "n_scored": 0, "reasons": []})
        row["n"] += count
        if reason is None:
            row["n_scored"] += count
        else:
            row["reasons"].append({"reason": reason, "count": count})
    return rows


def levels(
    tables: StudyTables,
    facet: str,
    *,
    by: By = "run",
    rater: str | None = None,
    asked: Asked = "same-language",
    seed: int = 0,
) -> pl.DataFrame:
    """Levels by run (or configuration) and language, with 95 % intervals.

    Args:
        tables: the study.
        facet: what is rated, such as `correct_language`.
        by: one row a run, or one a configuration with its seeds together.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        asked: prompts that want the answer in their own language, or in another.
        seed: of the resamples.

    Returns:
        `LEVELS_SCHEMA`, its column `run` named after `by`. `n` answers were asked for, `n_scored` have a value
        and `reasons` says why the others have none. `level` is null where `n_scored` is 0; `low` and `high` also
        where there are too few instructions for an interval. Base models first, then by the axes of the grid;
        languages in the order of the language table.
    """
    return level_frame(level_grid(tables, facet, by=by, rater=rater, asked=asked, seed=seed), by)


def mean_levels(
    tables: StudyTables, facet: str, *, by: By = "run", rater: str | None = None, seed: int = 0
) -> pl.DataFrame:
    """Means over languages, each language counting the same; otherwise as `levels`, with null languages.

    A unit that has no value in some language has no mean: it could not be compared with the others.
    """
    return mean_level_frame(level_grid(tables, facet, by=by, rater=rater, seed=seed), by)


def level_frame(grid: LevelGrid | None, by: By) -> pl.DataFrame:
    """The frame of `levels` from a grid that is at hand."""
    rows = []
    for unit in grid.units if grid else ():
        for pair in grid.languages if grid else ():
            counts = grid.rows.get((unit, *pair)) if grid else None
            if grid and counts:
                rows.append(_row(grid, unit, pair, counts))
    return pl.DataFrame(rows, schema=LEVELS_SCHEMA, orient="row").rename({"run": by})


def mean_level_frame(grid: LevelGrid | None, by: By) -> pl.DataFrame:
    """The frame of `mean_levels` from a grid that is at hand."""
    rows = []
    for unit in grid.units if grid else ():
        if grid is None:
            break
        reasons: dict[str, int] = {}
        mine = [row for (name, _, _), row in grid.rows.items() if name == unit]
        for row in mine:
            for item in row["reasons"]:
                reasons[item["reason"]] = reasons.get(item["reason"], 0) + item["count"]
        counts = {
            "n": sum(row["n"] for row in mine),
            "n_scored": sum(row["n_scored"] for row in mine),
            "reasons": [{"reason": name, "count": reasons[name]} for name in sorted(reasons)],
        }
        rows.append(_row(grid, unit, None, counts))
    return pl.DataFrame(rows, schema=LEVELS_SCHEMA, orient="row").rename({"run": by})


def _row(grid: LevelGrid, unit: str, pair: tuple[str, str] | None, counts: dict[str, Any]) -> dict[str, Any]:
    interval = grid.level(unit, pair)
    language, requested = pair or (None, None)
    return {
        "facet": grid.facet,
        "rater": grid.rater,
        "run": unit,
        "language": language,
        "requested_language": requested,
        **counts,
        "instructions": interval.clusters,
        "level": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "method": interval.method,
    }
