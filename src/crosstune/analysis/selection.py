"""Which configuration one would choose, looking at English alone and looking further, and what the difference costs.

Configurations that differ only in their seed are averaged. Untuned base models are not candidates. Looking at English
alone, candidates are usually tied; people then take the one with the lowest training loss, and so does this.

Caution: the best configuration is chosen on the prompts it is then measured on, so the cost is estimated a little too
high when many candidates are close.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from crosstune.analysis.bootstrap import Interval
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.levels import LevelGrid, level_grid
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import diverged_configurations, training_costs

ENGLISH = "en"
Over = Literal["english", "all-languages"]
_TIE = 1e-9

COST_SCHEMA = pl.Schema(
    {
        "language": pl.String(),
        "level_by_english": pl.Float64(),
        "level_by_all": pl.Float64(),
        "cost": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What one would choose by one criterion."""

    over: Over
    level: Interval | None
    """Of the best; None when nothing can be chosen."""
    tied: tuple[str, ...]
    """All configurations with exactly the best level; one when it is alone, none when nothing can be chosen."""
    not_worse_for_sure: tuple[str, ...]
    """Others, of which these prompts do not show that they are worse: the interval of the difference reaches 0."""
    pick: str | None
    """What one would take: the best, or among tied ones that of the lowest final training loss. None when that does not
    decide either; costs are then the mean over the tied ones."""
    by_loss: bool
    """Whether the training loss decided between tied ones."""
    why_not: str | None = None
    """Why nothing can be chosen, or why the loss does not decide; a clause for a reader."""

    @property
    def taken(self) -> tuple[str, ...]:
        """The pick alone, or all tied ones where there is none."""
        return (self.pick,) if self.pick else self.tied


@dataclass(frozen=True, slots=True)
class Selection:
    """Both choices and what lies between them."""

    facet: str
    languages: tuple[str, ...]
    candidates: tuple[str, ...]
    """Labels of the tuned configurations that have scores."""
    by_english: Choice
    by_all: Choice
    cost: pl.DataFrame = field(repr=False)
    """`COST_SCHEMA`: one row a language, then one with null language for the mean over languages. `cost` is the
    level by all languages minus the level by English, with its paired 95 % interval. Without rows when either
    choice fails; without intervals when both are the same configuration."""
    final_loss: dict[str, float] = field(default_factory=dict)
    diverged: dict[str, int] = field(default_factory=dict)
    """Configurations whose training diverged, with the first update at which it did; they are no candidates."""

    @property
    def same(self) -> bool:
        """Whether English alone leads to the same configuration."""
        return bool(self.by_all.taken) and self.by_english.taken == self.by_all.taken

    def recommended(self, over: Over) -> Choice:
        """The choice that the study's `select.over` asks for."""
        return self.by_english if over == "english" else self.by_all


def choose(
    tables: StudyTables, facet: str = "correct_language", *, rater: str | None = None, seed: int = 0
) -> Selection:
    """Chooses by English alone and by the mean over all languages, each language counting the same.

    Args:
        tables: the study.
        facet: what the level is of; higher is better.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        seed: of the resamples.
    """
    return choose_from(tables, facet, level_grid(tables, facet, by="configuration", rater=rater, seed=seed))


def choose_from(tables: StudyTables, facet: str, grid: LevelGrid | None) -> Selection:
    """As `choose`, from a grid by configuration that is at hand."""
    costs = training_costs(tables)
    losses = {row["configuration"]: row["final_loss"] for row in costs.to_dicts() if row["final_loss"] is not None}
    tuned = {item.label: item for item in configurations(tables.cells) if item.tuned}
    if grid is None:
        nothing = "there are no scores of it for prompts that want an answer in their own language"
        return Selection(
            facet,
            (),
            (),
            _nothing("english", nothing),
            _nothing("all-languages", nothing),
            _frame([]),
            losses,
        )
    diverged = diverged_configurations(tables)
    candidates = {label: tuned[label] for label in grid.units if label in tuned and label not in diverged}
    english = (ENGLISH, ENGLISH)
    if english in grid.languages:
        by_english = _choose("english", grid, candidates, losses, english)
    else:
        by_english = _nothing("english", "the study asks nothing in English")
    by_all = _choose("all-languages", grid, candidates, losses, None)
    return Selection(
        facet=facet,
        languages=tuple(language for language, _ in grid.languages),
        candidates=tuple(candidates),
        by_english=by_english,
        by_all=by_all,
        cost=_cost(grid, by_english, by_all),
        final_loss=losses,
        diverged=diverged,
    )


