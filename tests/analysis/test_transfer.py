import numpy as np
import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run

from crosstune.analysis.bootstrap import ClusterBootstrap
from crosstune.analysis.paired_values import paired_values
from crosstune.analysis.ratios import donner_zou, ratio_interval
from crosstune.analysis.transfer import retention, transfer_gaps

BASE, TUNED = run("base"), run("a", 1e-4)


def row(frame, language, **where):
    (found,) = frame.filter(
        pl.col("language").eq_missing(pl.lit(language)), *[pl.col(name) == value for name, value in where.items()]
    ).to_dicts()
    return found


def share(right: int, of: int = 20) -> list[int]:
    return [1] * right + [0] * (of - right)


def test_gap_is_english_minus_language():
    tables = hand_tables([TUNED], {"a": {"en": share(20), "fr": share(15), "ru": share(5)}})
    gaps = transfer_gaps(tables, FACET)
    assert gaps["language"].to_list() == ["fr", "ru", None]
    # 1 - 15/20, 1 - 5/20, and their mean.
    assert gaps["gap"].to_list() == pytest.approx([0.25, 0.75, 0.5])
    assert gaps["english"].to_list() == [1.0] * 3
    assert gaps["level"].to_list() == pytest.approx([0.75, 0.25, 0.5])
    french = row(gaps, "fr")
    assert 0 < french["low"] < 0.25 < french["high"] < 0.5


def test_gap_is_of_instructions_that_are_rated_in_both():
    # French is unrated where English is wrong: on the four common prompts English is 1, on all six 4/6.
    tables = hand_tables([TUNED], {"a": {"en": [1, 1, 1, 1, 0, 0], "fr": [1, 1, 0, 0, "empty", None]}})
    found = row(transfer_gaps(tables, FACET), "fr")
    assert (found["n"], found["n_left_out"], found["instructions"]) == (4, 2, 4)
    assert (found["english"], found["level"], found["gap"]) == (1.0, 0.5, 0.5)
    assert found["low"] is None  # four instructions


def test_gap_of_the_same_answers_is_zero_for_sure_as_far_as_a_bootstrap_can_tell():
    values = [i % 2 for i in range(20)]
    found = row(transfer_gaps(hand_tables([TUNED], {"a": {"en": values, "fr": values}}), FACET), "fr")
    # No instruction differs, so resampling says nothing; Newcombe's interval without credit for the pairing.
    assert (found["gap"], found["method"]) == (0.0, "score")
    assert found["low"] == pytest.approx(-found["high"])


def test_gap_interval_is_that_of_the_differences_by_instruction():
    # English is always right, so the gap is 1 minus a share, and its interval is that of the share turned round.
    wrong = [0] * 8 + [1] * 12
    named = {f"set/{number:02}": value for number, value in enumerate(wrong)}
    english = dict.fromkeys(named, 1)
    found = row(transfer_gaps(hand_tables([TUNED], {"a": {"en": english, "fr": named}}), FACET, seed=3), "fr")
    alone = ClusterBootstrap(
        np.array([[1.0 - value] * 2 for value in wrong]),  # twice: one share alone is not resampled
        np.ones((20, 2)),
        generator=np.random.default_rng(3),
        scale=(0.0, 1.0),
    ).interval(np.full(2, 0.5))
    assert (found["low"], found["high"]) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("values", [{"a": {"fr": [1] * 6}}, {"a": {"en": [1] * 6}}, {}])
def test_no_gap_without_english_or_without_another_language(values):
    assert transfer_gaps(hand_tables([TUNED], values), FACET).is_empty()


def test_gap_without_rated_pairs_is_counted_and_null():
    tables = hand_tables([TUNED], {"a": {"en": [1] * 6, "fr": ["empty"] * 6}})
    found = row(transfer_gaps(tables, FACET), "fr")
    assert (found["n"], found["n_left_out"], found["gap"]) == (0, 6, None)


def test_retention_by_language():
    tables = hand_tables(
        [BASE, TUNED], {"base": {"en": share(20), "fr": share(16)}, "a": {"en": share(20), "fr": share(8)}}
    )
    found = retention(tables, FACET)
    assert found["language"].to_list() == ["en", "fr", None]
    french = row(found, "fr")
    # 8/20 - 16/20 and 8/16.
    assert (french["difference"], french["ratio"]) == pytest.approx((-0.4, 0.5))
    assert french["base"] == "untuned base"
    assert french["low"] < -0.4 < french["high"] < 0
    assert 0 < french["ratio_low"] < 0.5 < french["ratio_high"] < 1
    mean = row(found, None)
    # (1 + .4) / 2 over (1 + .8) / 2.
    assert (mean["difference"], mean["ratio"]) == pytest.approx((-0.2, 0.7 / 0.9))


