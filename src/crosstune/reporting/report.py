"""Writes the report of a study: one HTML file that loads nothing else."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosstune.analysis.bootstrap import CONFIDENCE, DRAWS, LEAST_CARRYING, LEAST_CLUSTERS
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.facets import FACETS
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.found_languages import FACET as LANGUAGE_FACET
from crosstune.analysis.found_languages import found_languages
from crosstune.analysis.levels import LevelGrid, in_table_order, instruction, level_frame, level_grid, mean_level_frame
from crosstune.analysis.selection import Over, choose_from
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import FINAL_SHARE, answering_costs, training_costs
from crosstune.reporting import charts, text, wording
from crosstune.reporting.answers import MOST_ANSWERS, answer_browser
from crosstune.reporting.judging import judging_section
from crosstune.storage.atomic import write_atomic


def write_report(
    path: Path,
    tables: StudyTables,
    *,
    title: str,
    study_yaml: str,
    provenance: Mapping[str, str],
    facet: str = "correct_language",
    over: Over = "all-languages",
    missing: Sequence[str] = (),
    seed: int = 0,
    most_answers: int = MOST_ANSWERS,
) -> None:
    """Writes the report, whole or not at all.

    Args:
        path: the HTML file.
        tables: the study's tables; any of them may be empty.
        title: name of the study.
        study_yaml: the resolved study file, shown as it is.
        provenance: what it was run with, such as versions and seeds, shown in this order.
        facet: what configurations are chosen by.
        over: which of the two choices, always both shown, is marked as the one that the study asks for.
        missing: sentences on configurations that failed and are left out.
        seed: of the resamples behind the intervals. The same tables and seed give the same file.
        most_answers: answers that the page holds, so that a browser opens it at once; beyond, every so-many-th prompt.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    page = render(
        tables,
        title=title,
        study_yaml=study_yaml,
        provenance=provenance,
        facet=facet,
        over=over,
        missing=missing,
        seed=seed,
        most_answers=most_answers,
    )
    write_atomic(path, page)


def render(
    tables: StudyTables,
    *,
    title: str,
    study_yaml: str,
    provenance: Mapping[str, str],
    facet: str = "correct_language",
    over: Over = "all-languages",
    missing: Sequence[str] = (),
    seed: int = 0,
    most_answers: int = MOST_ANSWERS,
) -> str:
    """The report as HTML; arguments as for `write_report`."""
    rated = facet_of(facet)
    found = configurations(tables.cells)
    grid = level_grid(tables, facet, by="configuration", seed=seed)
    selection = choose_from(tables, facet, grid)
    tuned, bases = [item for item in found if item.tuned], [item for item in found if not item.tuned]
    environment = Environment(
        loader=PackageLoader("crosstune.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": text.visible, "unbroken": text.unbroken, "label": text.label}
    templates = files("crosstune.reporting") / "templates"
    script = (templates / "report.js").read_text("utf-8")
    unscored = tables.responses.join(
        tables.scores.filter(pl.col("facet") == facet), on=["run", "prompt_id", "language"], how="anti"
    )
    level_rows = _level_rows(grid, found)
    across = level_grid(tables, facet, by="configuration", asked="another-language", seed=seed)
    page = environment.get_template("report.html.j2").render(
        text=text,
        charts=charts,
        wording=wording,
        style=Markup((templates / "style.css").read_text("utf-8")),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        title=title,
        facet=rated,
        tables=tables,
        tuned=tuned,
        bases=bases,
        selection=selection,
        recommended=selection.recommended(over),
        headline=wording.headline(selection, rated),
        opening=wording.opening(selection, grid, bases, rated),
        caveats=[
            *missing,
            *wording.caveats(
                selection, grid, found, rated, unscored_answers=len(unscored), has_curves=not tables.curves.is_empty()
            ),
        ],
        languages=[pair[0] for pair in grid.languages] if grid else [],
        instructions=len({instruction(name) for name in tables.responses["prompt_id"].unique()}),
        panels=charts.level_panels(grid, rated, tuned, bases) if grid else [],
        series=_series(tuned, grid),
        levels=level_rows,
        some_score=any(
            cell and cell["method"] == "score" for row in level_rows for cell in (*row["cells"], row["mean"])
        ),
        across=_across_rows(across),
        others=_other_measures(tables, facet, found, seed),
        judging=judging_section(tables),
        languages_found=_found_rows(tables, found, facet),
        cost_rows=selection.cost.to_dicts(),
        cost_chart=None if selection.same else charts.cost_chart(selection.cost, rated),
        **_training(tables, tuned),
        answering=answering_costs(tables).to_dicts(),
        browser=answer_browser(tables, found, rated, most=most_answers),
        study_yaml=study_yaml,
        provenance=provenance,
        method={
            "confidence": CONFIDENCE,
            "draws": DRAWS,
            "least": LEAST_CLUSTERS,
            "carrying": int(LEAST_CARRYING),
            "seed": seed,
            "final_share": FINAL_SHARE,
        },
    )
    return page.encode("utf-8", errors="replace").decode("utf-8")


def _series(tuned: list[Configuration], grid: LevelGrid | None) -> list[dict[str, str]]:
    names = dict.fromkeys(
        item.series for item in tuned if item.learning_rate is not None and grid and item.label in grid.units
    )
    return [{"name": name or "tuned", "colour": charts.colour(position)} for position, name in enumerate(names)]


def _level_rows(grid: LevelGrid | None, found: list[Configuration]) -> list[dict[str, Any]]:
    """A row a configuration: its cells by language, then the mean over languages."""
    if grid is None:
        return []
    cells = {(row["configuration"], row["language"]): row for row in level_frame(grid, "configuration").to_dicts()}
    means = {row["configuration"]: row for row in mean_level_frame(grid, "configuration").to_dicts()}
    return [
        {
            "label": item.label,
            "tuned": item.tuned,
            "seeds": len(item.runs),
            "cells": [cells.get((item.label, language)) for language, _ in grid.languages],
            "mean": means[item.label],
        }
        for item in found
        if item.label in grid.units
    ]


def _other_measures(tables: StudyTables, facet: str, found: list[Configuration], seed: int) -> list[dict[str, Any]]:
    """The levels of every facet but the chosen one that any answer has a value of, in the table's order."""
    rated = set(tables.scores.filter(pl.col("value").is_not_null())["facet"].unique()) - {facet}
    known = [name for name in FACETS if name in rated]
    others = []
    for name in [*known, *sorted(rated - set(known))]:
        grid = level_grid(tables, name, by="configuration", seed=seed)
        if grid is not None:
            languages = [pair[0] for pair in grid.languages]
            others.append({"facet": facet_of(name), "languages": languages, "rows": _level_rows(grid, found)})
    return others


def _across_rows(grid: LevelGrid | None) -> dict[str, Any] | None:
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


def _found_rows(tables: StudyTables, found: list[Configuration], facet: str) -> dict[str, Any] | None:
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


def _training(tables: StudyTables, tuned: list[Configuration]) -> dict[str, Any]:
    """Curves and costs of training, in one order of colours."""
    labels = {run: item.label for item in tuned for run in item.runs}
    curves = tables.curves.filter(pl.col("run").is_in(list(labels))).with_columns(
        pl.col("run").replace_strict(labels, return_dtype=pl.String()).alias("configuration")
    )
    order = [item.label for item in tuned if item.label in set(curves["configuration"])]
    costs = [
        {**row, "colour": charts.colour(order.index(row["configuration"]))}
        for row in training_costs(tables).to_dicts()
        if row["configuration"] in order
    ]
    return {"loss_chart": charts.loss_chart(curves, order), "training": costs}
