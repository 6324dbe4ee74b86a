"""Agreement of raters as plain numbers: Krippendorff's alpha, Cohen's kappa, exact agreement, and counts of confusions.

For tables of scores, with intervals, see `agreement`; sources of the formulas are in `agreement_measures`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from crosstune.analysis.agreement_measures import Alpha, Array, Integers, Kappa, Level, Measure, Weights, agreements
from crosstune.errors import InvalidData


def krippendorff_alpha(ratings: ArrayLike, level: Level = "ordinal") -> float | None:
    """Krippendorff's alpha by coincidences (Krippendorff 2011): 1 is perfect agreement, 0 what chance would give.

    Args:
        ratings: values, NaN where there is none; raters × items. Items with fewer than two values say nothing.
        level: of measurement. For `ordinal` the distance of two values is how many values lie between them, for
            `interval` it is their difference; both are squared.

    Returns:
        None where alpha is undefined: no item has two values, or all values of items that have two are the same, so
        that raters had no occasion to disagree by chance.

    Raises:
        InvalidData: a value is infinite.
    """
    matrix = np.atleast_2d(np.asarray(ratings, dtype=np.float64))
    _refuse_infinite(matrix)
    matrix = matrix[:, (~np.isnan(matrix)).sum(axis=0) > 1]
    if not matrix.size:
        return None
    return _estimate(Alpha(matrix, np.zeros(matrix.shape[1], dtype=np.int64), level))


def weighted_kappa(
    first: ArrayLike,
    second: ArrayLike,
    weights: Weights = "quadratic",
    categories: Sequence[float] | None = (0, 1, 2),
) -> float | None:
    """Cohen's weighted kappa of two raters (Cohen 1968; with weights `none` the kappa of Cohen 1960).

    Args:
        first: one rater's values; NaN where there is none, and such items are left out.
        second: the other's, of the same items.
        weights: whether all disagreements are equally grave, or how they grow with the distance of the two values.
            Distances are of the values and not of their places among the categories, which is the same where
            categories are evenly spaced.
        categories: values that may be used; None allows all. One that nobody uses changes nothing.

    Returns:
        None where kappa is undefined: no item has both values, or all values are the same.

    Raises:
        InvalidData: the raters have unequal numbers of items, a value is infinite, or is not among the categories.
    """
    one, other = _both_given(first, second, categories)
    if not len(one):
        return None
    return _estimate(Kappa(one, other, np.zeros(len(one), dtype=np.int64), weights))


def percentage_agreement(first: ArrayLike, second: ArrayLike) -> float | None:
    """The share, between 0 and 1, of items that two raters gave the same value, among those with both values.

    Arguments and errors are those of `weighted_kappa`; None where no item has both values.
    """
    one, other = _both_given(first, second, None)
    return float((one == other).mean()) if len(one) else None


def confusion_table(first: ArrayLike, second: ArrayLike, categories: Sequence[float] = (0, 1, 2)) -> Integers:
    """How often two raters gave each pair of values: the first rater's by row, the second's by column.

    Arguments and errors are those of `weighted_kappa`; rows and columns are in the order of the categories.
    """
    one, other = _both_given(first, second, categories)
    known = np.asarray(categories, dtype=np.float64)
    rows, columns = one[:, None] == known, other[:, None] == known  # items, categories
    table: Integers = rows.T.astype(np.int64) @ columns.astype(np.int64)
    return table


def _estimate(measure: Measure) -> float | None:
    value = float(agreements(measure, np.ones((1, 1)))[0])
    return None if np.isnan(value) else value


def _both_given(first: ArrayLike, second: ArrayLike, categories: Sequence[float] | None) -> tuple[Array, Array]:
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if one.shape != other.shape or one.ndim != 1:
        raise InvalidData(f"two raters' values of the same items are wanted, not {one.shape} and {other.shape} of them")
    both = np.stack([one, other])
    _refuse_infinite(both)
    both = both[:, ~np.isnan(both).any(axis=0)]
    unknown = set() if categories is None else set(both.ravel().tolist()) - {float(value) for value in categories}
    if unknown:
        raise InvalidData(f"{min(unknown):g} is not among the categories", hint=f"they are {categories}")
    return both[0], both[1]


def _refuse_infinite(values: Array) -> None:
    if np.isinf(values).any():
        raise InvalidData("a rating is infinite", hint="a rating that is missing is NaN")
