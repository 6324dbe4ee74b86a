"""What goes wrong in browsers: keys held down, clocks that are set back, messages below the edge of a small screen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page, chromium_path
from served import ANSWERS, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium_path() is None, reason="needs Chromium (or set CROSSTUNE_CHROMIUM)"),
]
SEEN = (
    "(() => {{ const box = document.querySelector({0}).getBoundingClientRect(); "
    "return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight; }})()"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    yield from served(tmp_path, ANSWERS)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    opened = Page(tmp_path / "profile")
    yield opened
    opened.close()


def start(page: Page, link: str) -> str:
    """Comes to the first answer; the address of the annotator's pages."""
    page.open(link)
    page.click('input[name="language"]')
    page.click("main button")
    page.wait_for("location.pathname.endsWith('/guidelines')")
    home = str(page.evaluate("location.href.replace('/guidelines', '')"))
    page.open(f"{home}/work")
    ready(page)
    return home


def ready(page: Page) -> None:
    page.wait_for("!!document.querySelector('#item .criterion.active')")


def saved(page: Page) -> None:
    page.wait_for("document.getElementById('save-state').dataset.state === 'saved'", 30)


def mark_of(page: Page, facet: str) -> str | None:
    found = page.evaluate(f"document.querySelector('[data-facet=\"{facet}\"] input:checked')?.value ?? null")
    return None if found is None else str(found)


def test_messages_are_in_sight_on_a_small_screen(server: tuple[str, str], tmp_path: Path) -> None:
    page = Page(tmp_path / "phone", width=390, height=700, phone=True)
    try:
        start(page, server[0])
        page.evaluate("document.getElementById('next').click()")
        page.wait_for("!document.getElementById('problem').hidden")
        for place in ("#problem", "#next"):
            assert page.evaluate(SEEN.format(json.dumps(place))), place
        page.offline(True)
        page.evaluate("document.querySelector('[data-facet=harmlessness] input').click()")
        page.wait_for("document.getElementById('save-state').dataset.state === 'offline'")
        page.evaluate("document.getElementById('note').scrollIntoView()")
        assert page.evaluate("scrollY") > 100
        assert page.evaluate(SEEN.format('"#save-state"'))
        page.offline(False)
        saved(page)
    finally:
        page.close()


def test_the_way_on_is_in_sight_on_a_desk(server: tuple[str, str], page: Page) -> None:
    start(page, server[0])
    assert page.evaluate(SEEN.format('"#next"'))
    page.press("1", "0", "2", "0")
    assert page.evaluate(SEEN.format('"#fluency-rule"'))
    # It is offered again as long as nothing is decided.
    saved(page)
    page.evaluate("window.isBefore = true")
    page.call("Page.reload")
    page.wait_for("!window.isBefore && !!document.querySelector('.criterion.active')")
    assert page.evaluate("document.querySelectorAll('.criterion.suggested').length") == 3
    page.press("Y")
    assert [mark_of(page, facet) for facet in ("helpfulness", "accuracy", "coherence")] == ["0"] * 3


def test_a_key_held_down_goes_on_once_and_a_note_survives_going_back(server: tuple[str, str], page: Page) -> None:
    start(page, server[0])
    first = page.evaluate("location.pathname")
    page.press(*"dddddd")
    saved(page)
    before = page.evaluate("history.length")
    page.evaluate("for (let time = 0; time < 3; time++) document.getElementById('next').click()")
    page.wait_for(f"location.pathname !== {json.dumps(first)} && !!document.querySelector('.criterion.active')")
    page.evaluate("new Promise((done) => setTimeout(done, 500))")
    assert page.evaluate("history.length") == before + 1
    second = page.evaluate("location.pathname")
    page.press("N")
    page.write("half a thought")
    page.evaluate("history.back()")
    page.wait_for(f"location.pathname === {json.dumps(first)} && !!document.querySelector('#item')")
    page.wait_for("document.querySelectorAll('.criterion input:checked').length === 6")
    page.open(page.evaluate("location.origin") + second)
    ready(page)
    assert page.evaluate("document.getElementById('note').value") == "half a thought"


def test_of_two_marks_the_later_holds_though_the_clock_was_set_back(server: tuple[str, str], page: Page) -> None:
    home = start(page, server[0])
    here = page.evaluate("location.href")
    page.offline(True)
    page.press("1", "2")
    page.evaluate("Date.now = () => 1000; 0")
    page.press("1", "0")
    page.wait_for("document.getElementById('save-state').textContent.startsWith('Offline: 2 waiting')")
    page.offline(False)
    saved(page)
    page.open(here)
    ready(page)
    assert mark_of(page, "language") == "0"
    # What waits is sent from other pages too; what is none of ours is passed over.
    item = here.rpartition("/")[2]
    entry = {"kind": "mark", "item": item, "facet": "language", "value": 1, "client_key": "from-elsewhere"}
    name = f"crosstune-entry {home[home.index('/a/') :]} 000000000000001-000000001-x"
    page.evaluate(f"localStorage.setItem({json.dumps(name)}, {json.dumps(json.dumps(entry))})")
    page.evaluate(f"localStorage.setItem({json.dumps(name + 'y')}, '{{broken')")
    page.open(f"{home}/guidelines")
    page.evaluate("new Promise((done) => setTimeout(done, 1000))")
    page.open(here)
    ready(page)
    assert mark_of(page, "language") == "1"


def test_enter_goes_on_after_words_were_marked_by_keyboard(server: tuple[str, str], page: Page) -> None:
    start(page, server[0])
    page.press("W")
    page.wait_for("!!document.querySelector('.word:focus')")
    page.press(" ", "Escape", "Enter")
    page.wait_for("!document.getElementById('problem').hidden")
    assert page.evaluate("document.getElementById('words').getAttribute('aria-pressed')") == "false"


def test_the_coordinator_is_asked_and_keeps_the_place(server: tuple[str, str], page: Page) -> None:
    page.open(server[1])
    page.click('form[action$="annotators"] button')
    page.wait_for("!!document.getElementById('new-link')")
    page.wait_for("location.pathname === '/coordinator/'")  # loading it again adds nobody
    page.evaluate("confirm = () => false; document.getElementById('revoke-2').click()")
    page.evaluate("document.getElementById('renew-2').focus(); window.before = document.activeElement; 0")
    page.evaluate(
        "htmx.ajax('GET', '/coordinator/progress', {target: '#progress-tables', swap: 'outerHTML'}).then(() => 0)"
    )
    page.wait_for("document.activeElement.id === 'renew-2' && document.activeElement !== window.before")
    assert page.evaluate("document.getElementById('progress-tables').textContent.includes('withdrawn')") is False
    page.evaluate("confirm = () => true; document.getElementById('revoke-2').click()")
    page.wait_for("document.body.innerText.includes('The link is withdrawn')")
    assert page.problems == []
