"""Exponents of growth, the share of a study that is no step's work, and what a peer is given."""

from pathlib import Path

import pytest
from benchmarks.growth import Cost, Growth, added_exponent, exponent
from benchmarks.peers.llama_factory import alpaca
from benchmarks.study import Clock, StudyRun

from crosstune.records import Message
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import Store

SIZES = (10, 20, 40, 80)


def test_exponents_of_what_goes_in_proportion_and_with_the_square() -> None:
    assert exponent(SIZES, [3.0 * n for n in SIZES]) == pytest.approx(1)
    assert exponent(SIZES, [0.1 * n * n for n in SIZES]) == pytest.approx(2)


def test_what_is_the_same_at_all_sizes_hides_a_square_but_not_from_what_is_added() -> None:
    # 100 + n²/100: 101, 104, 116, 164; added 3, 12, 48, which go up fourfold: 2² each.
    values = [100 + n * n / 100 for n in SIZES]
    assert exponent(SIZES, values) < 0.3
    assert added_exponent(SIZES, values) == pytest.approx(2)


def test_what_is_added_may_be_too_little_to_tell() -> None:
    assert added_exponent(SIZES, [1.0, 1.01, 1.3, 1.9]) is None


@pytest.mark.parametrize(
    ("seconds", "is_superlinear"),
    [
        ([1.0, 2.0, 4.0, 8.0], False),
        ([1.0, 4.0, 16.0, 64.0], True),
        ([10.0, 10.5, 12.5, 20.5], True),  # adds 0.5, 2, 8
        ([0.001, 0.004, 0.016, 0.04], False),  # too short to be told from chance
    ],
)
def test_growth_is_marked_when_it_is_more_than_in_proportion(seconds: list[float], is_superlinear: bool) -> None:
    growth = Growth("report", "cells", SIZES, [Cost(one, 1_000_000) for one in seconds])
    assert growth.is_superlinear is is_superlinear
    assert ("more than in proportion" in growth.line()) is is_superlinear


def test_what_is_no_steps_work_is_the_rest() -> None:
    run = StudyRun(200.0, 197.0, 1, {"training": 120.0, "generation": 75.0}, {"training": 8, "generation": 12})
    assert run.own_seconds == pytest.approx(5)
    assert run.share == pytest.approx(2.5)
    assert run.step_milliseconds == pytest.approx(100)  # 197 - 195 = 2 seconds over 20 steps


def _work(workspace: Workspace) -> None:
    (workspace.out / "result.txt").write_text("done")


def test_the_clock_counts_each_step_that_runs_once(tmp_path: Path) -> None:
    first = Step("training", "one", 1, {}, {}, _work)
    last = Step("report", "all", 1, {}, {"one": first}, _work)
    names = (first.fingerprint, last.fingerprint)
    clock = Clock()
    clock([first], Store(tmp_path), lambda event: None)
    clock([last], Store(tmp_path), lambda event: None)  # the first is found finished
    assert clock.steps == {"training": 1, "report": 1}
    assert set(clock.seconds) == {"training", "report"}
    assert (first.fingerprint, last.fingerprint) == names


def test_earlier_turns_are_history_to_a_peer() -> None:
    turns = [Message("user", " a "), Message("assistant", "b"), Message("user", "c"), Message("assistant", "d\n")]
    assert alpaca([turns, turns[:2]]) == [
        {"instruction": "c", "input": "", "output": "d", "history": [("a", "b")]},
        {"instruction": "a", "input": "", "output": "b", "history": []},
    ]
