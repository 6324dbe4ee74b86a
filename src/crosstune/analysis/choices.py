"""What one would choose by four criteria, how stable each choice is, and what it costs in every language.

    english         the highest level in English, tied ones by the lowest training loss (as `selection` does)
    training-loss   the lowest final training loss, without looking at an answer
    all-languages   the highest mean over languages, each counting the same
    worst-language  the highest level in whichever language it is lowest in (maximin: Wald, Statistical Decision
                    Functions, 1950)

Regret is what a choice is short of the best candidate in a language (Savage, The Theory of Statistical Decision, JASA
46 (1951), 55-67). The best is found on the prompts it is measured on, so regret is too high where many candidates are
close. Therefore choices are also made on each resample of instructions and measured on the instructions that are not in
it (out of bag: Breiman, Bagging Predictors, Machine Learning 24 (1996), 123-140), against what choosing by that
language itself would have given there. A resample holds about 63 % of the instructions, so this is of choosing with
fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import Array
from crosstune.analysis.configurations import Configuration, configurations
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import LevelGrid, level_grid
from crosstune.analysis.selection import ENGLISH, lowest_loss
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import diverged_configurations, training_costs
from crosstune.errors import InvalidData

Criterion = Literal["english", "training-loss", "all-languages", "worst-language"]
CRITERIA: tuple[Criterion, ...] = ("english", "training-loss", "all-languages", "worst-language")
_TIE = 1e-9

REGRET_SCHEMA = pl.Schema(
    {
        "criterion": pl.String(),
        "language": pl.String(),
        "best": pl.String(),
        "best_level": pl.Float64(),
        "level": pl.Float64(),
        "regret": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "method": pl.String(),
        "regret_unseen": pl.Float64(),
    }
)
SHARES_SCHEMA = pl.Schema({"criterion": pl.String(), "configuration": pl.String(), "share": pl.Float64()})


@dataclass(frozen=True, slots=True)
class Pick:
    """What one criterion leads to."""

    criterion: Criterion
    taken: tuple[str, ...]
    """One configuration, or all that are tied and that nothing sets apart; none when nothing can be chosen."""
    stability: float | None
    """Share of resamples that lead to the same; None for the training loss, which no prompt can change."""
    why_not: str | None = None
    """Why nothing can be chosen, or why the loss does not decide; a clause for a reader."""


@dataclass(frozen=True, slots=True)
class Choices:
    """All criteria side by side."""

    facet: str
    rater: str
    candidates: tuple[str, ...]
    """Tuned configurations with scores whose training did not diverge."""
    languages: tuple[str, ...]
    picks: tuple[Pick, ...]
    """In the order of `CRITERIA`."""
    regret: pl.DataFrame = field(repr=False)
    """`REGRET_SCHEMA`: one row a criterion and language, then one with null language for their mean, for criteria that
    lead to something. `regret` is never below 0, `regret_unseen` (see above) may be. Without interval where the choice
    is the best itself."""
    shares: pl.DataFrame = field(repr=False)
    """`SHARES_SCHEMA`: how often resamples lead to each candidate, most often first; those never chosen left out."""

    def pick(self, criterion: Criterion) -> Pick:
        """What this criterion leads to."""
        return self.picks[CRITERIA.index(criterion)]


def compare_choices(
    tables: StudyTables, facet: str = "correct_language", *, rater: str | None = None, seed: int = 0
) -> Choices:
    """Chooses by each criterion.

    Args:
        tables: the study.
        facet: what levels are of; where lower is better, the lowest is chosen.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        seed: of the resamples.

    Raises:
        InvalidData: neither high nor low is better in this facet.
    """
    better = facet_of(facet).better
    if better is None:
        raise InvalidData(f"nothing can be chosen by {facet}: neither high nor low is better")
    grid = level_grid(tables, facet, rater=rater, seed=seed)
    tuned = {item.label: item for item in configurations(tables.cells) if item.tuned}
    diverged = diverged_configurations(tables)
    candidates = {label: tuned[label] for label in (grid.units if grid else ()) if label in tuned}
    candidates = {label: item for label, item in candidates.items() if label not in diverged}
    if grid is None or not candidates:
        why = "no tuned configuration has scores" if grid else "there are no scores of it"
        picks = tuple(Pick(criterion, (), None, why) for criterion in CRITERIA)
        languages = tuple(language for language, _ in grid.languages) if grid else ()
        nothing = pl.DataFrame(schema=REGRET_SCHEMA), pl.DataFrame(schema=SHARES_SCHEMA)
        return Choices(facet, grid.rater if grid else "", (), languages, picks, *nothing)
    return _Chooser(tables, grid, candidates, 1.0 if better == "higher" else -1.0).choices()


class _Chooser:
    def __init__(self, tables: StudyTables, grid: LevelGrid, candidates: dict[str, Configuration], sign: float) -> None:
        self.grid = grid
        self.candidates = candidates
        self.labels = tuple(candidates)
        self.languages = tuple(language for language, _ in grid.languages)
        self.sign = sign
        costs = training_costs(tables).select("configuration", "final_loss").iter_rows()
        self.losses = {label: loss for label, loss in costs if loss is not None}
        groups = {(item.base_model, item.instructions): None for item in candidates.values()}
        places = {key: number for number, key in enumerate(groups)}
        self.groups = np.array([places[item.base_model, item.instructions] for item in candidates.values()])
        rows = [grid.units.index(label) for label in self.labels]
        self.shape = (len(grid.units), len(self.languages))
        self.rows = rows
        bootstrap = grid.bootstrap
        self.levels = sign * bootstrap.levels.reshape(self.shape)[rows][..., None]  # candidates, languages, 1
        in_bag = bootstrap.replicates.reshape(*self.shape, -1)[rows]
        self.in_bag = sign * in_bag  # candidates, languages, draws
        self.unseen = sign * bootstrap.unseen().reshape(*self.shape, -1)[rows]

    def choices(self) -> Choices:
        picks, regrets, shares = [], [], []
        for criterion in CRITERIA:
            taken, why = self._taken(criterion)
            chosen = None if criterion == "training-loss" or not taken else self._chosen(criterion, self.in_bag)
            stability = None
            if chosen is not None:
                stability = float(chosen[[self.labels.index(label) for label in taken]].sum(axis=0).mean())
                often = zip(self.labels, chosen.mean(axis=1).tolist(), strict=True)
                ordered = sorted((-share, place, label) for place, (label, share) in enumerate(often) if share > 0)
                shares += [(criterion, label, -share) for share, _, label in ordered]
            picks.append(Pick(criterion, taken, stability, why))
            if taken:
                fixed = np.array([[label in taken] for label in self.labels]) / len(taken)
                regrets += self._regrets(criterion, taken, fixed if chosen is None else chosen)
        return Choices(
            facet=self.grid.facet,
            rater=self.grid.rater,
            candidates=self.labels,
            languages=self.languages,
            picks=tuple(picks),
            regret=pl.DataFrame(regrets, schema=REGRET_SCHEMA, orient="row"),
            shares=pl.DataFrame(shares, schema=SHARES_SCHEMA, orient="row"),
        )

    def _taken(self, criterion: Criterion) -> tuple[tuple[str, ...], str | None]:
        if criterion == "training-loss":
            best, why = lowest_loss(self.labels, self.candidates, self.losses)
            return ((best,) if best else ()), why
        if criterion == "english" and ENGLISH not in self.languages:
            return (), "the study asks nothing in English"
        if np.isnan(self._criterion(criterion, self.levels)).all():
            where = "English" if criterion == "english" else "every language"
            return (), f"no configuration has a rated answer in {where}"
        weights = self._chosen(criterion, self.levels)[:, 0]
        taken = tuple(label for label, weight in zip(self.labels, weights, strict=True) if weight > 0)
        return taken, lowest_loss(taken, self.candidates, self.losses)[1] if len(taken) > 1 else None

    def _criterion(self, criterion: Criterion, levels: Array) -> Array:
        """What is made as high as possible; candidates × draws."""
        if criterion == "english":
            of_english: Array = levels[:, self.languages.index(ENGLISH)]
            return of_english
        over_languages: Array = levels.mean(axis=1) if criterion == "all-languages" else levels.min(axis=1)
        return over_languages

    def _chosen(self, criterion: Criterion, levels: Array) -> Array:
        """The share of each candidate in each draw's choice; candidates × draws."""
        values = self._criterion(criterion, levels)
        values = np.where(np.isnan(values), -np.inf, values)
        tied = values >= values.max(axis=0) - _TIE
        # Losses decide between candidates of the same base model and data that all have one.
        losses = np.array([self.losses.get(label, np.nan) for label in self.labels])[:, None]
        groups = self.groups[:, None]
        last = np.where(tied, groups, -1).max(axis=0)
        comparable = (np.where(tied, groups, last) == last).all(axis=0) & ~(tied & np.isnan(losses)).any(axis=0)
        held = np.where(tied, losses, np.inf)
        lowest = tied & (held == held.min(axis=0))
        decided = comparable & (lowest.sum(axis=0) == 1)
        chosen = np.where(decided, lowest, tied).astype(np.float64)
        found: Array = chosen / chosen.sum(axis=0)
        return found

    def _regrets(self, criterion: Criterion, taken: tuple[str, ...], chosen: Array) -> list[dict[str, Any]]:
        rows = []
        for position in (*range(len(self.languages)), None):
            language = None if position is None else self.grid.languages[position]
            levels = self._over(self.levels, position)[:, 0]
            row: dict[str, Any] = {"criterion": criterion, "language": language[0] if language else None}
            if np.isnan(levels).all():
                rows.append({**row, "method": "none"})
                continue
            best = self.labels[int(np.nanargmax(levels))]
            shared = [(-1.0 / len(taken), label, language) for label in taken]
            weights = self.sign * self.grid.coefficients((1.0, best, language), *shared)
            regret = self.grid.bootstrap.interval(weights)
            is_best = bool(taken) and all(
                levels[self.labels.index(label)] >= np.nanmax(levels) - _TIE for label in taken
            )
            own = self.grid.bootstrap.interval(-self.grid.coefficients(*shared)).estimate
            rows.append(
                {
                    **row,
                    "best": best,
                    "best_level": self.sign * float(np.nanmax(levels)),
                    "level": own,
                    "regret": 0.0 if is_best else regret.estimate,
                    "low": None if is_best else regret.low,
                    "high": None if is_best else regret.high,
                    "method": "none" if is_best else regret.method,
                    "regret_unseen": self._unseen_regret(chosen, position),
                }
            )
        return rows

    def _unseen_regret(self, chosen: Array, position: int | None) -> float | None:
        seen, unseen = self._over(self.in_bag, position), self._over(self.unseen, position)
        own = np.where(np.isnan(seen), -np.inf, seen)
        best = own >= own.max(axis=0) - _TIE
        reference = best / best.sum(axis=0)
        with np.errstate(invalid="ignore"):
            short = np.where(reference > 0, reference * unseen, 0).sum(axis=0)
            short -= np.where(chosen > 0, chosen * unseen, 0).sum(axis=0)
        known = short[np.isfinite(short)]
        return float(known.mean()) if len(known) else None

    def _over(self, levels: Array, position: int | None) -> Array:
        chosen: Array = levels.mean(axis=1) if position is None else levels[:, position]
        return chosen


def summarise(choices: Choices, criteria: Sequence[Criterion] = CRITERIA) -> pl.DataFrame:
    """One row a criterion: taken, stability, and the largest and the mean regret with the language of the largest."""
    rows = []
    for criterion in criteria:
        pick = choices.pick(criterion)
        mine = choices.regret.filter(pl.col("criterion") == criterion)
        each = mine.filter(pl.col("language").is_not_null() & pl.col("regret").is_not_null()).sort(
            "regret", descending=True, maintain_order=True
        )
        mean = mine.filter(pl.col("language").is_null())
        rows.append(
            {
                "criterion": criterion,
                "taken": list(pick.taken),
                "stability": pick.stability,
                "mean_regret": mean["regret"][0] if len(mean) else None,
                "largest_regret": each["regret"][0] if len(each) else None,
                "in_language": each["language"][0] if len(each) else None,
                "why_not": pick.why_not,
            }
        )
    schema = {"criterion": pl.String(), "taken": pl.List(pl.String()), "stability": pl.Float64()}
    schema |= {"mean_regret": pl.Float64(), "largest_regret": pl.Float64()}
    return pl.DataFrame(rows, schema={**schema, "in_language": pl.String(), "why_not": pl.String()}, orient="row")
