"""What to choose: what other criteria would choose and cost, how sure the lead is, and what it costs to run."""

from typing import Any

import polars as pl

from crosstune.analysis.bootstrap import LEAST_CLUSTERS
from crosstune.analysis.choices import Criterion, summarise
from crosstune.analysis.pareto import COSTS
from crosstune.reporting import text
from crosstune.reporting.findings import Findings
from crosstune.reporting.sections.transfer import language_columns
from crosstune.reporting.tabular import Column, Estimate, ReportTable, good_side, table

CRITERIA: dict[Criterion, str] = {
    "english": "English alone",
    "training-loss": "the training loss",
    "all-languages": "all languages",
    "worst-language": "the worst language",
}
_COSTS = {
    "training_tokens": ("Tokens of training", "count"),
    "training_seconds": ("Time of training", "duration"),
    "answer_tokens": ("Tokens an answer", "count"),
    "answer_seconds": ("Seconds an answer", "number"),
}


def criteria_table(found: Findings) -> ReportTable:
    """What each criterion chooses, how stable that is, and what it is short of the best, a row a criterion."""
    columns = [
        Column("criterion", "Looking at", is_head=True),
        Column("taken", "One would choose"),
        Column("stability", "The same on resamples", "percent"),
        *language_columns(found.languages, "difference"),
        Column("unseen", "Mean on other prompts", "difference"),
    ]
    rows: list[dict[str, Any]] = []
    cannot = "Nothing was rated, so nothing can be chosen."
    if found.choices is None:
        if found.grid is not None:
            cannot = "Neither high nor low is better in this facet, so nothing can be chosen by it."
    elif not found.choices.candidates:
        cannot = f"Nothing can be chosen: {found.choices.picks[0].why_not}."
    else:
        for summed in summarise(found.choices).iter_rows(named=True):
            criterion: Criterion = summed["criterion"]
            regret = found.choices.regret.filter(criterion=criterion)
            row = {
                "criterion": CRITERIA[criterion],
                "taken": text.listing(summed["taken"], limit=4) or f"nothing: {summed['why_not']}",
                "stability": summed["stability"],
            }
            for cell in regret.iter_rows(named=True):
                key = cell["language"] or "mean"
                is_best = cell["best"] in summed["taken"] and len(summed["taken"]) == 1
                best = "the best itself" if is_best else f"best: {cell['best']}" if cell["best"] else ""
                row[key] = Estimate(cell["regret"], cell["low"], cell["high"], best, is_exact=is_best)
                if cell["language"] is None:
                    row["unseen"] = cell["regret_unseen"]
            rows.append(row)
    return table(
        "criteria",
        "What each way of choosing costs",
        columns,
        rows,
        found.facet,
        note="Short of the best configuration in each language, with the 95 % interval. The best is found on the same "
        "prompts, so the last column gives the mean on prompts that the choice did not see; it is an estimate for "
        "choosing with about two thirds of the prompts, and may be below 0.",
        cannot=cannot,
        good="low",
    )


def comparisons_table(found: Findings) -> ReportTable:
    """The shown configuration with each other: mean over languages, and languages that differ beyond chance."""
    rows = []
    for row in found.comparisons.filter(pl.col("language").is_null()).iter_rows(named=True):
        mine = found.comparisons.filter(pl.col("language").is_not_null(), second=row["second"])
        sure = mine.filter(pl.col("p_holm") < 0.05)
        worse = sure.filter(pl.col("difference") > 0)["language"].to_list()
        better = sure.filter(pl.col("difference") < 0)["language"].to_list()
        rows.append(
            {
                "second": row["second"],
                "difference": Estimate(
                    row["difference"],
                    row["low"],
                    row["high"],
                    text.plural(row["instructions"], "instruction")
                    if row["instructions"] >= LEAST_CLUSTERS
                    else f"{text.plural(row['instructions'], 'instruction')}: too few for an interval",
                ),
                "p": row["p"],
                "p_holm": row["p_holm"],
                "smallest": row["smallest_difference"],
                "lower": text.listing([text.language_name(code) for code in worse], 6) or "none",
                "higher": text.listing([text.language_name(code) for code in better], 6) or "none",
            }
        )
    label = f"“{found.shown[0]}”" if found.shown else "the chosen configuration"
    cannot = (
        "Only one configuration was rated, so there is nothing to compare it with."
        if found.shown
        else "Nothing was rated, so nothing can be compared."
    )
    return table(
        "comparisons",
        f"{label} minus each other, on the same prompts",
        [
            Column("second", "Compared with", "label", is_head=True),
            Column("difference", "Difference of means", "difference"),
            Column("p", "p", "p"),
            Column("p_holm", "p, corrected", "p"),
            Column("smallest", "Smallest that shows", "difference"),
            Column("lower", "Surely lower than it in"),
            Column("higher", "Surely higher than it in"),
        ],
        rows,
        found.facet,
        note="The more is compared, the more differs by chance: p-values are corrected by Holm's method, those of "
        "single languages over all pairs and languages (below 0.05 is called sure). The smallest difference that shows "
        "is the true difference that this many instructions would find four times in five. The configuration was "
        "chosen on these prompts, which flatters it.",
        cannot=cannot,
        good=good_side(found.facet),
    )


def front_table(found: Findings) -> ReportTable:
    """Configurations that no other beats in everything, then the others."""
    columns = [Column("configuration", "Configuration", "label", is_head=True)]
    rows: list[dict[str, Any]] = []
    for name in found.front.objectives if found.front else ():
        title, kind = _COSTS.get(name, (found.tables.facet(name).title, "level"))
        columns.append(Column(name, title, kind))  # type: ignore[arg-type]
    columns += [
        Column("place", "Place"),
        Column("share", "On the front of resamples", "percent"),
    ]
    for row in found.front.table.iter_rows(named=True) if found.front else ():
        cells: dict[str, Any] = {"configuration": row["configuration"], "share": row["share_on_front"]}
        for name in found.front.objectives if found.front else ():
            is_cost, of = name in COSTS, found.tables.facet(name)
            cells[name] = row[name] if is_cost else Estimate(row[name], facet=of, is_exact=True)
        if row["on_front"] is None:
            cells["place"] = f"cannot be said: {_why(row['why_not'])}"
        elif row["on_front"]:
            cells["place"] = "on the front"
        else:
            cells["place"] = f"beaten in everything by {text.listing(row['dominated_by'], 2)}"
        rows.append(cells)
    rows.sort(key=lambda row: (row["place"] != "on the front", row["place"].startswith("cannot")))
    return table(
        "front",
        "Quality, right language and cost together",
        columns,
        rows,
        found.facet,
        note="A configuration is on the front where no other is at least as good in everything and better in "
        "something.",
        cannot="Nothing was rated, so nothing can be weighed against cost.",
    )


def _why(reason: str) -> str:
    if reason == "diverged":
        return "its training diverged"
    return f"no {reason.replace('_', ' ')}"
