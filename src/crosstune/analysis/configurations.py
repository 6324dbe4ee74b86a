"""Runs that differ only in their seed are one configuration, with a label that says what sets it apart."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

_MODEL_AXES = ["base_model", "instructions", "adaptation"]
_KNOWN = [*_MODEL_AXES, "learning_rate"]
_NOT_AN_AXIS = {"run", "seed", "tuned", "api", "schema_version"}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A point of the grid, all its seeds together."""

    label: str
    """Short and unique in the study: what varies in it, such as `lora r16, lr 5e-4`."""
    series: str
    """The label without the learning rate: what a curve over learning rates shares. Empty when nothing else varies."""
    runs: tuple[str, ...]
    """One a seed, sorted."""
    tuned: bool
    base_model: str
    instructions: str
    adaptation: str
    learning_rate: float | None
    further: dict[str, Any] = field(default_factory=dict)
    """The values of further axes of the grid."""
    api: bool = False
    """Whether it is a model behind an API, which is never tuned."""


def format_learning_rate(value: float) -> str:
    """A learning rate as people write it: `5e-4`, `1.5e-5`."""
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _part(axis: str, value: Any) -> str:
    if value is None:
        return f"{axis.replace('_', ' ')} default"
    if axis == "learning_rate":
        return f"lr {format_learning_rate(value)}"
    return str(value) if axis in _MODEL_AXES else f"{axis.replace('_', ' ')} {value}"


def configurations(cells: pl.DataFrame) -> list[Configuration]:
    """The configurations of a study: untuned base models, then models behind an API, then by the axes of the grid.

    Args:
        cells: table of runs, in any order. A column `api`, where there is one, is true of models behind an API.
    """
    further = [name for name in cells.columns if name not in _NOT_AN_AXIS and name not in _KNOWN]
    axes = [*_MODEL_AXES, *further, "learning_rate"]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in cells.sort("run").iter_rows(named=True):
        mine = axes if row["tuned"] else ["base_model", *further]
        groups.setdefault((row["tuned"], *(_hashable(row[axis]) for axis in mine)), []).append(row)
    tuned_rows = [rows[0] for key, rows in groups.items() if key[0]]
    untuned_rows = [rows[0] for key, rows in groups.items() if not key[0]]
    api_rows = [row for row in untuned_rows if row.get("api")]
    base_rows = [row for row in untuned_rows if not row.get("api")]
    between_apis, between_bases = (
        [axis for axis in further if len({_hashable(row[axis]) for row in rows}) > 1] for rows in (api_rows, base_rows)
    )
    varying = [axis for axis in axes if len({_hashable(row[axis]) for row in tuned_rows}) > 1]
    shown = varying or ["learning_rate"]
    several_bases = len({row["base_model"] for row in (*base_rows, *tuned_rows)}) > 1
    found = []
    for rows in groups.values():
        row = rows[0]
        if row["tuned"]:
            label = ", ".join(_part(axis, row[axis]) for axis in shown)
            series = ", ".join(_part(axis, row[axis]) for axis in varying if axis != "learning_rate")
            own = further
        else:
            untuned = f"{row['base_model']}, untuned" if several_bases else "untuned base"
            name, own = (f"{row['base_model']}, API", between_apis) if row.get("api") else (untuned, between_bases)
            label = series = ", ".join([name, *(_part(axis, row[axis]) for axis in own)])
        found.append(
            Configuration(
                label=label,
                series=series,
                runs=tuple(item["run"] for item in rows),
                tuned=row["tuned"],
                base_model=row["base_model"],
                instructions=row["instructions"] or "",
                adaptation=row["adaptation"] or "",
                learning_rate=row["learning_rate"],
                further={axis: row[axis] for axis in own},
                api=bool(row.get("api")),
            )
        )

    def place(item: Configuration) -> tuple[Any, ...]:
        values = [item.base_model, item.instructions, item.adaptation, *item.further.values(), item.learning_rate]
        return (item.tuned, item.api, [_order(value) for value in values])

    return sorted(found, key=place)


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, before names by letters; what is not given comes first."""
    if isinstance(value, int | float):
        return 1, float(value), ""
    return (0, 0.0, "") if value is None else (2, 0.0, str(value))


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, list | dict) else value
