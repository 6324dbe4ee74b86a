import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.analysis.bootstrap import ClusterBootstrap, score_interval
from crosstune.analysis.fallback_languages import fallback_languages
from crosstune.analysis.summary import summary
from crosstune.errors import InvalidData

SCHEMA = {
    "run": pl.String(),
    "prompt_id": pl.String(),
    "language": pl.String(),
    "requested_language": pl.String(),
    "rater": pl.String(),
    "facet": pl.String(),
    "value": pl.Float64(),
    "reason": pl.String(),
    "detail": pl.String(),
}


def scores(
    values: list[tuple[str, float | None]],
    *,
    facet: str = "correct_language",
    language: str = "fr",
    run: str = "m",
    detail: str = "",
) -> pl.DataFrame:
    """Pairs of prompt and value; a missing value is of an answer that is empty."""
    rows = [
        (run, prompt, language, language, f"scorer:{facet}", facet, value, "empty" if value is None else None, detail)
        for prompt, value in values
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def prompts(values: list[float]) -> list[tuple[str, float | None]]:
    return [(f"p{number}", value) for number, value in enumerate(values)]


def test_half_of_ten_answers_right() -> None:
    # Each of 10 prompts adds ±0.05: squares 0.025, times 10/9 is 0.027778; 0.25 / 0.027778 = 9 effective answers.
    # Wilson's with Student's quantile for 9 degrees, 2.2622: x = 2.2622²/9 = 0.56862; at 0.5 half is
    # 0.5 sqrt(x / (1 + x)) = 0.30104.
    (row,) = summary(scores(prompts([1.0] * 5 + [0.0] * 5))).to_dicts()
    assert (row["model"], row["language"], row["facet"]) == ("m", "fr", "correct_language")
    assert (row["n"], row["n_scored"], row["clusters"], row["method"]) == (10, 10, 10, "adjusted")
    assert row["level"] == 0.5
    assert row["low"] == pytest.approx(0.19896, abs=2e-4) and row["high"] == pytest.approx(0.80104, abs=2e-4)


def test_all_right_is_wilsons_interval_of_as_many_prompts() -> None:
    # 1 / (1 + 1.96²/24) = 24 / 27.8415
    (row,) = summary(scores(prompts([1.0] * 24))).to_dicts()
    assert row["method"] == "score"
    assert row["low"] == pytest.approx(24 / 27.84146, abs=1e-5) and row["high"] == 1.0
    # Three of thirty prompts carry all variation: too few to estimate it from.
    (row,) = summary(scores(prompts([0.0] * 3 + [1.0] * 27))).to_dicts()
    assert (row["method"], row["low"], row["high"]) == ("score", *map(pytest.approx, score_interval(0.9, 30)))


def test_student_on_an_open_scale() -> None:
    # Of 1 ... 10 the squares of deviations are 82.5: 82.5 / 100 * 10/9 = 0.91667, its root 0.95743, times 2.2622.
    (row,) = summary(scores(prompts([float(value) for value in range(1, 11)]), facet="length")).to_dicts()
    assert row["method"] == "student"
    assert (row["low"], row["high"]) == (pytest.approx(5.5 - 2.1659, abs=1e-3), pytest.approx(5.5 + 2.1659, abs=1e-3))
    # One answer of another length says nothing of how lengths vary.
    (row,) = summary(scores(prompts([9.0] + [1.0] * 20), facet="length")).to_dicts()
    assert (row["method"], row["low"]) == ("none", None)


def test_an_open_scale_ends_where_it_ends() -> None:
    values = [0.0] * 20 + [1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]
    (row,) = summary(scores(prompts([100 * value for value in values]), facet="spelling")).to_dicts()
    assert row["low"] >= 0.0
    (row,) = summary(scores(prompts([0.0] * 9 + [0.1] * 8 + [9.0] * 5), facet="spelling")).to_dicts()
    assert row["low"] is not None and row["low"] >= 0.0


def test_answers_that_differ_within_prompts_do_not_count_for_more_than_there_are() -> None:
    # Of 20 prompts 3 are right in both languages, 3 in neither, 14 in one: over prompts the squares are
    # 6 * (1/40)² * 20/19 = 0.00395, less than the 0.25/40 = 0.00625 of 40 answers that know nothing of one another.
    # So x = 2.0930²/40 = 0.10952, and half 0.5 sqrt(x / (1 + x)) = 0.15709.
    french = [1.0] * 3 + [0.0] * 3 + [1.0, 0.0] * 7
    german = [1.0] * 3 + [0.0] * 3 + [0.0, 1.0] * 7
    both = pl.concat([scores(prompts(french)), scores(prompts(german), language="de")])
    (row,) = summary(both, ["model"]).to_dicts()
    assert (row["n"], row["clusters"], row["method"]) == (40, 20, "adjusted")
    assert row["low"] == pytest.approx(0.5 - 0.15709, abs=2e-4)
    again = summary(pl.concat([both, both]), ["model"]).to_dicts()[0]
    assert (again["low"], again["high"]) == (pytest.approx(row["low"]), pytest.approx(row["high"]))


def test_answers_to_one_prompt_are_one_cluster() -> None:
    # The versions of an instruction are one cluster too: so there are 4 here, too few for an interval.
    values = [(f"p{number}{modifier}", 1.0) for number in range(4) for modifier in ("", "+short", "+items_3+upper")]
    (row,) = summary(scores(values)).to_dicts()
    assert (row["n"], row["clusters"], row["low"], row["high"], row["method"]) == (12, 4, None, None, "none")


def test_what_has_no_value_is_counted_and_no_zero() -> None:
    (row,) = summary(scores([("a", 1.0), ("b", None), ("c", None)])).to_dicts()
    assert (row["n"], row["n_scored"], row["level"]) == (3, 1, 1.0)
    assert row["reasons"] == [{"reason": "empty", "count": 2}]
    (row,) = summary(scores([("a", None)])).to_dicts()
    assert (row["n"], row["n_scored"], row["clusters"], row["level"], row["low"]) == (1, 0, 0, None, None)


def test_cells_are_in_the_order_of_their_tables() -> None:
    both = pl.concat(
        [
            scores(prompts([1.0] * 5), facet=facet, language=language, run=run)
            for facet in ("spelling", "mine", "correct_language")
            for language in ("zz", "de", "fr")
            for run in ("b", "a")
        ]
    )
    found = summary(both, ["model", "language"]).select("model", "language", "facet").rows()
    assert found[:4] == [
        ("a", "fr", "correct_language"),
        ("a", "fr", "spelling"),
        ("a", "fr", "mine"),
        ("a", "de", "correct_language"),
    ]
    assert [language for _, language, _ in found[:9]] == ["fr"] * 3 + ["de"] * 3 + ["zz"] * 3
    assert summary(both, ["run"]).columns[:2] == ["run", "facet"]
    assert summary(both, []).height == 3
    assert summary(both.lazy(), ["requested_language", "language", "facet"]).height == 9
    assert summary(both.clear(), ["model"]).columns[:2] == ["model", "facet"]
    with pytest.raises(InvalidData, match="no column 'modell'; did you mean 'model'"):
        summary(both.rename({"run": "model"}), ["modell"])


def test_cells_of_a_missing_name_are_kept() -> None:
    named = scores(prompts([1.0] * 6)).with_columns(pl.lit(None, dtype=pl.String()).alias("task"))
    (row,) = summary(named, ["task"]).to_dicts()
    assert (row["task"], row["n"], row["level"]) == (None, 6, 1.0)
    assert row["low"] is not None


@pytest.mark.parametrize(("facet", "chance"), [("correct_language", 0.8), ("relevance", 0.95), ("length", 0.5)])
def test_intervals_are_like_those_of_the_bootstrap(facet: str, chance: float) -> None:
    # 60 prompts that differ in how hard they are, answered in 4 languages.
    generator = np.random.default_rng(3)
    easy = generator.beta(6 * chance, 6 * (1 - chance), 60)
    values = np.stack([easy, easy, easy, easy], axis=1)
    values = values * 100 if facet == "length" else values
    values = (generator.random((60, 4)) < values).astype(float) if facet == "correct_language" else values
    frames = [
        scores(prompts(list(values[:, column])), facet=facet, language=language)
        for column, language in enumerate(("fr", "de", "es", "it"))
    ]
    (row,) = summary(pl.concat(frames), ["model"]).to_dicts()
    scale = None if facet == "length" else (0.0, 1.0)
    counts = np.full((60, 1), 4.0)
    resampled = ClusterBootstrap(
        values.sum(axis=1, keepdims=True), counts, generator=np.random.default_rng(0), scale=scale
    ).interval(np.ones(1))
    assert resampled.low is not None and resampled.high is not None
    assert row["level"] == pytest.approx(resampled.estimate)
    width = resampled.high - resampled.low
    assert row["low"] == pytest.approx(resampled.low, abs=0.08 * width)
    assert row["high"] == pytest.approx(resampled.high, abs=0.08 * width)


VALUES = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from([0.0, 0.25, 1.0, None])), max_size=40)


