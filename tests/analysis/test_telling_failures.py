import dataclasses
from math import log2

import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.analysis.telling_failures import telling_failures
from crosstune.errors import InvalidData

FIVE = [run(f"r{i}", 10.0**-i) for i in range(1, 6)]


def test_a_failure_where_all_others_pass():
    values = {f"r{i}": {"fr": [1] * 8} for i in range(1, 6)}
    values["r3"] = {"fr": [1, 1, 0, 1, 1, 1, 1, 1]}
    found = telling_failures(hand_tables(FIVE, values), FACET)
    (row,) = found.to_dicts()
    assert (row["configuration"], row["prompt_id"], row["reason"]) == ("lr 1e-3", "set/2", "others_pass")
    assert row["why"] == "4 of 4 answers by other configurations pass"
    # None of four fails: 1 in 6.
    assert row["bits"] == pytest.approx(log2(6))


def test_a_configuration_that_always_fails_is_what_one_expects():
    # Two of five configurations fail everything: on each prompt of theirs 3 of 4 others pass, (1 + 1) / (4 + 2).
    values = {f"r{i}": {"en": [1] * 8, "fr": [int(i > 2)] * 8} for i in range(1, 6)}
    found = telling_failures(hand_tables(FIVE, values), FACET)
    assert found["bits"].to_list() == pytest.approx([log2(3)] * 10)
    assert found["reason"].unique().to_list() == ["others_pass"]
    # With three of five, 2 of 4 others pass, which is one bit; English says nothing, since all 8 fail.
    values = {f"r{i}": {"en": [1] * 8, "fr": [int(i > 3)] * 8} for i in range(1, 6)}
    assert telling_failures(hand_tables(FIVE, values), FACET)["bits"].to_list() == pytest.approx([1.0] * 10)


def test_what_the_base_model_passes():
    values = {"base": {"fr": [1] * 10}, "a": {"fr": [1] * 9 + [0]}}
    (row,) = telling_failures(hand_tables([run("base"), run("a", 1e-4)], values), FACET).to_dicts()
    # Of the nine other prompts that the base passes none fails: 1 in 11.
    assert (row["reason"], row["bits"]) == ("base_passes", pytest.approx(log2(11)))
    assert row["why"] == "the untuned base passes, and of 10 such prompts this configuration fails 1"


def test_what_passes_in_english():
    values = {"a": {"en": [1] * 9 + [0], "fr": [1] * 8 + [0, 0]}}
    (row,) = telling_failures(hand_tables([run("a", 1e-4)], values), FACET).to_dicts()
    # set/9 fails in English too; set/8 alone fails in French only, one of nine.
    assert (row["prompt_id"], row["language"], row["reason"]) == ("set/8", "fr", "english_passes")
    assert row["bits"] == pytest.approx(log2(10))


def test_facets_that_disagree():
    language = hand_tables([run("a", 1e-4)], {"a": {"fr": [1] * 9 + [0]}})
    relevance = hand_tables([run("a", 1e-4)], {"a": {"fr": [0.9] * 10}}, facet="relevance", rater="scorer:relevance")
    tables = dataclasses.replace(language, scores=pl.concat([language.scores, relevance.scores]))
    (row,) = telling_failures(tables, FACET).to_dicts()
    assert (row["prompt_id"], row["reason"], row["bits"]) == ("set/9", "facets_disagree", pytest.approx(log2(11)))
    assert row["why"] == "relevance passes, and of 10 answers in this language of which it does 1 fail"


def test_failures_that_are_alike_make_room_for_others():
    # French fails on six prompts of 40 that pass in English, Russian on one: without limits all would be French.
    values = {"a": {"en": [1] * 40, "fr": [1] * 34 + [0] * 6, "ru": [0] + [1] * 39}}
    tables = hand_tables([run("a", 1e-4)], values)
    found = telling_failures(tables, FACET, n=4)
    # Russian: one of 40, none of the other 39; French: five of the other 39.
    assert found["language"].to_list() == ["ru", "fr", "fr", "fr"]
    assert found["bits"].to_list() == pytest.approx([log2(41)] + [log2(41 / 6)] * 3)
    relevant = {code: [0.9] * 40 for code in values["a"]}
    other = hand_tables([run("a", 1e-4)], {"a": relevant}, facet="relevance", rater="scorer:relevance")
    both = dataclasses.replace(tables, scores=pl.concat([tables.scores, other.scores]))
    assert telling_failures(both, FACET, n=4).height == 4


def test_lower_is_better_for_degeneration():
    values = {f"r{i}": {"fr": [0] * 6} for i in range(1, 6)}
    values["r2"] = {"fr": [0, 0, 1, 0, 0, 0]}
    (row,) = telling_failures(hand_tables(FIVE, values, facet="degeneration"), "degeneration").to_dicts()
    assert (row["prompt_id"], row["value"]) == ("set/2", 1.0)


def test_diverged_and_untuned_ones_are_left_out_unless_asked_for():
    values = {"base": {"fr": [0] + [1] * 5}, **{f"r{i}": {"fr": [1] * 6} for i in range(1, 6)}}
    values["r1"] = {"fr": [0] + [1] * 5}
    tables = hand_tables([run("base"), *FIVE], values, {"r1": [1.0, None]})
    assert telling_failures(tables, FACET).is_empty()
    found = telling_failures(tables, FACET, of=["lr 1e-1", "untuned base"])
    # All four others pass for the one; for the base model four of five, one of which is the one.
    assert found["configuration"].to_list() == ["lr 1e-1", "untuned base"]
    with pytest.raises(InvalidData, match="lr 7"):
        telling_failures(tables, FACET, of=["lr 7"])


def test_nothing_to_tell():
    assert telling_failures(hand_tables(FIVE, {}), FACET).is_empty()
    assert telling_failures(hand_tables(FIVE, {"r1": {"fr": [1] * 9}}), FACET).is_empty()
    assert telling_failures(hand_tables(FIVE, {"r1": {"fr": [7] * 9}}, facet="length"), "length").is_empty()


values_of_a_run = st.lists(st.sampled_from([0, 1, 1, 1, "empty", None]), min_size=8, max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(values_of_a_run, values_of_a_run), min_size=5, max_size=5), st.integers(1, 12), st.randoms())
def test_few_of_a_prompt_in_a_fixed_order(rows, n, random):
    values = {f"r{i}": {"en": english, "fr": french} for i, (english, french) in enumerate(rows, start=1)}
    tables = hand_tables(FIVE, values)
    found = telling_failures(tables, FACET, n=n)
    assert len(found) <= n
    assert (found["value"] == 0).all()
    assert found["bits"].is_sorted(descending=True) and (found["bits"] >= 1).all()
    assert found.group_by("prompt_id").len()["len"].max() in (None, 1, 2)
    order = list(range(len(tables.scores)))
    random.shuffle(order)
    shuffled = dataclasses.replace(tables, scores=tables.scores[order], cells=tables.cells.reverse())
    assert telling_failures(shuffled, FACET, n=n).equals(found)
