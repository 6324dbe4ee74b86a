from math import sqrt

import numpy as np
import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.analysis.comparisons import compare_configurations
from crosstune.analysis.significance import holm, sign_flip_p_values, smallest_difference
from crosstune.errors import InvalidData

A, B, C = run("a", 1e-4), run("b", 1e-3), run("c", 1e-2)
NAMES = ("lr 1e-4", "lr 1e-3")


def p_value(differences, flips=10_000) -> float:
    column = np.asarray(differences, dtype=float)[:, None]
    return float(sign_flip_p_values(column, generator=np.random.default_rng(0), flips=flips)[0])


def exact_p(differences) -> float:
    """All sign vectors, one by one."""
    values = np.asarray(differences, dtype=float)
    signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    sums = np.abs(signs @ values)
    return float((sums >= abs(values.sum()) - 1e-9).mean())


# --- p-values


def test_sign_test_by_hand():
    # Seven of eight are positive: 2 * (1 + 8) / 256.
    assert p_value([1] * 7 + [-1]) == pytest.approx(18 / 256)
    # Zeros say nothing.
    assert p_value([1] * 7 + [-1] + [0] * 30) == pytest.approx(18 / 256)


def test_sign_test_is_that_of_scipy_and_of_mcnemar():
    scipy = pytest.importorskip("scipy.stats")
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    for positive, of in ((3, 10), (20, 25), (30, 60), (59, 60)):
        found = p_value([0.5] * positive + [-0.5] * (of - positive))
        assert found == pytest.approx(scipy.binomtest(positive, of).pvalue)
        assert found == pytest.approx(tables.mcnemar([[7, positive], [of - positive, 3]], exact=True).pvalue)


def test_flips_are_those_of_all_sign_vectors():
    differences = np.random.default_rng(3).normal(0.3, 1, 14)
    exact = exact_p(differences)
    assert 0.05 < exact < 0.95
    assert p_value(differences) == pytest.approx(exact, abs=4 * sqrt(exact * (1 - exact) / 10_000))


def test_flips_are_those_of_scipy():
    scipy = pytest.importorskip("scipy.stats")
    differences = np.random.default_rng(5).normal(0.4, 1, 12)
    found = scipy.permutation_test(
        (differences,), lambda x, axis: x.sum(axis), permutation_type="samples", vectorized=True
    )
    assert p_value(differences) == pytest.approx(found.pvalue, abs=0.02)


@pytest.mark.parametrize("shift", [0.9, 1.2, 1.6])
def test_small_p_values_come_near_the_exact_ones(shift):
    differences = np.random.default_rng(1).normal(shift, 0.6, 16)
    exact = exact_p(differences)
    assert exact < 2e-3
    assert p_value(differences) == pytest.approx(exact, rel=0.15)


def test_all_of_one_sign_is_one_flip_of_all():
    # 30 differences of 30 sizes, all positive: only the flip of none and of all reach their sum.
    assert p_value(np.linspace(0.1, 1, 30)) == pytest.approx(2 / 2**30)


def test_nothing_differs_and_nothing_is_known():
    assert p_value([0.0] * 10) == 1.0
    assert np.isnan(p_value([np.nan] * 10))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=11))
def test_p_value_of_few_differences(values):
    exact = exact_p(values)
    error = 4 * sqrt(exact * (1 - exact) / 10_000) + 1e-4
    # Below .002 the saddlepoint is used, whose sum has no steps.
    assert p_value(values) == pytest.approx(exact, abs=max(error, 0.002))
    assert p_value([-value for value in values]) == pytest.approx(p_value(values))


def test_p_values_of_no_difference_are_even():
    # 400 comparisons of 30 instructions without a difference: 5 % are below .05, with a standard error of 1.1 %.
    differences = np.random.default_rng(0).normal(size=(30, 400))
    found = sign_flip_p_values(differences, generator=np.random.default_rng(1), flips=2000)
    assert 0.02 < (found < 0.05).mean() < 0.085


def test_holm_by_hand():
    # Sorted .01, .02, .03, .04: 4 * .01, 3 * .02, 2 * .03, and .04 is raised to .06.
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.6, None, 0.02]) == [0.6, None, 0.04]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    values = np.random.default_rng(0).random(30) ** 4
    assert holm(values.tolist()) == pytest.approx(multitest.multipletests(values, method="holm")[1].tolist())


# --- what can be shown


def test_smallest_difference_by_hand():
    # (2.0010 + .84162) * .5 / sqrt(60) = .18349.
    assert smallest_difference(60, standard_deviation=0.5) == pytest.approx(0.18349, abs=2e-5)
    # A share of .8: sqrt(2 * .8 * .2) = .56569 instead of .5; half of its variance is shared at a correlation of .5.
    assert smallest_difference(60, share=0.8) == pytest.approx(0.18349 * 0.56569 / 0.5, abs=3e-5)
    assert smallest_difference(60, share=0.8, correlation=0.5) == pytest.approx(0.18349 * 0.4 / 0.5, abs=3e-5)


