import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.analysis.bootstrap import ClusterBootstrap, expanded_tail, score_interval, student_quantile


def bootstrap(values, *, counts=None, scale=(0.0, 1.0), draws=2000, seed=0) -> ClusterBootstrap:
    sums = np.asarray(values, dtype=float)
    if sums.ndim == 1:
        sums = sums[:, None]
    counts = np.ones_like(sums) if counts is None else np.asarray(counts, dtype=float)
    return ClusterBootstrap(sums, counts, generator=np.random.default_rng(seed), scale=scale, draws=draws)


@pytest.mark.parametrize(("degrees", "quantile"), [(4, 2.7764), (9, 2.2622), (23, 2.0687), (59, 2.0010)])
def test_student_quantile_is_that_of_printed_tables(degrees, quantile):
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=1e-3)


def test_expanded_tail_of_five_clusters():
    # sqrt(5/4) * t(.975, 4) = 1.11803 * 2.77645 = 3.1042; the normal distribution has 0.000954 below -3.1042.
    assert expanded_tail(5) == pytest.approx(0.000954, abs=5e-6)


def test_expanded_tail_approaches_the_nominal_one():
    assert expanded_tail(100_000) == pytest.approx(0.025, abs=1e-4)


def test_score_interval_of_eight_in_ten():
    # z² = 3.8415; centre (.8 + .19207) / 1.38415 = .71674; half 1.95996 / 1.38415 * sqrt(.016 + .0096037) = .22658
    assert score_interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_score_interval_of_all_right_does_not_claim_certainty():
    # With share 1 the lower end is n / (n + z²) = 24 / 27.8415.
    assert score_interval(1.0, 24) == pytest.approx((24 / 27.8415, 1.0), abs=1e-5)


def test_interval_is_that_of_the_exact_bootstrap_distribution():
    # Ten clusters, five ones: a resample's mean is Binomial(10, 1/2) / 10. The tail to cut off is the normal
    # probability below -sqrt(10/9) * 2.2622 = -2.3846, which is .00855. P(X <= 0) = 1/1024 = .00098 and
    # P(X <= 1) = 11/1024 = .01074, so the quantile is 1/10, and by symmetry 9/10.
    # Two columns alike: one alone is a plain share, which is not resampled.
    columns = np.array([[1, 1]] * 5 + [[0, 0]] * 5)
    interval = bootstrap(columns, draws=40_000).interval(np.full(2, 0.5))
    assert (interval.estimate, interval.low, interval.high, interval.method) == (0.5, 0.1, 0.9, "bootstrap")


def test_repeating_an_answer_within_its_cluster_adds_no_certainty():
    values = np.array([1.0, 0.0] * 12)
    once = bootstrap(values).interval(np.ones(1))
    thrice = bootstrap(3 * values, counts=np.full((24, 1), 3)).interval(np.ones(1))
    assert (once.low, once.high) == (thrice.low, thrice.high)


@pytest.mark.parametrize(("values", "ends"), [([1.0] * 24, (0.8620, 1.0)), ([0.0] * 24, (0.0, 0.1380))])
def test_equal_values_get_a_score_interval(values, ends):
    interval = bootstrap(values).interval(np.ones(1))
    assert (interval.low, interval.high) == pytest.approx(ends, abs=1e-4)
    assert interval.method == "score"


def test_fewer_than_five_clusters_that_differ_are_not_resampled():
    # Four of forty depart: the participation ratio is 40 * .9 * .1 / (.9³ + .1³) = 3.6 / .73 = 4.93.
    # Five of forty: 40 * .875 * .125 / (.875³ + .125³) = 4.375 / .67188 = 6.51.
    four, five = np.array([[0, 0]] * 4 + [[1, 1]] * 36), np.array([[0, 0]] * 5 + [[1, 1]] * 35)
    assert bootstrap(four).interval(np.full(2, 0.5)).method == "score"
    assert bootstrap(five).interval(np.full(2, 0.5)).method == "bootstrap"


def test_one_yes_or_no_an_instruction_is_a_plain_share():
    # Wilson's interval of 30 of 40, z² = 3.8415: centre (.75 + .04802) / 1.09604 = .72809, half width
    # 1.95996 / 1.09604 * sqrt(.0046875 + .00060023) = .13003.
    found = bootstrap([0] * 10 + [1] * 30).interval(np.ones(1))
    assert (found.low, found.high, found.method) == (
        pytest.approx(0.5981, abs=1e-4), pytest.approx(0.8581, abs=1e-4), "score"
    )  # fmt: skip
    gaps = bootstrap([0] * 10 + [1] * 30 + [0] * 3, counts=[[1]] * 40 + [[0]] * 3).interval(np.ones(1))
    assert (gaps.low, gaps.high) == (found.low, found.high)


