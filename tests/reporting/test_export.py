import csv
import json
import re
from dataclasses import replace

import polars as pl
import pytest
from edges import HOSTILE, STUDIES
from study_tables import study_tables

from crosstune.analysis.pruning import PRUNED_SCHEMA
from crosstune.reporting.export import as_json, as_markdown, markdown_table, plain, write_csv
from crosstune.reporting.figures import standalone, write_figures
from crosstune.reporting.findings import find
from crosstune.reporting.report import render
from crosstune.reporting.sections.transfer import transfer_gaps_table


@pytest.mark.parametrize("name", STUDIES)
def test_every_format_says_what_it_can_and_no_number_from_nothing(name, tmp_path):
    tables = STUDIES[name]()
    found = find(tables)
    html = render(tables, title="x", study_yaml="", provenance={})
    markdown = as_markdown(found, title="x", study_yaml="", provenance={})
    words = re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.S))
    for text in (words, markdown):
        assert not re.search(r"\b(nan|None|inf)\b", text), name
    document = json.loads(as_json(found, title="x"), parse_constant=pytest.fail)
    assert document["headline"].replace("\u00a0", " ") in markdown.replace("\\", "")
    for path in write_csv(tmp_path, found):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}


def test_json_and_csv_have_the_exact_levels(tmp_path):
    tables = study_tables(prompts=8)
    found = find(tables)
    right = tables.scores.filter(pl.col("language") == "fr", pl.col("run") == "lr-0.005-s0")["value"].mean()
    levels = json.loads(as_json(found, title="x"))["tables"]["levels"]
    (level,) = [row for row in levels if row["language"] == "fr" and row["configuration"] == "lr 5e-3"]
    assert level["level"] == right
    write_csv(tmp_path, found)
    with (tmp_path / "levels.csv").open(newline="", encoding="utf-8") as file:
        (level,) = [
            row for row in csv.DictReader(file) if row["language"] == "fr" and row["configuration"] == "lr 5e-3"
        ]
    assert float(level["level"]) == pytest.approx(right)
    assert level["reasons"] == "" or re.fullmatch(r"\d+ \w+(; \d+ \w+)*", level["reasons"])


def test_a_spreadsheet_takes_no_text_for_a_formula(tmp_path):
    tables = study_tables(prompts=6)
    cells = tables.cells.with_columns(base_model=pl.lit('=HYPERLINK("http://x")') + pl.col("run"))
    write_csv(tmp_path, find(replace(tables, cells=cells)))
    assert "=HYPERLINK" in (tmp_path / "levels.csv").read_text("utf-8")
    for path in tmp_path.iterdir():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                assert not [cell for cell in row if cell.startswith(("=", "+", "@"))]


def test_hostile_text_is_plain_words_in_markdown():
    words = plain(HOSTILE + "\n# heading")
    assert "\n" not in words
    assert "\u202e" not in words
    assert not re.search(r"(?<!\\)[<>|`*_\[\]#]", words)
    tables = study_tables(("en",), prompts=3)
    named = tables.cells.with_columns(base_model=pl.lit("a|b\n# c") + pl.col("run"))
    found = find(replace(tables, cells=named))
    text = as_markdown(found, title="x", study_yaml="```\nevil\n```")
    assert "\n# c" not in text
    assert "````yaml\n```\nevil\n```\n````" in text


def test_a_markdown_table_has_as_many_cells_in_every_row():
    of = transfer_gaps_table(find(study_tables(prompts=8)))
    lines = markdown_table(of).splitlines()
    # A row a configuration (base, two rates), a column for the configuration, the mean and each of fr, pt, ru.
    assert len(lines) == 2 + 3
    assert {line.count("|") for line in lines} == {6}


def test_figures_stand_alone(tmp_path):
    written = write_figures(tmp_path, find(study_tables(prompts=8)))
    names = {path.name for path in written}
    assert {"levels-french.svg", "levels-french.png", "heat-map.svg", "training-loss.png"} <= names
    for path in written:
        if path.suffix == ".svg":
            text = path.read_text("utf-8")
            assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
            assert "var(" not in text
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_a_colour_that_the_page_does_not_have_is_an_error():
    with pytest.raises(KeyError):
        standalone('<svg fill="var(--no-such-colour)"></svg>')


def test_what_a_search_left_out_is_exported_too(tmp_path):
    tables = study_tables(prompts=3)
    row = {
        "rung": 1, "updates": 100, "configuration": "lr 1e-2", "runs": ["a", "b"], "by": "usable", "level": 0.1,
        "low": None, "high": None, "method": "bootstrap", "instructions": 8, "goes_on": False, "margin": 0.5,
        "margin_low": 0.25, "margin_high": 0.75, "sure": True, "why": "",
    }  # fmt: skip
    pruned = pl.DataFrame([row], schema=PRUNED_SCHEMA, orient="row")
    found = find(replace(tables, pruned=pruned))
    assert "lr 1e-2" in as_markdown(found, title="x")
    write_csv(tmp_path, found)
    (line,) = pl.read_csv(tmp_path / "left-out-early.csv").to_dicts()
    assert (line["configuration"], line["runs"], line["margin_low"]) == ("lr 1e-2", "a; b", 0.25)
