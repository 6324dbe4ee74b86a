import re
from dataclasses import replace

import polars as pl
import pytest
from edges import HOSTILE
from html_page import Page, page
from study_tables import ANSWERS, cells, study_tables

from crosstune.analysis.composite import Composite, Term, with_composite
from crosstune.reporting.charts import loss_chart
from crosstune.reporting.report import render, script_text, write_report
from crosstune.reporting.text import reason


@pytest.fixture(scope="module")
def quickstart() -> Page:
    return page(study_tables())


def test_loads_nothing_from_elsewhere(quickstart):
    assert not [tag for tag, _ in quickstart.tags if tag in {"link", "iframe", "object", "embed", "img", "base"}]
    for reference in quickstart.references:
        assert reference.startswith("#") or not re.search(r"//|url\((?!#)|^data:|^javascript:", reference), reference
    style = quickstart.html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_is_well_formed_with_unique_ids(quickstart):
    assert quickstart.open == []
    assert len(quickstart.ids) == len(set(quickstart.ids))
    for link in quickstart.all("a"):
        assert link["href"].removeprefix("#") in quickstart.ids


def test_quickstart_is_under_three_megabytes(quickstart):
    assert len(quickstart.html.encode()) < 3_000_000


def test_losses_of_very_many_updates_are_drawn_by_so_many_of_them():
    runs, updates = 60, 900
    steps = [step for _ in range(runs) for step in range(updates)]
    names = [f"run-{number:02}" for number in range(runs) for _ in range(updates)]
    curves = pl.DataFrame({"configuration": names, "run": names, "step": steps}).with_columns(
        loss=2 - pl.col("step") / 900
    )
    drawing = loss_chart(curves, sorted(set(names)))
    lines = re.findall(r'd="(M[^"]+)"', drawing)
    points = [len(re.findall("[ML]", line)) for line in lines if line.count("L") > 5]
    assert len(points) == runs and 90 <= min(points) <= max(points) <= 100  # 6,000 in all


def test_has_all_sections_without_running_a_script(quickstart):
    sections = (
        "result",
        "levels",
        "profile",
        "transfer",
        "found",
        "people",
        "cost",
        "settings",
        "failures",
        "training",
    )
    for identifier in (*sections, "answers", "how"):
        assert identifier in quickstart.ids
    words = quickstart.words
    assert "Looking at English alone, both configurations look the same: 100 % (86–100)" in words
    assert "The training loss would then decide for “lr 5e-3”" in words
    assert "“lr 5e-4” is best" in words
    assert "would cost" in words
    assert "torch" in words
    assert "name: quickstart" in words
    assert len(quickstart.all("svg")) == 4 + 1 + 1 + 1  # a panel a language, the heat map, the cost, the losses
    telling = len(quickstart.all("article")) - 576
    assert 0 < telling <= 10
    assert len(quickstart.all("article", "data-state")) == 576


def test_charts_take_their_colours_from_the_page(quickstart):
    drawings = re.findall(r"<svg.*?</svg>", quickstart.html, re.S)
    for drawing in drawings:
        assert "var(--" in drawing
        assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawing)) <= {"none", "transparent"} | set(
            re.findall(r"var\(--[a-z0-9-]+\)", drawing)
        )
        assert "<title>" in drawing or "Training loss" in drawing or "configuration and language" in drawing


def test_the_same_tables_give_the_same_file():
    tables = study_tables(prompts=6)
    assert page(tables).html == page(tables).html


def test_hostile_text_stays_text():
    tables = study_tables(prompts=3, text=lambda found, asked, number: HOSTILE + ANSWERS[found])
    hostile_cells = tables.cells.with_columns(
        instructions=pl.lit("<script>alert(3)</script>\"'"), base_model=pl.col("run") + "<b>"
    )
    found = page(
        replace(tables, cells=hostile_cells),
        title="<script>alert(4)</script>",
        study_yaml="name: </pre><script>alert(5)</script>",
        provenance={"<b>": "</dd><script>alert(6)</script>"},
    )
    assert found.scripts == [script_text()]
    assert not found.all("img")
    assert not [attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)]
    assert found.open == []
    assert "{{ title }}" in found.words
    for character in ("\u202e", "\u2066", "\x00", "\x1b"):
        assert character not in found.html
    assert "U+202E" in found.words
    assert "script-src &#39;sha256-" in found.html or "script-src 'sha256-" in found.html


def test_right_to_left_answers_are_marked_so():
    found = page(study_tables(("en", "ar"), prompts=4))
    by_language = {attributes.get("lang"): attributes["dir"] for attributes in found.all("div", "dir")}
    assert by_language["ar"] == "rtl"
    assert by_language["en"] == "ltr"
    assert {attributes["lang"]: attributes["dir"] for attributes in found.all("blockquote")} == {
        "en": "ltr",
        "ar": "rtl",
    }


def test_huge_answers_are_folded_and_cut_with_a_note():
    tables = study_tables(("en", "fr"), prompts=2, modifiers=("none",), text=lambda *_: "word " * 200_000)
    found = page(tables)
    assert len(found.html) < 400_000
    assert "cut here: 1,000,000 characters in all" in found.words
    assert "more characters)" in found.words


