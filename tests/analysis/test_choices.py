import numpy as np
import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run

from crosstune.analysis.choices import CRITERIA, compare_choices, summarise
from crosstune.errors import InvalidData

LOW, MIDDLE, HIGH = run("low", 1e-4), run("middle", 1e-3), run("high", 1e-2)
TWO_LOSSES = {"low": [2.0], "high": [1.0]}
LOSSES = {"low": [3.0, 2.0], "middle": [3.0, 1.5], "high": [3.0, 1.0]}


def share(right: int, of: int = 20) -> list[int]:
    return [1] * right + [0] * (of - right)


def study(**values):
    cells = [cell for cell in (LOW, MIDDLE, HIGH) if cell["run"] in values]
    codes = ("en", "fr", "ru")
    rows = {
        name: {code: share(right) for code, right in zip(codes, rights, strict=False)}
        for name, rights in values.items()
    }
    return hand_tables(cells, rows, {name: LOSSES[name] for name in values})


def row(frame, criterion, language):
    (found,) = frame.filter(
        pl.col("criterion") == criterion, pl.col("language").eq_missing(pl.lit(language))
    ).to_dicts()
    return found


def test_four_criteria_choose_four_ways():
    # English ties middle and high, whose losses decide for high; the mean is best for middle: (20 + 18 + 4) / 60, and
    # the worst language for low: 12 of 20.
    choices = compare_choices(study(low=(12, 12, 12), middle=(20, 18, 4), high=(20, 10, 2)))
    taken = {criterion: choices.pick(criterion).taken for criterion in CRITERIA}
    assert taken == {
        "english": ("lr 1e-2",),
        "training-loss": ("lr 1e-2",),
        "all-languages": ("lr 1e-3",),
        "worst-language": ("lr 1e-4",),
    }
    # By English: French 10 instead of 18, Russian 2 instead of 12, the mean 32 instead of 42 of 60.
    assert row(choices.regret, "english", "fr")["regret"] == pytest.approx(0.4)
    assert row(choices.regret, "english", "ru")["regret"] == pytest.approx(0.5)
    assert row(choices.regret, "english", "ru")["best"] == "lr 1e-4"
    assert row(choices.regret, "english", None)["regret"] == pytest.approx(10 / 60)
    assert row(choices.regret, "all-languages", None)["regret"] == 0.0
    assert row(choices.regret, "worst-language", "en")["regret"] == pytest.approx(0.4)
    french = row(choices.regret, "english", "fr")
    assert 0 < french["low"] < 0.4 < french["high"] < 0.8
    assert (choices.regret["regret"] >= 0).all()
    short = summarise(choices).row(0, named=True)
    assert (short["criterion"], short["largest_regret"], short["in_language"]) == ("english", pytest.approx(0.5), "ru")


def test_a_clear_choice_is_stable_and_a_close_one_is_not():
    clear = compare_choices(study(low=(20, 20), high=(4, 4)))
    assert clear.pick("all-languages").stability == 1.0
    assert clear.pick("training-loss").stability is None
    # Each is right where the other is wrong, ten to ten: each resample is as likely to prefer either, and the 18 % of
    # them that prefer neither (C(20, 10) / 2^20) go by the loss.
    halves = {"low": {"fr": [1, 0] * 10}, "high": {"fr": [0, 1] * 10}}
    close = compare_choices(hand_tables([LOW, HIGH], halves, {"low": [2.0], "high": [1.0]}))
    assert close.pick("all-languages").taken == ("lr 1e-2",)
    assert close.pick("all-languages").stability == pytest.approx(0.5 + 0.176 / 2, abs=0.03)
    shares = close.shares.filter(pl.col("criterion") == "all-languages")
    assert shares["share"].sum() == pytest.approx(1.0)
    assert shares["configuration"].to_list() == ["lr 1e-2", "lr 1e-4"]


def test_ties_without_losses_share_the_resamples():
    same = {"low": {"fr": share(12)}, "high": {"fr": share(12)}}
    choices = compare_choices(hand_tables([LOW, HIGH], same))
    pick = choices.pick("all-languages")
    assert pick.taken == ("lr 1e-4", "lr 1e-2")
    assert pick.stability == pytest.approx(1.0)
    assert pick.why_not == "not all of them have a training curve"
    assert choices.shares.filter(pl.col("criterion") == "all-languages")["share"].to_list() == pytest.approx([0.5, 0.5])


