"""Agreement of raters: textbook examples, hand-worked tables, and what must not change it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.analysis import agreement_measures
from crosstune.analysis.agreement import AGREEMENT_SCHEMA, ALL, agreement, agreement_interval
from crosstune.analysis.agreement_measures import Alpha, ExactAgreement, Kappa, agreements
from crosstune.analysis.agreement_statistics import (
    confusion_table,
    krippendorff_alpha,
    percentage_agreement,
    weighted_kappa,
)
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import to_frame

NAN = float("nan")
LEVELS = ("nominal", "ordinal", "interval")

# Krippendorff (2011): four observers, twelve units.
FOUR_OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]

ratings_of_raters = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=raters, max_size=raters), min_size=1, max_size=12
    ).map(lambda items: np.array(items).T)
)
pairs_of_values = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20)


def alpha_by_definition(ratings, level) -> float | None:
    """Krippendorff's alpha with the coincidence matrix and its formulas written out one by one."""
    units = [[value for value in unit if not np.isnan(value)] for unit in np.asarray(ratings).T]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit})
    size = len(values)
    coincidences = np.zeros((size, size))
    for unit in units:
        for i, one in enumerate(unit):
            for j, other in enumerate(unit):
                if i != j:
                    coincidences[values.index(one), values.index(other)] += 1 / (len(unit) - 1)
    margins = coincidences.sum(axis=0)
    total = margins.sum()
    observed = expected = 0.0
    for c in range(size):
        for k in range(size):
            distance = {
                "nominal": float(c != k),
                "interval": values[c] - values[k],
                "ordinal": margins[min(c, k) : max(c, k) + 1].sum() - (margins[c] + margins[k]) / 2,
            }[level]
            observed += coincidences[c, k] * distance**2
            expected += margins[c] * margins[k] * distance**2 / (total - 1)
    return 1 - observed / expected if expected else None


def scores(rows) -> pl.DataFrame:
    """Scores from (prompt, requested language, rater, value or reason), of one run and facet."""
    return to_frame(
        Score,
        [
            Score(
                "run", prompt, language, language, rater, "fluency", *((None, v) if isinstance(v, str) else (v, None))
            )
            for prompt, language, rater, v in rows
        ],
    )


def two_raters(first, second, *, language="fr", name="set/{}") -> list[tuple]:
    return [
        (name.format(i), language, rater, value)
        for rater, values in (("judge:a", first), ("person:b", second))
        for i, value in enumerate(values)
        if value is not None
    ]


def row(table, language=ALL, first="judge:a") -> dict:
    (found,) = table.filter(pl.col("requested_language") == language, pl.col("first") == first).to_dicts()
    return found


# --- alpha


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_four_observers(level, alpha):
    assert krippendorff_alpha(FOUR_OBSERVERS, level) == pytest.approx(alpha, abs=5e-4)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_two_values_is_the_same_at_every_level(level):
    # Krippendorff (2011): 14 zeros and 6 ones, four units of ten differ: 1 - 19 * 4 / (14 * 6) = .095.
    ratings = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    assert krippendorff_alpha(ratings, level) == pytest.approx(1 - 19 * 4 / (14 * 6))


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_perfect_agreement(level):
    assert krippendorff_alpha([[0, 1, 2, 2], [0, 1, 2, 2], [0, NAN, 2, 2]], level) == 1.0


def test_alpha_of_raters_who_always_differ():
    # n = 8, four of each value: 1 - (8 - 1) * (4 + 4) / (2 * 4 * 4) = -.75.
    assert krippendorff_alpha([[0, 1, 0, 1], [1, 0, 1, 0]]) == pytest.approx(-0.75)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_chance_is_about_zero(level):
    # The standard error of a correlation of 0 in 4000 items is .016.
    ratings = np.random.default_rng(0).integers(0, 3, size=(2, 4000))
    assert abs(krippendorff_alpha(ratings, level)) < 0.05


