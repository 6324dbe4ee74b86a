"""The report in headless Chromium: its script, what it filters, what it saves, and that it stays within its policy."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest
from edges import HOSTILE
from study_tables import ANSWERS, study_tables

from crosstune.analysis.tables import StudyTables
from crosstune.reporting.report import write_report

sys.path.insert(0, str(Path(__file__).parents[1] / "annotation"))
from chromium import Page, chromium_path

pytestmark = pytest.mark.skipif(chromium_path() is None, reason="no Chromium")

SAVED = """
window.saved = null;
URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text }); return 'blob:x' };
HTMLAnchorElement.prototype.click = function () { window.savedName = this.download };
"""


@pytest.fixture
def browser(tmp_path: Path):
    page = Page(tmp_path / "profile")
    yield page
    page.close()


def open_report(browser: Page, folder: Path, tables: StudyTables) -> None:
    write_report(folder / "report.html", tables, title="a study", study_yaml="name: x\n", provenance={})
    browser.open((folder / "report.html").as_uri())
    browser.wait_for("document.querySelector('form.filters').dataset.ready === 'yes'")


def choose(browser: Page, **values: str) -> None:
    """Sets filters by what they show, and waits until the answers are shown."""
    browser.evaluate(
        f"(async () => {{ const form = document.querySelector('form.filters');"
        f"for (const [name, shown] of Object.entries({json.dumps(values)})) {{ const field = form.elements[name];"
        "field.value = field.options ? [...field.options].find((option) => option.text === shown).value : shown }"
        "form.dispatchEvent(new Event('input')); await form.filtered })()"
    )


def answers(browser: Page) -> list[str]:
    """Label and verdict of each answer that is shown."""
    return browser.evaluate(
        "[...document.querySelectorAll('.live article header')].map((header) => header.textContent)"
    )


def saved(browser: Page) -> list[str]:
    return browser.wait_for("window.saved").lstrip("\ufeff").rstrip().split("\r\n")


def test_answers_are_filtered_compared_and_searched(browser, tmp_path):
    tables = study_tables(prompts=6, modifiers=("none",), empty_share=0.1)
    open_report(browser, tmp_path, tables)
    count = "document.querySelector('form.filters output').textContent"
    assert browser.evaluate(count) == "72 answers to 6 prompts"  # 6 prompts × 4 languages × 3 runs
    french = tables.scores.filter(pl.col("language") == "fr", pl.col("run") == "lr-0.005-s0")
    wrong = len(french.filter(pl.col("value") == 0))
    choose(browser, language="French", label="lr 5e-3", state="✗ wrong, or worst")
    assert browser.evaluate(count).startswith(f"{wrong} answers")
    assert all(one.startswith("lr 5e-3✗ in") for one in answers(browser))
    # Beside one another: both answers of each prompt at which either fits.
    choose(browser, language="French", label="lr 5e-3", beside="lr 5e-4", state="✗ wrong, or worst")
    shown = answers(browser)
    assert {one.split("✗")[0].split("✓")[0].split("–")[0] for one in shown} == {"lr 5e-4", "lr 5e-3"}
    assert len(shown) % 2 == 0
    empty = len(tables.scores.filter(pl.col("reason") == "empty"))
    choose(browser, language="all", label="all", beside="none", state="empty")
    assert browser.evaluate(count).startswith(f"{empty} answers")
    choose(browser, state="all", words="EMPIECE POR EL PASO")  # Spanish, whatever the case
    spanish = len(tables.responses.filter(pl.col("text") == ANSWERS["es"]))
    assert browser.evaluate(count).startswith(f"{spanish} answers")
    browser.evaluate(SAVED)
    browser.click("button[name=save]")
    rows = saved(browser)
    assert len(rows) == 1 + spanish
    assert rows[0].startswith("prompt,task,modifiers,language,configuration")
    assert browser.problems == []


def test_tables_are_saved_as_csv_with_exact_numbers(browser, tmp_path):
    tables = study_tables(prompts=6)
    open_report(browser, tmp_path, tables)
    browser.evaluate(SAVED)
    browser.evaluate(
        "document.querySelector('table[data-name=levels]').closest('.wide').previousElementSibling.click()"
    )
    header, *rows = (line.split(",") for line in saved(browser)[:1] + saved(browser)[1:])
    assert header[:2] == ["Configuration", "Mean"]
    assert "French low" in header
    assert browser.evaluate("window.savedName") == "a-study-levels.csv"
    level = tables.scores.filter(pl.col("language") == "fr", pl.col("run") == "base")["value"].mean()
    assert float(rows[0][header.index("French")]) == pytest.approx(level, rel=1e-5)
    browser.evaluate("window.saved = null; document.querySelector('button[data-piece=training-loss]').click()")
    assert len(saved(browser)) == 1 + len(tables.curves)
    assert browser.problems == []


def test_hostile_answers_run_nothing_and_stay_visible(browser, tmp_path):
    tables = study_tables(("en", "ar"), prompts=2, modifiers=("none",), empty_share=0, text=lambda *_: "😀" + HOSTILE)
    place = pl.Series([[{"start": 1, "end": 10, "note": "<b>"}]], dtype=tables.scores.schema["spans"])
    marked = tables.scores.with_columns(spans=pl.lit(place).first())
    tables = StudyTables(tables.cells, tables.prompts, tables.responses, marked, tables.curves)
    open_report(browser, tmp_path, tables)
    choose(browser, language="Arabic")
    assert browser.evaluate("document.querySelectorAll('.live article').length") == 6
    # Places count characters, of which the script's strings count the first as two.
    assert browser.evaluate("document.querySelector('.live article mark').textContent") == "</script>"
    assert browser.evaluate("document.querySelector('.live article mark').title") == "<b>"
    assert "U+202E" in browser.evaluate("document.querySelector('.live article').textContent")
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.problems == []


def test_without_javascript_answers_are_readable(browser, tmp_path):
    write_report(tmp_path / "report.html", study_tables(prompts=2), title="x", study_yaml="", provenance={})
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open((tmp_path / "report.html").as_uri())
    assert browser.evaluate("document.querySelectorAll('noscript article').length") == 48
    assert browser.evaluate("document.querySelector('form.filters').hidden") is True


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_wider_than_the_page(browser, tmp_path, width):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    open_report(browser, tmp_path, study_tables(("en", "fr", "ar"), prompts=6))
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1200])
def test_every_section_can_be_reached_from_the_top(browser, tmp_path, width):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    open_report(browser, tmp_path, study_tables(prompts=6))
    ends = browser.evaluate("[...document.querySelectorAll('nav a')].map((link) => link.getBoundingClientRect().right)")
    assert len(ends) >= 10 and max(ends) <= width
    # What one jumps to does not lie under the bar, and on a phone the bar goes away.
    top = "Math.round(document.querySelector('#failures h2').getBoundingClientRect().top)"
    bar = "Math.round(document.querySelector('nav').getBoundingClientRect().bottom)"
    browser.evaluate("document.documentElement.style.scrollBehavior = 'auto'; location.hash = '#failures'")
    browser.wait_for("scrollY > 0")
    assert browser.evaluate(top) >= browser.evaluate(bar)
    assert (browser.evaluate(bar) > 0) == (width == 1200)
