"""How agreement looks on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from crosstune.cli.console import console, plain, print_table

if TYPE_CHECKING:
    import polars as pl

    from crosstune.cli.confusion import Confusion

_ALL = "all"


def show_agreement(found: "pl.DataFrame", *, single_language: bool) -> None:
    """Prints a table a facet."""
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in found.to_dicts():
        # With one language, and with two raters, the rows of all say the same once more.
        if single_language and row["requested_language"] == _ALL:
            continue
        rows_of.setdefault(row["facet"], []).append(row)
    for facet, rows in rows_of.items():
        pairs = {(row["first"], row["second"]) for row in rows if row["first"] != _ALL}
        shown = [row for row in rows if len(pairs) > 1 or row["first"] != _ALL] or rows
        table = Table(box=None, pad_edge=False, header_style="bold", title=plain(facet), title_justify="left")
        for head in ("language", "raters"):
            table.add_column(head, no_wrap=True)
        for head in ("answers", "alpha", "kappa", "exact"):
            table.add_column(head, justify="right", no_wrap=True)
        for row in shown:
            table.add_row(*_cells(row))
        print_table(table)
        console.print()
    console.print(
        "[dim]With 95 % intervals, which resample instructions; – where all values are the same, or where instructions "
        "are too few. 1 is perfect; 0 is what chance gives, for alpha and kappa. By a rule of thumb of Krippendorff's, "
        "conclusions want an alpha of .8, tentative ones of .667.[/dim]",
        soft_wrap=True,
    )


def _cells(row: dict[str, Any]) -> list[str]:
    language = "[dim]all[/dim]" if row["requested_language"] == _ALL else plain(row["requested_language"])
    names = f"{plain(row['first'])} × {plain(row['second'])}"
    if row["first"] == _ALL:
        names = f"[dim]all {row['raters']} raters[/dim]"
    left_out = f" [yellow]({row['n_left_out']} without)[/yellow]" if row["n_left_out"] else ""
    return [language, names, f"{row['n']}{left_out}", *(_measure(row, name) for name in ("alpha", "kappa", "exact"))]


def _measure(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "[dim]–[/dim]"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.2f}" + ("" if low is None else f" [dim]{low:.2f} to {high:.2f}[/dim]")


def show_confusion(tables: "Sequence[Confusion]") -> None:
    """Prints tables of counts."""
    if not tables:
        console.print(
            "\nNo two raters gave values from a short list to the same answers, so there is nothing to count."
        )
    for each in tables:
        console.print(
            f"\n[bold]{plain(each.facet)}[/bold]: {plain(each.first)} (down) × {plain(each.second)} (across)",
            soft_wrap=True,
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        for value in each.values:
            table.add_column(f"{value:g}", justify="right")
        for value, counts in zip(each.values, each.counts, strict=True):
            same = each.values.index(value)
            cells = [f"[bold]{count}[/bold]" if place == same else str(count) for place, count in enumerate(counts)]
            table.add_row(f"[bold]{value:g}[/bold]", *cells)
        print_table(table)
