from dataclasses import replace

import polars as pl
import pytest
from hand_tables import hand_tables, run
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crosstune.analysis.breakdowns import breakdown
from crosstune.analysis.composite import (
    Composite,
    Term,
    composite_scores,
    default_composite,
    with_composite,
    with_composites,
)
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import levels
from crosstune.analysis.pareto import default_objectives
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import from_rows, to_frame


def scores(**facets) -> pl.DataFrame:
    """Facet to values of answers 0, 1, …; a string is a reason, None no score."""
    found = []
    for facet, values in facets.items():
        rater = "judge:j" if facet == "helpfulness" else f"scorer:{facet}"
        for number, value in enumerate(values):
            if value is not None:
                pair = (None, value) if isinstance(value, str) else (float(value), None)
                found.append(Score("a", f"set/{number:02}", "fr", "fr", rater, facet, *pair))
    return to_frame(Score, found)


def outcomes(frame: pl.DataFrame, composite: Composite) -> list[tuple]:
    return composite_scores(frame, composite).select("value", "reason", "detail").rows()


LANGUAGE, HELPFUL = Term(facet="correct_language", at_least=1), Term(facet="helpfulness", at_least=1)
RELEVANT = Term(facet="relevance", at_least=0.8)


def test_all_conditions_must_hold():
    frame = scores(correct_language=[1, 1, 0, 0], helpfulness=[2, 0, 1, 0])
    assert outcomes(frame, Composite(name="good", all=(LANGUAGE, HELPFUL))) == [
        (1.0, None, ""),
        (0.0, None, "helpfulness >= 1"),
        (0.0, None, "correct_language >= 1"),
        (0.0, None, "correct_language >= 1, helpfulness >= 1"),
    ]


def test_a_missing_part_is_a_reason_unless_the_rest_decides():
    frame = scores(correct_language=[1, 0, "too_short", 1], helpfulness=["judge_refused", "judge_refused", 2, None])
    found = outcomes(frame, Composite(name="good", all=(LANGUAGE, HELPFUL)))
    assert found == [
        (None, "missing_part", "helpfulness >= 1 (judge_refused)"),
        (0.0, None, "correct_language >= 1"),
        (None, "missing_part", "correct_language >= 1 (too_short)"),
        (None, "missing_part", "helpfulness >= 1 (not rated)"),
    ]


def test_one_of_any_is_enough():
    frame = scores(helpfulness=[2, 0, 0, "judge_refused", "judge_refused"], relevance=["too_short", 0.8, 0.5, 1.0, 0.5])
    values = [row[:2] for row in outcomes(frame, Composite(name="good", any=(HELPFUL, RELEVANT)))]
    assert values == [(1.0, None), (1.0, None), (0.0, None), (1.0, None), (None, "missing_part")]


def test_both_limits():
    frame = scores(length=[4, 5, 10, 11])
    composite = Composite(name="middling", all=(Term(facet="length", at_least=5, at_most=10),))
    assert [value for value, *_ in outcomes(frame, composite)] == [0.0, 1.0, 1.0, 0.0]


def test_default_asks_for_helpfulness_where_it_is_rated_and_else_for_relevance():
    def facets(**given):
        return [str(term) for term in default_composite(scores(**given)).all]

    both = ["correct_language >= 1", "degeneration <= 0"]
    assert facets(correct_language=[1]) == both
    assert facets(correct_language=[1], relevance=[1]) == [*both, "relevance >= 0.8"]
    assert facets(relevance=[1], helpfulness=[1]) == [*both, "helpfulness >= 1"]


def test_default_asks_for_nothing_that_only_some_answers_have():
    # Of ten answers all have relevance, and nine (90 %) or eight have helpfulness: for the eight, levels would be of
    # those two failed ones that the other conditions decide.
    def asked(rated: int) -> str:
        frame = scores(correct_language=[1] * 10, relevance=[1] * 10, helpfulness=[2] * rated + [None] * (10 - rated))
        return str(default_composite(frame).all[-1])

    assert asked(9) == "helpfulness >= 1"
    assert asked(8) == "relevance >= 0.8"


