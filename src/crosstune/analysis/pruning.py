"""Which configurations of a race go on to the next rung, and how sure that is. Knows nothing of training.

A race is successive halving (Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
Optimization, AISTATS 2016): all that are in it answer the same few prompts, and the better share goes on. It departs
from the paper in what it does not know: a configuration that could not be rated is not taken for a bad one and goes on,
and equal ones go on together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

import polars as pl

from crosstune.analysis.bootstrap import Interval
from crosstune.analysis.composite import Composite, Term, with_composite
from crosstune.analysis.levels import LevelGrid, level_grid
from crosstune.analysis.tables import StudyTables

PruneBy = Literal["usable", "correct_language"]
"""What a race compares: answers in the right language that are not broken as text, or the right language alone."""

USABLE = Composite(
    name="usable", all=(Term(facet="correct_language", at_least=1), Term(facet="degeneration", at_most=0))
)
"""A short answer that could become one to send; whether it helps shows only in longer ones."""

PRUNED_SCHEMA = pl.Schema(
    {
        "rung": pl.Int64(),
        "updates": pl.Int64(),
        "configuration": pl.String(),
        "runs": pl.List(pl.String()),
        "by": pl.String(),
        "level": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
        "instructions": pl.Int64(),
        "goes_on": pl.Boolean(),
        "margin": pl.Float64(),
        "margin_low": pl.Float64(),
        "margin_high": pl.Float64(),
        "sure": pl.Boolean(),
        "why": pl.String(),
    }
)
"""One row a rung and configuration that was in the race there, the best first. `updates`: those it was tuned by then.
`level`: of its answers to the probe, the mean over languages. `margin`: how far it is behind the last one that goes on,
with the paired interval; null for those that go on. `sure`: whether that interval leaves out 0."""

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Standing:
    """How a configuration does at a rung."""

    configuration: str
    level: Interval
    """Mean over languages, each counting the same."""
    goes_on: bool
    margin: Interval | None
    """How far behind the last one that goes on; None for those that go on, or where there is nothing to compare."""
    why: str
    """A clause for a reader."""

    @property
    def is_sure(self) -> bool:
        """Whether the probe shows that a pruned configuration is worse than the last one that goes on."""
        return self.margin is not None and self.margin.low is not None and self.margin.low > 0


def survivors(
    tables: StudyTables,
    *,
    by: PruneBy = "usable",
    keep: float,
    at_least: int = 1,
    diverged: Mapping[str, int] | None = None,
    seed: int = 0,
) -> tuple[Standing, ...]:
    """Decides who goes on.

    The better `keep` of the configurations go on, rounded up, and at least `at_least`; those that equal the last of
    them too; and those of which the level is not known in every language, beside them. Configurations whose training
    diverged come last and are pruned, unless that would leave none.

    Args:
        tables: scores of the configurations that are still in the race; `cells` may have more, for the labels.
        by: what is compared.
        keep: share that goes on, between 0 and 1.
        at_least: how many go on at least.
        diverged: configurations whose training diverged, with the update.
        seed: of the resamples.

    Returns:
        The best first, those that cannot be compared last.
    """
    if by == USABLE.name:
        tables = with_composite(tables, USABLE)
    grid = level_grid(tables, by, by="configuration", seed=seed)
    if grid is None:
        return ()
    levels = {label: grid.level(label, None) for label in grid.units}
    ended = diverged or {}
    if all(label in ended for label in levels):
        ended = {}  # nothing tells them apart, and somebody has to go on
    known = {label: level.estimate for label, level in levels.items() if level.estimate is not None or label in ended}
    ranked = sorted(known, key=lambda label: (label in ended, -(known[label] or 0.0)))
    running = [label for label in ranked if label not in ended]
    unknown = [label for label in levels if label not in known]
    wanted = max(at_least - len(unknown), ceil(keep * len(ranked) - _TIE))
    last = running[:wanted][-1] if running[:wanted] else None
    boundary = known[last] if last is not None else None
    standings = []
    for place, label in enumerate(ranked):
        level = levels[label]
        if label in ended:
            why = f"its training diverged at update {ended[label]}"
            standings.append(Standing(label, level, goes_on=False, margin=None, why=why))
        elif boundary is not None and level.estimate is not None and level.estimate >= boundary - _TIE:
            why = f"{_ordinal(place + 1)} of {len(ranked)}" if place < wanted else "equals the last that goes on"
            standings.append(Standing(label, level, goes_on=True, margin=None, why=why))
        else:
            assert last is not None
            margin = _margin(grid, last, label)
            why = f"{_ordinal(place + 1)} of {len(ranked)}, behind {last}"
            standings.append(Standing(label, level, goes_on=False, margin=margin, why=why))
    why = "not rated in every language, so that nothing speaks against it"
    standings += [Standing(label, levels[label], goes_on=True, margin=None, why=why) for label in unknown]
    return tuple(standings)


def _margin(grid: LevelGrid, better: str, worse: str) -> Interval:
    return grid.bootstrap.interval(grid.coefficients((1.0, better, None), (-1.0, worse, None)))


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
