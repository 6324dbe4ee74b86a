"""A table of the report, with what each cell holds: the page, Markdown and CSV are made from the same rows.

Knows nothing of studies: what is in the tables is decided in `tables`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup, escape

from crosstune.analysis.facets import Facet
from crosstune.reporting import text

Kind = Literal[
    "text", "label", "language", "level", "difference", "count", "number", "percent", "duration", "p", "odds"
]
"""`level` and `difference` are on a facet's scale; `odds` is a change of the log odds."""

_NUMBERS = {"count", "number", "percent", "duration", "p"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, for a cell."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    """Shown small beneath: how many answers it is of, or why there is no value."""
    facet: Facet | None = None
    """Whose scale it is on, where the table is of several facets."""
    kind: Kind | None = None
    """Where the column has cells of several kinds."""
    is_exact: bool = False
    """Whether it has no interval because it needs none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    key: str
    title: str
    kind: Kind = "text"
    is_head: bool = False
    """Whether its cells name their row."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table with what a reader must know of it."""

    name: str
    """Also of the CSV file; unique in a report."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    facet: Facet
    note: str = ""
    cannot: str = ""
    """Why there are no rows: a sentence."""
    total: str = "Mean of languages"
    """What a row without a language is called."""
    good: Literal["high", "low", ""] = ""
    """Which differences are good; those whose interval is on one side of 0 are then coloured."""


def table(
    name: str, title: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], facet: Facet, **more: Any
) -> ReportTable:
    """A table from sequences; further arguments as those of `ReportTable`."""
    return ReportTable(name, title, tuple(columns), tuple(rows), facet, **more)


def good_side(facet: Facet) -> Literal["high", "low", ""]:
    """Which differences of a facet's levels are good."""
    return {"higher": "high", "lower": "low", None: ""}[facet.better]  # type: ignore[return-value]


def shown(cell: Any, column: Column, of: ReportTable) -> str:
    """What a reader sees of a cell, on one line and not escaped."""
    if isinstance(cell, Estimate):
        kind, facet = cell.kind or column.kind, cell.facet or of.facet
        if cell.value is None:
            return f"{text.NOTHING} ({cell.note})" if cell.note else text.NOTHING
        around = interval(cell, kind, facet)
        return f"{_number(cell.value, kind, facet)} ({around})" if around else _number(cell.value, kind, facet)
    if column.kind == "language":
        return of.total if cell is None else text.language_name(str(cell))
    if cell is None:
        return text.NOTHING
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return _number(cell, column.kind, of.facet)
    return str(cell)


def interval(cell: Estimate, kind: Kind, facet: Facet) -> str:
    """The interval of a cell; empty where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    if kind == "difference":
        return text.points_range(cell.low, cell.high, facet)
    if kind == "level":
        return text.bounds(cell.low, cell.high, facet)
    return f"{_number(cell.low, kind, facet)} to {_number(cell.high, kind, facet)}"


def _number(value: float, kind: Kind, facet: Facet) -> str:
    made: dict[str, Callable[[float], str]] = {
        "level": lambda number: text.level(number, facet),
        "difference": lambda number: text.points(number, facet),
        "percent": text.percent,
        "duration": text.duration,
        "p": lambda number: "<0.001" if number < 0.001 else f"{number:.3f}",
        "count": lambda number: f"{number:,.0f}",
    }
    return made.get(kind, _decimals)(value)


def _decimals(value: float) -> str:
    rounded = f"{value:.2f}"
    return (rounded if float(rounded) else rounded.lstrip("-")).replace("-", "−")


def html_cell(cell: Any, column: Column, of: ReportTable) -> Markup:
    """A cell of the page. `data-` attributes hold the exact numbers, from which the page makes CSV."""
    if isinstance(cell, Estimate):
        return _estimate_cell(cell, column, of)
    words: str | Markup = shown(cell, column, of)
    if column.kind == "label" and cell is not None:
        words = text.label(str(cell))
    elif column.kind == "text":
        words = text.visible(str(words))
    if column.is_head:
        return Markup('<th scope="row">{}</th>').format(words)
    attributes = Markup("")
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        attributes = Markup(' data-value="{}"').format(_exact(cell))
    number = ' class="number"' if column.kind in _NUMBERS else ""
    return Markup(f"<td{number}{attributes}>") + escape(words) + Markup("</td>")


def _estimate_cell(cell: Estimate, column: Column, of: ReportTable) -> Markup:
    kind, facet = cell.kind or column.kind, cell.facet or of.facet
    note = Markup('<small class="counts">{}</small>').format(cell.note) if cell.note else Markup("")
    if cell.value is None:
        return Markup('<td class="level none"><span class="value">{}</span>{}</td>').format(text.NOTHING, note)
    data = [("value", cell.value), ("low", cell.low), ("high", cell.high)]
    attributes = "".join(f' data-{name}="{_exact(value)}"' for name, value in data if value is not None)
    classes, style = "level", ""
    if kind == "level" and facet.is_share:
        classes += " less" if facet.better == "lower" else ""
        style = f' style="--share:{cell.value:.3f}"'
    elif kind in ("difference", "odds") and of.good and cell.low is not None and cell.high is not None:
        side = "high" if cell.low > 0 else "low" if cell.high < 0 else ""
        classes += "" if not side else " better" if side == of.good else " worse"
    around = "" if cell.is_exact else interval(cell, kind, facet) or "no interval"
    return Markup(f'<td class="{classes}"{attributes}{style}>') + Markup(
        '<span class="value">{}</span>{}{}</td>'
    ).format(_number(cell.value, kind, facet), Markup("<small>{}</small>").format(around) if around else "", note)


def _exact(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def plain_rows(of: ReportTable) -> list[dict[str, Any]]:
    """The rows by the titles of their columns, with exact values: an estimate also has `… low`, `… high`, `… note`."""
    rows = []
    for row in of.rows:
        plain: dict[str, Any] = {}
        for column in of.columns:
            cell = row.get(column.key)
            if isinstance(cell, Estimate):
                plain |= {
                    column.title: cell.value,
                    f"{column.title} low": cell.low,
                    f"{column.title} high": cell.high,
                    f"{column.title} note": cell.note,
                }
            else:
                plain[column.title] = cell
        rows.append(plain)
    return rows
