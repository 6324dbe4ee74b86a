import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.analysis.found_languages import found_languages
from crosstune.analysis.levels import levels, mean_levels
from crosstune.records import Score, instruction_of
from crosstune.storage.tables import to_frame


def row(frame, **where):
    found = frame.filter(*[pl.col(name) == value for name, value in where.items()])
    assert len(found) == 1
    return found.row(0, named=True)


def test_reasons_are_counted_beside_and_not_as_zeros():
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [1, 1, 0, "empty", "empty", "too_short"]}})
    found = row(levels(tables, FACET), run="a", language="fr")
    # Two right of three rated; three more have a reason.
    assert found["level"] == pytest.approx(2 / 3)
    assert (found["n"], found["n_scored"], found["instructions"]) == (6, 3, 3)
    assert found["reasons"] == [{"reason": "empty", "count": 2}, {"reason": "too_short", "count": 1}]


def test_only_reasons_give_no_level():
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": ["empty"] * 10}})
    found = row(levels(tables, FACET), run="a")
    assert (found["level"], found["low"], found["high"], found["n"], found["n_scored"]) == (None, None, None, 10, 0)


def test_mean_counts_languages_the_same():
    # English 1.0 from four answers, French 0.5 from two: (1 + .5) / 2, not 5/6.
    tables = hand_tables([run("a", 1e-4)], {"a": {"en": [1, 1, 1, 1], "fr": [1, 0]}})
    assert row(mean_levels(tables, FACET), run="a")["level"] == pytest.approx(0.75)


def test_mean_is_not_taken_over_fewer_languages():
    tables = hand_tables([run("a", 1e-4)], {"a": {"en": [1] * 6, "fr": ["empty"] * 6}})
    found = row(mean_levels(tables, FACET), run="a")
    assert (found["level"], found["n"], found["n_scored"]) == (None, 12, 6)


def test_modifiers_of_an_instruction_are_one_cluster():
    assert instruction_of("everyday/recipe-1+short") == instruction_of("everyday/recipe-1") == "everyday/recipe-1"
    prompts = {f"set/{i}{suffix}": i % 2 for i in range(12) for suffix in ("", "+short", "+long")}
    found = row(levels(hand_tables([run("a", 1e-4)], {"a": {"en": prompts}}), FACET), run="a")
    once = row(levels(hand_tables([run("a", 1e-4)], {"a": {"en": [i % 2 for i in range(12)]}}), FACET), run="a")
    assert (found["n"], found["instructions"]) == (36, 12)
    assert (found["low"], found["high"]) == (once["low"], once["high"])


def test_seeds_are_one_configuration():
    cells = [run("s0", 1e-4, seed=0), run("s1", 1e-4, seed=1)]
    tables = hand_tables(cells, {"s0": {"fr": [1] * 6}, "s1": {"fr": [0] * 6}})
    found = levels(tables, FACET, by="configuration")
    assert found["level"].to_list() == [0.5]
    assert levels(tables, FACET)["level"].to_list() == [1.0, 0.0]


def test_requests_for_another_language_stand_apart():
    tables = hand_tables(
        [run("a", 1e-4)], {"a": {"en": [1] * 6, ("en", "fr"): {f"set/{i}+in_fr": 0 for i in range(6)}}}
    )
    assert row(levels(tables, FACET), language="en")["level"] == 1.0
    across = row(levels(tables, FACET, asked="another-language"), language="en", requested_language="fr")
    assert across["level"] == 0.0


def test_languages_follow_the_table_and_unknown_codes_come_last():
    tables = hand_tables([run("a", 1e-4)], {"a": {"qq": [1], "ru": [1], "en": [1]}})
    assert levels(tables, FACET)["language"].to_list() == ["en", "ru", "qq"]


def test_measures_are_not_mixed_with_other_raters():
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [1] * 6}})
    judged = [Score("a", f"set/{i}", "fr", "fr", "judge:some", FACET, 0.0) for i in range(6)]
    scores = pl.concat([tables.scores, to_frame(Score, judged)])
    both = type(tables)(tables.cells, tables.prompts, tables.responses, scores, tables.curves)
    assert levels(both, FACET)["level"].to_list() == [1.0]
    assert levels(both, FACET, rater="judge:some")["level"].to_list() == [0.0]


def test_facet_without_scores():
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [1]}})
    assert levels(tables, "fluency").is_empty()
    assert mean_levels(tables, "fluency").is_empty()


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(random):
    cells = [run("base"), run("a", 1e-4), run("b", 1e-3)]
    values = {
        name: {code: [(i * k) % 3 == 0 for i in range(9)] for code in ("en", "fr")}
        for k, name in enumerate(["base", "a", "b"])
    }
    tables = hand_tables(cells, values)
    order = list(range(len(tables.scores)))
    random.shuffle(order)
    shuffled = type(tables)(
        tables.cells.reverse(), tables.prompts, tables.responses, tables.scores[order], tables.curves
    )
    assert levels(shuffled, FACET).equals(levels(tables, FACET))


def test_twice_the_prompts_narrow_the_interval_by_about_the_root_of_two():
    def width(prompts: int) -> float:
        tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [i % 3 == 0 for i in range(prompts)]}})
        found = row(levels(tables, FACET), run="a")
        return found["high"] - found["low"]

    assert width(120) == pytest.approx(width(60) / 2**0.5, rel=0.1)


def test_found_languages_count_what_answers_fall_into():
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [1, 0, 0, 0, "empty"]}})
    detail = ["fr", "en", "en", "es", ""]
    tables = type(tables)(
        tables.cells,
        tables.prompts,
        tables.responses,
        tables.scores.with_columns(detail=pl.Series(detail)),
        tables.curves,
    )
    found = found_languages(tables).select("found", "right", "count").rows()
    assert sorted(found, key=str) == sorted(
        [("en", False, 2), ("es", False, 1), ("fr", True, 1), (None, False, 1)], key=str
    )