def study(**facets):
    tables = hand_tables([run("a", 1e-4)], {"a": {"fr": [1]}})
    return replace(tables, scores=scores(**facets))


def values(tables, name: str) -> list[float | None]:
    return tables.scores.filter(facet=name).sort("prompt_id")["value"].to_list()


def test_usable_is_there_where_its_parts_are():
    tables = with_composites(study(correct_language=[1, 1, 0], degeneration=[0, 1, 0]))
    assert values(tables, "usable") == [1.0, 0.0, 0.0]
    for parts in ({"correct_language": [1]}, {"degeneration": [0]}, {"length": [4]}):
        assert values(with_composites(study(**parts)), "usable") == []


def test_composites_are_made_in_their_order_and_one_called_usable_replaces_the_default():
    good = Composite(name="good", all=(Term(facet="usable", at_least=1), Term(facet="length", at_least=5)))
    best = Composite(name="best", all=(Term(facet="good", at_least=1), HELPFUL))
    parts = {"correct_language": [1, 1, 1], "degeneration": [0, 0, 1], "length": [9, 1, 9], "helpfulness": [2, 2, 2]}
    tables = with_composites(study(**parts), [good, best])
    assert values(tables, "good") == [1.0, 0.0, 0.0] and values(tables, "best") == [1.0, 0.0, 0.0]
    own = Composite(name="usable", all=(Term(facet="length", at_most=5),))
    assert values(with_composites(study(**parts), [own]), "usable") == [0.0, 1.0, 0.0]


def test_made_again_they_follow_what_has_been_rated_since():
    parts = {"correct_language": [1, 1], "degeneration": [0, 0]}
    good = Composite(name="good", all=(LANGUAGE, HELPFUL))
    tables = with_composites(study(**parts), [good])
    assert values(tables, "good") == [None, None] and values(tables, "usable") == [1.0, 1.0]
    marks = scores(helpfulness=[2, 0]).with_columns(rater=pl.lit("person:p"))
    again = with_composites(replace(tables, scores=pl.concat([tables.scores, marks])), [good])
    assert values(again, "good") == [1.0, 0.0]
    assert values(again, "usable") == [1.0, 0.0]  # one person rated the helpfulness of all


def test_what_it_is_in_words_and_as_a_facet():
    composite = Composite(name="good_one", all=(LANGUAGE, Term(facet="length", at_most=9)), any=(HELPFUL, RELEVANT))
    told = "correct_language >= 1, length <= 9, and helpfulness >= 1 or relevance >= 0.8"
    tables = with_composite(study(correct_language=[1]), composite)
    known = tables.facet("good_one")
    assert (known.title, known.explanation) == ("Good one", f"the share of answers with {told}")
    assert known.is_share and known.scale == (0.0, 1.0) and known.better == "higher"
    # A table of scores from elsewhere has no conditions, but its rater says that it is a share.
    assert replace(tables, facets={}).facet("good_one").is_share
    assert facet_of("good_one", "composite:good_one").is_share and not facet_of("good_one").is_share
    assert facet_of("usable").is_share


def test_what_is_the_same_everywhere_is_no_objective():
    parts = {"correct_language": [1, 1], "relevance": [1, 0.5]}
    assert default_objectives(with_composites(study(**parts, degeneration=[1, 1])))[0] == "relevance"
    assert default_objectives(with_composites(study(**parts, degeneration=[0, 1])))[0] == "usable"


def test_composite_is_a_facet_like_any_other():
    tables = hand_tables([run("a", 1e-4)], {"a": {"en": [1, 1, 0, 1], "fr": [0, 1, "too_short", 0]}})
    composite = Composite(name="good", all=(LANGUAGE,))
    found = levels(with_composite(tables, composite), "good")
    assert found["rater"].unique().to_list() == ["composite:good"]
    assert found["level"].to_list() == pytest.approx([0.75, 1 / 3])
    assert found["reasons"].to_list()[1] == [{"reason": "missing_part", "count": 1}]
    assert levels(with_composite(tables, composite), "correct_language").equals(levels(tables, "correct_language"))


