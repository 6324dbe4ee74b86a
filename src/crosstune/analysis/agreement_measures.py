"""How far raters agree beyond chance: Krippendorff's alpha and Cohen's kappa, and without chance, exact agreement.

Each is 1 - observed / expected disagreement. Both are sums over the clusters (instructions) that the rated items
belong to, so that every measure is worked out for many weightings of clusters in one go: all weights one gives the
estimate, numbers of draws give a bootstrap, a single zero leaves one cluster out. Knows nothing of tables of scores.

    Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), https://repository.upenn.edu/asc_papers/43
    Cohen, A Coefficient of Agreement for Nominal Scales, Educational and Psychological Measurement 20 (1960), 37-46
    Cohen, Weighted Kappa, Psychological Bulletin 70 (1968), 213-220
    Fleiss, Measuring Nominal Scale Agreement Among Many Raters, Psychological Bulletin 76 (1971), 378-382
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
"""What is known of values: that they differ, which is higher, or by how much."""
Weights = Literal["none", "linear", "quadratic"]
"""How a disagreement of kappa grows with the difference of the two values."""

MANY_VALUES = 10
"""With more different values, coincidences are kept pair by pair and not as a matrix of values × values."""
LARGEST_BLOCK = 2**22
"""Numbers that are held in one array at a time."""

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Mean disagreements under a number of weightings of clusters; arrays have one entry a weighting."""

    observed: Array
    """Of the values that an item was given."""
    expected: Array
    """Of values that meet by chance; 0 where all values are the same."""
    largest: Array
    """The most that two values can disagree."""

    @property
    def agreement(self) -> Array:
        """1 - observed / expected; NaN where all values are the same."""
        possible = self.expected > 0
        return np.where(possible, 1 - self.observed / np.where(possible, self.expected, 1.0), np.nan)


class Measure(Protocol):
    """A measure of agreement between given ratings."""

    @property
    def width(self) -> int:
        """Numbers that one weighting takes to work out."""

    def disagreement(self, weights: Array) -> Disagreement:
        """Disagreement under each row of weights; weightings × clusters."""


class Alpha:
    """Krippendorff's alpha (2011) of ratings whose items belong to clusters."""

    def __init__(self, ratings: Array, clusters: Integers, level: Level) -> None:
        """Counts the coincidences of each cluster.

        Args:
            ratings: values, NaN where there is none; raters × items, each item with at least two values.
            clusters: number of each item's cluster, from 0 without gaps.
            level: of measurement.
        """
        self._level = level
        self._values, codes, given = _coded(ratings)
        size, number = len(self._values), int(clusters.max()) + 1
        self._margins = _counts(np.broadcast_to(clusters, codes.shape)[given], codes[given], (number, size))
        self._where, self._low, self._high, self._coincidences = _differing_pairs(codes, given, clusters)
        self._by_cluster: Array | None = None  # observed disagreement, where it does not depend on the weights
        self._matrix: Array | None = None  # coincidences; clusters, pairs of values
        if level != "ordinal":
            distances = self._distances(self._values)
            self._by_cluster = _sums(self._where, self._coincidences * distances, number)
        elif size <= MANY_VALUES:
            matrix = _counts(self._where, self._low * size + self._high, (number, size * size), self._coincidences)
            self._low, self._high = np.triu_indices(size, k=1)
            self._matrix = matrix[:, self._low * size + self._high]

    @property
    def width(self) -> int:
        """Numbers that one weighting takes to work out."""
        return max(len(self._values), len(self._low) if self._by_cluster is None else 0)

    def disagreement(self, weights: Array) -> Disagreement:
        """Disagreement under each row of weights; weightings × clusters."""
        margins = weights @ self._margins  # weightings, values
        total = margins.sum(axis=1)
        positions = self._positions(margins)
        if self._level == "nominal":
            expected = total**2 - (margins**2).sum(axis=1)
            largest = np.ones(len(weights))
        else:
            centred = positions - ((margins * positions).sum(axis=1) / total)[:, None]
            expected = 2 * total * (margins * centred**2).sum(axis=1)
            largest = (positions[:, -1] - positions[:, 0]) ** 2
        varied = (margins > 0).sum(axis=1) > 1  # exact, while sums of squares leave dust
        # Coincidences are kept in one order of the two values, so they count twice.
        observed = 2 * self._observed(weights, positions) / total
        return Disagreement(observed, np.where(varied, expected / (total * (total - 1)), 0.0), largest)

    def _positions(self, margins: Array) -> Array:
        if self._level == "ordinal":
            # The sum of frequencies from one value to another, each end by half, is the distance of their mid-ranks.
            return np.cumsum(margins, axis=1) - margins / 2
        return np.broadcast_to(self._values, margins.shape)

    def _distances(self, positions: Array) -> Array:
        if self._level == "nominal":
            return np.ones(len(self._low))
        distances: Array = (positions[..., self._low] - positions[..., self._high]) ** 2
        return distances

    def _observed(self, weights: Array, positions: Array) -> Array:
        if self._by_cluster is not None:
            observed: Array = weights @ self._by_cluster
        elif self._matrix is not None:
            observed = ((weights @ self._matrix) * self._distances(positions)).sum(axis=1)
        else:
            observed = (weights[:, self._where] * self._distances(positions)) @ self._coincidences
        return observed


