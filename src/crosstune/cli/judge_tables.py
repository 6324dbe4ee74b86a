"""What judging will take and what came of it, on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from crosstune.cli.console import amount, console, counted, error_console, plain, print_table

if TYPE_CHECKING:
    from crosstune.judging.estimate import JudgingCost


def show_costs(costs: "Sequence[JudgingCost]", answers: int, of: int, *, to_error: bool) -> None:
    """Prints a line a judge: calls, tokens and money.

    Args:
        costs: of each judge.
        answers: that are judged.
        of: answers that there are.
        to_error: whether the line goes to the error stream.
    """
    where = error_console if to_error else console
    judged = counted(answers, "answer") if answers == of else f"{answers:,} of {counted(of, 'answer')}"
    for cost in costs:
        dollars = "price not known" if cost.dollars is None else f"about ${cost.dollars:,.2f}"
        where.print(
            f"[bold]{plain(cost.judge.model)}[/bold]: {judged}, {counted(cost.calls, 'call')} "
            f"at most, about {amount(cost.input_tokens)} tokens of requests and {amount(cost.output_tokens)} of "
            f"replies, {dollars}",
            soft_wrap=True,
        )


def show_judging(result: dict[str, Any], out: Path | None) -> None:
    """Prints marks by model and language, what they took, and how far judges agree.

    Args:
        result: what `--json` prints.
        out: the file that the marks are in.
    """
    where = f"; all marks are in [bold]{plain(str(out))}[/bold]" if out is not None else ""
    console.print(f"[bold]{counted(result['answers'], 'answer')}[/bold] judged{where}\n", soft_wrap=True)
    _show_levels(result)
    _show_agreement(result["agreement"])
    _show_translated(result["translated"])
    _show_comparisons(result["comparisons"])
    for judge in result["judges"]:
        dollars = "" if judge["dollars"] is None else f", ${judge['dollars']:,.2f}"
        failed = f", {counted(judge['failed_calls'], 'failed call')}" if judge["failed_calls"] else ""
        console.print(
            f"{plain(judge['model'])}: {counted(judge['calls'], 'call')} ({judge['new_calls']} now{failed}), "
            f"{amount(judge['input_tokens'])} + {amount(judge['output_tokens'])} tokens{dollars}",
            soft_wrap=True,
        )


def _show_levels(result: dict[str, Any]) -> None:
    raters = list(dict.fromkeys(row["rater"] for row in result["levels"]))
    facets = list(dict.fromkeys(row["facet"] for row in result["levels"]))
    for rater in raters:
        title = plain(rater) if len(raters) > 1 else None
        table = _table(title, *result["by"], *facets)
        rows: dict[tuple[str, ...], dict[str, str]] = {}
        for row in result["levels"]:
            if row["rater"] == rater:
                label = tuple(plain(str(row[name])) for name in result["by"])
                rows.setdefault(label, {})[row["facet"]] = _level(row)
        for label, cells in rows.items():
            table.add_row(*label, *(cells.get(facet, "–") for facet in facets))
        print_table(table)
    console.print(
        "[dim]Means of marks from 0 to 2 with 95 % intervals, answers to one prompt taken together.[/dim]\n",
        soft_wrap=True,
    )


def _table(title: str | None, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head)
    return table


def _level(row: dict[str, Any]) -> str:
    if row["level"] is None:
        return "[dim]none[/dim]"
    interval = "" if row["low"] is None else f" [dim]{row['low']:.2f}–{row['high']:.2f}[/dim]"
    missing = row["n"] - row["n_scored"]
    return f"{row['level']:.2f}{interval}{f' [yellow]({missing} without)[/yellow]' if missing else ''}"


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _show_agreement(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = _table("How far judges agree", "judges", "criterion", "language", "answers", "alpha", "kappa", "the same")
    for row in rows:
        interval = "" if row["alpha_low"] is None else f" [dim]{row['alpha_low']:.2f}–{row['alpha_high']:.2f}[/dim]"
        table.add_row(
            f"{plain(row['first'])} × {plain(row['second'])}",
            row["facet"],
            plain(row["requested_language"]),
            str(row["n"]),
            _number(row["alpha"]) + interval,
            _number(row["kappa"]),
            "–" if row["exact"] is None else f"{row['exact']:.0%}",
        )
    print_table(table)
    console.print("[dim]Krippendorff's alpha (ordinal), quadratic kappa; 1 is full agreement, 0 chance.[/dim]\n")


def _show_translated(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = _table(
        "Answers and their translations", "judge", "language", "criterion", "n", "answer", "translation", "same"
    )
    for row in rows:
        table.add_row(
            plain(row["rater"]),
            plain(row["requested_language"]),
            row["facet"],
            str(row["n"]),
            f"{row['direct']:.2f}",
            f"{row['translated']:.2f}",
            f"{row['same']:.0%}",
        )
    print_table(table)
    console.print()


def _show_comparisons(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    first = rows[0]
    title = f"A: {plain(first['run_a'])}, B: {plain(first['run_b'])}"
    table = _table(
        title, "judge", "language", "criterion", "compared", "A better", "B better", "ties", "of these by order"
    )
    for row in rows:
        table.add_row(
            plain(row["rater"]),
            plain(row["requested_language"]),
            row["facet"],
            f"{row['n_compared']}/{row['n']}",
            str(row["a_better"]),
            str(row["b_better"]),
            str(row["ties"]),
            str(row["changed_with_order"]),
        )
    print_table(table)
    console.print()