@pytest.mark.parametrize(
    ("sums", "counts"),
    [
        ([0] * 10 + [1] * 29 + [0.5], [[1]] * 40),  # not all yes or no
        ([0] * 10 + [1] * 29 + [2], [[1]] * 39 + [[2]]),  # one instruction answered twice
        ([0] * 10 + [2] * 29 + [1], [[2]] * 40),  # an instruction that says both
    ],
)
def test_other_levels_are_resampled(sums, counts):
    assert bootstrap(sums, counts=counts).interval(np.ones(1)).method == "bootstrap"


def test_difference_of_two_perfect_columns():
    # Newcombe: both ends of both sides are (.8620, 1), so the difference of 0 reaches sqrt((1 - .8620)² + 0²) = .1380.
    interval = bootstrap(np.ones((24, 2))).interval(np.array([1.0, -1.0]))
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.0, -0.1380, 0.1380), abs=1e-4)


def test_pairing_narrows_a_difference():
    draw = np.random.default_rng(3)
    first = (draw.random(60) < 0.5).astype(float)
    second = np.where(np.arange(60) < 50, first, 1 - first)  # ten of sixty differ
    paired = bootstrap(np.stack([first, second], axis=1)).interval(np.array([1.0, -1.0]))
    shuffled = bootstrap(np.stack([first, draw.permutation(second)], axis=1)).interval(np.array([1.0, -1.0]))
    assert paired.high - paired.low < 0.8 * (shuffled.high - shuffled.low)


def test_mean_of_columns_resamples_clusters_whole():
    # Both columns are the same, so their mean is as uncertain as one of them; independent columns would be less.
    column = np.array([0.9, 0.1] * 20)
    one = bootstrap(column).interval(np.ones(1))
    mean = bootstrap(np.stack([column, column], axis=1)).interval(np.full(2, 0.5))
    assert (mean.low, mean.high) == pytest.approx((one.low, one.high))


def test_cells_with_unequal_counts_weigh_answers_equally():
    # Sums 3 of 4 and 0 of 1: 3/5.
    assert bootstrap([3, 0], counts=[[4], [1]]).interval(np.ones(1)).estimate == pytest.approx(0.6)


@pytest.mark.parametrize("clusters", [1, 2, 3, 4])
def test_few_clusters_have_a_level_and_no_interval(clusters):
    interval = bootstrap([1.0] * clusters).interval(np.ones(1))
    assert (interval.estimate, interval.low, interval.high, interval.method) == (1.0, None, None, "none")


def test_no_values_give_no_estimate():
    interval = bootstrap(np.zeros((8, 1)), counts=np.zeros((8, 1))).interval(np.ones(1))
    assert (interval.estimate, interval.low, interval.clusters) == (None, None, 0)
    assert bootstrap(np.zeros((0, 1))).interval(np.ones(1)).estimate is None


def test_equal_values_without_a_known_scale_have_no_interval():
    interval = bootstrap([2.0] * 30, scale=None).interval(np.ones(1))
    assert (interval.estimate, interval.low, interval.method) == (2.0, None, "none")


def test_scale_stretches_the_score_interval():
    # All at the top of 0 to 2: twice the share's interval.
    interval = bootstrap([2.0] * 24, scale=(0.0, 2.0)).interval(np.ones(1))
    assert (interval.low, interval.high) == pytest.approx((2 * 0.8620, 2.0), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=5, max_size=40))
def test_interval_holds_the_level_and_stays_on_the_scale(values):
    interval = bootstrap(values, draws=500).interval(np.ones(1))
    assert 0 <= interval.low <= interval.estimate + 1e-9
    assert interval.estimate - 1e-9 <= interval.high <= 1
    assert interval.high > interval.low


@pytest.mark.parametrize(("share", "least", "most"), [(0.7, 0.92, 0.985), (0.97, 0.95, 1.0)])
def test_intervals_cover(share, least, most):
    # 400 studies of 60 instructions with two dependent answers each; with a coverage of .95 the standard error is .011.
    draw = np.random.default_rng(5)
    covered = 0
    for number in range(400):
        own = draw.beta(2 * share, 2 * (1 - share), size=(60, 1))
        sums = draw.binomial(2, own).astype(float)
        interval = bootstrap(sums, counts=np.full((60, 1), 2.0), draws=500, seed=number).interval(np.ones(1))
        covered += interval.low <= share <= interval.high
    assert least <= covered / 400 <= most
