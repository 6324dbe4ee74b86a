"""Which configurations a search left out early, when, and how sure that was."""

from typing import Any

import polars as pl

from crosstune.analysis.facets import Facet, facet
from crosstune.reporting import text
from crosstune.reporting.tabular import Column, Estimate, ReportTable, table

_USABLE = Facet(
    "usable",
    "Usable",
    "the share of the probe's short answers that are in the right language and not broken as text",
    0.0,
    1.0,
    True,
)


def pruned_table(pruned: pl.DataFrame) -> ReportTable | None:
    """A row a rung and configuration that was left out there; None where nothing was searched this way.

    Args:
        pruned: `analysis.pruning.PRUNED_SCHEMA`, or a frame without columns.
    """
    if pruned.is_empty():
        return None
    by = pruned["by"][0]
    rated = _USABLE if by == _USABLE.name else facet(by)
    out = pruned.filter(~pl.col("goes_on"))
    rows: list[dict[str, Any]] = [
        {
            "updates": row["updates"],
            "configuration": row["configuration"],
            "level": Estimate(row["level"], row["low"], row["high"], facet=rated, kind="level"),
            "margin": Estimate(row["margin"], row["margin_low"], row["margin_high"], facet=rated, kind="difference"),
            "sure": _sure(row),
            "why": row["why"],
        }
        for row in out.iter_rows(named=True)
    ]
    return table(
        "left-out-early",
        "Left out early",
        [
            Column("configuration", "Configuration", "label", is_head=True),
            Column("updates", "After updates", "count"),
            Column("level", rated.title, "level"),
            Column("margin", "Behind the last that went on", "difference"),
            Column("sure", "How sure"),
            Column("why", "Why"),
        ],
        rows,
        rated,
        note=_note(pruned, rated),
        cannot="No configuration was left out: at every rung all that were compared went on.",
    )


def _note(pruned: pl.DataFrame, rated: Facet) -> str:
    rungs = []
    for (_, updates), of_rung in pruned.group_by("rung", "updates", maintain_order=True):
        went_on = int(of_rung["goes_on"].sum())
        rungs.append(f"after {text.plural(updates, 'update')} {went_on} of {len(of_rung)} went on")
    out = pruned.filter(~pl.col("goes_on"))
    unsure = len(out.filter(~pl.col("sure"), pl.col("margin").is_not_null()))
    doubt = (
        f" Of the {text.plural(len(out), 'configuration')} left out, {unsure} "
        f"{'was' if unsure == 1 else 'were'} not shown to be worse than the last that went on: with another draw of "
        "prompts they might have gone on."
        if unsure
        else ""
    )
    instructions = text.plural(int(pruned["instructions"].max() or 0), "instruction")  # type: ignore[arg-type]
    return (
        f"Compared by {rated.title.lower()}, {rated.explanation}: {instructions} of the study in all its languages, "
        f"the mean of languages; {', '.join(rungs)}. The other sections are of those that were tuned to the end.{doubt}"
    )


def _sure(row: dict[str, Any]) -> str:
    if row["margin"] is None:
        return "it diverged" if row["why"].startswith("its training diverged") else text.NOTHING
    if row["margin_low"] is None:
        return "no interval: too few instructions"
    return "worse: the interval leaves out 0" if row["sure"] else "not shown: the interval reaches 0"
