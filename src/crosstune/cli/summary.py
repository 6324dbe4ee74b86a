"""The result of a study as a table on the terminal."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import console

if TYPE_CHECKING:
    from crosstune.analysis.selection import Choice, Over, Selection
    from crosstune.analysis.tables import StudyTables


def show_summary(tables: "StudyTables", by: str, over: "Over") -> None:
    """Prints levels by configuration and language with intervals, and what one would choose."""
    from crosstune.analysis.levels import levels, mean_levels
    from crosstune.analysis.selection import choose

    rows = levels(tables, by, by="configuration").to_dicts()
    means = {row["configuration"]: row for row in mean_levels(tables, by, by="configuration").to_dicts()}
    languages = list(dict.fromkeys(row["language"] for row in rows))
    title = f"{by.replace('_', ' ')}: share of answers, with 95 % intervals"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("configuration", overflow="fold")
    for language in languages:
        table.add_column(language, justify="right")
    table.add_column("mean", justify="right")
    by_cell = {(row["configuration"], row["language"]): row for row in rows}
    for configuration in dict.fromkeys(row["configuration"] for row in rows):
        cells = [by_cell.get((configuration, language)) for language in languages]
        table.add_row(
            escape(configuration), *(_level(cell) for cell in cells), _level(means.get(configuration), reasons=False)
        )
    console.print(table)
    reasons: dict[str, int] = {}
    for row in rows:
        for item in row["reasons"]:
            reasons[item["reason"]] = reasons.get(item["reason"], 0) + item["count"]
    if reasons:
        total = sum(row["n"] for row in rows)
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        console.print(f"[dim]*n: answers without a score, not counted as zeros. Of {total} answers: {listed}[/dim]")
    console.print()
    _show_choice(choose(tables, by), over)


def _level(row: "dict[str, object] | None", *, reasons: bool = True) -> str:
    if row is None:
        return ""
    missing = int(str(row["n"])) - int(str(row["n_scored"]))
    mark = f"[dim] *{missing}[/dim]" if missing and reasons else ""
    if row["level"] is None:
        return "[dim]none[/dim]" + mark
    text = f"{row['level']:.2f}"
    if row["low"] is not None:
        text += f" [dim][{row['low']:.2f}–{row['high']:.2f}][/dim]".replace("[dim][", "[dim]\\[")
    return text + mark


def _show_choice(selection: "Selection", over: "Over") -> None:
    for choice, title in ((selection.by_english, "By English alone"), (selection.by_all, "By all languages")):
        mark = "[bold green]→[/bold green] " if choice is selection.recommended(over) and choice.taken else "  "
        console.print(f"{mark}{title}: {_said(choice)}", soft_wrap=True)
    cost = {row["language"]: row for row in selection.cost.to_dicts()}
    mean = cost.get(None)
    if selection.same:
        console.print("  Both lead to the same configuration.")
    elif mean is not None and mean["cost"] is not None:
        console.print(f"  Choosing by English alone costs {_cost(mean)} on average;", end=" ")
        parts = [f"{language} {_cost(row)}" for language, row in cost.items() if language and row["cost"] is not None]
        console.print(", ".join(parts) + ".", soft_wrap=True)


def _cost(row: "dict[str, object]") -> str:
    text = f"{row['cost']:+.2f}".replace("+", "") if row["cost"] is not None else "?"
    if row["low"] is not None:
        text += f" [dim]\\[{row['low']:.2f}–{row['high']:.2f}][/dim]"
    return text


def _said(choice: "Choice") -> str:
    if choice.why_not and not choice.tied:
        return f"nothing can be chosen: {escape(choice.why_not)}"
    others = len(choice.tied) - 1
    if choice.pick is None:
        return f"{len(choice.tied)} configurations are tied ({escape(', '.join(choice.tied))})"
    text = f"[bold]{escape(choice.pick)}[/bold]"
    if choice.by_loss and others:
        text += f", by its lower training loss among {others + 1} tied"
    if choice.not_worse_for_sure:
        text += f"; {len(choice.not_worse_for_sure)} more not shown to be worse"
    return text
