"""The figures of a report as files for papers: SVG and PNG, in the colours of the page's light theme."""

import re
from importlib.resources import files
from pathlib import Path

import polars as pl
import vl_convert
from markupsafe import Markup

from crosstune.reporting import charts
from crosstune.reporting.findings import Findings
from crosstune.reporting.profile_charts import heat_map, profile_panels
from crosstune.storage.atomic import write_atomic

PIXELS_PER_UNIT = 3
"""Of the PNG files: about 300 dots an inch where the SVG is set at its size."""

_THEME = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), #[0-9a-f]{6}\)")
_VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")


def figures(found: Findings) -> dict[str, Markup]:
    """Every figure that there is something to draw for, by name, as the page has it."""
    drawn: dict[str, Markup] = {}
    if found.grid is not None:
        panels = charts.level_panels(found.grid, found.facet, found.tuned, found.bases)
        drawn |= {f"levels-{name}": drawing for name, drawing in panels if "<svg" in drawing}
        if (map_ := heat_map(found.grid, found.facet, found.configurations)) is not None:
            drawn["heat-map"] = map_
    drawn |= {f"profile-{name}": drawing for name, drawing in profile_panels(found)}
    if not found.selection.same and (cost := charts.cost_chart(found.selection.cost, found.facet)) is not None:
        drawn["cost-of-english-alone"] = cost
    labels = {run: item.label for item in found.tuned for run in item.runs}
    curves = found.tables.curves.filter(pl.col("run").is_in(list(labels))).with_columns(
        pl.col("run").replace_strict(labels, return_dtype=pl.String()).alias("configuration")
    )
    order = [item.label for item in found.tuned if item.label in set(curves["configuration"])]
    if (losses := charts.loss_chart(curves, order)) is not None:
        drawn["training-loss"] = losses
    return drawn


def standalone(drawing: Markup) -> str:
    """A drawing of the page as a file of its own: with a namespace, a font, and colours instead of variables."""
    theme = dict(_THEME.findall((files("crosstune.reporting") / "templates" / "style.css").read_text("utf-8")))
    coloured = _VARIABLE.sub(lambda match: theme[match[1]], str(drawing))
    return coloured.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" ', 1)


def write_figures(folder: Path, found: Findings) -> list[Path]:
    """Writes an SVG and a PNG file a figure; returns the files.

    Raises:
        StorageFailure: a file cannot be written there.
    """
    written = []
    for name, drawing in figures(found).items():
        stem = re.sub(r"[^\w.-]+", "-", name).strip("-").lower()
        svg = standalone(drawing)
        write_atomic(folder / f"{stem}.svg", svg)
        write_atomic(folder / f"{stem}.png", vl_convert.svg_to_png(svg, scale=PIXELS_PER_UNIT))
        written += [folder / f"{stem}.svg", folder / f"{stem}.png"]
    return written