def _nothing(over: Over, why: str) -> Choice:
    return Choice(over, None, (), (), None, by_loss=False, why_not=why)


def _choose(
    over: Over,
    grid: LevelGrid,
    candidates: dict[str, Configuration],
    losses: dict[str, float],
    language: tuple[str, str] | None,
) -> Choice:
    if not candidates:
        return _nothing(over, "no tuned configuration has scores")
    estimates = {label: grid.level(label, language).estimate for label in candidates}
    known = {label: level for label, level in estimates.items() if level is not None}
    if not known:
        return _nothing(over, "no configuration has a rated answer in " + ("English" if language else "every language"))
    best = max(known.values())
    tied = tuple(label for label, level in known.items() if best - level < _TIE)

    def reaches_zero(label: str) -> bool:
        difference = grid.bootstrap.interval(grid.coefficients((1.0, tied[0], language), (-1.0, label, language)))
        return difference.low is None or difference.low <= 0

    pick, why_not = (tied[0], None) if len(tied) == 1 else lowest_loss(tied, candidates, losses)
    return Choice(
        over=over,
        level=grid.level(pick or tied[0], language),
        tied=tied,
        not_worse_for_sure=tuple(label for label in known if label not in tied and reaches_zero(label)),
        pick=pick,
        by_loss=len(tied) > 1 and pick is not None,
        why_not=why_not,
    )


def lowest_loss(
    tied: tuple[str, ...], candidates: dict[str, Configuration], losses: dict[str, float]
) -> tuple[str | None, str | None]:
    """The one of these configurations whose training loss is lowest, or None and why losses do not decide."""
    if any(label not in losses for label in tied):
        return None, "not all of them have a training curve"
    if len({(candidates[label].base_model, candidates[label].instructions) for label in tied}) > 1:
        return None, "losses of different base models or instruction data cannot be compared"
    lowest = min(losses[label] for label in tied)
    best = [label for label in tied if losses[label] == lowest]
    return (best[0], None) if len(best) == 1 else (None, "their training losses are the same too")


def _cost(grid: LevelGrid, by_english: Choice, by_all: Choice) -> pl.DataFrame:
    if not by_english.taken or not by_all.taken:
        return _frame([])

    def parts(
        choice: Choice, sign: float, language: tuple[str, str] | None
    ) -> list[tuple[float, str, tuple[str, str] | None]]:
        return [(sign / len(choice.taken), label, language) for label in choice.taken]

    same = by_english.taken == by_all.taken

    def level(choice: Choice, language: tuple[str, str] | None) -> float | None:
        return grid.bootstrap.interval(grid.coefficients(*parts(choice, 1.0, language))).estimate

    rows = []
    for language in (*grid.languages, None):
        weights = grid.coefficients(*parts(by_all, 1.0, language), *parts(by_english, -1.0, language))
        difference = grid.bootstrap.interval(weights)
        rows.append(
            {
                "language": language[0] if language else None,
                "level_by_english": level(by_english, language),
                "level_by_all": level(by_all, language),
                "cost": 0.0 if same else difference.estimate,
                "low": None if same else difference.low,
                "high": None if same else difference.high,
                "method": "none" if same else difference.method,
            }
        )
    return _frame(rows)


def _frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COST_SCHEMA, orient="row")