class Kappa:
    """Cohen's weighted kappa (1968) of two raters whose items belong to clusters."""

    def __init__(self, first: Array, second: Array, clusters: Integers, weights: Weights) -> None:
        """Counts each cluster's values and disagreements.

        Args:
            first: one value an item, none missing.
            second: the other rater's.
            clusters: number of each item's cluster, from 0 without gaps.
            weights: of disagreements.
        """
        self._weights = weights
        values, codes, _ = _coded(np.stack([first, second]))
        self._values = values - values.mean()  # so that squares do not cancel
        number = int(clusters.max()) + 1
        self._first, self._second = (_counts(clusters, row, (number, len(values))) for row in codes)
        self._by_cluster = _sums(clusters, self._weigh(np.abs(first - second)), number)
        self._largest = float(self._weigh(values[-1:] - values[:1])[0])

    @property
    def width(self) -> int:
        """Numbers that one weighting takes to work out."""
        return len(self._values)

    def _weigh(self, distances: Array) -> Array:
        powers = {"none": 0, "linear": 1, "quadratic": 2}
        grave: Array = np.where(distances > 0, distances ** powers[self._weights], 0.0)
        return grave

    def disagreement(self, weights: Array) -> Disagreement:
        """Disagreement under each row of weights; weightings × clusters."""
        first, second = weights @ self._first, weights @ self._second  # weightings, values
        total = first.sum(axis=1)
        values = self._values
        # Sums over all pairs of values, of the product of their frequencies and their disagreement.
        if self._weights == "none":
            expected = total**2 - (first * second).sum(axis=1)
        elif self._weights == "linear":
            # The distance of two values is the sum of the gaps between neighbours that lie between them.
            below_first, below_second = np.cumsum(first, axis=1)[:, :-1], np.cumsum(second, axis=1)[:, :-1]
            above_first, above_second = total[:, None] - below_first, total[:, None] - below_second
            expected = (below_first * above_second + below_second * above_first) @ np.diff(values)
        else:
            expected = total * ((first + second) @ values**2) - 2 * (first @ values) * (second @ values)
        varied = (first + second > 0).sum(axis=1) > 1
        observed = weights @ self._by_cluster / total
        largest = np.full(len(weights), self._largest)
        return Disagreement(observed, np.where(varied, expected / total**2, 0.0), largest)


class ExactAgreement:
    """The share of pairs of an item's values that are equal, averaged over items (Fleiss 1971, before chance)."""

    def __init__(self, ratings: Array, clusters: Integers) -> None:
        """Counts each cluster's disagreements; arguments as those of `Alpha`."""
        _, codes, given = _coded(ratings)
        number = int(clusters.max()) + 1
        size = given.sum(axis=0)  # items
        differing = np.zeros(len(clusters))
        for one, other in combinations(range(len(codes)), 2):
            differing += given[one] & given[other] & (codes[one] != codes[other])
        self._by_cluster = _sums(clusters, differing / (size * (size - 1) / 2), number)
        self._items = _sums(clusters, np.ones(len(clusters)), number)

    @property
    def width(self) -> int:
        """Numbers that one weighting takes to work out."""
        return 1

    def disagreement(self, weights: Array) -> Disagreement:
        """Disagreement under each row of weights; weightings × clusters."""
        ones = np.ones(len(weights))
        return Disagreement(weights @ self._by_cluster / (weights @ self._items), ones, ones)


def agreements(measure: Measure, weights: Array) -> Array:
    """The measure under each row of weights (weightings × clusters), a block of rows at a time."""
    rows = max(1, LARGEST_BLOCK // measure.width)
    blocks = [measure.disagreement(weights[start : start + rows]) for start in range(0, len(weights), rows)]
    return np.concatenate([block.agreement for block in blocks])


def _coded(ratings: Array) -> tuple[Array, Integers, NDArray[np.bool_]]:
    """The different values in order, each rating's place among them (0 where there is none), and which are given."""
    given = ~np.isnan(ratings)
    values = np.unique(ratings[given])
    codes = np.where(given, np.searchsorted(values, np.where(given, ratings, values[0])), 0)
    return values, codes.astype(np.int64), given


def _sums(groups: Integers, amounts: Array, number: int) -> Array:
    return np.bincount(groups, amounts, minlength=number).astype(np.float64)


def _counts(rows: Integers, columns: Integers, shape: tuple[int, int], amounts: Array | None = None) -> Array:
    flat = np.bincount(rows * shape[1] + columns, amounts, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def _differing_pairs(
    codes: Integers, given: NDArray[np.bool_], clusters: Integers
) -> tuple[Integers, Integers, Integers, Array]:
    """Cluster, lower and higher value, and coincidences of each pair of different values that an item was given."""
    share = 1 / (given.sum(axis=0) - 1)  # so that each value of an item counts once
    parts = []
    for one, other in combinations(range(len(codes)), 2):
        items = np.flatnonzero(given[one] & given[other] & (codes[one] != codes[other]))
        pair = np.sort(codes[[one, other]][:, items], axis=0)
        parts.append((clusters[items], pair[0], pair[1], share[items]))
    where, low, high, coincidences = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return where, low, high, coincidences
