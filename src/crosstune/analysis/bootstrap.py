"""Intervals by resampling instructions.

The answers to one instruction (in several languages, with several modifiers, from several seeds and configurations)
are not independent draws. So instructions are resampled, each with all its answers, and everything that is compared
is compared on the same resamples.

    bootstrap   2.5 % and 97.5 % quantiles of the resampled statistic, moved outwards for small numbers of
                clusters: the "expanded percentile interval" of Hesterberg, What Teachers Should Know About the
                Bootstrap, The American Statistician 69 (2015), 371-386. Student's quantile after Abramowitz and
                Stegun, Handbook of Mathematical Functions, 26.7.5.
    score       The level of one yes/no answer an instruction is a plain share, and gets Wilson's score interval
                (JASA 22 (1927), 209-212): resampling a share near 1 covers too much (99.7 % at .95 and 60
                instructions; Wilson's 97 %). And resampling cannot show what it has not seen: 24 right answers out of
                24 always resample to 24 out of 24. Where fewer than five clusters carry the variation, any level gets
                Wilson's interval with as many trials as clusters. That is no narrower than it should be for values on
                a bounded scale: their variance is at most that of a yes/no value of the same mean.
                A difference gets the interval of Newcombe (Statistics in Medicine 17 (1998), 873-890) and of Zou
                and Donner (ibid. 27 (2008), 1693-1702) from the intervals of its two sides, without credit for
                the pairing, which makes it wider rather than narrower.
    none        With fewer than five clusters no interval is given at all.

"Clusters that carry the variation" is the participation ratio (Σh²)²/Σh⁴ of the clusters' linear contributions h: about
k when k clusters out of many depart from all others.
"""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
DRAWS = 4000
"""Resamples; the ends of an interval then vary by about a tenth of a standard error between seeds."""
LEAST_CLUSTERS = 5
"""With fewer instructions no interval is given."""
LEAST_CARRYING = 5.0
"""With fewer instructions carrying the variation, resampling is not trusted."""

