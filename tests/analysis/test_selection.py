import pytest
from hand_tables import FACET, hand_tables, run

from crosstune.analysis.selection import choose

LOW, HIGH = run("low", 5e-4), run("high", 5e-3)
LOSSES = {"low": [3.0, 2.5, 2.0], "high": [3.0, 2.0, 1.0]}


def share(right: int, of: int = 20) -> list[int]:
    return [1] * right + [0] * (of - right)


def test_english_ties_and_the_loss_decides_for_the_worse():
    tables = hand_tables(
        [run("base"), LOW, HIGH],
        {
            "base": {"en": share(20), "fr": share(18)},
            "low": {"en": share(20), "fr": share(15)},
            "high": {"en": share(20), "fr": share(5)},
        },
        LOSSES,
    )
    selection = choose(tables)
    assert selection.candidates == ("lr 5e-4", "lr 5e-3")  # the base model is no candidate
    assert selection.by_english.tied == ("lr 5e-4", "lr 5e-3")
    assert (selection.by_english.pick, selection.by_english.by_loss) == ("lr 5e-3", True)
    assert (selection.by_all.pick, selection.by_all.by_loss) == ("lr 5e-4", False)
    assert not selection.same
    cost = {row["language"]: row for row in selection.cost.to_dicts()}
    # French 15/20 - 5/20 = .5; English 0; their mean .25.
    assert [cost[code]["cost"] for code in ("en", "fr", None)] == pytest.approx([0.0, 0.5, 0.25])
    assert 0 < cost["fr"]["low"] < 0.5 < cost["fr"]["high"]
    # English is perfect under both: a difference of 0 that 20 prompts do not prove.
    assert cost["en"]["low"] < 0 < cost["en"]["high"]


def test_tie_without_curves_costs_the_mean_of_the_tied():
    tables = hand_tables(
        [LOW, HIGH], {"low": {"en": share(20), "fr": share(15)}, "high": {"en": share(20), "fr": share(5)}}
    )
    selection = choose(tables)
    assert selection.by_english.pick is None
    assert selection.by_english.why_not == "not all of them have a training curve"
    # A blind pick reaches (15 + 5) / 2 of 20 in French = .5, the best .75.
    french = selection.cost.row(1, named=True)
    assert (french["level_by_english"], french["level_by_all"], french["cost"]) == pytest.approx((0.5, 0.75, 0.25))


def test_losses_of_different_data_are_not_compared():
    cells = [run("low", 5e-4), run("other", 5e-4, instructions="lima")]
    values = {name: {"en": share(20), "fr": share(right)} for name, right in (("low", 15), ("other", 5))}
    selection = choose(hand_tables(cells, values, {"low": [2.0], "other": [1.0]}))
    assert selection.by_english.pick is None
    assert "cannot be compared" in selection.by_english.why_not


def test_same_choice_costs_nothing():
    tables = hand_tables(
        [LOW, HIGH], {"low": {"en": share(20), "fr": share(15)}, "high": {"en": share(12), "fr": share(5)}}
    )
    selection = choose(tables)
    assert selection.same
    assert selection.cost["cost"].to_list() == [0.0, 0.0, 0.0]
    assert selection.cost["low"].to_list() == [None, None, None]


def test_close_ones_are_named_as_not_shown_to_be_worse():
    mixed = [1, 0] * 10
    tables = hand_tables([LOW, HIGH], {"low": {"en": [*mixed[:-1], 1]}, "high": {"en": mixed}})
    assert choose(tables).by_english.not_worse_for_sure == ("lr 5e-3",)


def test_seeds_are_averaged_for_choosing():
    # One lucky seed (20/20) beside a poor one (0/20) averages .5, below a steady 15/20.
    cells = [run("s0", 5e-4, seed=0), run("s1", 5e-4, seed=1), HIGH]
    values = {"s0": {"fr": share(20)}, "s1": {"fr": share(0)}, "high": {"fr": share(15)}}
    assert choose(hand_tables(cells, values)).by_all.pick == "lr 5e-3"


def test_configuration_without_rated_answers_in_a_language_is_not_chosen():
    tables = hand_tables(
        [LOW, HIGH], {"low": {"en": share(20), "fr": ["empty"] * 20}, "high": {"en": share(20), "fr": share(5)}}
    )
    selection = choose(tables)
    assert selection.by_all.pick == "lr 5e-3"
    assert selection.by_english.tied == ("lr 5e-4", "lr 5e-3")
    # The blind pick among both has no level in French, so neither a cost there nor on average.
    assert selection.cost["cost"].to_list() == [0.0, None, None]


@pytest.mark.parametrize(
    ("cells", "values", "english", "everything"),
    [
        ([LOW], {"low": {"fr": [1] * 6}}, "asks nothing in English", None),
        ([LOW], {"low": {"en": ["empty"] * 6}}, "no configuration has a rated answer in English", "in every language"),
        ([run("base")], {"base": {"en": [1] * 6}}, "no tuned configuration", "no tuned configuration"),
        ([LOW], {}, "no scores", "no scores"),
    ],
)
def test_says_why_nothing_can_be_chosen(cells, values, english, everything):
    selection = choose(hand_tables(cells, values), FACET)
    assert english in selection.by_english.why_not
    assert (everything is None) == bool(selection.by_all.tied)
    assert everything is None or everything in selection.by_all.why_not
    assert not selection.same or everything is None
