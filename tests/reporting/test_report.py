import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import polars as pl
import pytest
from study_tables import ANSWERS, cells, study_tables

from crosstune.analysis.tables import StudyTables
from crosstune.reporting.report import render, write_report
from crosstune.reporting.text import reason

VOID = {"meta", "br", "hr", "img", "input", "link"}
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "href", "xlink:href", "style"}


class Page(HTMLParser):
    """What a browser would make of the page, as far as the tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags, self.scripts, self.text, self.references, self.ids, self.open = [], [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.references += [value for name, value in attrs if name in LOADING and value]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text).replace("\u00a0", " "))

    def all(self, tag, name=None):
        return [attributes for found, attributes in self.tags if found == tag and (name is None or name in attributes)]


def page(tables: StudyTables, **options) -> Page:
    given = {"title": "quickstart", "study_yaml": "name: quickstart\n", "provenance": {"torch": "2.13.0"}}
    return Page(render(tables, **{**given, **options}))


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


def test_has_all_sections_without_running_a_script(quickstart):
    for identifier in ("result", "levels", "found", "cost", "training", "answers", "how"):
        assert identifier in quickstart.ids
    words = quickstart.words
    assert "Looking at English alone, both configurations look the same: 100 % (86–100)" in words
    assert "The training loss would then decide for “lr 5e-3”" in words
    assert "“lr 5e-4” is best" in words
    assert "would cost" in words
    assert "torch" in words
    assert "name: quickstart" in words
    assert len(quickstart.all("svg")) == 4 + 1 + 1  # a panel a language, the cost, the losses
    assert len(quickstart.all("article")) == 576


def test_charts_take_their_colours_from_the_page(quickstart):
    drawings = re.findall(r"<svg.*?</svg>", quickstart.html, re.S)
    for drawing in drawings:
        assert "var(--" in drawing
        assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawing)) <= {"none", "transparent"} | set(
            re.findall(r"var\(--[a-z0-9-]+\)", drawing)
        )
        assert "<title>" in drawing or "Training loss" in drawing


def test_the_same_tables_give_the_same_file():
    tables = study_tables(prompts=6)
    assert page(tables).html == page(tables).html


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> </details></article><!-- &amp; "
    "{{ title }} \u202egnp.exe\u2066 \x00\x1b[31m"
)


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
    assert found.scripts == [(files("crosstune.reporting") / "templates" / "report.js").read_text("utf-8")]
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


def test_more_answers_than_a_page_holds_are_thinned_with_a_note():
    # 576 answers to 48 prompts at 12 each: every sixth prompt is shown, 8 in all.
    found = page(study_tables(prompts=24), most_answers=100)
    assert len(found.all("article")) == 96
    assert "8 of 48 prompts are shown" in found.words


def no_english() -> StudyTables:
    return study_tables(("fr", "ru"), prompts=8)


def all_empty() -> StudyTables:
    return study_tables(prompts=6, empty_share=1.1)


def nothing_at_all() -> StudyTables:
    empty = pl.DataFrame()
    return StudyTables(empty, empty, empty, empty, empty)


def unscored() -> StudyTables:
    tables = study_tables(prompts=6)
    return replace(tables, scores=pl.DataFrame())


EDGES = {
    "one configuration": (lambda: study_tables(prompts=6, cells_frame=cells((5e-4,))), "there is nothing to choose"),
    "one language": (lambda: study_tables(("fr",), prompts=6), "cannot show what carries over"),
    "English alone": (lambda: study_tables(("en",), prompts=6), "asks in English alone"),
    "only the base model": (
        lambda: study_tables(prompts=6, cells_frame=cells(())),
        "No tuned configuration has scores",
    ),
    "no base model": (
        lambda: study_tables(prompts=6, cells_frame=cells(base=False)),
        "what tuning changed cannot be said",
    ),
    "no curves": (lambda: study_tables(prompts=6, with_curves=False), "There are no training curves"),
    "all answers empty": (all_empty, "No choice can be made"),
    "one prompt": (lambda: study_tables(prompts=1), "too few for any interval"),
    "three prompts": (lambda: study_tables(prompts=3), "3 instructions with rated answers: too few for any interval"),
    "no English": (no_english, "the study asks nothing in English"),
    "no scores": (unscored, "without any score of this facet"),
    "nothing at all": (nothing_at_all, "No choice can be made"),
}


@pytest.mark.parametrize("name", EDGES)
def test_says_what_it_cannot_say(name):
    make, sentence = EDGES[name]
    found = page(make())
    assert sentence in found.words
    assert found.open == []
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", found.words)


def test_another_facet_on_an_unknown_scale():
    tables = study_tables(prompts=8)
    graded = tables.scores.with_columns(facet=pl.lit("fluency"), value=pl.col("value") * 2)
    found = page(replace(tables, scores=pl.concat([tables.scores, graded])), facet="fluency")
    assert "Fluency: the mean over rated answers" in found.words
    assert "2.00" in found.words
    assert found.open == []


def test_headline_does_not_claim_what_the_interval_does_not():
    # The same chance of the right language for both rates: nothing that a headline could claim.
    tables = study_tables(prompts=12, levels={None: 0.8, 5e-4: 0.6, 5e-3: 0.6})
    headline = page(tables).words.split("How it was run")[1].split("Looking at")[0]
    assert "costs" not in headline


def test_no_number_from_nothing():
    assert "%" not in page(all_empty()).words.split("Training and cost")[0].replace("95 %", "")
    few = page(study_tables(prompts=3)).words
    assert re.search(r"\d %\s*\(\d+–\d+\)", few.split("Answering")[0]) is None  # no interval from three prompts


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
