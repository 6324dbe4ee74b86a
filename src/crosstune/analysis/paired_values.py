"""Values of one facet laid out so that what is compared is compared on the same prompts.

A level is of all answers that could be rated. A comparison is of prompts that have a value on both sides: where one
configuration's answers to the hardest prompts could not be rated, its level would look better than it is. Seeds of a
configuration are averaged within a prompt. Only prompts that want an answer in their own language take part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import DRAWS, Array, ClusterBootstrap, Interval, resamples
from crosstune.analysis.configurations import configurations
from crosstune.analysis.facets import scale_of
from crosstune.analysis.levels import By, facet_scores, in_table_order
from crosstune.analysis.tables import StudyTables
from crosstune.records import instruction_of

_PAIRS_AT_ONCE = 48


@dataclass(frozen=True)
class PairedValues:
    """Values of units (configurations or runs) in languages."""

    facet: str
    rater: str
    units: tuple[str, ...]
    """In the order of `configurations`."""
    languages: tuple[str, ...]
    """In the order of the table of languages."""
    prompts: tuple[str, ...]
    """Ids, by instruction."""
    clusters: tuple[int, ...]
    """The number of each prompt's instruction."""
    values: Array = field(repr=False)
    """NaN where there is none; units × languages × prompts."""
    scale: tuple[float, float] | None
    seed: int
    draws: int

    @property
    def instructions(self) -> int:
        """How many there are."""
        return max(self.clusters, default=-1) + 1

    @cached_property
    def weights(self) -> Array:
        """The same resamples of instructions for everything that is compared; draws × instructions."""
        return resamples(self.instructions, np.random.default_rng(self.seed), self.draws)

    @cached_property
    def _starts(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.unique(self.clusters, return_index=True)[1]

    def of(self, unit: str) -> Array:
        """A unit's values; languages × prompts."""
        chosen: Array = self.values[self.units.index(unit)]
        return chosen

    def bootstrap(self, values: Array, scale: tuple[float, float] | None) -> ClusterBootstrap:
        """Means of rows of values, on the resamples of everything that is compared.

        Args:
            values: NaN where there is none; rows × prompts.
            scale: of these values.
        """
        present = ~np.isnan(values)
        # Prompts of an instruction stand together; instructions × rows.
        sums = np.add.reduceat(np.where(present, values, 0.0), self._starts, axis=1).T
        counts = np.add.reduceat(present.astype(np.float64), self._starts, axis=1).T
        return ClusterBootstrap(sums, counts, weights=self.weights, scale=scale)

    def pairs(self, names: Iterable[tuple[str, str]]) -> Iterator["Pair"]:
        """Pairs of units in every language, each on the prompts that have a value under both."""
        yield from self._paired((self.of(first), self.of(second)) for first, second in names)

    def english_pairs(self, english: str) -> Iterator["Pair"]:
        """English against every language within each unit, on the prompts that have a value in both."""
        position = self.languages.index(english)
        yield from self._paired((np.broadcast_to(own[position], own.shape), own) for own in self.values)

    def _paired(self, sides: Iterable[tuple[Array, Array]]) -> Iterator["Pair"]:
        sides = iter(sides)
        while some := list(islice(sides, _PAIRS_AT_ONCE)):
            block = _Block(self, np.stack([np.stack(both) for both in some]))
            for number in range(len(some)):
                yield Pair(block, number)


@dataclass(frozen=True)
class _Block:
    """Pairs that are resampled at once, which spares what each multiplication of matrices costs beside its sums."""

    of: PairedValues
    values: Array
    """Of both sides; pairs × 2 × languages × prompts."""

    @cached_property
    def differences(self) -> ClusterBootstrap:
        """Of the differences by prompt; its cells are pairs × languages."""
        return self.of.bootstrap(self._flat(self.values[:, 0] - self.values[:, 1]), None)

    @cached_property
    def sides(self) -> ClusterBootstrap:
        """Of prompts with a value on both sides; its cells are pairs × 2 × languages."""
        unpaired = np.isnan(self.values).any(axis=1, keepdims=True)
        return self.of.bootstrap(self._flat(np.where(unpaired, np.nan, self.values)), self.of.scale)

    def _flat(self, values: Array) -> Array:
        return values.reshape(-1, values.shape[-1])


@dataclass(frozen=True)
class Pair:
    """Two sides in every language, on the same prompts and the same resamples.

    What is asked of it is the mean over some languages, each counting the same, given by their positions.
    """

    _block: _Block
    _number: int

    def counts(self, languages: list[int]) -> tuple[int, int]:
        """Answers that have a value on both sides, and such that have one on one side only."""
        one, other = ~np.isnan(self._block.values[self._number][:, languages])
        return int((one & other).sum()), int((one ^ other).sum())

    @property
    def sides(self) -> ClusterBootstrap:
        """Of both sides, to be asked with `coefficients`."""
        return self._block.sides

    def coefficients(self, first: float, second: float, languages: list[int]) -> Array:
        """Weights of the cells of `sides`."""
        weights = np.zeros(self._block.values.shape[:3])
        weights[self._number][:, languages] = np.array([[first], [second]]) / len(languages)
        return weights.reshape(-1)

    def difference(self, languages: list[int]) -> Interval:
        """First minus second."""
        weights = np.zeros(self._shape)
        weights[self._number, languages] = 1 / len(languages)
        interval = self._block.differences.interval(weights.reshape(-1))
        if interval.method == "none":
            # Few clusters carry the variation: the limits of the two sides say more than those of their differences.
            return self.sides.interval(self.coefficients(1.0, -1.0, languages))
        return interval

    def levels(self, languages: list[int]) -> tuple[float | None, float | None]:
        """Of both sides; None where a language has none."""
        levels = self.sides.levels.reshape(self._block.values.shape[:3])[self._number][:, languages]
        first, second = (float(level) for level in levels.mean(axis=1))
        return (None, None) if np.isnan(first) else (first, second)

    def contributions(self, languages: list[int]) -> Array:
        """How far each instruction moves the difference from its estimate, to first order."""
        return self._of_languages(self._block.differences.contributions, languages)

    def by_instruction(self, languages: list[int]) -> Array:
        """What each instruction adds to the difference: they sum to its estimate. NaN where there is none."""
        return self._of_languages(self._block.differences.shares, languages)

    @property
    def _shape(self) -> tuple[int, int]:
        pairs, _, languages, _ = self._block.values.shape
        return pairs, languages

    def _of_languages(self, by_cell: Array, languages: list[int]) -> Array:
        cells = [self._number * self._shape[1] + position for position in languages]
        mean: Array = by_cell[:, cells].mean(axis=1)
        return mean


def paired_values(
    tables: StudyTables,
    facet: str,
    *,
    by: By = "configuration",
    rater: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> PairedValues | None:
    """Lays out a facet's values; None when it has no scores.

    Args:
        tables: the study.
        facet: what is rated.
        by: one unit a run, or all seeds of a configuration together.
        rater: whose scores; None takes `levels.choose_rater`.
        seed: of the resamples.
        draws: number of resamples.
    """
    scores = facet_scores(tables, facet, rater=rater)
    if scores.is_empty():
        return None
    present = set(scores[by])
    found = configurations(tables.cells)
    names = [item.label for item in found] if by == "configuration" else [run for item in found for run in item.runs]
    units = [name for name in names if name in present]
    languages = in_table_order(scores["language"].unique().to_list())
    prompts = sorted(scores["prompt_id"].unique(), key=lambda name: (instruction_of(name), name))
    numbers = {name: number for number, name in enumerate(sorted({instruction_of(name) for name in prompts}))}
    values = np.full((len(units), len(languages), len(prompts)), np.nan)
    means = (
        scores.filter(pl.col("value").is_not_null())
        .group_by(by, "language", "prompt_id")
        .agg(pl.col("value").mean())
        .select(_position(by, units), _position("language", languages), _position("prompt_id", prompts), "value")
    )
    values[tuple(means[name].to_numpy() for name in (by, "language", "prompt_id"))] = means["value"].to_numpy()
    return PairedValues(
        facet=facet,
        rater=scores["rater"][0],
        units=tuple(units),
        languages=tuple(languages),
        prompts=tuple(prompts),
        clusters=tuple(numbers[instruction_of(name)] for name in prompts),
        values=values,
        scale=scale_of(facet, scores["rater"][0], scores["value"]),
        seed=seed,
        draws=draws,
    )


def _position(column: str, names: list[str]) -> pl.Expr:
    order = {name: position for position, name in enumerate(names)}
    return pl.col(column).replace_strict(order, return_dtype=pl.Int64())