@pytest.mark.parametrize("instructions", [10, 30, 60, 200])
def test_smallest_difference_is_that_of_statsmodels(instructions):
    power = pytest.importorskip("statsmodels.stats.power")
    exact = power.TTestPower().solve_power(nobs=instructions, alpha=0.05, power=0.8)
    assert smallest_difference(instructions, standard_deviation=1.0) == pytest.approx(exact, rel=0.02)


def test_more_comparisons_show_less_and_few_instructions_nothing():
    one = smallest_difference(60, share=0.5)
    assert smallest_difference(60, share=0.5, comparisons=10) > 1.2 * one
    assert smallest_difference(4, share=0.5) is None
    with pytest.raises(ValueError, match="either"):
        smallest_difference(60)


# --- pairs of configurations


def test_comparison_on_the_same_prompts():
    # 'a' is unrated where 'b' is wrong: on the eight common prompts a has 6, b has 8.
    values = {"a": {"fr": [1] * 6 + [0] * 2 + ["empty"] * 4}, "b": {"fr": [1] * 8 + [0] * 4}}
    (found,) = compare_configurations(hand_tables([A, B], values), FACET).filter(pl.col("language") == "fr").to_dicts()
    assert (found["first"], found["second"]) == NAMES
    assert (found["n"], found["n_left_out"], found["instructions"]) == (8, 4, 8)
    assert (found["first_level"], found["second_level"], found["difference"]) == (0.75, 1.0, -0.25)
    # Two differ, in the same direction: 2 * 1/4.
    assert found["p"] == pytest.approx(0.5)


def test_mean_over_languages_takes_instructions_whole():
    # The same differences in two languages are one set of instructions, not twice as many.
    one = [1] * 10 + [0] * 10
    other = [1] * 4 + [0] * 16
    single = compare_configurations(hand_tables([A, B], {"a": {"en": one}, "b": {"en": other}}), FACET)
    values = {"a": {"en": one, "fr": one}, "b": {"en": other, "fr": other}}
    double = compare_configurations(hand_tables([A, B], values), FACET)
    mean = double.filter(pl.col("language").is_null()).row(0, named=True)
    alone = single.row(0, named=True)
    for name in ("difference", "low", "high", "p", "smallest_difference"):
        assert mean[name] == pytest.approx(alone[name])
    # Six of six differ in one direction.
    assert mean["p"] == pytest.approx(2 / 2**6)


def test_pairs_are_corrected_for_their_number():
    draw = np.random.default_rng(0)
    cells = [A, B, C]
    values = {name: {code: (draw.random(40) < share).astype(int).tolist() for code in ("en", "fr")}
              for name, share in (("a", 0.9), ("b", 0.6), ("c", 0.3))}  # fmt: skip
    found = compare_configurations(hand_tables(cells, values), FACET)
    means = found.filter(pl.col("language").is_null())
    assert len(means) == 3 and len(found) == 9
    assert means["p_holm"].to_list() == pytest.approx(holm(means["p"].to_list()))
    single = found.filter(pl.col("language").is_not_null())
    assert single["p_holm"].to_list() == pytest.approx(holm(single["p"].to_list()))
    one = compare_configurations(hand_tables(cells, values), FACET, pairs=[NAMES])
    assert (
        one.filter(pl.col("language").is_null())["p_holm"].to_list()
        == one.filter(pl.col("language").is_null())["p"].to_list()
    )


def test_smallest_difference_afterwards_is_that_of_the_spread_of_differences():
    # Differences of 30 instructions: fifteen 1 and fifteen 0, standard deviation sqrt(30/29 * .25).
    values = {"a": {"fr": [1] * 30}, "b": {"fr": [1, 0] * 15}}
    found = compare_configurations(hand_tables([A, B], values), FACET).row(0, named=True)
    spread = sqrt(30 / 29 * 0.25)
    assert found["smallest_difference"] == pytest.approx(smallest_difference(30, standard_deviation=spread))


def test_few_instructions_have_a_difference_and_nothing_more():
    found = compare_configurations(hand_tables([A, B], {"a": {"fr": [1] * 3}, "b": {"fr": [0] * 3}}), FACET).row(
        0, named=True
    )
    assert found["difference"] == 1.0
    assert [found[name] for name in ("low", "high", "p", "p_holm", "smallest_difference")] == [None] * 5


def test_comparisons_that_cannot_be_made():
    tables = hand_tables([A, B], {"a": {"fr": [1] * 6}})
    assert compare_configurations(tables, FACET).is_empty()
    assert compare_configurations(tables, "fluency").is_empty()
    with pytest.raises(InvalidData, match="lr 1e-3"):
        compare_configurations(tables, FACET, pairs=[NAMES])
    unrated = hand_tables([A, B], {"a": {"fr": [1] * 6}, "b": {"fr": ["empty"] * 6}})
    found = compare_configurations(unrated, FACET).row(0, named=True)
    assert (found["n"], found["n_left_out"], found["difference"], found["p"]) == (0, 6, None, None)