@pytest.mark.parametrize(
    "ratings",
    [
        [[0, 1, 2]],  # one rater
        [],
        [[NAN, NAN], [0, 1]],
        [[0, NAN], [NAN, 1]],  # no item has two values
        [[2, 2, 2], [2, 2, 2]],  # nothing to disagree about
        [[2, 2, 0], [2, 2, NAN]],  # the only other value has no partner
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_undefined(ratings, level):
    assert krippendorff_alpha(ratings, level) is None


def test_alpha_leaves_out_items_with_one_value():
    ratings = np.array(FOUR_OBSERVERS)
    alone = np.full((4, 3), NAN)
    alone[0] = [1, 9, 5]
    assert krippendorff_alpha(np.hstack([ratings, alone])) == krippendorff_alpha(ratings)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=80, deadline=None)
@given(ratings=ratings_of_raters)
def test_alpha_is_that_of_the_definition(level, ratings):
    expected = alpha_by_definition(ratings, level)
    assert krippendorff_alpha(ratings, level) == (None if expected is None else pytest.approx(expected, abs=1e-9))


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_many_different_values_is_that_of_the_definition(level):
    draw = np.random.default_rng(1)
    ratings = np.round(draw.normal(size=40) + draw.normal(scale=0.5, size=(3, 40)), 1) + 1000
    ratings[draw.random(ratings.shape) < 0.2] = NAN
    assert len(np.unique(ratings[~np.isnan(ratings)])) > 2 * agreement_measures.MANY_VALUES
    assert krippendorff_alpha(ratings, level) == pytest.approx(alpha_by_definition(ratings, level))


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=40, deadline=None)
@given(ratings=ratings_of_raters, seed=st.integers(0, 100))
def test_alpha_does_not_depend_on_order_or_on_the_direction_of_the_scale(level, ratings, seed):
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(draw.permutation(ratings, axis=0), axis=1)
    alpha = krippendorff_alpha(ratings, level)
    same = None if alpha is None else pytest.approx(alpha, abs=1e-9)
    assert krippendorff_alpha(shuffled, level) == same
    assert krippendorff_alpha(2 - ratings, level) == same


def test_alpha_uses_what_its_level_knows():
    ratings = np.array(FOUR_OBSERVERS)
    permuted = np.select([ratings == 1, ratings == 5], [5, 1], ratings)
    stretched = ratings**3
    assert krippendorff_alpha(permuted, "nominal") == pytest.approx(krippendorff_alpha(ratings, "nominal"))
    assert krippendorff_alpha(stretched, "ordinal") == pytest.approx(krippendorff_alpha(ratings, "ordinal"))
    assert krippendorff_alpha(3 * ratings + 1, "interval") == pytest.approx(krippendorff_alpha(ratings, "interval"))
    assert krippendorff_alpha(permuted, "ordinal") != pytest.approx(krippendorff_alpha(ratings, "ordinal"), abs=0.01)
    assert krippendorff_alpha(stretched, "interval") != pytest.approx(krippendorff_alpha(ratings, "interval"), abs=0.01)


def test_infinite_ratings_are_refused():
    with pytest.raises(InvalidData, match="infinite"):
        krippendorff_alpha([[0, 1], [float("inf"), 1]])


# --- kappa, exact agreement, confusions

# Rows of the first rater: 4 1 0 / 1 2 1 / 0 1 2. Both raters' margins are 5, 4 and 3 of 12.
FIRST = [0] * 5 + [1] * 4 + [2] * 3
SECOND = [0, 0, 0, 0, 1, 0, 1, 1, 2, 1, 2, 2]


@pytest.mark.parametrize(
    ("weights", "kappa"),
    [
        # Observed 4 of 12 = 48/144 differ. By chance 5*4 + 4*5 + 4*3 + 3*4 = 64 of 144 are one apart, and
        # 5*3 + 3*5 = 30 two apart.
        ("none", 1 - 48 / (64 + 30)),
        ("linear", 1 - 48 / (64 + 2 * 30)),
        ("quadratic", 1 - 48 / (64 + 4 * 30)),
    ],
)
def test_weighted_kappa_by_hand(weights, kappa):
    assert weighted_kappa(FIRST, SECOND, weights) == pytest.approx(kappa)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_of_a_two_by_two_table(weights):
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: .7 agree, by chance .5 * .6 + .5 * .4 = .5; (.7 - .5) / (1 - .5) = .4.
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert weighted_kappa(first, second, weights, categories=(0, 1)) == pytest.approx(0.4)


def test_kappa_of_one_rater_who_never_varies_is_zero():
    assert weighted_kappa([1, 1, 1, 1], [0, 1, 2, 1]) == pytest.approx(0.0)


