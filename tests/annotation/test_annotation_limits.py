"""What is asked by a strange name, from made-up sessions, or too slowly."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from annotation_study import new_item
from app_client import COORDINATOR, Browser, browser, working
from fastapi.testclient import TestClient
from uvicorn.server import ServerState

from crosstune.annotation.database import Database
from crosstune.annotation.items import add_items
from crosstune.annotation.server import middleware, serving
from crosstune.annotation.server.app import create_app

Message = dict[str, Any]


def test_other_names_are_refused_where_names_are_given(filled: Database) -> None:
    app = create_app(filled, coordinator_token=COORDINATOR, host_names=["127.0.0.1", "::1", "rate.example.org"])
    for host, status in [
        ("127.0.0.1:8765", 403),  # reached, and the link is none
        ("[::1]:8765", 403),
        ("RATE.example.org.", 403),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8765", 421),
        ("", 421),
    ]:
        response = TestClient(app).get("/join/x.y", headers={"host": host})
        assert response.status_code == status, host
        assert "default-src 'none'" in response.headers["content-security-policy"]


def test_two_studies_on_one_machine_do_not_share_a_cookie(filled: Database, tmp_path: Path) -> None:
    other = Database(tmp_path / "other.sqlite")
    add_items(other, [new_item(0)])
    first = browser(filled)
    second = Browser(create_app(other, coordinator_token="another" * 6))
    first.open(f"/coordinate/{COORDINATOR}")
    second.open("/coordinate/" + "another" * 6)
    first.cookies.update(second.cookies)  # a browser sends them to all ports
    assert len(first.cookies.jar) == 2
    first.open("/coordinator/")
    other.close()


def test_made_up_sessions_do_not_get_round_the_limit(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = browser(filled)
    frozen = middleware.monotonic()
    monkeypatch.setattr(middleware, "monotonic", lambda: frozen)
    many = int(middleware.BURST * middleware.PER_ADDRESS)
    limits = middleware.Limits(opened.app)
    assert all(limits._addresses.take(b"1.2.3.4") for _ in range(many))
    assert ask(limits, body=[b""], cookie=b"made up")[0]["status"] == 429


def ask(limits: middleware.Limits, *, body: list[bytes], cookie: bytes = b"") -> list[Message]:
    """What a request gets whose body comes in parts and then stops coming."""
    sent: list[Message] = []

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(0), "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/a/x/entries",
        "headers": [(b"cookie", cookie)],
        "client": ("1.2.3.4", 5),
    }
    asyncio.run(limits(scope, receive, send))  # type: ignore[arg-type]
    return sent


async def reads_all(scope: Any, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
    while (await receive()).get("more_body"):
        pass


def test_a_body_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)
    sent = ask(middleware.Limits(reads_all), body=[b"{", b"}"])  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


async def _answered(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.enable_socket
def test_a_request_that_does_not_begin_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.2)
    config = uvicorn.Config(_answered, log_level="critical", lifespan="off")

    async def said(*parts: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.connect_accepted_socket(lambda: serving._Protocol(config, ServerState(), {}), theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.05)
        got = await asyncio.wait_for(reader.read(), 8)  # until it is closed
        writer.close()
        return got

    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    assert asyncio.run(said()) == b""
    assert asyncio.run(said(head, b"a: b\r\n", b"c: d\r\n")) == b""
    assert b"200 OK" in asyncio.run(said(head, b"Connection: close\r\n\r\n"))
    # One that was answered, and a second one that never ends.
    assert asyncio.run(said(head + b"\r\n", head)).count(b"200 OK") == 1


def test_pages_that_are_not_there_are_not_kept(filled: Database) -> None:
    opened, _, _ = working(filled)
    assert "max-age" in opened.get("/static/item.js").headers["cache-control"]
    assert opened.get("/static/..%2fschema.sql").headers["cache-control"] == "no-store"
