"""Levels by configuration and language, of the chosen facet and of all others, and which language answers are in."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from crosstune.analysis.configurations import Configuration
from crosstune.analysis.found_languages import FACET as LANGUAGE_FACET
from crosstune.analysis.found_languages import found_languages
from crosstune.analysis.levels import LevelGrid, in_table_order, level_frame
from crosstune.analysis.tables import StudyTables
from crosstune.reporting import charts, text
from crosstune.reporting.findings import Findings


def series(tuned: Sequence[Configuration], grid: LevelGrid | None) -> list[dict[str, str]]:
    """Name and colour of each curve over learning rates."""
    names = dict.fromkeys(
        item.series for item in tuned if item.learning_rate is not None and grid and item.label in grid.units
    )
    return [{"name": name or "tuned", "colour": charts.colour(position)} for position, name in enumerate(names)]


def level_rows(found: Findings, facet: str) -> list[dict[str, Any]]:
    """A row a configuration: its cells by language, then the mean over languages."""
    if facet not in found.levels:
        return []
    cells = {(row["configuration"], row["language"]): row for row in found.levels[facet].iter_rows(named=True)}
    languages = facet_languages(found, facet)
    return [
        {
            "label": item.label,
            "tuned": item.tuned,
            "seeds": len(item.runs),
            "cells": [cells.get((item.label, language)) for language in languages],
            "mean": cells[item.label, None],
        }
        for item in found.configurations
        if (item.label, None) in cells
    ]


def facet_languages(found: Findings, facet: str) -> list[str]:
    """Languages that a facet has levels in."""
    return in_table_order(found.levels[facet]["language"].drop_nulls().to_list())


def other_measures(found: Findings) -> list[dict[str, Any]]:
    """The levels of every facet but the chosen one that any answer has a value of, in the table's order."""
    return [
        {"facet": found.tables.facet(name), "languages": facet_languages(found, name), "rows": level_rows(found, name)}
        for name in found.levels
        if name != found.facet.name
    ]


def across_rows(grid: LevelGrid | None) -> dict[str, Any] | None:
    """Prompts that ask for an answer in another language: a row a pair of languages, a column a configuration."""
    if grid is None:
        return None
    cells = {
        (row["configuration"], row["language"], row["requested_language"]): row
        for row in level_frame(grid, "configuration").to_dicts()
    }
    return {
        "units": grid.units,
        "rows": [
            {
                "asked": asked,
                "requested": requested,
                "cells": [cells.get((unit, asked, requested)) for unit in grid.units],
            }
            for asked, requested in grid.languages
        ],
    }


def found_rows(tables: StudyTables, found: Sequence[Configuration], facet: str) -> dict[str, Any] | None:
    """For each language and configuration the languages of its answers, as parts of a bar."""
    if facet != LANGUAGE_FACET:
        return None
    counts = found_languages(tables)
    if counts.is_empty():
        return None
    instead = (
        counts.filter(~pl.col("right"), pl.col("found").is_not_null(), pl.col("found") != "")
        .group_by("found")
        .agg(pl.col("count").sum())
        .sort("count", "found", descending=[True, False])["found"]
        .to_list()
    )
    shades = {code: f"instead-{min(position + 1, 4)}" for position, code in enumerate(instead)}
    by_cell: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in counts.iter_rows(named=True):
        if row["right"]:
            kind, name = "right", text.language_name(row["language"])
        elif row["found"] is None:
            kind, name = "unrated", "no verdict"
        else:
            kind, name = (
                shades.get(row["found"], "instead-4"),
                text.language_name(row["found"]) if row["found"] else "other",
            )
        by_cell.setdefault((row["language"], row["configuration"]), []).append(
            {"kind": kind, "name": name, "count": row["count"]}
        )
    order = ["right", "instead-1", "instead-2", "instead-3", "instead-4", "unrated"]
    for parts in by_cell.values():
        parts.sort(key=lambda part: (order.index(part["kind"]), -part["count"], part["name"]))
    present = set(counts["configuration"])
    labels = [item.label for item in found if item.label in present]
    codes = in_table_order(counts["language"].to_list())
    return {
        "legend": [
            {"kind": f"instead-{i + 1}", "name": text.language_name(code)} for i, code in enumerate(instead[:3])
        ],
        "more": len(instead) > 3,
        "unrated": bool(counts["found"].null_count()),
        "languages": [
            {
                "name": text.language_name(code),
                "rows": [
                    {"label": label, "parts": by_cell[code, label]} for label in labels if (code, label) in by_cell
                ],
            }
            for code in codes
        ],
    }
