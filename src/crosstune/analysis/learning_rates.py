"""Levels along the learning rate: one curve a series (what is the same but for the rate) and language."""

from typing import Any

import polars as pl

from crosstune.analysis.configurations import configurations
from crosstune.analysis.levels import level_grid
from crosstune.analysis.tables import StudyTables

CURVE_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "series": pl.String(),
        "learning_rate": pl.Float64(),
        "configuration": pl.String(),
        "language": pl.String(),
        "n_scored": pl.Int64(),
        "level": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
    }
)


def learning_rate_curves(tables: StudyTables, facet: str, *, rater: str | None = None, seed: int = 0) -> pl.DataFrame:
    """Levels of tuned configurations, by series and language in the order of their learning rates.

    Returns:
        `CURVE_SCHEMA`; a null language is the mean over languages, each counting the same. Series of a single learning
        rate are there too. The level without any tuning is that of `levels` for the untuned base model.
    """
    grid = level_grid(tables, facet, rater=rater, seed=seed)
    rows: list[dict[str, Any]] = []
    for item in configurations(tables.cells) if grid else ():
        if grid is None or not item.tuned or item.label not in grid.units:
            continue
        for pair in (*grid.languages, None):
            counts = [row for key, row in grid.rows.items() if key[0] == item.label and pair in (None, key[1:])]
            if not counts:
                continue
            interval = grid.level(item.label, pair)
            rows.append(
                {
                    "facet": facet,
                    "rater": grid.rater,
                    "series": item.series,
                    "learning_rate": item.learning_rate,
                    "configuration": item.label,
                    "language": pair[0] if pair else None,
                    "n_scored": sum(row["n_scored"] for row in counts),
                    "level": interval.estimate,
                    "low": interval.low,
                    "high": interval.high,
                    "method": interval.method,
                }
            )
    languages = {pair[0]: place for place, pair in enumerate(grid.languages)} if grid else {}
    series = {name: place for place, name in enumerate(dict.fromkeys(row["series"] for row in rows))}
    rows.sort(
        key=lambda row: (
            series[row["series"]],
            languages.get(row["language"], len(languages)),
            row["learning_rate"] or 0,
        )
    )
    return pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row")
