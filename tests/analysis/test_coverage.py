"""Nominal 95 % intervals of what is compared hold the truth in about 95 of 100 simulated studies of 60 prompts."""

import numpy as np
import pytest

from crosstune.analysis.paired_values import PairedValues
from crosstune.analysis.ratios import ratio_interval
from crosstune.analysis.significance import holm, sign_flip_p_values

PROMPTS, STUDIES = 60, 250


def study(levels, draw, missing=0.0) -> PairedValues:
    """Yes/no answers of units × languages; what makes a prompt hard shifts all its answers, by up to .1 either way.

    A level is its mean over prompts exactly, because the shift is even.
    """
    shift = draw.uniform(-0.1, 0.1, PROMPTS)
    levels = np.asarray(levels)
    values = (draw.random((*levels.shape, PROMPTS)) < levels[..., None] + shift).astype(float)
    values[draw.random(values.shape) < missing] = np.nan
    units, languages = (tuple(str(number) for number in range(size)) for size in levels.shape)
    return PairedValues(
        "facet", "", units, languages, tuple(map(str, range(PROMPTS))), tuple(range(PROMPTS)), values,
        (0.0, 1.0), int(draw.integers(2**31)), 600,
    )  # fmt: skip


def gap(values):
    (pair,) = values.english_pairs("0")
    return pair.difference(list(range(1, len(values.languages))))


def difference(values):
    (pair,) = values.pairs([("0", "1")])
    return pair.difference(list(range(len(values.languages))))


def ratio(values):
    (pair,) = values.pairs([("0", "1")])
    every = list(range(len(values.languages)))
    return ratio_interval(pair.sides, pair.coefficients(1.0, 0.0, every), pair.coefficients(0.0, 1.0, every))


@pytest.mark.parametrize(
    ("asked", "levels", "truth", "missing"),
    [
        (gap, [[0.85, 0.5]], 0.35, 0.0),
        (gap, [[0.85, 0.7, 0.5, 0.3]], 0.35, 0.1),
        (difference, [[0.8], [0.65]], 0.15, 0.0),
        (difference, [[0.8] * 4, [0.65] * 4], 0.15, 0.1),
        (difference, [[0.6], [0.6]], 0.0, 0.0),
        (ratio, [[0.4] * 2, [0.8] * 2], 0.5, 0.0),
    ],
)
def test_intervals_cover(asked, levels, truth, missing):
    draw = np.random.default_rng(11)
    found = [asked(study(levels, draw, missing)) for _ in range(STUDIES)]
    covered = np.mean([interval.low <= truth <= interval.high for interval in found])
    # A true coverage of .95 gives .95 with a standard error of .014 in 250 studies; more than .91 and less than .99.
    assert 0.91 < covered < 0.99


def test_few_pairs_of_equals_are_told_apart_after_holm():
    draw = np.random.default_rng(12)
    rejected = 0
    for _ in range(100):
        values = study([[0.7] * 2] * 4, draw)
        pairs = values.pairs([(str(one), str(other)) for one in range(4) for other in range(one)])
        differences = np.stack([pair.by_instruction([0, 1]) for pair in pairs], axis=1)
        rejected += min(holm(sign_flip_p_values(differences, generator=draw, flips=1000).tolist())) < 0.05
    # At most 5 of 100 are expected; more than 12 is less likely than two in a thousand.
    assert rejected <= 12
