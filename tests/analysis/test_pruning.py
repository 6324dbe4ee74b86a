"""Who goes on at a rung of a search, by hand."""

import pytest
from hand_tables import hand_tables, run

from crosstune.analysis.pruning import survivors

RATES = (1e-4, 2e-4, 4e-4, 8e-4)
LABELS = ("lr 1e-4", "lr 2e-4", "lr 4e-4", "lr 8e-4")


def standings(values, cells=None, **options):
    """Standings of runs by the share of answers in the right language, `values` by run and language."""
    cells = cells or [run(f"r{place}", rate) for place, rate in enumerate(RATES)]
    options = {"by": "correct_language", "keep": 0.5} | options
    return survivors(hand_tables(cells, values), **options)


def going(found):
    return [item.configuration for item in found if item.goes_on]


def both(english, french):
    return {"en": english, "fr": french}


def test_the_better_half_goes_on_by_the_mean_over_languages():
    # Means: (1 + 0)/2 = 0.5, (0.5 + 0.75)/2 = 0.625, 0.25, (0.75 + 0.75)/2 = 0.75; English alone would take r0.
    found = standings(
        {
            "r0": both([1, 1, 1, 1], [0, 0, 0, 0]),
            "r1": both([1, 1, 0, 0], [1, 1, 1, 0]),
            "r2": both([1, 1, 0, 0], [0, 0, 0, 0]),
            "r3": both([1, 1, 1, 0], [1, 1, 1, 0]),
        }
    )
    assert [item.configuration for item in found] == ["lr 8e-4", "lr 2e-4", "lr 1e-4", "lr 4e-4"]
    assert [item.level.estimate for item in found] == pytest.approx([0.75, 0.625, 0.5, 0.25])
    assert going(found) == ["lr 8e-4", "lr 2e-4"]
    # Behind the last that goes on, not behind the best: 0.625 - 0.5 and 0.625 - 0.25.
    assert [item.margin and item.margin.estimate for item in found] == [None, None, *map(pytest.approx, (0.125, 0.375))]
    assert found[2].why == "3rd of 4, behind lr 2e-4"
    # Four instructions are too few for an interval, so nothing is sure.
    assert not any(item.is_sure for item in found)


def test_it_is_sure_where_every_instruction_shows_it_and_not_where_one_does():
    ones, zeros, almost = [1] * 12, [0] * 12, [1] * 11 + [0]
    values = {"r0": {"en": zeros}, "r1": {"en": almost}, "r2": {"en": ones}, "r3": {"en": ones}}
    sure = {item.configuration: item.is_sure for item in standings(values) if not item.goes_on}
    assert sure == {"lr 1e-4": True, "lr 2e-4": False}


@pytest.mark.parametrize(
    ("keep", "at_least", "number"),
    # Of 4: 0.5 keeps 2; 0.51 2.04, rounded up to 3; 0.25 keeps 1; 0.1 at least one; and at least 3 where it says so.
    [(0.5, 1, 2), (0.51, 1, 3), (0.25, 1, 1), (0.1, 1, 1), (0.25, 3, 3), (0.25, 9, 4)],
)
def test_how_many_go_on(keep, at_least, number):
    values = {f"r{place}": {"en": [1] * place + [0] * (4 - place)} for place in range(4)}
    found = standings(values, keep=keep, at_least=at_least)
    assert going(found) == list(reversed(LABELS))[:number]


def test_those_that_equal_the_last_go_on_too():
    half = {"en": [1, 0, 1, 0]}
    found = standings({"r0": half, "r1": {"en": [0, 1, 0, 1]}, "r2": {"en": [1, 1, 1, 1]}, "r3": half})
    assert going(found) == ["lr 4e-4", "lr 1e-4", "lr 2e-4", "lr 8e-4"]
    assert [item.why for item in found][-1] == "equals the last that goes on"


def test_what_is_not_rated_in_every_language_is_not_pruned_and_takes_no_place():
    unrated = ["undetermined"] * 4
    found = standings(
        {
            "r0": both([1, 1, 1, 1], [1, 0, 0, 0]),
            "r1": both([1, 1, 1, 1], [1, 1, 1, 1]),
            "r2": both([0, 0, 0, 0], unrated),
            "r3": both([1, 0, 0, 0], [0, 0, 0, 0]),
        }
    )
    # Three can be compared: half of them, rounded up, is two.
    assert going(found) == ["lr 2e-4", "lr 1e-4", "lr 4e-4"]
    assert found[-1].level.estimate is None and "not rated in every language" in found[-1].why


def test_seeds_count_together():
    cells = [run(f"{rate}-{seed}", rate, seed=seed) for rate in (1e-4, 2e-4) for seed in (0, 1)]
    # (1 + 0)/2 = 0.5 against 0.75 twice: the best single seed is of the worse configuration.
    values = {"0.0001-0": {"en": [1] * 4}, "0.0001-1": {"en": [0] * 4}}
    values |= {f"0.0002-{seed}": {"en": [1, 1, 1, 0]} for seed in (0, 1)}
    assert going(standings(values, cells)) == ["lr 2e-4"]


def test_what_diverged_goes_out_first_unless_all_did():
    values = {f"r{place}": {"en": [1] * place + [0] * (4 - place)} for place in range(4)}
    found = standings(values, diverged={"lr 8e-4": 7})
    assert going(found) == ["lr 4e-4", "lr 2e-4"]
    assert found[-1].why == "its training diverged at update 7"
    assert going(standings(values, diverged={"lr 8e-4": 7, "lr 4e-4": 3, "lr 2e-4": 5})) == ["lr 1e-4"]
    assert going(standings(values, diverged=dict.fromkeys(LABELS, 3))) == ["lr 8e-4", "lr 4e-4"]


def test_usable_is_the_right_language_and_not_broken():
    import polars as pl

    from crosstune.analysis.tables import StudyTables

    cells = [run("r0", 1e-4), run("r1", 2e-4)]
    right = hand_tables(cells, {"r0": {"en": [1, 1, 1, 1]}, "r1": {"en": [1, 1, 1, 0]}})
    broken = hand_tables(
        cells,
        {"r0": {"en": [1, 1, 0, 0]}, "r1": {"en": [0, 0, 0, 0]}},
        facet="degeneration",
        rater="scorer:degeneration",
    )
    nothing = pl.DataFrame()
    tables = StudyTables(right.cells, nothing, nothing, pl.concat([right.scores, broken.scores]), nothing)
    # By language alone r0 leads with 4 of 4; two of its answers are broken, so it has 2 of 4 usable ones to 3 of 4.
    assert going(survivors(tables, by="correct_language", keep=0.5)) == ["lr 1e-4"]
    usable = survivors(tables, by="usable", keep=0.5)
    assert going(usable) == ["lr 2e-4"]
    assert [item.level.estimate for item in usable] == pytest.approx([0.75, 0.5])
