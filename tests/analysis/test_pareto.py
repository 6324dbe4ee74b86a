import polars as pl
import pytest
from hand_tables import hand_tables, run

from crosstune.analysis.pareto import default_objectives, pareto_front
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData

CELLS = [run("base"), run("a", 1e-4), run("b", 1e-3), run("c", 1e-2)]
# hand_tables gives an update 2 seconds and 100 tokens.
LOSSES = {"a": [1.0] * 4, "b": [1.0] * 2, "c": [1.0] * 2}


def share(right: int, of: int = 20) -> list[int]:
    return [1] * right + [0] * (of - right)


def study(language, relevance, losses=LOSSES) -> StudyTables:
    """Run to right ones of 20 in correct language and in relevance."""
    first = hand_tables(CELLS, {name: {"fr": share(right)} for name, right in language.items()}, losses)
    second = hand_tables(
        CELLS,
        {name: {"fr": share(right)} for name, right in relevance.items()},
        facet="relevance",
        rater="scorer:relevance",
    )
    scores = pl.concat([first.scores, second.scores])
    return StudyTables(first.cells, first.prompts, first.responses, scores, first.curves)


def outcome(front, label) -> dict:
    (row,) = front.table.filter(pl.col("configuration") == label).to_dicts()
    return row


def test_front_by_hand():
    # a: .9, .9 for 8 seconds; b: .5, .6 for 4; c: .5, .5 for 4, which b beats; base: .4, .2 for nothing.
    tables = study({"base": 8, "a": 18, "b": 10, "c": 10}, {"base": 4, "a": 18, "b": 12, "c": 10})
    front = pareto_front(tables)
    assert front.objectives == ("relevance", "correct_language", "training_seconds")
    assert front.table["on_front"].to_list() == [True, True, True, False]
    beaten = outcome(front, "lr 1e-2")
    assert beaten["dominated_by"] == ["lr 1e-3"]
    assert (beaten["relevance"], beaten["correct_language"], beaten["training_seconds"]) == (0.5, 0.5, 4.0)
    base = outcome(front, "untuned base")
    # Nothing is cheaper, so no resample can take it off.
    assert (base["training_seconds"], base["share_on_front"]) == (0.0, 1.0)
    # c comes back where a resample draws as many of the two answers that b has more as of none.
    assert 0.05 < beaten["share_on_front"] < 0.25


def test_equal_ones_do_not_beat_each_other():
    tables = study({"b": 10, "c": 10}, {"b": 12, "c": 12})
    front = pareto_front(tables, ["correct_language", "relevance"])
    assert outcome(front, "lr 1e-3")["on_front"] and outcome(front, "lr 1e-2")["on_front"]


def test_lower_is_better_for_degeneration():
    degenerate = {"a": {"fr": share(2)}, "b": {"fr": share(9)}}
    tables = hand_tables(CELLS, degenerate, facet="degeneration")
    front = pareto_front(tables, ["degeneration"])
    assert outcome(front, "lr 1e-3")["dominated_by"] == ["lr 1e-4"]
    assert outcome(front, "lr 1e-3")["degeneration"] == pytest.approx(0.45)


def test_what_is_missing_or_diverged_has_no_place():
    tables = study({"a": 18, "b": 10, "c": 20}, {"a": 18, "c": 20}, {**LOSSES, "c": [1.0, None]})
    front = pareto_front(tables)
    assert outcome(front, "lr 1e-3") | {"on_front": None, "why_not": "relevance"} == outcome(front, "lr 1e-3")
    assert outcome(front, "lr 1e-2")["why_not"] == "diverged"
    assert outcome(front, "lr 1e-4")["on_front"] is True
    assert outcome(front, "untuned base")["why_not"] == "relevance, correct_language"


def test_costs_alone_are_not_resampled():
    front = pareto_front(study({"a": 18}, {}), ["training_tokens"])
    assert outcome(front, "lr 1e-3")["dominated_by"] == ["untuned base"]
    assert outcome(front, "lr 1e-3")["share_on_front"] is None


def test_objectives_that_make_no_sense():
    tables = study({"a": 18}, {})
    with pytest.raises(InvalidData, match="twice"):
        pareto_front(tables, ["correct_language", "correct_language"])
    with pytest.raises(InvalidData, match="length"):
        pareto_front(tables, ["length"])


def test_defaults_without_curves_or_quality():
    tables = hand_tables(CELLS, {"a": {"fr": [1]}})
    assert default_objectives(tables) == ("correct_language", "answer_tokens")
    assert pareto_front(tables).table["on_front"].to_list() == [None] * 4
