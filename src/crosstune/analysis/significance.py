"""Whether a difference could be chance: sign flips of instructions, Holm's correction, and what a number can show.

Under the hypothesis that two configurations are the same, an instruction's difference is as likely to have either
sign. So signs of whole instructions (all their answers together) are flipped, and the p-value is the share of flips
whose sum is at least as far from zero as the observed one (Fisher, The Design of Experiments, 1935, section 21;
Edgington and Onghena, Randomization Tests, 2007).

    flips        Random flips; (hits + 1) / (flips + 1), which is never 0 (Phipson and Smyth, Permutation P-values
                 Should Never Be Zero, Statistical Applications in Genetics and Molecular Biology 9 (2010), article 39).
    binomial     All differences that are not 0 have one size, as of yes/no values: the exact sign test, which is
                 McNemar's exact test (Psychometrika 12 (1947), 153-157).
    saddlepoint  Too few flips hit for their share to be told: the approximation of Lugannani and Rice (Advances in
                 Applied Probability 12 (1980), 475-490) to the distribution of flips, whose cumulants are known
                 (Robinson, Saddlepoint Approximations for Permutation Tests and Confidence Intervals, JRSS B 44
                 (1982), 91-101), and no less than the share of one flip of all.

Holm's step-down correction is of Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
Statistics 6 (1979), 65-70; it holds however the tests depend on one another.
"""

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist

import numpy as np

from crosstune.analysis.bootstrap import CONFIDENCE, LEAST_CLUSTERS, Array, student_quantile

FLIPS = 10_000
LEAST_HITS = 20
"""With fewer flips that hit, their share is not told well enough."""
_EQUAL = 1e-9
_BLOCK = 2**22


def sign_flip_p_values(differences: Array, *, generator: np.random.Generator, flips: int = FLIPS) -> Array:
    """Two-sided p-values of sums of differences being 0.

    Args:
        differences: by cluster; clusters × comparisons. 0 where a cluster has nothing to compare.
        generator: where the flips come from; all comparisons use the same.
        flips: how many.

    Returns:
        One a comparison; NaN where fewer than five clusters have anything to compare or a difference is NaN, 1 where
        no cluster differs.
    """
    clusters, comparisons = differences.shape
    signs = generator.integers(0, 2, size=(flips, clusters)).astype(np.float32) * 2 - 1
    found = np.full(comparisons, np.nan)
    scale = np.abs(differences).max(axis=0, initial=0.0)
    for start in range(0, comparisons, max(1, _BLOCK // max(1, flips))):
        block = slice(start, start + max(1, _BLOCK // max(1, flips)))
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = differences[:, block] / np.where(scale[block] > 0, scale[block], 1.0)
        observed = np.abs(scaled.sum(axis=0))
        flipped = np.abs(signs @ scaled.astype(np.float32))  # flips, comparisons of the block
        hits = (flipped >= observed - 1e-4).sum(axis=0)
        found[block] = (hits + 1) / (flips + 1)
        for place in np.flatnonzero(~np.isnan(observed)):
            sizes = scaled[:, place][np.abs(scaled[:, place]) > _EQUAL]
            if not len(sizes):
                found[start + place] = 1.0
            elif np.ptp(np.abs(sizes)) < _EQUAL:
                found[start + place] = _sign_test(int((sizes > 0).sum()), len(sizes))
            elif hits[place] < LEAST_HITS:
                found[start + place] = _saddlepoint(sizes)
        found[block][np.isnan(observed)] = np.nan
    return found


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected for their number by Holm's step-down method; None stays None and is not counted."""
    known = sorted((value, place) for place, value in enumerate(p_values) if value is not None)
    found: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - rank)))
        found[place] = highest
    return found


def smallest_difference(
    instructions: int,
    *,
    standard_deviation: float | None = None,
    share: float | None = None,
    correlation: float = 0.0,
    power: float = 0.8,
    confidence: float = CONFIDENCE,
    comparisons: int = 1,
) -> float | None:
    """The smallest true difference that a paired comparison of so many instructions is likely to show.

    (t + z) · s / √n with Student's t at the two-sided level and the normal z at the power: what Cohen (Statistical
    Power Analysis for the Behavioral Sciences, 2nd ed., 1988, chapter 2) gives for paired means, with Student's
    quantile for the level. Within 2 % of the exact value (noncentral t) from 10 instructions on.

    Args:
        instructions: how many are compared.
        standard_deviation: of the differences between instructions, such as the data of a pilot show.
        share: instead of it the level of a yes/no facet from which the difference starts, one answer an instruction;
            the standard deviation is then √(2p(1-p)(1-ρ)).
        correlation: ρ, of the two configurations' values of the same instruction; 0 promises least.
        power: how likely it is to be shown.
        confidence: 1 minus the two-sided level of the test.
        comparisons: how many are made; the level is divided by it (Bonferroni), as Holm's does for the first of them.

    Returns:
        None with fewer than five instructions. A difference larger than the scale is wide says that so few
        instructions cannot show any.

    Raises:
        ValueError: not exactly one of `standard_deviation` and `share` is given.
    """
    if (standard_deviation is None) == (share is None):
        raise ValueError("give either standard_deviation or share")
    if instructions < LEAST_CLUSTERS:
        return None
    if standard_deviation is None:
        assert share is not None
        standard_deviation = sqrt(2 * share * (1 - share) * (1 - correlation))
    level = student_quantile(1 - (1 - confidence) / (2 * comparisons), instructions - 1)
    return (level + NormalDist().inv_cdf(power)) * standard_deviation / sqrt(instructions)


def _sign_test(positive: int, of: int) -> float:
    fewer = min(positive, of - positive)
    return float(min(1.0, 2 * sum(comb(of, count) for count in range(fewer + 1)) / 2**of))


def _saddlepoint(sizes: Array) -> float:
    """Two-sided tail of a sum of ±sizes, from the cumulant generating function Σ log cosh(t·size)."""
    sizes = np.abs(sizes) * np.sign(sizes * np.sign(sizes.sum()))
    total = float(sizes.sum())
    least = 2.0 ** (1 - len(sizes))
    if total >= float(np.abs(sizes).sum()) - _EQUAL:  # all have the same sign: no flip is farther out
        return least
    low, high = 0.0, 1.0
    while float((sizes * np.tanh(high * sizes)).sum()) < total:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float((sizes * np.tanh(middle * sizes)).sum()) < total else (low, middle)
    point = (low + high) / 2
    cumulant = float(np.logaddexp(point * sizes, -point * sizes).sum() - len(sizes) * np.log(2))
    curvature = float((sizes**2 / np.cosh(point * sizes) ** 2).sum())
    signed_root = sqrt(max(0.0, 2 * (point * total - cumulant)))
    normal = NormalDist()
    tail = normal.cdf(-signed_root) + normal.pdf(signed_root) * (1 / (point * sqrt(curvature)) - 1 / signed_root)
    return float(min(1.0, max(least, 2 * tail)))
