"""What the server refuses, and what its answers carry."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from app_client import COORDINATOR, Browser, browser, working

from crosstune.annotation.database import Database
from crosstune.annotation.markdown import shown_markdown, visible
from crosstune.annotation.server import middleware

SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://example.org/track.png)",
    "<https://example.org>",
    "[x]: https://example.org\n\n[x]",
    '```html" onload="alert(1)\n<b>\n```',
    "| a |\n|:-:|\n| <svg onload=alert(1)> |",
    "<style>body{display:none}</style>",
    "&lt;script&gt;",
    "<!-- hidden -->",
    '"><iframe src=//example.org>',
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_texts_become_html_that_does_nothing(text: str) -> None:
    html = str(shown_markdown(text).html)
    allowed = {"p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "br", "strong", "em"}
    tags = {tag.strip("/").split(" ")[0].rstrip(">/") for tag in (part.split(">")[0] for part in html.split("<")[1:])}
    assert tags <= allowed, html
    attributes = {part for tag in html.split("<")[1:] for part in tag.split(">")[0].split(" ")[1:]}
    assert attributes <= {'dir="auto"', 'class="heading"', "/"}, html


def test_characters_that_hide_or_turn_text_are_shown() -> None:
    assert visible("a\u202eb\x00\u2066\x1b") == "a[U+202E]b[U+0000][U+2066][U+001B]"
    assert visible("a\u2060\ufeff\U000e0041") == "a[U+2060][U+FEFF][U+E0041]"
    assert visible("\u200f\u200e\n\t") == "\u200f\u200e\n\t"
    assert "[U+202E]" in shown_markdown("x \u202e y").html


def test_markdown_that_takes_long_does_not() -> None:
    for text in (
        "[" * 20_000,
        "*a " * 20_000,
        "> " * 5_000,
        "`" * 30_001,
        "| " * 10_000 + "\n" + "|-" * 10_000,
        "x" * 1_000_000,
    ):
        shown = shown_markdown(text)
        assert shown.is_long
    assert shown.is_shortened


def test_every_answer_carries_the_policy(filled: Database) -> None:
    opened, link, item = working(filled)
    addresses = [
        "/",
        "/static/item.js",
        "/join/x",
        f"/a/{link.annotator.key}/work",
        f"/a/{link.annotator.key}/item/{item}",
    ]
    for address in addresses:
        headers = opened.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert opened.get(f"/a/{link.annotator.key}/work").headers["cache-control"] == "no-store"
    html = opened.get(f"/a/{link.annotator.key}/item/{item}").text
    assert "<script>" not in html
    assert " style=" not in html
    assert " on" not in {part[:3] for part in html.split("<div")}


def test_cookies_are_for_the_own_pages_and_not_for_scripts(filled: Database) -> None:
    opened, link, _ = working(filled)
    set_cookie = opened.get(f"/join/{link.token}", follow_redirects=False).headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert f"path=/a/{link.annotator.key.lower()}" in set_cookie
    assert link.token.partition(".")[2] not in opened.get(f"/a/{link.annotator.key}/work").text


@pytest.fixture(params=["annotator", "coordinator"])
def posts(request: Any, filled: Database) -> Iterator[tuple[Browser, list[str]]]:
    if request.param == "annotator":
        opened, link, _ = working(filled)
        home = f"/a/{link.annotator.key}"
        yield opened, [f"{home}/{name}" for name in ("languages", "interface", "trained", "entries")]
    else:
        opened = browser(filled)
        opened.open(f"/coordinate/{COORDINATOR}")
        yield (
            opened,
            [
                "/coordinator/choose",
                "/coordinator/annotators",
                "/coordinator/annotators/1/renew",
                "/coordinator/annotators/1/revoke",
                "/coordinator/import?name=x.csv",
                "/coordinator/apart/x",
            ],
        )


def test_every_post_needs_the_page_s_token(posts: tuple[Browser, list[str]], filled: Database) -> None:
    opened, addresses = posts
    other, _, _ = working(filled)
    for address in addresses:
        for token in ("", "x", other.csrf, opened.csrf[:-1]):
            body: dict[str, Any] = (
                {"json": {"entries": []}} if address.endswith("entries") else {"data": {"csrf": token}}
            )
            response = opened.post(address, headers={"x-csrf-token": token}, **body)
            assert response.status_code == 403, (address, token)
            assert "too old" in response.text


def test_bodies_that_are_too_large(filled: Database) -> None:
    opened, link, item = working(filled)
    note = {"kind": "note", "item": item, "client_key": "large-note", "text": "x" * 1_000_000}
    response = opened.send_entries(link.annotator.key, note)
    assert (response.status_code, response.json()) == (413, {"error": "large"})

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    # Without a length, what arrives is counted.
    headers = {"x-csrf-token": opened.csrf}
    assert opened.post(f"/a/{link.annotator.key}/entries", content=pieces(), headers=headers).status_code == 413
    note["text"] = "x" * 10_001
    result = opened.send_entries(link.annotator.key, note).json()["results"][0]
    assert result == {"client_key": "large-note", "state": "refused", "message": "A note has at most 10000 characters."}


def test_bodies_that_are_nonsense(filled: Database) -> None:
    opened, link, _ = working(filled)
    headers = {"x-csrf-token": opened.csrf}
    deep = b"[" * 50_000
    for body in (
        b"",
        b"{",
        b"\xff",
        deep,
        b"[]",
        b"{}",
        b'{"entries": 1}',
        json.dumps({"entries": [1] * 101}).encode(),
    ):
        response = opened.post(f"/a/{link.annotator.key}/entries", content=body, headers=headers)
        assert response.status_code == 400, body[:20]
        assert "did not understand" in response.json()["message"]
    response = opened.post(f"/a/{link.annotator.key}/entries", json={"entries": [None, 1, [], {}]}, headers=headers)
    assert {each["state"] for each in response.json()["results"]} == {"refused"}
    for address in (f"/a/{link.annotator.key}/work?after=x", f"/a/{link.annotator.key}/earlier?number={10**30}"):
        assert opened.get(address).status_code in (200, 404)
    assert opened.post(f"/a/{link.annotator.key}/languages", content=b"\xff=\xff").status_code in (400, 403)


def test_who_asks_too_often_waits(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, link, _ = working(filled)
    other, theirs, _ = working(filled)
    frozen = middleware.monotonic()  # all at once, however slow the machine is
    monkeypatch.setattr(middleware, "monotonic", lambda: frozen)
    address = f"/a/{link.annotator.key}/earlier"
    statuses = [opened.get(address).status_code for _ in range(int(middleware.BURST) + 10)]
    assert set(statuses) == {200, 429}
    assert statuses[:50] == [200] * 50
    assert other.get(f"/a/{theirs.annotator.key}/earlier").status_code == 200


def test_buckets_fill_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(middleware, "monotonic", lambda: seconds)
    buckets = middleware._Buckets(per_second=2, burst=3)
    assert [buckets.take(b"a") for _ in range(4)] == [True, True, True, False]
    assert buckets.take(b"b")
    seconds = 0.5  # one more has come
    assert [buckets.take(b"a") for _ in range(2)] == [True, False]
    seconds = 100.0  # no more than three gather
    assert [buckets.take(b"a") for _ in range(4)] == [True, True, True, False]


def test_a_full_disk_is_said_and_nothing_is_taken_as_saved(filled: Database) -> None:
    opened, link, item = working(filled)
    with filled.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    filled._writer.execute(f"PRAGMA max_page_count={pages}")
    statuses = []
    for number in range(20):
        note = {"kind": "note", "item": item, "client_key": f"note-{number:04}", "text": "x" * 9_000}
        response = opened.send_entries(link.annotator.key, note)
        statuses.append(response.status_code)
    assert statuses[-1] == 507
    assert "disk is full" in response.json()["message"]
    filled._writer.execute("PRAGMA max_page_count=100000")
    # The page sends it again.
    assert opened.send_entries(link.annotator.key, note).json()["results"][0]["state"] == "saved"


def test_an_error_of_ours_gives_nothing_away(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, link, item = working(filled)
    monkeypatch.setattr("crosstune.annotation.server.entry_point.save_entries", lambda *_: 1 / 0)
    mark = {"kind": "mark", "item": item, "facet": "fluency", "value": 1, "client_key": "mark-one-1"}
    response = opened.send_entries(link.annotator.key, mark)
    assert response.status_code == 500
    assert "Something is wrong with the server" in response.json()["message"]
    assert "ZeroDivisionError" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