@given(VALUES, st.randoms(use_true_random=False), st.sampled_from(["correct_language", "length", "mine"]))
def test_neither_order_nor_doubling_changes_anything(values, random, facet) -> None:
    whole = scores(values, facet=facet)
    shuffled = list(values)
    random.shuffle(shuffled)
    for other, factor in ((scores(shuffled, facet=facet), 1), (pl.concat([whole, whole]), 2)):
        for before, after in zip(summary(whole).to_dicts(), summary(other).to_dicts(), strict=True):
            assert after["n"] == factor * before["n"] and after["method"] == before["method"]
            for name in ("level", "low", "high"):
                assert (after[name] is None) == (before[name] is None)
                assert after[name] is None or math.isclose(after[name], before[name], rel_tol=1e-9, abs_tol=1e-9)


@given(VALUES)
def test_a_level_lies_in_its_interval_and_on_its_scale(values) -> None:
    for row in summary(scores(values)).to_dicts():
        if row["low"] is not None:
            assert 0.0 <= row["low"] <= row["level"] + 1e-9 and row["level"] - 1e-9 <= row["high"] <= 1.0


def test_languages_that_answers_fell_into() -> None:
    frames = [
        scores([("a", 0.0), ("b", 0.0)], detail="en"),
        scores([("c", 0.0)], detail="es"),
        scores([("d", 1.0), ("e", None)], detail="fr"),
        scores([("a", 0.0)], facet="line_pass", detail="0 of 1 lines"),
        scores([("a", 0.0)], language="de", run="n", detail="en"),
    ]
    found = fallback_languages(pl.concat(frames), ["model", "language"])
    assert found.columns == ["model", "language", "requested_language", "found", "count"]
    assert found.rows() == [("m", "fr", "fr", "en", 2), ("m", "fr", "fr", "es", 1), ("n", "de", "de", "en", 1)]
    assert fallback_languages(pl.concat(frames)).rows() == [("de", "en", 1), ("fr", "en", 2), ("fr", "es", 1)]


def test_values_outside_a_facets_scale_have_none() -> None:
    # Relevance from 1 to 5, as somebody else may rate it: Wilson's interval of shares would make no sense of it.
    frame = scores([(f"p{number}", 1.0 + number % 5) for number in range(20)], facet="relevance")
    (row,) = summary(frame).to_dicts()
    assert row["method"] == "student"
    assert row["low"] < row["level"] < row["high"]