Method = Literal["bootstrap", "score", "none"]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and what is known of its uncertainty."""

    estimate: float | None
    """None when there is nothing to estimate from."""
    low: float | None
    high: float | None
    method: Method
    """`bootstrap`: resampled; `score`: Wilson's or Newcombe's; `none`: too little to go by, no `low` and `high`."""
    clusters: int
    """Instructions with at least one value."""


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t, to 0.001 for at least 4 degrees of freedom (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * degrees**4)
    )


def expanded_tail(clusters: int, confidence: float = CONFIDENCE) -> float:
    """The probability to cut off at each end of the replicates of a mean of `clusters` values (Hesterberg 2015)."""
    quantile = student_quantile((1 + confidence) / 2, clusters - 1)
    return NormalDist().cdf(-sqrt(clusters / (clusters - 1)) * quantile)


def score_interval(share: float, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share, or of the mean of values between 0 and 1.

    Args:
        share: the mean, between 0 and 1.
        trials: how many independent values it is the mean of.
        confidence: nominal coverage.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def resamples(clusters: int, generator: np.random.Generator, draws: int = DRAWS) -> Array:
    """How often each cluster is drawn in each resample; draws × clusters."""
    if not clusters:
        return np.zeros((draws, 0))
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)


class ClusterBootstrap:
    """Means by cell with the same resamples of clusters under all of them.

    A cell is whatever a mean is wanted of, such as a configuration in a language. Its mean is the sum of its
    values over their number, so an instruction with two answers counts twice.
    """

    def __init__(
        self,
        sums: Array,
        counts: Array,
        *,
        generator: np.random.Generator | None = None,
        weights: Array | None = None,
        scale: tuple[float, float] | None = None,
        draws: int = DRAWS,
    ) -> None:
        """Draws the resamples, or takes those of something that is compared.

        Args:
            sums: sums of values; clusters × cells.
            counts: numbers of values; clusters × cells.
            generator: where the draws come from; not needed where `weights` are given.
            weights: resamples as `resamples` draws them.
            scale: lowest and highest possible value; None when not known, which leaves some intervals open.
            draws: number of resamples.
        """
        self._sums = sums
        self._counts = counts
        self._scale = scale
        total = counts.sum(axis=0)  # cells
        with np.errstate(invalid="ignore", divide="ignore"):
            self.levels: Array = sums.sum(axis=0) / total  # cells; NaN where no value
            # What a cluster adds to a level, and how far it moves it from its estimate, to first order; clusters, cells
            self.shares: Array = sums / total
            self.contributions: Array = self.shares - counts * (self.levels / total)
        if weights is None:
            weights = resamples(len(sums), generator or np.random.default_rng(0), draws)
        self._weights = weights

    @cached_property
    def replicates(self) -> Array:
        """Resampled levels; cells × draws."""
        # Most cells have the same counts, and adding them up once is enough.
        different, place = np.unique(self._counts, axis=1, return_inverse=True)
        weights = self._weights.T
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = self._sums.T @ weights
            found /= (different.T @ weights)[place.reshape(-1)]
        return found

    def unseen(self) -> Array:
        """Levels of the clusters that are not in each resample; cells × draws, NaN where there are none."""
        left_out = (self._weights == 0).astype(np.float64).T
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = (self._sums.T @ left_out) / (self._counts.T @ left_out)
        return found

    def interval(self, coefficients: Array) -> Interval:
        """The interval of a weighted sum of levels.

        Args:
            coefficients: one a cell. A one alone gives a level, 1/n over n cells their mean, and +1 and -1 a paired
                difference.
        """
        cells = np.flatnonzero(coefficients)
        weights = coefficients[cells]
        estimate = float(self.levels[cells] @ weights)
        clusters = int((self._counts[:, cells].sum(axis=1) > 0).sum())
        if not len(cells) or np.isnan(estimate):
            return Interval(None, None, None, "none", clusters)
        if clusters < LEAST_CLUSTERS:
            return Interval(estimate, None, None, "none", clusters)
        if not self._is_share(cells) and self._carrying(cells, weights) >= LEAST_CARRYING:
            replicates = weights @ self.replicates[cells]
            replicates = replicates[~np.isnan(replicates)]
            tail = expanded_tail(clusters)
            low, high = np.quantile(replicates, [tail, 1 - tail])
            return Interval(estimate, float(low), float(high), "bootstrap", clusters)
        if self._scale is None:
            return Interval(estimate, None, None, "none", clusters)
        if (weights > 0).all():
            low, high = self._score(estimate, float(weights.sum()), clusters)
            return Interval(estimate, low, high, "score", clusters)
        return self._difference(coefficients, estimate, clusters)

    def _is_share(self, cells: NDArray[np.int64]) -> bool:
        """Whether this is one level, and each cluster says one thing, yes or no, as often as every other."""
        if len(cells) != 1 or self._scale is None:
            return False
        counts = self._counts[:, cells[0]]
        sums, counts = self._sums[counts > 0, cells[0]], counts[counts > 0]
        lowest, highest = self._scale
        return bool((counts == counts[0]).all() and ((sums == lowest * counts) | (sums == highest * counts)).all())

    def _carrying(self, cells: NDArray[np.int64], weights: Array) -> float:
        contributions = self.contributions[:, cells] @ weights
        # Rounding leaves dust where all values are equal.
        contributions[np.abs(contributions) < 1e-12] = 0.0
        squares = contributions**2
        return float(squares.sum() ** 2 / (squares**2).sum()) if squares.any() else 0.0

    def _score(self, estimate: float, weight: float, clusters: int) -> tuple[float, float]:
        assert self._scale is not None
        lowest, highest = (weight * end for end in self._scale)
        share = min(1.0, max(0.0, (estimate - lowest) / (highest - lowest)))
        low, high = score_interval(share, clusters)
        return lowest + low * (highest - lowest), lowest + high * (highest - lowest)

    def _difference(self, coefficients: Array, estimate: float, clusters: int) -> Interval:
        plus = self.interval(np.maximum(coefficients, 0))
        minus = self.interval(np.maximum(-coefficients, 0))
        if plus.estimate is None or plus.low is None or plus.high is None:
            return Interval(estimate, None, None, "none", clusters)
        if minus.estimate is None or minus.low is None or minus.high is None:
            return Interval(estimate, None, None, "none", clusters)
        below = sqrt((plus.estimate - plus.low) ** 2 + (minus.high - minus.estimate) ** 2)
        above = sqrt((plus.high - plus.estimate) ** 2 + (minus.estimate - minus.low) ** 2)
        return Interval(estimate, estimate - below, estimate + above, "score", clusters)
