"""What holds for every request: how large it may be, how often it may come, and which headers the answer carries."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Collection
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
"""Bytes."""
LARGEST_IMPORT = 64 * 1024 * 1024
IMPORT_PATH = "/coordinator/import"

REQUESTS_PER_SECOND = 20.0
BURST = 100.0
"""Requests at once; a page that was offline sends what waited."""
PER_ADDRESS = 40
"""So many times as much is allowed to an address as a whole: all annotators may come through one."""
_MOST_CLIENTS = 10_000

BODY_SECONDS = 30.0
"""Within which a body must have arrived."""
IMPORT_SECONDS = 600.0

SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),  # addresses of first visits hold tokens
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class TooLarge(Exception):
    """More arrived than a request may hold."""


class TooSlow(Exception):
    """A body did not arrive in time."""


class SecurityHeaders:
    """Puts the headers on every answer; pages are not kept by caches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                may_be_kept = is_static and message["status"] < 400
                cache = b"public, max-age=3600" if may_be_kept else b"no-store"
                extra = [*SECURITY_HEADERS, (b"cache-control", cache)]
                message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in own)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class HostNames:
    """Refuses requests for another name, so that no page from elsewhere reaches a server on this machine by its own."""

    def __init__(self, app: ASGIApp, *, allowed: Collection[str]) -> None:
        self.app = app
        self._allowed = {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "http" and self._allowed and _host_name(scope) not in self._allowed:
            await _refuse(send, 421, "host", ())
            return
        await self.app(scope, receive, send)


def _host_name(scope: Scope) -> str:
    host: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


class Limits:
    """Refuses bodies that are too large, and who asks too often."""

    def __init__(self, app: ASGIApp, *, per_second: float = REQUESTS_PER_SECOND, burst: float = BURST) -> None:
        self.app = app
        self._sessions = _Buckets(per_second, burst)
        self._addresses = _Buckets(per_second * PER_ADDRESS, burst * PER_ADDRESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # Everybody has a bucket of their own, without a cookie that of the address. Cookies can be made up, so that the
        # address as a whole has one too.
        address = str((scope.get("client") or ("",))[0]).encode()
        if not (self._addresses.take(address) and self._sessions.take(headers.get(b"cookie") or address)):
            await _refuse(send, 429, "often", ((b"retry-after", b"2"),))
            return
        most = LARGEST_IMPORT if scope["path"] == IMPORT_PATH else LARGEST_BODY
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            await _refuse(send, 413, "large", ((b"connection", b"close"),))
            return
        received, started, complete = 0, False, False
        seconds = IMPORT_SECONDS if scope["path"] == IMPORT_PATH else BODY_SECONDS
        until = asyncio.get_running_loop().time() + seconds

        async def counted() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > most:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except (TooLarge, TooSlow) as error:
            if not started:
                status, code = (413, "large") if isinstance(error, TooLarge) else (408, "request")
                await _refuse(send, status, code, ((b"connection", b"close"),))


async def _refuse(send: Send, status: int, code: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    body = json.dumps({"error": code}).encode()
    length = (b"content-length", str(len(body)).encode())
    start = [(b"content-type", b"application/json"), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


class _Buckets:
    """Token buckets, of which the longest unused are forgotten."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._levels: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, client: bytes) -> bool:
        moment = monotonic()
        level, before = self._levels.pop(client, (self._burst, moment))
        level = min(self._burst, level + (moment - before) * self._per_second)
        allowed = level >= 1
        self._levels[client] = (level - 1 if allowed else level, moment)
        if len(self._levels) > _MOST_CLIENTS:
            self._levels.popitem(last=False)
        return allowed
