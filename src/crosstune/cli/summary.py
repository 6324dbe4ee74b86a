"""The result of a study as a table on the terminal."""

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import console

if TYPE_CHECKING:
    from crosstune.analysis.selection import Over
    from crosstune.analysis.tables import StudyTables


def show_summary(tables: "StudyTables", by: str, over: "Over") -> None:
    """Prints levels by configuration and language with intervals, and what one would choose."""
    from crosstune.analysis.configurations import configurations
    from crosstune.analysis.facets import facet
    from crosstune.analysis.levels import level_frame, level_grid, mean_level_frame
    from crosstune.analysis.selection import choose_from
    from crosstune.reporting import wording

    grid = level_grid(tables, by, by="configuration")
    rows = level_frame(grid, "configuration").to_dicts()
    means = {row["configuration"]: row for row in mean_level_frame(grid, "configuration").to_dicts()}
    selection = choose_from(tables, by, grid)
    recommended = selection.recommended(over).taken
    languages = list(dict.fromkeys(row["language"] for row in rows))
    title = f"{by.replace('_', ' ').capitalize()}: share of answers, with 95 % intervals"
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("configuration", no_wrap=True)
    for language in [*languages, "mean"]:
        table.add_column(language, justify="right")
    by_cell = {(row["configuration"], row["language"]): row for row in rows}
    for configuration in dict.fromkeys(row["configuration"] for row in rows):
        mark = "[bold green]→[/bold green] " if configuration in recommended else "  "
        cells = [by_cell.get((configuration, language)) for language in languages]
        levels = [_level(cell) for cell in [*cells, means.get(configuration)]]
        table.add_row(f"{mark}[bold]{escape(configuration)}[/bold]", *levels)
    console.print(f"[bold]{title}[/bold]")
    console.print(table)
    reasons: dict[str, int] = {}
    for row in rows:
        for item in row["reasons"]:
            reasons[item["reason"]] = reasons.get(item["reason"], 0) + item["count"]
    if reasons:
        total = sum(row["n"] for row in rows)
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        console.print(f"[dim]Without a score and left out, of {total} answers: {listed}.[/dim]", soft_wrap=True)
    bases = [item for item in configurations(tables.cells) if not item.tuned]
    console.print(f"\n[bold]{escape(wording.headline(selection, facet(by)))}[/bold]")
    console.print(escape(" ".join(wording.opening(selection, grid, bases, facet(by)))))


def _level(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["level"] is None:
        return "[dim]none[/dim]"
    interval = f" [dim]{row['low']:.2f}–{row['high']:.2f}[/dim]" if row["low"] is not None else ""
    return f"{row['level']:.2f}{interval}"