def test_equal_values_have_an_interval_because_the_scale_is_known():
    tables = hand_tables([run("a", 1e-4)], {"a": {"en": [1] * 24}})
    row = levels(with_composite(tables, Composite(name="good", all=(LANGUAGE,))), "good").row(0, named=True)
    assert (row["low"], row["method"]) == (pytest.approx(0.862, abs=1e-3), "score")


def test_breakdowns_know_the_scale_too():
    tables = with_composite(
        hand_tables([run("a", 1e-4)], {"a": {"en": [1] * 24}}), Composite(name="good", all=(LANGUAGE,))
    )
    (row,) = breakdown(tables, "good", "script").to_dicts()
    assert (row["low"], row["high"], row["method"]) == (pytest.approx(0.862, abs=1e-3), 1.0, "score")


def test_rows_are_records():
    found = composite_scores(scores(correct_language=[1, "empty"]), Composite(name="good", all=(LANGUAGE,)))
    assert [record.value for record in from_rows(Score, found.to_dicts(), "here")] == [1.0, None]


def test_whose_scores_can_be_said():
    frame = scores(helpfulness=[2])
    other = frame.with_columns(pl.lit("person:p").alias("rater"), pl.lit(0.0).alias("value"))
    term = Term(facet="helpfulness", rater="person:p", at_least=1)
    both = pl.concat([frame, other])
    assert outcomes(both, Composite(name="good", all=(term,)))[0][0] == 0.0
    assert outcomes(both, Composite(name="good", all=(HELPFUL,)))[0][0] == 1.0


def test_nothing_rated_gives_no_rows_and_a_name_in_use_is_refused():
    frame = scores(correct_language=[1])
    assert composite_scores(frame, Composite(name="good", all=(HELPFUL,))).is_empty()
    with pytest.raises(InvalidData, match="already"):
        composite_scores(frame, Composite(name="correct_language", all=(HELPFUL,)))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "good"},
        {"name": "Good one", "all": [{"facet": "length", "at_least": 1}]},
        {"name": "good", "all": [{"facet": "length", "at_least": float("nan")}]},
        {"name": "", "all": [{"facet": "length", "at_least": 1}]},
        {"name": "good", "all": [{"facet": "length"}]},
        {"name": "good", "all": [{"facet": "length", "at_least": 2, "at_most": 1}]},
        {"name": "good", "all": [{"facet": "good", "at_least": 2}]},
        {"name": "good", "all": [{"facet": "length", "more_than": 2}]},
    ],
)
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(ValidationError):
        Composite.model_validate(given)


part = st.sampled_from([0.0, 1.0, "too_short", None])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(part, part, part), min_size=1, max_size=6))
def test_verdict_is_what_all_ways_to_fill_the_gaps_agree_on(rows):
    # An answer passes (or not) for sure when it does whatever the missing values are.
    columns = dict(zip(("correct_language", "helpfulness", "relevance"), zip(*rows, strict=True), strict=True))
    composite = Composite(name="good", all=(LANGUAGE,), any=(HELPFUL, RELEVANT))
    found = dict(composite_scores(scores(**columns), composite).select("prompt_id", "value").iter_rows())
    for number, row in enumerate(rows):
        if all(value is None for value in row):
            assert f"set/{number:02}" not in found
            continue
        choices = [[value] if isinstance(value, float) else [0.0, 1.0] for value in row]
        passes = {bool(a and (b or c)) for a in choices[0] for b in choices[1] for c in choices[2]}
        expected = float(passes.pop()) if len(passes) == 1 else None
        assert found[f"set/{number:02}"] == expected
