"""The page on analysis describes what is there."""

import dataclasses
import importlib
import re
import textwrap
from pathlib import Path

import polars as pl
import pytest
from hand_tables import hand_tables, run
from ruamel.yaml import YAML

from crosstune.analysis.composite import Composite
from crosstune.analysis.significance import smallest_difference

PAGE = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text("utf-8")


def block(start: str) -> str:
    found = re.search(rf"(?:^    {re.escape(start)}.*\n)(?:^    .*\n|^\n)*", PAGE, flags=re.M)
    return textwrap.dedent(found[0])


def test_the_example_runs():
    values = {
        "base": {"en": [1] * 9, "fr": [1] * 9},
        "a": {"en": [1] * 9, "fr": [0] * 9},
        "b": {"en": [1] * 9, "fr": [1, 0, 1] * 3},
    }
    names = {"tables": hand_tables([run("base"), run("a", 1e-3), run("b", 1e-4)], values)}
    names["tables"] = with_degeneration(names["tables"])
    exec(block("from crosstune.analysis.comparisons"), names)
    assert names["gaps"]["gap"].to_list() == pytest.approx([0, 0, 1 / 3, 1 / 3, 1, 1])
    assert names["picked"]["taken"].to_list()[2] == ["lr 1e-4"]
    assert len(names["pairs"]) == 9 and len(names["kept"]) == 6


def with_degeneration(tables):
    other = tables.scores.with_columns(
        pl.lit("degeneration").alias("facet"), pl.lit("scorer:degeneration").alias("rater"), pl.lit(0.0).alias("value")
    )
    return dataclasses.replace(tables, scores=pl.concat([tables.scores, other]))


def test_the_composite_is_one():
    composite = Composite.model_validate(YAML(typ="safe").load(block("# a composite")))
    assert [str(term) for term in composite.any] == ["helpfulness >= 1", "relevance >= 0.9"]


def test_functions_are_where_the_table_says():
    rows = re.findall(r"^\| [^|]*\? \| ([^|]*) \| ([^|]*) \|$", PAGE, flags=re.M)
    assert len(rows) > 10
    for functions, modules in rows:
        names, places = (re.findall(r"`([a-z_]+)`", text) for text in (functions, modules))
        parts = [importlib.import_module(f"crosstune.analysis.{place}") for place in places]
        for name in names:
            assert any(hasattr(part, name) for part in parts), name


def test_the_table_of_what_can_be_shown_is_worked_out():
    rows = re.findall(r"^\| (\d+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", PAGE, flags=re.M)
    assert len(rows) == 4
    for instructions, *shown in rows:
        n = int(instructions)
        expected = [smallest_difference(n, share=share) for share in (0.5, 0.8, 0.95)]
        expected.append(smallest_difference(n, share=0.8, correlation=0.5))
        assert [float(value) for value in shown] == [round(value, 2) for value in expected]
