"""docs/scorers.md is about the measures that there are."""

import re
from pathlib import Path

from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.scoring.score import SCORERS

PAGE = (Path(__file__).parents[1] / "docs" / "scorers.md").read_text("utf-8")


def test_every_measure_has_a_section_in_their_order() -> None:
    assert re.findall(r"^## .*: `([a-z_]+)`$", PAGE, flags=re.M) == list(SCORERS)


def test_the_tables_of_languages_are_those_of_the_program() -> None:
    shown = PAGE.partition("<!-- languages: begin -->")[2].partition("<!-- languages: end -->")[0]
    assert shown.strip() == CliRunner().invoke(app, ["facets", "--markdown"]).stdout.strip()


def test_every_table_is_filled() -> None:
    for name in re.findall(r"<!-- ([a-z_]+): begin -->", PAGE):
        inside = PAGE.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        assert "|---" in inside, f"run: python -m benchmarks.scorers --only {name}"