def test_kappa_is_undefined_without_pairs_or_variation():
    assert weighted_kappa([], []) is None
    assert weighted_kappa([NAN, 1], [1, NAN]) is None
    assert weighted_kappa([1, 1], [1, 1]) is None


def test_missing_values_are_left_out():
    first, second = [*FIRST, NAN, 2], [*SECOND, 0, NAN]
    assert weighted_kappa(first, second) == weighted_kappa(FIRST, SECOND)
    assert percentage_agreement(first, second) == pytest.approx(8 / 12)
    assert percentage_agreement([NAN], [1]) is None


def test_confusion_table_has_the_first_rater_by_row():
    assert confusion_table([*FIRST, NAN], [*SECOND, 1]).tolist() == [[4, 1, 0], [1, 2, 1], [0, 1, 2]]
    assert confusion_table([0, 0], [2, 1], categories=(2, 1, 0)).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize("function", [weighted_kappa, confusion_table])
def test_values_outside_the_categories_are_refused(function):
    with pytest.raises(InvalidData, match="3 is not among"):
        function([0, 3], [0, 1])


def test_raters_of_different_items_are_refused():
    with pytest.raises(InvalidData, match="same items"):
        percentage_agreement([0, 1], [0])


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@settings(max_examples=60, deadline=None)
@given(pairs=pairs_of_values)
def test_kappa_is_that_of_the_confusion_table_and_symmetric(weights, pairs):
    first, second = (np.array(values) for values in zip(*pairs, strict=True))
    observed = confusion_table(first, second) / len(pairs)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    apart = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    grave = {"none": apart > 0, "linear": apart, "quadratic": apart**2}[weights]
    chance = (grave * expected).sum()
    # With few items, chance is either 0 or at least 1/400.
    kappa = pytest.approx(1 - (grave * observed).sum() / chance, abs=1e-9) if chance > 1e-9 else None
    assert weighted_kappa(first, second, weights) == kappa
    assert weighted_kappa(second, first, weights) == kappa
    assert weighted_kappa(2 - first, 2 - second, weights) == kappa


# --- many weightings at once


@pytest.mark.parametrize("many_values", [0, 10])
@pytest.mark.parametrize("level", LEVELS)
def test_a_weight_is_that_many_copies_of_a_cluster(monkeypatch, level, many_values):
    monkeypatch.setattr(agreement_measures, "MANY_VALUES", many_values)
    monkeypatch.setattr(agreement_measures, "LARGEST_BLOCK", 64)  # several blocks
    draw = np.random.default_rng(2)
    ratings = draw.integers(0, 4, size=(3, 30)).astype(float)
    ratings[2, draw.random(30) < 0.5] = NAN
    clusters = draw.permutation(np.repeat(np.arange(10), 3))
    weights = draw.multinomial(10, np.full(10, 0.1), size=25).astype(float)
    copies = [np.repeat(ratings, one.astype(int)[clusters], axis=1) for one in weights]
    alphas = agreements(Alpha(ratings, clusters, level), weights)
    assert alphas == pytest.approx([krippendorff_alpha(copy, level) for copy in copies])
    kappas = agreements(Kappa(ratings[0], ratings[1], clusters, "linear"), weights)
    assert kappas == pytest.approx([weighted_kappa(copy[0], copy[1], "linear", range(4)) for copy in copies])
    exact = agreements(ExactAgreement(ratings[:2], clusters), weights)
    assert exact == pytest.approx([percentage_agreement(copy[0], copy[1]) for copy in copies])


@pytest.mark.parametrize(
    "measure",
    [
        Alpha(np.array([[0.1, 0.1, 3], [0.1, 0.1, 3]]), np.array([0, 1, 2]), "interval"),
        Kappa(np.array([0.1, 0.1, 3]), np.array([0.1, 0.1, 3]), np.array([0, 1, 2]), "quadratic"),
    ],
)
def test_a_weighting_without_variation_is_undefined(measure):
    values = agreements(measure, np.array([[2.0, 1, 0], [7, 3, 0], [1, 1, 1]]))
    assert np.isnan(values).tolist() == [True, True, False]
    assert values[2] == 1.0


# --- the table


