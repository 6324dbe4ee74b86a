"""The coordinator's pages."""

import io
import json
import re

import polars as pl
from annotation_study import annotator_reading, mark, new_item
from app_client import COORDINATOR, Browser, browser, working

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.handing_out import next_assignment
from crosstune.annotation.items import add_items
from crosstune.annotation.progress import far_apart, language_progress
from crosstune.annotation.records import Annotator
from crosstune.annotation.saving import save_entries
from crosstune.annotation.selection import Selection, choose
from crosstune.annotation.server.app import create_app


def coordinating(database: Database) -> Browser:
    opened = browser(database)
    opened.open(f"/coordinate/{COORDINATOR}")
    return opened


def rate_all(database: Database, annotator: Annotator, value: int) -> None:
    while (given := next_assignment(database, annotator)) is not None:
        entries = [mark(given.item.key, facet, value, f"{given.position:05}-{facet}", 1.5) for facet in FACETS]
        save_entries(database, annotator, entries)


def test_everything_by_hand(database: Database) -> None:
    add_items(database, [new_item(number, language) for number in range(6) for language in ("fr", "ar")])
    opened = coordinating(database)
    page = opened.send_form(
        "/coordinator/choose", languages="fr", way="random", per_language="4", raters="2", overlap="50"
    )
    assert "Chosen: fr 4; by several raters: 2." in page
    page = opened.send_form("/coordinator/annotators", name="Ada & <Co>", days="5", allowed="fr")
    link = re.search(r'id="new-link">(\S+)<', page)
    assert link is not None
    assert "Ada &amp; &lt;Co&gt;" in page
    annotator = browser(database)
    assert "français" in annotator.open(link[1])
    assert 'name="language" value="ar"' not in annotator.open(annotator.last)
    assert "Ada &amp; &lt;Co&gt;" in opened.open("/coordinator/progress")
    # The link is not shown again; a new one ends the old one.
    assert link[1] not in opened.open("/coordinator/")
    page = opened.send_form("/coordinator/annotators/1/renew")
    renewed = re.search(r'id="new-link">(\S+)<', page)
    assert renewed is not None
    assert annotator.get(link[1]).status_code == 403
    assert annotator.get(renewed[1]).status_code == 200
    assert "withdrawn" in opened.send_form("/coordinator/annotators/1/revoke")
    assert annotator.get(renewed[1]).status_code == 403


def test_links_begin_with_the_address_that_was_given(filled: Database) -> None:
    for address, base, is_local in [
        ("https://rate.example.org", "http://127.0.0.1:8765", False),
        ("", "https://tunnel.example", False),
        ("", "http://127.0.0.1:8765", True),
    ]:
        app = create_app(filled, coordinator_token=COORDINATOR, address=address)
        opened = Browser(app, base_url=base)
        opened.open(f"/coordinate/{COORDINATOR}")
        page = opened.send_form("/coordinator/annotators")
        assert f'id="new-link">{address or base}/join/' in page
        assert ("on this machine alone" in page) is is_local


def test_numbers_that_make_no_sense_are_said(filled: Database) -> None:
    opened = coordinating(filled)
    for fields, problem in [
        ({"raters": "many"}, "is no number"),
        ({"overlap": "inf"}, "is no number"),
        ({"overlap": "200"}, "is no share"),
        ({"way": "best"}, "is no way to choose"),
        ({}, "no answer that is not chosen already"),
    ]:
        response = opened.post("/coordinator/choose", data={"csrf": opened.csrf, **fields})
        assert response.status_code == 400
        assert problem in response.text
    for fields in ({"name": "x" * 61}, {"days": "0"}, {"name": "adjudicated"}, {"allowed": "xx"}):
        assert opened.post("/coordinator/annotators", data={"csrf": opened.csrf, **fields}).status_code == 400
    assert opened.post("/coordinator/annotators/99/renew", data={"csrf": opened.csrf}).status_code == 404


def test_nobody_else_coordinates(filled: Database) -> None:
    opened, link, _ = working(filled)
    addresses = ["/coordinator/", "/coordinator/progress", "/coordinator/apart", "/coordinator/export/scores.csv"]
    for address in addresses:
        assert opened.get(address).status_code == 403
        assert coordinating(filled).get(address).status_code == 200
    assert opened.get(f"/coordinate/{link.token}").status_code == 403
    assert opened.post("/coordinator/annotators", data={"csrf": opened.csrf}).status_code == 403
    assert opened.post("/coordinator/import?name=x.csv", content=b"").status_code == 403
    # Nor does the coordinator's link open an annotator's pages.
    assert coordinating(filled).get(f"/a/{link.annotator.key}/work").status_code == 403


def test_far_apart_answers_are_decided(filled: Database) -> None:
    add_items(filled, [new_item(40)], complete=False)
    choose(filled, Selection(raters=2))
    rate_all(filled, annotator_reading(filled, "fr", name="ada"), 0)
    rate_all(filled, annotator_reading(filled, "fr", name="bob"), 2)
    # Only the answer that both rated can be apart, in all six criteria.
    (apart,) = far_apart(filled)
    assert apart.facets == FACETS
    opened = coordinating(filled)
    assert "to be decided: 1" in opened.open("/coordinator/")
    page = opened.open(f"/coordinator/apart/{apart.item.key}")
    assert "ada" in page
    assert "secret-run" not in page
    # They are apart in all criteria, so that no mark is proposed.
    assert page.count('<option value=""></option>') == 6
    assert "selected" not in page
    marks = dict.fromkeys(FACETS, "1")
    assert (
        opened.post(f"/coordinator/apart/{apart.item.key}", data={"csrf": opened.csrf, "fluency": "3"}).status_code
        == 400
    )
    assert "decided" in opened.send_form(f"/coordinator/apart/{apart.item.key}", **marks)
    assert far_apart(filled)[0].is_decided
    assert opened.open(f"/coordinator/apart/{apart.item.key}").count("<option selected>1<") == 6
    table = pl.read_parquet(io.BytesIO(opened.get("/coordinator/export/scores.parquet").content))
    decided = table.filter(pl.col("rater") == "person:adjudicated")
    assert decided["value"].to_list() == [1.0] * 6
    # Decisions are no ratings: 12 answers by one, and 2 by two.
    (progress,) = language_progress(filled)
    assert (progress.chosen, progress.wanted, progress.done) == (13, 14, 14)


def test_files_go_out_and_come_back(filled: Database) -> None:
    rate_all(filled, annotator_reading(filled, "fr", name="ada"), 1)
    opened = coordinating(filled)
    content = {}
    for name in ("scores.parquet", "scores.csv", "history.csv", "comparisons.csv", "label-studio-tasks.json"):
        response = opened.get(f"/coordinator/export/{name}")
        assert response.status_code == 200
        assert f"study-of-tests-{name}" in response.headers["content-disposition"]
        content[name] = response.content
    assert opened.get("/coordinator/export/passwords.csv").status_code == 404
    for name in ("scores.parquet", "scores.csv", "label-studio-tasks.json"):
        response = opened.post(
            f"/coordinator/import?name={name}", content=content[name], headers={"x-csrf-token": opened.csrf}
        )
        assert response.status_code == 200, response.text
    assert "known already: 72" in response.json()["message"]
    for wrong in (b"a,b\n1,2\n", b"", b"\xff\xfe"):
        response = opened.post("/coordinator/import?name=x.csv", content=wrong, headers={"x-csrf-token": opened.csrf})
        assert response.status_code == 400
        assert json.loads(response.text)["problem"]
