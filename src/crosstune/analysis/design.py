"""The settings of tuned runs as columns of a regression: numbers on a useful scale, and names against a first one."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import Array

_SIZE = re.compile(r"-(?:total)?(\d+)(?=(?:-seed\d+)?$)")
_NOT_A_FACTOR = {"run", "seed", "tuned", "schema_version", "learning_rate", "instructions", "api"}

COLLINEAR = "collinear"
TIMES = " × "


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the design."""

    term: str
    """Such as `log10 learning_rate`, `adaptation: full`, or two of them joined by ` × `."""
    against: str | None
    """What a name is compared with; None for numbers."""
    values: Array
    """One a run."""


@dataclass(frozen=True)
class Design:
    """Settings of the tuned runs."""

    runs: tuple[str, ...]
    columns: tuple[Column, ...]
    """That can be told apart, without a constant."""
    left_out: tuple[Column, ...]
    """That cannot, because others determine them."""

    @property
    def settings(self) -> int:
        """How many runs differ in any column."""
        return (
            len(np.unique(np.stack([column.values for column in self.columns], axis=1), axis=0)) if self.columns else 1
        )


def data_size(instructions: str) -> int | None:
    """The number of examples that a label of instruction data names: 200 of `starter-en-200`; None without."""
    found = _SIZE.search(instructions)
    return int(found[1]) if found else None


def beside(settings: Design, runs: Sequence[str], constants: Array) -> Design:
    """The same settings without those that constants determine, such as a rate that only one language was asked at.

    Args:
        settings: of the runs.
        runs: one a row of `constants`.
        constants: further columns of the regression.
    """
    place = {run: number for number, run in enumerate(settings.runs)}
    rows = [place[run] for run in runs]
    basis = constants
    kept: list[Column] = []
    left_out: list[Column] = []
    for column in settings.columns:
        basis, independent = _added(basis, Column(column.term, column.against, column.values[rows]))
        (kept if independent else left_out).append(column)
    # What acts together with something that cannot be told cannot be told either, and needs no row of its own.
    shown = [column for column in left_out if TIMES not in column.term]
    return Design(settings.runs, tuple(kept), (*settings.left_out, *shown))


def design(cells: pl.DataFrame, *, sizes: Mapping[str, int] | None = None, interactions: bool = True) -> Design:
    """Columns of what varies among the tuned runs.

    Numbers are centred, so that the effect of a setting that interacts with others is that at their mean.

    Args:
        cells: table of runs.
        sizes: number of examples by label of instruction data; None reads it from the labels.
        interactions: whether products of two settings are columns too, where the grid tells them apart.
    """
    rows = cells.filter(pl.col("tuned")).sort("run").to_dicts()
    factors = [_learning_rate(rows), *_data(rows, sizes), *_others(rows, cells.columns)]
    groups = [group for group in factors if group]
    kept: list[Column] = []
    left_out: list[Column] = []
    basis = np.ones((len(rows), 1))
    for column in [column for group in groups for column in group]:
        basis, independent = _added(basis, column)
        (kept if independent else left_out).append(column)
    if interactions:
        for one, other in combinations([[column for column in group if column in kept] for group in groups], 2):
            for first in one:
                for second in other:
                    product = Column(f"{first.term}{TIMES}{second.term}", None, first.values * second.values)
                    basis, independent = _added(basis, product)
                    if independent:
                        kept.append(product)
    return Design(tuple(row["run"] for row in rows), tuple(kept), tuple(left_out))


def _added(basis: Array, column: Column) -> tuple[Array, bool]:
    wider = np.column_stack([basis, column.values])
    # A column that others determine adds no rank; scaled, so that no unit decides what counts as zero.
    scaled = wider / np.maximum(np.abs(wider).max(axis=0, initial=0.0), 1e-300)
    independent = np.linalg.matrix_rank(scaled, tol=1e-8) == wider.shape[1]
    return (wider, True) if independent else (basis, False)


def _learning_rate(rows: list[dict[str, Any]]) -> list[Column]:
    return _numbers("log10 learning_rate", [row["learning_rate"] for row in rows], math.log10)


def _data(rows: list[dict[str, Any]], sizes: Mapping[str, int] | None) -> list[list[Column]]:
    labels = [row["instructions"] or "" for row in rows]
    found = [data_size(label) if sizes is None else sizes.get(label) for label in labels]
    size = _numbers("log2 examples", found, math.log2)
    if not size:
        return [_names("instructions", labels)]
    # With the size taken out, what is left names the source.
    return [size, _names("instructions", [_SIZE.sub("", label) for label in labels])]


def _others(rows: list[dict[str, Any]], names: list[str]) -> list[list[Column]]:
    groups = []
    for name in sorted({*names} - _NOT_A_FACTOR, key=lambda name: (name not in ("adaptation", "base_model"), name)):
        values = [row[name] for row in rows]
        are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        columns = _numbers(name, values, float) if are_numbers else _names(name, [str(value) for value in values])
        groups.append(columns)
    return groups


def _numbers(term: str, values: list[Any], scale: Any) -> list[Column]:
    if len(set(values)) < 2 or any(value is None or (scale is not float and value <= 0) for value in values):
        return []
    numbers = np.array([scale(value) for value in values], dtype=np.float64)
    return [Column(term, None, numbers - numbers.mean())]


def _names(term: str, values: list[str]) -> list[Column]:
    first, *others = sorted(set(values)) if values else [""]
    is_one = {name: np.array([float(value == name) for value in values]) for name in others}
    return [Column(f"{term}: {name}", first, is_one[name]) for name in others]
