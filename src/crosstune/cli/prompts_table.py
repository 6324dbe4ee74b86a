"""Tables with a column for each language, set one below the other where the terminal is too narrow for all."""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

_BETWEEN = 1
"""Columns of the terminal on either side of a cell."""
_NOTHING = "[dim]–[/dim]"


def language_tables(
    head: str, languages: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, str]]], width: int
) -> Iterator[Table]:
    """A table, cut into as many as are needed so that no number is.

    Args:
        head: over the first column.
        languages: the heads of the other columns by code.
        rows: the first cell, and others by code; a dash stands where there is none. All may have markup.
        width: of the terminal, in columns.
    """
    first = _width([head, *(label for label, _ in rows)])
    block: dict[str, str] = {}
    taken = first
    for code, name in languages.items():
        needed = 2 * _BETWEEN + _width([name, *(cells.get(code, _NOTHING) for _, cells in rows)])
        if block and taken + needed > width:
            yield _table(head, block, rows)
            block, taken = {}, first
        block[code] = name
        taken += needed
    yield _table(head, block, rows)


def _width(cells: Sequence[str]) -> int:
    return max(cell_len(Text.from_markup(cell).plain) for cell in cells)


def _table(head: str, languages: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, str]]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(head, no_wrap=True)
    for name in languages.values():
        table.add_column(name, justify="right", no_wrap=True)
    for label, cells in rows:
        table.add_row(label, *(cells.get(code, _NOTHING) for code in languages))
    return table