def test_retention_says_why_there_is_no_ratio():
    zero = hand_tables([BASE, TUNED], {"base": {"fr": [0] * 8}, "a": {"fr": [1] * 8}})
    found = row(retention(zero, FACET), "fr")
    assert (found["difference"], found["ratio"], found["why_no_ratio"]) == (1.0, None, "base_is_zero")
    cosine = hand_tables([BASE, TUNED], {"base": {"fr": [0.5] * 8}, "a": {"fr": [0.25] * 8}}, facet="consistency")
    assert row(retention(cosine, "consistency"), "fr")["why_no_ratio"] == "no_true_zero"
    empty = hand_tables([BASE, TUNED], {"base": {"fr": [1] * 8}, "a": {"fr": ["empty"] * 8}})
    assert row(retention(empty, FACET), "fr")["why_no_ratio"] == "nothing_compared"


def test_each_model_is_compared_with_its_own_base():
    cells = [run("g0"), run("g1", 1e-4), run("s0", base_model="smol"), run("s1", 1e-4, base_model="smol")]
    values = {name: {"fr": share(right)} for name, right in (("g0", 20), ("g1", 10), ("s0", 12), ("s1", 6))}
    found = retention(hand_tables(cells, values), FACET)
    bases = dict(found.filter(pl.col("language") == "fr").select("configuration", "base").iter_rows())
    assert bases == {"gemma": "gemma, untuned", "smol": "smol, untuned"}
    assert found["ratio"].to_list() == pytest.approx([0.5] * 4)


def test_no_retention_without_a_base_model():
    assert retention(hand_tables([TUNED], {"a": {"fr": [1] * 6}}), FACET).is_empty()


def test_limits_of_a_ratio_by_hand():
    # Numerator .4 (.2, .6), denominator .8 (.6, .9); product .32, squared .1024.
    # Low: .1024 - .2 * .9 * (.8 - .2) * (1.6 - .9) = .1024 - .0756 = .0268, root .16371; (.32 - .16371) / .63 = .24808.
    # High: .1024 - .6 * .6 * (.8 - .6) * (1.6 - .6) = .1024 - .072 = .0304, root .17436; (.32 + .17436) / .6 = .82393.
    assert donner_zou(0.4, (0.2, 0.6), 0.8, (0.6, 0.9)) == pytest.approx((0.24808, 0.82393), abs=2e-5)


def test_limits_of_a_ratio_to_a_known_denominator_are_those_of_the_numerator():
    assert donner_zou(0.4, (0.2, 0.6), 0.8, (0.8, 0.8)) == pytest.approx((0.25, 0.75))


def test_ratio_to_a_denominator_that_may_be_zero_has_no_limits():
    values = np.array([[1.0, 1.0]] + [[1.0, 0.0]] * 9)
    bootstrap = ClusterBootstrap(values, np.ones((10, 2)), generator=np.random.default_rng(0), scale=(0.0, 1.0))
    found = ratio_interval(bootstrap, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    # On a known scale Wilson's interval of one in ten stays above 0, so the ratio has limits, if wide ones.
    assert (found.estimate, found.method) == (pytest.approx(10.0), "score")
    assert found.low < 3 and found.high > 50
    open_scale = ClusterBootstrap(values, np.ones((10, 2)), generator=np.random.default_rng(0))
    assert ratio_interval(open_scale, np.array([1.0, 0.0]), np.array([0.0, 1.0])).low is None


def test_pairs_with_and_without_gaps_use_the_same_resamples():
    # A prompt of a fifth configuration that others lack must not change how the first two are compared.
    draw = np.random.default_rng(0)
    one, other = (draw.random(30) < 0.6).tolist(), (draw.random(30) < 0.4).tolist()
    tables = hand_tables([TUNED, run("b", 1e-3)], {"a": {"fr": one}, "b": {"fr": other}})
    gappy = hand_tables(
        [TUNED, run("b", 1e-3)], {"a": {"fr": [*one[:-1], "empty"]}, "b": {"fr": [*other[:-1], other[-1]]}}
    )
    names = ("lr 1e-4", "lr 1e-3")
    (whole,), (part,) = (list(paired_values(table, FACET).pairs([names])) for table in (tables, gappy))
    all_of_it, most = whole.difference([0]), part.difference([0])
    assert (most.clusters, all_of_it.clusters) == (29, 30)
    assert (most.low, most.high) == pytest.approx((all_of_it.low, all_of_it.high), abs=0.06)
    assert whole.by_instruction([0]).sum() == pytest.approx(all_of_it.estimate)


def test_a_pair_among_many_is_as_a_pair_alone():
    draw = np.random.default_rng(0)
    cells = [run(f"r{i}", 10.0**-i) for i in range(1, 13)]
    values = {cell["run"]: {code: (draw.random(12) < 0.6).tolist() for code in ("en", "fr")} for cell in cells}
    paired = paired_values(hand_tables(cells, values), FACET)
    names = [(one, other) for one in paired.units for other in paired.units if one < other]
    assert len(names) == 66  # more than are resampled at once
    for name, among in zip(names, paired.pairs(names), strict=True):
        (alone,) = paired.pairs([name])
        one, other = among.difference([0, 1]), alone.difference([0, 1])
        assert (one.estimate, one.low, one.high) == pytest.approx((other.estimate, other.low, other.high))
