"""All that a report says of a study, found once: the page, its exports, its figures and a model card show the same.

Where something cannot be found, its frame is empty; `tables` says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from crosstune.analysis.agreement import AGREEMENT_SCHEMA, agreement
from crosstune.analysis.breakdowns import KINDS, breakdown, weak_spots
from crosstune.analysis.choices import Choices, compare_choices
from crosstune.analysis.comparisons import COMPARISONS_SCHEMA, compare_configurations
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.facets import FACETS, Facet
from crosstune.analysis.factors import factors
from crosstune.analysis.levels import LevelGrid, level_frame, level_grid, mean_level_frame
from crosstune.analysis.pareto import Front, pareto_front
from crosstune.analysis.selection import Over, Selection, choose_from
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.telling_failures import telling_failures
from crosstune.analysis.training_costs import answering_costs, training_costs
from crosstune.analysis.transfer import retention, transfer_gaps

PERSON = "person:"
MOST_WEAK_SPOTS = 12


@dataclass(frozen=True)
class Findings:
    """What was found; frames as the functions of `analysis` that make them describe."""

    tables: StudyTables
    facet: Facet
    over: Over
    seed: int
    configurations: tuple[Configuration, ...]
    grid: LevelGrid | None
    selection: Selection
    shown: tuple[str, ...]
    """The configuration that details are shown of, and its untuned base model where there is one."""
    levels: Mapping[str, pl.DataFrame]
    """By facet, the chosen one first; of facets that some answer has a value of: levels by configuration and language,
    then means over languages (null)."""
    gaps: pl.DataFrame
    retention: pl.DataFrame
    comparisons: pl.DataFrame
    """The shown configuration with every other."""
    choices: Choices | None
    front: Front | None
    factors: pl.DataFrame
    breakdowns: Mapping[str, pl.DataFrame]
    """By kind of group, of configurations and languages."""
    breakdowns_in_all: Mapping[str, pl.DataFrame]
    """By kind of group, of configurations over all languages."""
    weak_spots: pl.DataFrame
    telling: pl.DataFrame
    people: pl.DataFrame
    """Agreement of people with one another and with judges; without rows where no person rated."""
    training: pl.DataFrame
    answering: pl.DataFrame

    @property
    def tuned(self) -> list[Configuration]:
        """Configurations that were trained."""
        return [item for item in self.configurations if item.tuned]

    @property
    def bases(self) -> list[Configuration]:
        """Untuned base models, and models behind an API."""
        return [item for item in self.configurations if not item.tuned]

    @property
    def languages(self) -> list[str]:
        """Languages that levels of the chosen facet are in."""
        return [pair[0] for pair in self.grid.languages] if self.grid else []


def find(
    tables: StudyTables, *, facet: str = "correct_language", over: Over = "all-languages", seed: int = 0
) -> Findings:
    """Finds everything.

    Args:
        tables: the study's tables; any of them may be empty.
        facet: what configurations are chosen by.
        over: which of the two choices is the one that the study asks for.
        seed: of the resamples behind the intervals.
    """
    rated = tables.facet(facet)
    found = configurations(tables.cells)
    grid = level_grid(tables, facet, by="configuration", seed=seed)
    selection = choose_from(tables, facet, grid)
    shown = shown_configurations(selection.recommended(over).taken, found, grid)
    has_scale = rated.better is not None
    others = [label for label in (grid.units if grid else ()) if label != (shown[0] if shown else None)]
    some = grid is not None
    return Findings(
        tables=tables,
        facet=rated,
        over=over,
        seed=seed,
        configurations=tuple(found),
        grid=grid,
        selection=selection,
        shown=shown,
        levels=_levels_by_facet(tables, facet, grid, seed),
        gaps=transfer_gaps(tables, facet, seed=seed),
        retention=retention(tables, facet, seed=seed),
        comparisons=compare_configurations(tables, facet, pairs=[(shown[0], other) for other in others], seed=seed)
        if shown and others
        else pl.DataFrame(schema=COMPARISONS_SCHEMA),
        choices=compare_choices(tables, facet, seed=seed) if has_scale and some else None,
        front=pareto_front(tables, seed=seed) if some else None,
        factors=factors(tables, facet),
        breakdowns={kind: breakdown(tables, facet, kind) for kind in KINDS} if some else {},
        breakdowns_in_all={kind: breakdown(tables, facet, kind, by=("configuration",)) for kind in KINDS}
        if some
        else {},
        weak_spots=weak_spots(tables, facet, shown[0], seed=seed).head(MOST_WEAK_SPOTS) if shown else pl.DataFrame(),
        telling=telling_failures(tables, facet),
        people=_people(tables.scores, seed),
        training=training_costs(tables),
        answering=answering_costs(tables),
    )


def shown_configurations(
    taken: Sequence[str], found: Sequence[Configuration], grid: LevelGrid | None
) -> tuple[str, ...]:
    """The configuration to show in detail (the first of those taken, else the first with scores), then its base."""
    if grid is None:
        return ()
    tuned = [item.label for item in found if item.tuned and item.label in grid.units]
    label = next(iter([*taken, *tuned, *grid.units]))
    base_model = next(item.base_model for item in found if item.label == label)
    bases = [item.label for item in found if not item.tuned and item.base_model == base_model]
    return (label, *[base for base in bases if base in grid.units and base != label][:1])


def _levels_by_facet(tables: StudyTables, facet: str, grid: LevelGrid | None, seed: int) -> dict[str, pl.DataFrame]:
    rated = set(tables.scores.filter(pl.col("value").is_not_null())["facet"].unique()) - {facet}
    known = [name for name in FACETS if name in rated]
    levels = {facet: _levels(grid)} if grid is not None else {}
    for name in [*known, *sorted(rated - set(known))]:
        # One grid after the other: each holds all its resamples.
        other = level_grid(tables, name, by="configuration", seed=seed)
        if other is not None:
            levels[name] = _levels(other)
    return levels


def _levels(grid: LevelGrid) -> pl.DataFrame:
    return pl.concat([level_frame(grid, "configuration"), mean_level_frame(grid, "configuration")])


def _people(scores: pl.DataFrame, seed: int) -> pl.DataFrame:
    is_person = pl.col("rater").str.starts_with(PERSON)
    rated = scores.filter(is_person)["facet"].unique().implode()
    marks = scores.filter(pl.col("facet").is_in(rated))
    if marks.is_empty() or marks["rater"].n_unique() < 2:
        return pl.DataFrame(schema=AGREEMENT_SCHEMA)
    found = agreement(marks, seed=seed)
    names = pl.col("first").str.starts_with(PERSON) | pl.col("second").str.starts_with(PERSON)
    return found.filter(names | (pl.col("first") == "all"))
