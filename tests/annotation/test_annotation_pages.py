"""The annotator's pages."""

import re
from datetime import timedelta
from importlib.resources import files

import pytest
from annotation_study import new_item
from app_client import browser, working

from crosstune.annotation import annotators
from crosstune.annotation.annotators import add_annotator, renew_link, revoke
from crosstune.annotation.criteria import FACETS, SKIP_REASONS
from crosstune.annotation.database import Database
from crosstune.annotation.items import add_items
from crosstune.annotation.rows import now
from crosstune.annotation.selection import Selection, choose
from crosstune.annotation.texts import TextLibrary


def test_from_the_link_to_the_last_answer(filled: Database) -> None:
    link = add_annotator(filled, "Ada")
    opened = browser(filled)
    home = f"/a/{link.annotator.key}"
    page = opened.open(f"/join/{link.token}")
    assert opened.last.endswith(f"{home}/languages")
    assert "Welcome, Ada" in page
    assert "français" in page
    assert "Choose at least one language." in opened.send_form(f"{home}/languages", language="de")
    assert "Guidelines" in opened.send_form(f"{home}/languages", language="fr")
    assert "Training: 1 of" in opened.open(f"{home}/training/1")
    opened.send_form(f"{home}/trained")
    seen = set()
    for number in range(12):
        page = opened.open(f"{home}/work")
        item = opened.last.rpartition("/")[2]
        assert f"Rated: {number}." in page
        seen.add(item)
        entries = [
            {"kind": "mark", "item": item, "facet": facet, "value": 2, "client_key": f"{number:04}-{facet}"}
            for facet in FACETS
        ]
        assert {each["state"] for each in opened.send_entries(link.annotator.key, *entries).json()["results"]} == {
            "saved"
        }
    assert len(seen) == 12
    assert "Nothing is waiting for you" in opened.open(f"{home}/work")
    assert opened.open(f"{home}/earlier").count(f'href="{home}/item/') == 12
    # The link opens the pages at the same place, in another browser too.
    other = browser(filled)
    assert "Nothing is waiting for you" in other.open(f"/join/{link.token}")


def test_the_menu_leads_through_the_training(filled: Database) -> None:
    link = add_annotator(filled)
    opened = browser(filled)
    home = f"/a/{link.annotator.key}"
    opened.open(f"/join/{link.token}")
    page = opened.send_form(f"{home}/languages", language="fr")
    assert f'href="{home}/training/1"' in page
    assert f'href="{home}/work"' not in page
    opened.send_form(f"{home}/trained")
    assert f'href="{home}/work"' in opened.open(f"{home}/guidelines")


def test_marks_are_shown_again(filled: Database) -> None:
    opened, link, item = working(filled)
    entries = [
        {"kind": "mark", "item": item, "facet": "fluency", "value": 1, "client_key": "fluency-one"},
        {"kind": "note", "item": item, "text": "</textarea><script>x</script>", "client_key": "note-one"},
    ]
    answer = opened.send_entries(link.annotator.key, *entries).json()
    assert [each["state"] for each in answer["results"]] == ["saved", "saved"]
    page = opened.open(f"/a/{link.annotator.key}/item/{item}")
    assert re.search(r'name="fluency" value="1" checked', page)
    assert page.count(" checked") == 2  # the mark, and the first reason for skipping
    assert "&lt;/textarea&gt;&lt;script&gt;x" in page
    assert "<script>x" not in page


def test_nothing_gives_the_configuration_away(filled: Database) -> None:
    opened, link, item = working(filled)
    pages = [
        opened.open(f"/a/{link.annotator.key}/{page}")
        for page in ("languages", "guidelines", "work", "earlier", f"item/{item}")
    ]
    for page in pages:
        assert "secret-run" not in page
        assert "everyday/prompt" not in page


def test_languages_of_the_interface(filled: Database) -> None:
    opened, link, _ = working(filled)
    home = f"/a/{link.annotator.key}"
    page = opened.send_form(f"{home}/interface", code="ar", page="guidelines")
    assert '<html lang="ar" dir="rtl">' in page
    assert opened.last.endswith("/guidelines")
    assert opened.post(f"{home}/interface", data={"csrf": opened.csrf, "code": "xx"}).status_code == 400
    # Who has not chosen gets what the browser asks for.
    fresh = browser(filled)
    page = fresh.get(f"/join/{add_annotator(filled).token}", headers={"accept-language": "de-AT,de;q=0.9"}).text
    assert '<html lang="de"' in page