def test_a_row_for_languages_and_raters():
    table = agreement(
        scores(
            [
                *two_raters([0, 1, 2], [0, 1, 1], language="fr"),
                *two_raters([2, 2], [2, 0], language="en"),
                ("set/0", "fr", "person:c", 0),
                ("set/0", "fr", "person:d", "empty"),
                ("set/9", "fr", "person:e", 1),
            ]
        ),
        ["person:c", "person:b", "judge:a", "person:e", "person:b"],
    )
    assert table.schema == AGREEMENT_SCHEMA
    keys = table.select("requested_language", "first", "second", "raters", "n").rows()
    assert keys == [
        (ALL, ALL, ALL, 3, 5),
        (ALL, "person:c", "person:b", 2, 1),
        (ALL, "person:c", "judge:a", 2, 1),
        (ALL, "person:b", "judge:a", 2, 5),
        ("en", ALL, ALL, 2, 2),
        ("en", "person:b", "judge:a", 2, 2),
        ("fr", ALL, ALL, 3, 3),
        ("fr", "person:c", "person:b", 2, 1),
        ("fr", "person:c", "judge:a", 2, 1),
        ("fr", "person:b", "judge:a", 2, 3),
    ]
    french = row(table, "fr", "person:b")
    assert french["alpha"] == pytest.approx(alpha_by_definition([[0, 1, 2], [0, 1, 1]], "ordinal"))
    # First 0 1 2, second 0 1 1: squared distances by chance 0+1+1 + 1+0+0 + 4+1+1 = 9 of 9, observed 1 of 3.
    assert french["kappa"] == pytest.approx(1 - 3 / 9)
    assert french["exact"] == pytest.approx(2 / 3)
    together = row(table, "fr", ALL)
    assert together["alpha"] == pytest.approx(
        alpha_by_definition([[0, 1, 2], [0, 1, 1], [0, NAN, NAN]], "ordinal"),
    )
    assert together["kappa"] is None


def test_exact_agreement_of_three_raters_is_averaged_over_answers():
    # Of set/0 one pair of three is equal, of set/1 the only pair: (1/3 + 1) / 2.
    table = agreement(
        scores([*two_raters([0, 1], [0, 1]), ("set/0", "fr", "person:c", 2)]),
    )
    assert row(table, "fr", ALL)["exact"] == pytest.approx(2 / 3)


def test_reasons_are_left_out_and_counted():
    # Two answers have both values, three a reason (or what is no value) by one rater, one by both; the last was never
    # shown to the second.
    first = [0, 1, "judge_unparsable", 2, float("inf"), "empty", 1]
    second = [0, 2, 1, "empty", 1, "empty", None]
    found = row(agreement(scores(two_raters(first, second))))
    assert (found["n"], found["n_left_out"], found["instructions"]) == (2, 4, 2)
    assert found["exact"] == 0.5


def test_answers_without_any_value_leave_a_row_without_numbers():
    found = row(agreement(scores(two_raters(["empty", "empty"], [1, "empty"]))))
    assert (found["n"], found["n_left_out"], found["raters"], found["instructions"]) == (0, 2, 0, 0)
    assert (found["alpha"], found["kappa"], found["exact"], found["alpha_method"]) == (None, None, None, "none")


def test_one_rater_has_nobody_to_agree_with():
    table = agreement(scores([("set/0", "fr", "judge:a", 1), ("set/1", "fr", "judge:a", 2)]))
    assert table.is_empty()
    assert table.schema == AGREEMENT_SCHEMA


def test_the_same_prompt_by_another_run_is_another_answer():
    frame = scores([("set/0", "fr", "judge:a", 1), ("set/0", "fr", "person:b", 1)])
    other = frame.with_columns(run=pl.when(pl.col("rater") == "judge:a").then(pl.lit("other")).otherwise(pl.lit("run")))
    assert agreement(other).is_empty()


def test_facets_stand_apart():
    frame = scores(two_raters([0, 1, 2], [0, 1, 2]))
    opposite = frame.with_columns(
        facet=pl.lit("accuracy"),
        value=pl.when(pl.col("rater") == "judge:a").then(2 - pl.col("value")).otherwise(pl.col("value")),
    )
    table = agreement(pl.concat([frame, opposite])).filter(first="judge:a", requested_language="fr")
    assert dict(table.select("facet", "exact").rows()) == {"accuracy": pytest.approx(1 / 3), "fluency": 1.0}


def test_unknown_raters_and_repeated_scores_are_refused():
    frame = scores(two_raters([0, 1], [0, 1]))
    with pytest.raises(InvalidData, match="did you mean 'judge:a'"):
        agreement(frame, ["judge:aa", "person:b"])
    with pytest.raises(InvalidData, match="same answer twice"):
        agreement(pl.concat([frame, frame.head(1)]))
    with pytest.raises(InvalidData, match="no column rater"):
        agreement(frame.drop("rater"))


