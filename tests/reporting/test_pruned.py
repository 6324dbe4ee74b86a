"""The section on configurations that a search left out early."""

from dataclasses import replace

import polars as pl
import pytest
from html_page import page
from study_tables import cells, study_tables

from crosstune.analysis.pruning import PRUNED_SCHEMA
from crosstune.reporting.pruned import pruned_table
from crosstune.reporting.tabular import plain_rows


def row(rung, name, level, *, goes_on, margin=(None, None, None), sure=False, why=""):
    return {
        "rung": rung, "updates": 100 * rung, "configuration": name, "runs": [name], "by": "usable", "level": level,
        "low": None, "high": None, "method": "bootstrap", "instructions": 8, "goes_on": goes_on, "margin": margin[0],
        "margin_low": margin[1], "margin_high": margin[2], "sure": sure, "why": why,
    }  # fmt: skip


def frame(*rows):
    return pl.DataFrame(rows, schema=PRUNED_SCHEMA, orient="row")


def test_each_that_was_left_out_says_when_and_how_sure():
    found = pruned_table(
        frame(
            row(1, "lr 1e-4", 0.9, goes_on=True),
            row(1, "lr 2e-4", 0.8, goes_on=True),
            row(1, "lr 4e-4", 0.7, goes_on=False, margin=(0.1, -0.1, 0.3)),
            row(1, "lr 8e-4", None, goes_on=False, why="its training diverged at update 9"),
            row(2, "lr 1e-4", 0.9, goes_on=True),
            row(2, "lr 2e-4", 0.2, goes_on=False, margin=(0.7, 0.4, 0.9), sure=True),
        )
    )
    assert found is not None
    cells = [(item["Configuration"], item["After updates"], item["How sure"]) for item in plain_rows(found)]
    assert cells == [
        ("lr 4e-4", 100, "not shown: the interval reaches 0"),
        ("lr 8e-4", 100, "it diverged"),
        ("lr 2e-4", 200, "worse: the interval leaves out 0"),
    ]
    assert "after 100 updates 2 of 4 went on, after 200 updates 1 of 2 went on" in found.note
    # Of three left out one is shown to be worse and one diverged, which leaves one in doubt.
    assert "Of the 3 configurations left out, 1 was not shown to be worse" in found.note


def test_where_all_went_on_it_says_so_and_without_a_search_there_is_no_section():
    found = pruned_table(frame(row(1, "lr 1e-4", 0.9, goes_on=True), row(1, "lr 2e-4", 0.9, goes_on=True)))
    assert found is not None
    assert not found.rows
    assert "No configuration was left out" in found.cannot
    assert pruned_table(pl.DataFrame()) is None


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        (
            (5e-4,),
            "left 2 of 3 configurations out before they were tuned to the end. One was tuned to the end, so there",
        ),
        (
            (5e-4, 5e-3),
            "The search left 2 of 3 configurations out before they were tuned to the end.",
        ),
    ],
)
def test_the_opening_says_that_a_search_left_some_out(rates, sentence):
    early = frame(
        row(1, "lr 1e-4", 0.9, goes_on=True), row(1, "lr 2e-4", 0.8, goes_on=False), row(1, "lr 4e-4", 0, goes_on=False)
    )
    tables = replace(study_tables(prompts=6, cells_frame=cells(rates)), pruned=early)
    words = page(tables).words
    assert sentence in words and ("nothing more to choose" in words) is (len(rates) == 1)