def test_right_to_left_answers_and_markdown(database: Database) -> None:
    answer = (
        "# عنوان\n\n**مهم** [link](https://example.org) ![i](https://example.org/i.png)\n\n<img src=x onerror=alert(1)>"
    )
    add_items(database, [new_item(0, "ar", answer=answer)])
    choose(database, Selection())
    opened, link, item = working(database, language="ar")
    page = opened.open(f"/a/{link.annotator.key}/item/{item}")
    assert '<p class="heading" dir="auto">عنوان</p>' in page
    assert "<strong>مهم</strong> [link](https://example.org) ![i]" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert '<a href="https' not in page


def test_languages_that_are_in_no_table(database: Database) -> None:
    add_items(database, [new_item(0, "old church slavonic")])
    choose(database, Selection())
    _, link, item = working(database, language="old church slavonic")
    assert len(item) > 8  # they got an answer
    assert add_annotator(database, allowed=["old church slavonic"]).annotator.allowed == ("old church slavonic",)
    assert link.annotator.allowed == ()


def test_pairs_show_both_answers(database: Database) -> None:
    add_items(database, [new_item(0, second_run="secret-run-9", second_answer="Une autre réponse.")])
    choose(database, Selection())
    opened, link, item = working(database)
    page = opened.open(f"/a/{link.annotator.key}/item/{item}")
    assert "Which answer is better?" in page
    assert "Réponse 0." in page
    assert "Une autre réponse." in page
    assert "secret-run" not in page


@pytest.mark.parametrize("page", ["", "languages", "guidelines", "work", "earlier", "training/1"])
def test_pages_need_the_own_cookie(filled: Database, page: str) -> None:
    opened, link, _ = working(filled, "first")
    other, theirs, _ = working(filled, "second")
    assert opened.get(f"/a/{theirs.annotator.key}/{page}").status_code == 403
    assert browser(filled).get(f"/a/{link.annotator.key}/{page}").status_code == 403
    assert other.get(f"/a/{theirs.annotator.key}/{page}").status_code == 200


def test_links_that_do_not_open(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    link = add_annotator(filled, days=1)
    key, _, secret = link.token.partition(".")
    opened = browser(filled)
    for wrong in (f"{key}.{secret[:-1]}", f"{key}.", key, f"x.{secret}", "%00.x", "é.é"):
        response = opened.get(f"/join/{wrong}")
        assert response.status_code == 403, wrong
        assert "This link is not valid" in response.text
        assert "set-cookie" not in response.headers
    opened.open(f"/join/{link.token}")
    monkeypatch.setattr(annotators, "now", lambda: now() + timedelta(days=1, seconds=1))
    for address in (f"/join/{link.token}", f"/a/{key}/languages"):
        response = opened.get(address)
        assert response.status_code == 403
        assert "This link has expired" in response.text
    monkeypatch.undo()
    opened.open(f"/a/{key}/languages")
    revoke(filled, link.annotator.id)
    response = opened.get(f"/a/{key}/languages")
    assert response.status_code == 403
    assert "This link was withdrawn" in response.text
    renewed = renew_link(filled, link.annotator.id)
    assert opened.get(f"/join/{link.token}").status_code == 403
    opened.open(f"/join/{renewed.token}")


def test_an_item_of_another_or_of_nobody(filled: Database) -> None:
    opened, link, _ = working(filled, "first")
    _, _, theirs = working(filled, "second")
    for item in (theirs, "nothing", "%2e%2e", "x" * 500):
        response = opened.get(f"/a/{link.annotator.key}/item/{item}")
        assert response.status_code == 404
    entry = {"kind": "mark", "item": theirs, "facet": "fluency", "value": 1, "client_key": "not-mine-1"}
    result = opened.send_entries(link.annotator.key, entry).json()["results"][0]
    assert result["state"] == "refused"
    assert "not among yours" in result["message"]


def test_every_word_of_the_pages_is_there_in_english() -> None:
    part = files("crosstune.annotation")
    sources = [each.read_text("utf-8") for each in part.joinpath("templates").iterdir() if each.name.endswith(".j2")]
    sources += [
        each.read_text("utf-8")
        for each in part.joinpath("static").iterdir()
        if each.name.endswith(".js") and "htmx" not in each.name
    ]
    sources += [part.joinpath("server/site.py").read_text("utf-8")]
    used = {key for source in sources for key in re.findall(r'words\(\s*"([a-z_.]+)"', source) if not key.endswith(".")}
    used |= set(re.findall(r'^    "([a-z]+\.[a-z_]+)",$', sources[-1], re.MULTILINE))
    used |= {f"skip.{reason}" for reason in SKIP_REASONS}
    used |= {f"menu.{page}" for page in ("work", "guidelines", "earlier", "languages")}
    used |= {f"error.{code}" for code in ("link", "expired", "revoked", "session", "item", "mark", "form", "large")}
    used |= {f"error.{code}" for code in ("often", "disk", "page", "server", "request")}
    assert len(used) > 80
    library = TextLibrary()
    assert [key for key in sorted(used) if key not in library.languages["en"]] == []