# --- intervals


def noisy(count: int, *, same: float = 0.7, seed: int = 0) -> tuple[list[int], list[int]]:
    draw = np.random.default_rng(seed)
    first = draw.integers(0, 3, size=count)
    second = np.where(draw.random(count) < same, first, draw.integers(0, 3, size=count))
    return first.tolist(), second.tolist()


@pytest.mark.parametrize(("weights", "level"), [("none", "nominal"), ("linear", "interval"), ("quadratic", "ordinal")])
def test_intervals_hold_the_estimate_and_are_reproducible(weights, level):
    frame = scores(two_raters(*noisy(60)))
    table = agreement(frame, weights=weights, level=level, draws=1000)
    found = row(table)
    for name in ("alpha", "kappa", "exact"):
        assert found[f"{name}_method"] == "bootstrap"
        assert -1 <= found[f"{name}_low"] < found[name] < found[f"{name}_high"] <= 1
    again = agreement(frame.sample(fraction=1, shuffle=True, seed=3), weights=weights, level=level, draws=1000)
    assert table.equals(again)
    other = agreement(frame, weights=weights, level=level, draws=1000, seed=1)
    assert row(other)["alpha"] == found["alpha"]
    assert row(other)["alpha_low"] != found["alpha_low"]


def test_a_rows_interval_does_not_depend_on_other_rows():
    french = two_raters(*noisy(40))
    rest = two_raters(*noisy(25, seed=1), language="en", name="other/{}")
    alone = row(agreement(scores(french), draws=500), "fr")
    assert row(agreement(scores([*french, *rest]), draws=500), "fr") == alone


def test_interval_of_exact_agreement_is_that_of_the_exact_bootstrap_distribution():
    # Ten instructions, five agree: the share in a resample is Binomial(10, 1/2) / 10, whose expanded quantiles are
    # 1/10 and 9/10 (see test_bootstrap).
    found = row(agreement(scores(two_raters([0, 1] * 5, [0] * 10)), draws=20_000))
    assert (found["exact"], found["exact_low"], found["exact_high"]) == pytest.approx((0.5, 0.1, 0.9))


def test_versions_of_an_instruction_are_one_cluster():
    first, second = noisy(30)
    once = two_raters(first, second)
    more = [(f"{prompt}+short", language, rater, value) for prompt, language, rater, value in once]
    one, two = (row(agreement(scores(rows), draws=500)) for rows in (once, [*once, *more]))
    assert (one["n"], one["instructions"]) == (30, 30)
    assert (two["n"], two["instructions"]) == (60, 30)
    for name in ("kappa_low", "kappa_high", "exact_low", "exact_high"):
        assert two[name] == pytest.approx(one[name])


@pytest.mark.parametrize(("instructions", "method"), [(4, "none"), (5, "score")])
def test_fewer_than_five_instructions_have_no_interval(instructions, method):
    values = [0, 1, 2, 1, 0][:instructions]
    found = row(agreement(scores(two_raters(values, values))))
    assert found["alpha"] == found["kappa"] == found["exact"] == 1.0
    for name in ("alpha", "kappa", "exact"):
        assert found[f"{name}_method"] == method
        assert (found[f"{name}_low"] is None) == (found[f"{name}_high"] is None) == (instructions == 4)


def test_an_interval_is_of_the_instructions_that_answers_belong_to():
    # Instructions have one to three versions. Scores are in the order of versions, not of instructions.
    first, second = noisy(48)
    clusters = np.repeat(np.arange(24), np.arange(24) % 3 + 1)
    ids = [f"set/{i:02}" + "+short" * version for i in range(24) for version in range(i % 3 + 1)]
    rows = [
        (name, "fr", rater, value)
        for rater, values in (("a", first), ("b", second))
        for name, value in sorted(zip(ids, values, strict=True), key=lambda pair: len(pair[0]))
    ]
    found = row(agreement(scores(rows), draws=500), first="a")
    measure = Alpha(np.array([first, second], dtype=float), clusters, "ordinal")
    expected = agreement_interval(measure, 24, draws=500)
    assert expected.method == "bootstrap"
    assert (found["alpha_low"], found["alpha_high"]) == pytest.approx((expected.low, expected.high))