def test_the_places_that_a_score_is_about_are_marked():
    tables = study_tables(("en", "fr"), prompts=1, modifiers=("none",), empty_share=0, text=lambda *_: "a <b> c d")
    # The second place lies partly in the first and ends behind the text; the third lies behind it.
    places = [
        {"start": 2, "end": 5, "note": 'x"y'},
        {"start": 4, "end": 99, "note": ""},
        {"start": 50, "end": 60, "note": ""},
    ]
    spans = pl.Series([places], dtype=tables.scores.schema["spans"])
    found = page(replace(tables, scores=tables.scores.with_columns(spans=pl.lit(spans).first())))
    marked = 'a <mark title="x&#34;y">&lt;b&gt;</mark><mark title=""> c d</mark>'
    assert found.html.count(f">{marked}</div>") == 6  # two languages × three runs, none of them failing unexpectedly


def test_every_table_can_be_had_as_csv_with_exact_numbers(quickstart):
    assert all("data-name" in attributes for attributes in quickstart.all("table"))
    names = [attributes["data-name"] for attributes in quickstart.all("table")]
    assert len(names) == len(set(names))
    assert {"levels", "transfer-gaps", "retention", "comparisons", "criteria", "front", "settings", "training"} <= set(
        names
    )
    for cell in quickstart.all("td", "data-low"):
        assert float(cell["data-low"]) <= float(cell["data-high"])
    pieces = {attributes["id"] for attributes in quickstart.all("script", "id")}
    for button in quickstart.all("button", "data-piece"):
        assert f"piece-{button['data-piece']}" in pieces


def test_more_answers_than_a_page_holds_are_thinned_with_a_note():
    # 576 answers to 48 prompts at 12 each: every sixth prompt is shown, 8 in all.
    found = page(study_tables(prompts=24), most_answers=100)
    assert len(found.all("article", "data-state")) == 96
    assert "8 of 48 prompts are shown" in found.words


def test_writes_the_file(tmp_path):
    write_report(tmp_path / "report.html", study_tables(prompts=2), title="x", study_yaml="", provenance={})
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_other_measures_stand_beside_the_chosen_one():
    tables = study_tables()
    # Length of every second answer, with a reason for the others; and a facet that no answer has a value of.
    base = tables.scores.filter(pl.col("facet") == "correct_language").with_row_index()
    odd = pl.col("index") % 2 == 1
    length = base.with_columns(
        facet=pl.lit("length"),
        rater=pl.lit("scorer:length"),
        value=pl.when(odd).then(None).otherwise(40.0),
        reason=pl.when(odd).then(pl.lit("empty")).otherwise(None),
    )
    nothing = base.with_columns(facet=pl.lit("facts"), value=pl.lit(None, pl.Float64), reason=pl.lit("empty"))
    scores = pl.concat([tables.scores, *(one.drop("index").select(tables.scores.columns) for one in (length, nothing))])
    html = render(replace(tables, scores=scores), title="t", study_yaml="", provenance={})
    page = Page(html)
    assert "measures" in page.ids
    shown = html.partition('<section id="measures">')[2].partition("</section>")[0]
    assert shown.count('<details class="measure">') == 1
    assert "<strong>Length</strong>: the mean number of words" in shown
    assert '<span class="value">40.00</span>' in shown
    assert reason("empty") in shown  # why half of them have none
    assert "Facts" not in shown
    assert 'id="measures"' not in render(tables, title="t", study_yaml="", provenance={})


def test_a_facet_of_the_studys_own_is_a_share_in_all_of_the_page():
    tables = study_tables(prompts=6)
    composite = Composite(name="servable", all=(Term(facet="correct_language", at_least=1),))
    made = with_composite(tables, composite)
    html = render(made, title="t", study_yaml="", provenance={})
    measures = html.partition('<section id="measures">')[2].partition("</section>")[0]
    assert (
        "<strong>Servable</strong> (higher is better): the share of answers with correct_language &gt;= 1" in measures
    )
    # By its only condition it is the same share as the right language, shown as a percentage and told in words.
    chosen = render(made, title="t", study_yaml="", provenance={}, facet="servable")
    assert "Servable by configuration and language" in chosen
    levels = [page.partition('<section id="levels">')[2].partition("</section>")[0] for page in (html, chosen)]
    values = [re.findall(r'<span class="value">([^<]+)</span>', section) for section in levels]
    assert values[0] == values[1] and all(value.endswith("%") for value in values[0])
    assert reason("missing_part") in chosen


def test_the_time_of_api_models_is_said_to_be_added_up():
    frame = cells().with_columns(api=pl.col("run") == "base")
    html = render(study_tables(prompts=3, cells_frame=frame), title="t", study_yaml="", provenance={})
    answering = html.partition("<h3>Answering</h3>")[2].partition("</section>")[0]
    assert "Calls of API models run side by side" in answering
    assert answering.count(" in calls</td>") == 1 and answering.count(" a call</td>") == 1
    assert "Calls of API models" not in render(study_tables(prompts=3), title="t", study_yaml="", provenance={})
