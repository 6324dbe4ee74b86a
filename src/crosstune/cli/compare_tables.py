"""How a comparison looks on a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from crosstune.cli.console import console, counted, plain, print_table

if TYPE_CHECKING:
    from crosstune.study.comparison import Compared

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def show_comparison(compared: "Compared", pairs: Sequence[tuple[str, str]], by: str | None, left_out: int) -> None:
    """Prints one table a facet."""
    from crosstune.analysis.facets import facet as facet_of

    letters = _letters(pairs)
    for name, letter in letters.items():
        console.print(f"[bold]{letter}[/bold]  {plain(name)}", soft_wrap=True)
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in compared.rows:
        rows_of.setdefault(row["facet"], []).append(row)
    several = len(pairs) > 1
    small: dict[str, None] = {}
    for facet, rows in rows_of.items():
        known = facet_of(facet, rows[0]["rater"])
        arrow = {"higher": " ↑", "lower": " ↓", None: ""}[known.better]
        unit = ", %" if known.is_share else ""
        console.print(f"\n[bold]{plain(facet)}{unit}{arrow}[/bold] [dim]by {plain(rows[0]['rater'])}[/dim]")
        table = Table(box=None, pad_edge=False, header_style="bold")
        heads = (["pair"] if several else []) + ([plain(by)] if by else []) + ["language"]
        for head in heads:
            table.add_column(head, no_wrap=True)
        levels = ("first", "second") if several else (letters[pairs[0][0]], letters[pairs[0][1]])
        for head in ("answers", *levels, "difference", "p (Holm)", "can show", "verdict"):
            table.add_column(head, justify="left" if head == "verdict" else "right", no_wrap=True)
        nothing_to_say = _too_small(rows)
        small |= dict.fromkeys(nothing_to_say)
        for each in _ordered([row for row in rows if row["group"] not in nothing_to_say]):
            table.add_row(*_cells(each, letters, several=several, by=by, is_share=known.is_share))
        print_table(table)
    if small:
        console.print(
            f"\n[dim]Too few prompts for anything to be said: {plain(', '.join(small))}[/dim]", soft_wrap=True
        )
    _notes(compared, left_out)


def _too_small(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Groups in which no row says anything."""
    telling = {row["group"] for row in rows if row["p"] is not None}
    return [name for name in dict.fromkeys(row["group"] for row in rows) if name is not None and name not in telling]


def _letters(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    if len(names) > len(_LETTERS):
        return {name: str(number) for number, name in enumerate(names, start=1)}
    return dict(zip(names, _LETTERS, strict=False))


def _ordered(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Means first: they are what is read first. Groups after the whole, in their order."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    return sorted(rows, key=lambda row: (groups.index(row["group"]), row["language"] is not None))


def _cells(
    row: Mapping[str, Any], letters: Mapping[str, str], *, several: bool, by: str | None, is_share: bool
) -> list[str]:
    factor, digits = (100.0, 1) if is_share else (1.0, 2)

    def number(value: float | None, *, sign: bool = False) -> str:
        if value is None:
            return "–"
        shown = round(factor * value, digits) + 0.0  # no -0.0, which rounding leaves
        return f"{shown:{'+' if sign else ''}.{digits}f}"

    cells = [f"{letters[row['first']]} – {letters[row['second']]}"] if several else []
    if by:
        cells.append("[dim]all[/dim]" if row["group"] is None else plain(row["group"]))
    cells.append("[dim]mean of languages[/dim]" if row["language"] is None else plain(row["language"]))
    left_out = f" [yellow]({row['n_left_out']} in one only)[/yellow]" if row["n_left_out"] else ""
    difference = number(row["difference"], sign=True)
    if row["low"] is not None:
        difference += f" [dim]{number(row['low'], sign=True)} to {number(row['high'], sign=True)}[/dim]"
    cells += [f"{row['n']}{left_out}", number(row["first_level"]), number(row["second_level"]), difference]
    p = row["p_holm"]
    cells += ["–" if p is None else "<.001" if p < 0.001 else f"{p:.3f}", number(row["smallest_difference"])]
    return [*cells, _verdict(row, letters)]


def _verdict(row: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    verdict = row["verdict"]
    if verdict in letters:
        return f"[bold]{letters[verdict]} better[/bold]"
    return f"[bold]{verdict}[/bold]" if verdict == "differs" else f"[dim]{verdict}[/dim]"


def _notes(compared: "Compared", left_out: int) -> None:
    if compared.not_compared:
        console.print("\n[bold]Not compared[/bold]")
        for facet, why in compared.not_compared.items():
            console.print(f"  {plain(facet)}: {plain(why)}", soft_wrap=True)
    if left_out:
        console.print(
            f"\n[yellow]note:[/yellow] {counted(left_out, 'prompt')} of the same name and language differ between the "
            "two studies and are left out.",
            soft_wrap=True,
        )
    if compared.rows:
        console.print(
            "\n[dim]First minus second, on prompts with a value under both, with 95 % intervals. p: corrected for all "
            "comparisons of the facet. can show: the true difference that so many prompts show 4 times out of 5; – "
            "where they hardly differ. A difference that is not shown may still be there.[/dim]",
            soft_wrap=True,
        )