def test_resamples_without_variation_are_passed_over():
    # (1/2)^6 of the resamples, about 62 of 4000, hold the three items of two zeros alone.
    found = row(agreement(scores(two_raters([1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0]))))
    assert found["alpha_method"] == "bootstrap"
    assert found["alpha_low"] < found["alpha"] < found["alpha_high"]


def test_instructions_that_are_all_alike_carry_no_variation():
    # Two of three raters agree on each answer: one pair in three, whose binary fraction is not exact.
    alike = [(f"set/{i}", "fr", rater, i % 3 + (rater == "c")) for i in range(30) for rater in "abc"]
    found = row(agreement(scores(alike)), first=ALL)
    assert (found["exact"], found["exact_method"]) == (pytest.approx(1 / 3), "score")


def test_nothing_is_below_minus_one():
    # A single zero among 48 values: by chance hardly anything differs, and Wilson's end of 1 in 24 is .202.
    found = row(agreement(scores(two_raters([2] * 24, [2] * 23 + [0]))))
    assert (found["alpha_low"], found["kappa_low"]) == (-1.0, -1.0)


@pytest.mark.parametrize("level", LEVELS)
def test_score_interval_is_of_the_largest_disagreement(level):
    # Values 0, 1 and 3 a third each, raters agree; see the next test for .13798. n = 48, 16 of each value, so that
    # chance gives 2 * 16 * 16 / (48 * 47) times the sum of the three squared distances. Of ordinal values those are
    # 16, 16 and 32.
    sizes = {"nominal": (1 + 1 + 1, 1), "ordinal": (16**2 + 16**2 + 32**2, 32**2), "interval": (1 + 4 + 9, 9)}
    distances, largest = sizes[level]
    values = [0, 1, 3] * 8
    found = row(agreement(scores(two_raters(values, values)), level=level))
    chance = 2 * 16 * 16 / (48 * 47) * distances
    assert found["alpha_low"] == pytest.approx(max(-1, 1 - 0.13798 * largest / chance), abs=1e-4)


def test_perfect_agreement_does_not_claim_certainty():
    # Wilson's upper end of no disagreement in 24 instructions is z² / (24 + z²) = 3.8415 / 27.8415 = .13798 of the
    # largest disagreement. Two values, half and half: chance gives half of that for kappa, and 24 / 47 for alpha.
    values = [0, 2] * 12
    found = row(agreement(scores(two_raters(values, values))))
    assert (found["exact_low"], found["exact_high"]) == pytest.approx((1 - 0.13798, 1.0), abs=1e-5)
    assert (found["kappa_low"], found["kappa_high"]) == pytest.approx((1 - 0.13798 * 2, 1.0), abs=1e-4)
    assert (found["alpha_low"], found["alpha_high"]) == pytest.approx((1 - 0.13798 * 47 / 24, 1.0), abs=1e-4)


def test_agreement_that_rests_on_one_answer_is_hardly_known():
    # Without the one instruction that differs there is nothing to disagree about. Values are 47 of 48 the same.
    values = [2] * 23 + [0]
    found = row(agreement(scores(two_raters(values, values))))
    assert (found["alpha"], found["alpha_method"]) == (1.0, "score")
    assert found["alpha_low"] < 0


def test_values_that_never_vary_have_no_alpha():
    found = row(agreement(scores(two_raters([2] * 24, [2] * 24))))
    assert (found["alpha"], found["alpha_low"], found["kappa"]) == (None, None, None)
    assert (found["exact"], found["exact_low"]) == pytest.approx((1.0, 24 / 27.8415), abs=1e-5)


def test_intervals_cover():
    # Two yes/no raters: the second repeats the first with probability .8, so .2 differ where chance gives .5: .6.
    # 200 studies of 50 instructions; with a coverage of .95 the standard error is .015.
    draw = np.random.default_rng(5)
    covered = 0
    for number in range(200):
        first = draw.integers(0, 2, size=50)
        second = np.where(draw.random(50) < 0.8, first, 1 - first)
        ratings = np.stack([first, second]).astype(float)
        interval = agreement_interval(Alpha(ratings, np.arange(50), "ordinal"), 50, draws=500, seed=number)
        covered += interval.low <= 0.6 <= interval.high
    assert 0.9 <= covered / 200 <= 0.995
