"""Which marks of one rater meet which of another, counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from crosstune.analysis.facets import FACETS

PERSON = "person:"
PEOPLE = "people"
"""Stands for all people together."""
MANY_VALUES = 12
"""Facets with more different values are counted nowhere: their table would hold no number above 1."""
_ANSWER = ["run", "prompt_id", "language", "requested_language"]


@dataclass(frozen=True)
class Confusion:
    """Counts of pairs of marks."""

    facet: str
    first: str
    """Whose marks are the rows."""
    second: str
    """Whose are the columns."""
    values: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    """Rows by values of the first, columns by values of the second."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        counts = [list(row) for row in self.counts]
        return {
            "facet": self.facet,
            "first": self.first,
            "second": self.second,
            "values": list(self.values),
            "counts": counts,
        }


def confusions(scores: pl.DataFrame, raters: Sequence[str] | None) -> list[Confusion]:
    """A table for each facet and pair of raters that rated the same answers.

    Args:
        scores: columns of `records.Score`; no rater scored a facet of an answer twice.
        raters: each pair of these. None: each judge and measure against all people together, so that an answer that
            two people marked counts twice; without people, each pair.
    """
    order = {name: place for place, name in enumerate(FACETS)}
    valued = scores.filter(pl.col("value").is_not_null())
    found = []
    for facet in sorted(valued["facet"].unique(), key=lambda name: (order.get(name, len(order)), name)):
        of_facet = valued.filter(pl.col("facet") == facet)
        if of_facet["value"].n_unique() > MANY_VALUES:
            continue
        for first, second in _pairs(sorted(of_facet["rater"].unique()), raters):
            table = _confusion(of_facet, facet, first, second)
            if table is not None:
                found.append(table)
    return found


def _pairs(there: Sequence[str], raters: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    if raters is not None:
        yield from combinations([name for name in raters if name in there], 2)
        return
    people = [name for name in there if name.startswith(PERSON)]
    others = [name for name in there if not name.startswith(PERSON)]
    if people and others:
        yield from ((other, people[0] if len(people) == 1 else PEOPLE) for other in others)
    else:
        yield from combinations(there, 2)


def _confusion(scores: pl.DataFrame, facet: str, first: str, second: str) -> Confusion | None:
    rater = pl.col("rater")
    theirs = rater.str.starts_with(PERSON) if second == PEOPLE else rater == second
    met = (
        scores.filter(rater == first)
        .join(scores.filter(theirs), on=_ANSWER, suffix="_second")
        .group_by("value", "value_second")
        .len()
    )
    if met.is_empty():
        return None
    values = sorted({*met["value"], *met["value_second"]})
    counts = {(one, other): count for one, other, count in met.iter_rows()}
    rows = tuple(tuple(counts.get((one, other), 0) for other in values) for one in values)
    return Confusion(facet, first, second, tuple(values), rows)
