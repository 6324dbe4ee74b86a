"""A walk through all pages in a real browser, by keyboard, with a lost connection on the way.

Needs Chromium (or $CROSSTUNE_CHROMIUM). With $CROSSTUNE_AXE, a copy of axe.min.js, each page is checked for
accessibility; with $CROSSTUNE_SCREENSHOTS, a folder, pictures for the documentation are taken.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Page, chromium_path
from served import ANSWERS, EVIL, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium_path() is None, reason="needs Chromium (or set CROSSTUNE_CHROMIUM)"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    yield from served(tmp_path, ANSWERS)


@pytest.fixture
def server_of_pairs(tmp_path: Path) -> Iterator[tuple[str, str]]:
    rows = [{**row, "id": "everyday/note", "prompt": "Write a note."} for row in ANSWERS[:2]]
    rows[0]["response"] += "\n\nAnd so on." * 300  # long enough to be folded
    yield from served(tmp_path, rows, "--pairs", "--add", "bob", "--raters", "2", "--overlap", "1")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    opened = Page(tmp_path / "profile")
    yield opened
    opened.close()


def check(page: Page, name: str) -> None:
    """Looks a page over: accessible, quiet, and a picture where one is wanted."""
    if folder := os.environ.get("CROSSTUNE_SCREENSHOTS"):
        page.screenshot(Path(folder) / f"{name}.png")
    if axe := os.environ.get("CROSSTUNE_AXE"):
        page.evaluate(Path(axe).read_text("utf-8") + "; 0")
        found: list[dict[str, Any]] = json.loads(
            page.evaluate("axe.run().then((found) => JSON.stringify(found.violations))")
        )
        told = [(each["id"], each["help"], [node["html"][:150] for node in each["nodes"]][:3]) for each in found]
        assert told == [], name
    assert page.problems == [], name


def rate(page: Page, number: int) -> None:
    """Gives six marks by keyboard: criterion after criterion, or the next without a mark."""
    if number % 2:
        page.press(*"dddddd")
    else:
        for criterion in range(1, 7):
            page.press(str(criterion), "2")


def test_from_the_link_to_the_export(server: tuple[str, str], page: Page) -> None:  # noqa: PLR0915 - one walk
    link, coordinate = server
    page.open(link)
    page.evaluate("document.cookie")  # scripts see none
    assert page.evaluate("document.cookie") == ""
    check(page, "languages")
    page.click('input[name="language"]')
    page.click("main button")
    page.wait_for("location.pathname.endsWith('/guidelines')")
    check(page, "guidelines")
    page.click("a.button")
    page.wait_for("!!document.querySelector('#training')")
    training = 0
    while page.evaluate("!!document.querySelector('#training')"):
        training += 1
        page.wait_for("!!document.querySelector('.criterion.active')")
        page.press("Enter")
        page.wait_for("!document.getElementById('problem').hidden")
        page.press(*"aaaaaa")
        page.press("Enter")
        page.wait_for("!document.getElementById('feedback').hidden")
        if training == 1:
            check(page, "training")
        page.evaluate("document.getElementById('training').id = 'left'")
        page.press("Enter")
        page.wait_for("!!document.querySelector('#training, #item')")
    assert training >= 2

    check(page, "item")
    items = []
    for number in range(10):
        page.wait_for("!!document.querySelector('#item .criterion.active')")
        items.append(page.evaluate("location.pathname"))
        page.press("Enter")  # too early
        page.wait_for("!document.getElementById('problem').hidden")
        rate(page, number)
        page.wait_for("document.getElementById('save-state').dataset.state === 'saved'")
        assert f"Rated: {number + 1}." in page.evaluate("document.getElementById('progress').textContent")
        if number < 9:
            page.press("Enter")
            page.wait_for(f"location.pathname !== {json.dumps(items[-1])} && !!document.querySelector('#item')")
    assert len(set(items)) == 10

    # After loading it again, everything is there.
    page.evaluate("window.isBefore = true")
    page.call("Page.reload")
    page.wait_for("!window.isBefore && !!document.querySelector('.criterion.active')")
    assert page.evaluate("document.querySelectorAll('.criterion input:checked').length") == 6

    # The eleventh: a note, marked words, the rule of fluency, and a lost connection.
    page.press("Enter")
    page.wait_for(f"location.pathname !== {json.dumps(items[-1])} && !!document.querySelector('.criterion.active')")
    eleventh = page.evaluate("location.pathname")
    page.press("n")
    page.write(EVIL)
    page.press("Escape")
    page.press("w")
    page.wait_for("!!document.querySelector('.word:focus')")
    page.press("ArrowRight", " ")
    check(page, "words")
    page.press("Escape")
    page.wait_for("document.getElementById('words-count').textContent.endsWith('1')")
    page.press("2", "0")
    page.wait_for("!document.getElementById('fluency-rule').hidden")
    assert page.evaluate("document.querySelectorAll('.criterion.suggested').length") == 3
    check(page, "fluency")
    page.press("y")
    assert page.evaluate("document.querySelectorAll('.criterion input[value=\"0\"]:checked').length") == 4
    time.sleep(1.0)  # marked words are sent after a pause, and the next page is fetched
    page.wait_for("document.getElementById('save-state').dataset.state === 'saved'")
    page.offline(True)
    page.press("1", "2", "6", "1")
    page.wait_for("document.getElementById('save-state').textContent.startsWith('Offline: 2 waiting')")
    check(page, "offline")
    # One more answer was fetched ahead, and can be rated.
    page.press("Enter")
    page.wait_for(f"location.pathname !== {json.dumps(eleventh)} && !!document.querySelector('.criterion.active')")
    page.press(*"dddddd")
    page.wait_for("document.getElementById('save-state').textContent.startsWith('Offline: 8 waiting')")
    page.press("Enter")
    page.wait_for("document.getElementById('save-state').dataset.state === 'offline'")
    page.offline(False)
    page.wait_for("document.getElementById('save-state').dataset.state === 'saved'", 30)
    assert "Rated: 12." in page.evaluate("document.getElementById('progress').textContent")
    page.press("Enter")
    page.wait_for("document.body.innerText.includes('Nothing is waiting for you')")
    check(page, "finished")
    page.open(f"{link.partition('/join/')[0]}{eleventh}")
    assert page.wait_for("document.querySelectorAll('.criterion input:checked').length") == 6
    assert page.evaluate("document.getElementById('note').value") == EVIL
    page.click("a[href$='/earlier']")
    page.wait_for("document.querySelectorAll('.earlier li').length === 12")
    check(page, "earlier")

    page.open(coordinate)
    page.wait_for("!!document.querySelector('#progress-tables')")
    check(page, "coordinator")
    table = page.evaluate("fetch('/coordinator/export/scores.csv').then((answer) => answer.text())")
    rows = [line for line in table.splitlines() if "person:ada" in line]
    # The note is in the detail of six rows, and has no line end.
    assert len(rows) == 12 * 6
    assert sum(",0.0," in row for row in rows) == 4
    assert "secret-run-1" in table


def test_pairs_and_two_tabs(server_of_pairs: tuple[str, str], page: Page) -> None:
    link, coordinate = server_of_pairs
    page.open(link)
    page.click('input[name="language"]')
    page.click("main button")
    page.wait_for("location.pathname.endsWith('/guidelines')")
    page.open(page.evaluate("location.href.replace('guidelines', 'work')"))
    page.wait_for("!!document.querySelector('.criterion.active')")
    check(page, "pair")
    folded = page.evaluate("document.querySelector('.text.folded').offsetHeight")
    page.click("button.fold")
    assert page.evaluate("document.querySelector('button.fold').getAttribute('aria-expanded')") == "true"
    assert (
        page.evaluate("Math.max(...[...document.querySelectorAll('.text')].map((each) => each.offsetHeight))") > folded
    )
    # A second tab of the same browser sees the same waiting marks, and both send them. Its queue stands for it here.
    page.evaluate(
        """import('/static/queue.js').then(({Queue}) => {
            window.other = new Queue(document.getElementById('item').dataset.home, () => {});
        })"""
    )
    page.offline(True)
    page.press("1", "0", "2", "0")
    page.wait_for("document.getElementById('save-state').textContent.startsWith('Offline: 2 waiting')")
    assert page.evaluate("window.other.entries().length") == 2
    page.offline(False)
    page.evaluate("window.other.send()")
    page.press("3", "0", "4", "1", "5", "1", "6", "1")
    page.wait_for("window.other.entries().length === 0", 30)
    page.press("Enter")
    page.wait_for("document.body.innerText.includes('Nothing is waiting for you')")
    page.open(coordinate)
    table = page.evaluate("fetch('/coordinator/export/history.csv').then((answer) => answer.text())")
    assert table.count("person:ada,mark") == 6
    page.open(page.evaluate("location.origin + '/coordinator/apart'"))
    check(page, "apart")


def test_on_a_phone(server: tuple[str, str], tmp_path: Path) -> None:
    page = Page(tmp_path / "phone", width=390, height=800, phone=True)
    try:
        page.open(server[0])
        page.click('input[name="language"]')
        page.click("main button")
        page.wait_for("location.pathname.endsWith('/guidelines')")
        for name in ("guidelines", "training/1", "work", "earlier", "languages"):
            page.open(re.sub(r"(/a/[^/]+)/.*", rf"\1/{name}", page.evaluate("location.href")))
            place = "item" if name == "work" else name.partition("/")[0]
            page.wait_for(f"document.readyState === 'complete' && location.pathname.includes('/{place}')")
            # Nothing is wider than the screen.
            assert page.wait_for("document.documentElement.scrollWidth") <= 390, name
            if name == "work":
                page.wait_for("!!document.querySelector('#item .criterion.active')")
                small = page.evaluate(
                    "[...document.querySelectorAll('main button, main label.mark')].filter((each) => each.offsetParent "
                    "&& each.getBoundingClientRect().height < 24).map((each) => each.outerHTML.slice(0, 80))"
                )
                assert small == []
                check(page, "phone")
        # Nor in any language of the interface, with its longer words.
        codes = page.evaluate(
            "[...document.querySelectorAll('select[name=\"code\"] option')].map((each) => each.value)"
        )
        assert len(codes) >= 2
        for code in codes:
            page.evaluate(
                f"document.querySelector('select[name=\"code\"]').value = {json.dumps(code)}; "
                "document.querySelector('form.interface button').click()"
            )
            page.wait_for(f"document.readyState === 'complete' && document.documentElement.lang === {json.dumps(code)}")
            page.open(re.sub(r"(/a/[^/]+)/.*", r"\1/work", page.evaluate("location.href")))
            page.wait_for("!!document.querySelector('#item .criterion.active')")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, code
            check(page, f"phone-{code}")
    finally:
        page.close()
