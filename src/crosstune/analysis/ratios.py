"""Intervals of a ratio of two levels.

bootstrap   As of a difference: quantiles of the resampled ratio, moved outwards for small numbers of clusters.
score       Where resampling is not trusted (see `bootstrap`), the interval of Donner and Zou (Closed-form confidence
            intervals for functions of the normal mean and standard deviation, Statistical Methods in Medical
            Research 21 (2012), 347-359) from the intervals of numerator and denominator, without credit for the
            pairing.
none        The denominator might be 0 as far as these clusters show, so that the ratio has no upper limit, or
            there are too few clusters.
"""

from math import sqrt

import numpy as np

from crosstune.analysis.bootstrap import Array, ClusterBootstrap, Interval, expanded_tail


def ratio_interval(bootstrap: ClusterBootstrap, numerator: Array, denominator: Array) -> Interval:
    """The interval of one weighted sum of levels over another; both are of values that are never negative.

    Args:
        bootstrap: of the levels.
        numerator: coefficients as of `ClusterBootstrap.interval`.
        denominator: so too.

    Returns:
        No estimate where the denominator is 0 or either is missing.
    """
    above, below = bootstrap.interval(numerator), bootstrap.interval(denominator)
    difference = bootstrap.interval(numerator - denominator)
    clusters = difference.clusters
    if above.estimate is None or below.estimate is None or below.estimate <= 0:
        return Interval(None, None, None, "none", clusters)
    ratio = above.estimate / below.estimate
    nothing = Interval(ratio, None, None, "none", clusters)
    if above.low is None or above.high is None or below.low is None or below.high is None:
        return nothing
    if above.method == below.method == difference.method == "bootstrap":
        with np.errstate(invalid="ignore", divide="ignore"):
            replicates = _sums(bootstrap, numerator) / _sums(bootstrap, denominator)
        tail = expanded_tail(clusters)
        # 0/0 says nothing of the ratio, x/0 that it has no upper limit.
        low, high = np.quantile(np.where(np.isnan(replicates), np.inf, replicates), [tail, 1 - tail])
        if not np.isfinite([low, high]).all():
            return nothing
        return Interval(ratio, float(low), float(high), "bootstrap", clusters)
    if below.low <= 0:
        return nothing
    low, high = donner_zou(above.estimate, (above.low, above.high), below.estimate, (below.low, below.high))
    return Interval(ratio, low, high, "score", clusters)


def donner_zou(
    numerator: float, of_numerator: tuple[float, float], denominator: float, of_denominator: tuple[float, float]
) -> tuple[float, float]:
    """Limits of a ratio from the limits of its two parts (Donner and Zou 2012); all above 0, except the first two."""
    product = numerator * denominator
    (low, high), (least, most) = of_numerator, of_denominator

    def limit(own: float, other: float, sign: float) -> float:
        root = product**2 - own * other * (2 * numerator - own) * (2 * denominator - other)
        return (product + sign * sqrt(max(0.0, root))) / (other * (2 * denominator - other))

    # A denominator's interval that reaches twice its estimate leaves no lower limit but 0.
    lower = limit(low, most, -1.0) if most < 2 * denominator else 0.0
    return max(0.0, lower), limit(high, least, 1.0)


def _sums(bootstrap: ClusterBootstrap, coefficients: Array) -> Array:
    cells = np.flatnonzero(coefficients)
    sums: Array = coefficients[cells] @ bootstrap.replicates[cells]
    return sums
