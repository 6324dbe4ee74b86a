"""How far the skill carries: facets by language, English minus the others, and tuned minus untuned."""

from typing import Any

import polars as pl

from crosstune.analysis.facets import Facet
from crosstune.reporting import text
from crosstune.reporting.findings import Findings
from crosstune.reporting.tabular import Column, Estimate, ReportTable, good_side, table

MEAN = "mean"


def language_columns(codes: list[str], kind: Any, *, mean: bool = True) -> list[Column]:
    """The mean over languages where there are several, then a column a language."""
    columns = [Column(MEAN, "Mean", kind)] if mean and len(codes) > 1 else []
    return [*columns, *(Column(code, text.language_name(code), kind) for code in codes)]


def counted(scored: int, n: int) -> str:
    """How many answers a level is of."""
    return text.plural(n, "answer") if scored == n else f"{scored} of {text.plural(n, 'answer')}"


def facet_profile(found: Findings) -> list[ReportTable]:
    """Every facet in every language: a table for the shown configuration, then one for its base model."""
    return [
        table(
            f"profile-{'chosen' if number == 0 else 'base'}",
            f"Every facet of “{label}”",
            [
                Column("facet", "Facet", is_head=True),
                Column("better", "Better"),
                *language_columns(found.languages, "level"),
            ],
            [
                _facet_row(found.tables.facet(name), mine)
                for name, levels in found.levels.items()
                if not (mine := levels.filter(pl.col("configuration") == label)).is_empty()
            ],
            found.facet,
        )
        for number, label in enumerate(found.shown)
    ]


def _facet_row(facet: Facet, levels: pl.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {"facet": facet.title, "better": facet.better or text.NOTHING}
    for level in levels.iter_rows(named=True):
        note = counted(level["n_scored"], level["n"])
        row[level["language"] or MEAN] = Estimate(level["level"], level["low"], level["high"], note, facet)
    return row


def transfer_gaps_table(found: Findings) -> ReportTable:
    """English minus each language, a row a configuration."""
    others = [code for code in found.languages if code != "en"]
    if not found.languages:
        cannot = "Nothing was rated, so nothing can be said of what carries over."
    elif "en" not in found.languages:
        cannot = "The study asks nothing in English, so there is no gap to English."
    else:
        cannot = "The study asks in English alone, so there is no gap to another language."
    rows: dict[str, dict[str, Any]] = {}
    for gap in found.gaps.iter_rows(named=True):
        row = rows.setdefault(gap["configuration"], {"configuration": gap["configuration"]})
        row[gap["language"] or MEAN] = Estimate(gap["gap"], gap["low"], gap["high"], _paired(gap))
    unit = "percentage points" if found.facet.is_share else "units of the scale"
    return table(
        "transfer-gaps",
        "English minus the other languages",
        [Column("configuration", "Configuration", "label", is_head=True), *language_columns(others, "difference")],
        list(rows.values()),
        found.facet,
        note=f"In {unit}, on the prompts that are rated in both languages, with the 95 % interval. "
        f"{'Above' if found.facet.better != 'lower' else 'Below'} 0, English is better.",
        cannot=cannot,
        good={"high": "low", "low": "high", "": ""}[good_side(found.facet)],
    )


def retention_table(found: Findings) -> ReportTable:
    """Tuned minus untuned in each language, a row a configuration."""
    rows: dict[str, dict[str, Any]] = {}
    for kept in found.retention.iter_rows(named=True):
        new = {"configuration": kept["configuration"], "base": kept["base"], "ratio": Estimate(None)}
        row = rows.setdefault(kept["configuration"], new)
        row[kept["language"] or MEAN] = Estimate(kept["difference"], kept["low"], kept["high"], _paired(kept))
        if kept["language"] is None:
            why = {"base_is_zero": "the base model is at 0", "no_true_zero": "the scale has no true zero"}
            note = why.get(kept["why_no_ratio"] or "", "")
            row["ratio"] = Estimate(kept["ratio"], kept["ratio_low"], kept["ratio_high"], note, kind="number")
    if not found.languages:
        cannot = "Nothing was rated, so what tuning kept cannot be said."
    elif not found.tuned:
        cannot = "Nothing was tuned, so there is nothing to compare with the untuned base model."
    else:
        cannot = "No untuned base model was rated, so what tuning changed cannot be said."
    return table(
        "retention",
        "What tuning changed: tuned minus untuned",
        [
            Column("configuration", "Configuration", "label", is_head=True),
            Column("base", "Against", "label"),
            *language_columns(found.languages, "difference"),
            Column("ratio", "Tuned / untuned", "number"),
        ],
        list(rows.values()),
        found.facet,
        note="On the same prompts, with the 95 % interval. Below 0, tuning took something away"
        + (" (of this facet, less is better)." if found.facet.better == "lower" else "."),
        cannot=cannot,
        good=good_side(found.facet),
    )


def _paired(row: dict[str, Any]) -> str:
    if not row["n"]:
        return "no prompt is rated on both sides"
    return text.plural(row["n"], "pair") + (f", {row['n_left_out']} left out" if row["n_left_out"] else "")