def test_lowest_is_best_where_lower_is_better():
    cells = [LOW, HIGH]
    values = {"low": {"en": share(2), "fr": share(2)}, "high": {"en": share(2), "fr": share(12)}}
    choices = compare_choices(hand_tables(cells, values, TWO_LOSSES, facet="degeneration"), "degeneration")
    assert choices.pick("all-languages").taken == choices.pick("worst-language").taken == ("lr 1e-4",)
    found = row(choices.regret, "training-loss", "fr")
    assert (found["best_level"], found["level"], found["regret"]) == pytest.approx((0.1, 0.6, 0.5))
    assert found["low"] > 0


def test_regret_on_unseen_instructions_has_no_winners_curse():
    # Twelve equal candidates: on the same prompts the best looks better than any fixed one, on unseen ones it is not.
    draw = np.random.default_rng(0)
    cells = [run(f"r{i}", 10.0**-i) for i in range(1, 13)]
    losses = {cell["run"]: [float(place)] for place, cell in enumerate(cells)}
    seen, unseen = [], []
    for _ in range(12):
        values = {cell["run"]: {"fr": (draw.random(40) < 0.5).tolist()} for cell in cells}
        found = row(compare_choices(hand_tables(cells, values, losses)).regret, "training-loss", "fr")
        seen.append(found["regret"])
        unseen.append(found["regret_unseen"])
    # The highest of 12 normal values is 1.63 standard deviations up, here .079 each; a fixed one is 0 on average.
    assert np.mean(seen) == pytest.approx(1.63 * 0.079, abs=0.06)
    # The standard error of 12 studies is about .024.
    assert abs(np.mean(unseen)) < 0.075


def test_unrated_languages_and_models_that_cannot_be_compared():
    tables = hand_tables(
        [LOW, HIGH], {"low": {"en": share(9), "fr": ["empty"] * 20}, "high": {"en": share(9), "fr": share(5)}}
    )
    choices = compare_choices(tables)
    assert choices.pick("all-languages").taken == ("lr 1e-2",)
    assert choices.pick("english").taken == ("lr 1e-4", "lr 1e-2")
    french = row(choices.regret, "english", "fr")
    assert (french["best"], french["level"], french["regret"]) == ("lr 1e-2", None, None)
    other = [run("low", 1e-4), run("other", 1e-4, base_model="smol")]
    values = {"low": {"en": share(9)}, "other": {"en": share(8)}}
    choices = compare_choices(hand_tables(other, values, {"low": [1.0], "other": [2.0]}))
    assert "cannot be compared" in choices.pick("training-loss").why_not
    assert choices.pick("english").taken == ("gemma",)


def test_nothing_to_choose_from():
    base = compare_choices(hand_tables([run("base")], {"base": {"en": [1] * 6}}))
    assert base.pick("english").why_not == "no tuned configuration has scores"
    none = compare_choices(hand_tables([LOW], {}), FACET)
    assert none.regret.is_empty() and none.pick("all-languages").taken == ()
    french = compare_choices(hand_tables([LOW], {"low": {"fr": share(9)}}))
    assert french.pick("english").why_not == "the study asks nothing in English"
    assert summarise(french)["taken"].to_list() == [[], [], ["lr 1e-4"], ["lr 1e-4"]]
    with pytest.raises(InvalidData, match="length"):
        compare_choices(hand_tables([LOW], {}), "length")


def test_the_best_is_found_as_often_as_theory_allows():
    # Two candidates, 60 instructions, true levels .7 and .55, independent: the difference has mean .15 and standard
    # deviation sqrt((.21 + .2475) / 60) = .0873. It is above 0 with probability .957, and 0 with .017 more.
    draw = np.random.default_rng(4)
    found = 0
    for _ in range(60):
        values = {name: {"fr": (draw.random(60) < level).tolist()} for name, level in (("low", 0.7), ("high", 0.55))}
        choices = compare_choices(hand_tables([LOW, HIGH], values, TWO_LOSSES))
        found += choices.pick("all-languages").taken == ("lr 1e-4",)
    # 60 studies with .957: fewer than 53 is less likely than one in a hundred.
    assert found >= 53
