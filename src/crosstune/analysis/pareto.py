"""Configurations that no other beats in everything: the Pareto front of quality, correct language and cost.

A configuration is dominated when another is at least as good in every objective and better in one. Levels are means
over languages, each language counting the same; costs are measured and taken as they are. How sure a place on the front
is comes from the same resamples of instructions under all levels (see `bootstrap`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import Array
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import facet_scores, level_grid
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import answering_costs, diverged_configurations, training_costs
from crosstune.errors import InvalidData

COSTS = {
    "training_tokens": ("training", "tokens"),
    "training_seconds": ("training", "seconds"),
    "answer_tokens": ("answering", "completion_tokens"),
    "answer_seconds": ("answering", "seconds_per_answer"),
}
"""Objectives that are costs, of one run and of one answer; lower is better. All others are names of facets."""
QUALITY = ("helpfulness", "usable", "relevance")
"""Facets of quality, of which the first that was rated, and not the same everywhere, is used by default."""
_TIE = 1e-9

Booleans = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Front:
    """All configurations by some objectives."""

    objectives: tuple[str, ...]
    table: pl.DataFrame = field(repr=False)
    """Columns: configuration; one an objective; on_front (null where a value is missing or training diverged),
    dominated_by (labels), share_on_front (of resamples; null too where no objective is resampled), why_not (`diverged`,
    or the objectives that are missing)."""


def default_objectives(tables: StudyTables) -> tuple[str, ...]:
    """Quality and correct language where they were rated, and a cost: seconds of training, else tokens of an answer."""
    rated = set(tables.scores["facet"].unique())
    values = dict(tables.scores.group_by("facet").agg(pl.col("value").drop_nulls().n_unique()).iter_rows())
    of_quality = [name for name in QUALITY if name in rated]
    # Where all answers are cut off, none is usable, and that sets nothing apart.
    quality = next((name for name in of_quality if values[name] > 1), of_quality[0] if of_quality else None)
    language = "correct_language" if "correct_language" in rated else None
    cost = "training_seconds" if tables.curves["seconds"].is_not_null().any() else "answer_tokens"
    return tuple(name for name in (quality, language, cost) if name)


def pareto_front(tables: StudyTables, objectives: Sequence[str] | None = None, *, seed: int = 0) -> Front:
    """Which configurations, untuned ones too, are on the front.

    Args:
        tables: the study.
        objectives: names of facets and of `COSTS`; None takes `default_objectives`.
        seed: of the resamples.

    Raises:
        InvalidData: an objective is given twice, or is a facet in which neither high nor low is better.
    """
    names = tuple(default_objectives(tables) if objectives is None else objectives)
    if len(set(names)) < len(names):
        raise InvalidData(f"an objective is given twice: {', '.join(names)}")
    for name in names:
        if name not in COSTS and facet_of(name).better is None:
            raise InvalidData(f"{name} is no objective: neither high nor low is better")
    found = configurations(tables.cells)
    diverged = diverged_configurations(tables)
    facets = [name for name in names if name not in COSTS]
    scores = {name: facet_scores(tables, name) for name in facets}
    instructions = sorted({name for frame in scores.values() for name in frame["instruction"].unique()})
    estimates, replicates = {}, {}
    for name in names:
        if name in COSTS:
            estimates[name] = -_cost(tables, name, found)
            replicates[name] = estimates[name][:, None]
        else:
            estimates[name], replicates[name] = _levels(tables, name, found, instructions, seed)
    values = np.array([estimates[name] for name in names]).reshape(len(names), -1)[..., None]
    usable = ~np.isnan(values[..., 0]).any(axis=0) & np.array(
        [item.label not in diverged for item in found], dtype=bool
    )
    draws = max((part.shape[1] for part in replicates.values()), default=1)
    resampled = np.array([np.broadcast_to(replicates[name], (len(found), draws)) for name in names])
    resampled = np.where(usable[None, :, None], resampled, np.nan).reshape(len(names), len(found), draws)
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(found):
        shown = {name: _shown(name, values[place, number, 0]) for place, name in enumerate(names)}
        row: dict[str, Any] = {"configuration": item.label, **shown}
        if not usable[number]:
            missing = ", ".join(name for name in names if shown[name] is None)
            rows.append({**row, "why_not": "diverged" if item.label in diverged else missing})
            continue
        beaten = _dominated_by(values, number)[:, 0] & usable
        share = 1 - _dominated_by(resampled, number).any(axis=0).mean() if facets else None
        by = [other.label for place, other in enumerate(found) if beaten[place]]
        rows.append({**row, "on_front": not by, "dominated_by": by, "share_on_front": share, "why_not": None})
    schema = {"configuration": pl.String(), **dict.fromkeys(names, pl.Float64())}
    outcome = {"on_front": pl.Boolean(), "dominated_by": pl.List(pl.String()), "share_on_front": pl.Float64()}
    return Front(names, pl.DataFrame(rows, schema={**schema, **outcome, "why_not": pl.String()}, orient="row"))


def _dominated_by(values: Array, number: int) -> Booleans:
    """Which are at least as good as one in everything and better in something; configurations × draws.

    Args:
        values: higher is better; objectives × configurations × draws. NaN dominates nothing.
        number: of the one.
    """
    ahead = values - values[:, number : number + 1]
    return np.asarray((ahead >= -_TIE).all(axis=0) & (ahead > _TIE).any(axis=0))


def _levels(
    tables: StudyTables, name: str, found: Sequence[Configuration], instructions: Sequence[str], seed: int
) -> tuple[Array, Array]:
    """Means over languages, turned so that higher is better: configurations, and configurations × draws."""
    grid = level_grid(tables, name, instructions=instructions, seed=seed)
    if grid is None:
        return np.full(len(found), np.nan), np.full((len(found), 1), np.nan)
    sign = 1.0 if facet_of(name).better == "higher" else -1.0
    levels = grid.bootstrap.levels.reshape(len(grid.units), -1).mean(axis=1)
    means = grid.bootstrap.replicates.reshape(len(grid.units), len(grid.languages), -1).mean(axis=1)
    estimates, replicates = np.full(len(found), np.nan), np.full((len(found), means.shape[1]), np.nan)
    for number, item in enumerate(found):
        if item.label in grid.units:
            place = grid.units.index(item.label)
            estimates[number], replicates[number] = sign * levels[place], sign * means[place]
    return estimates, replicates


def _cost(tables: StudyTables, name: str, found: Sequence[Configuration]) -> Array:
    kind, column = COSTS[name]
    if kind == "training":
        costs = dict(training_costs(tables).select("configuration", column).iter_rows())
        return np.array([_number(costs.get(item.label) if item.tuned else 0.0) for item in found], dtype=np.float64)
    answering = answering_costs(tables).with_columns(
        (pl.col("seconds") / pl.col("answers")).alias("seconds_per_answer")
    )
    costs = dict(answering.select("configuration", column).iter_rows())
    return np.array([_number(costs.get(item.label)) for item in found], dtype=np.float64)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _shown(name: str, value: float) -> float | None:
    if np.isnan(value):
        return None
    lower_is_better = name in COSTS or facet_of(name).better == "lower"
    return abs(float(value)) if value == 0 else float(-value if lower_is_better else value)
