"""The server's process: one port, until it is told to end."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from crosstune.errors import Busy, StorageFailure

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ALL = ("0.0.0.0", "::")
_END_WITHIN_SECONDS = 5
_MOST_CONNECTIONS = 512
HEAD_SECONDS = 20.0
"""Within which a request's head must have arrived."""


class _Protocol(H11Protocol):
    """HTTP that does not wait for ever for a request to begin, so that nobody can hold all connections."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class _Server(uvicorn.Server):
    """Ends at a signal without passing it on, so that who called it can close the database."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(app: FastAPI, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves until Ctrl-C, or until the process is told to end.

    Args:
        app: from `create_app`.
        host: address to listen on.
        port: 0 takes a free one.
        on_ready: told the address of the pages when they can be opened.

    Raises:
        Busy: something else listens there.
        StorageFailure: the address is none of this machine's.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses of first visits hold tokens
        server_header=False,
        http=_Protocol,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_END_WITHIN_SECONDS,
    )
    with _listening(host, port) as listener:
        # An address that stands for all of this machine's opens nowhere else.
        name = socket.gethostname() if host in _ALL else host
        shown = f"[{name}]" if ":" in name else name
        on_ready(f"http://{shown}:{listener.getsockname()[1]}")
        _Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except PermissionError as error:
        listener.close()
        raise StorageFailure(f"not allowed to listen on port {port}", hint="choose one from 1024 on") from error
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror):
            raise StorageFailure(f"'{host}' is no address of this machine", where="--host") from error
        raise Busy(
            f"nothing can listen on {host}, port {port} ({error.strerror})", hint="choose another with --port, or 0"
        ) from error
    return listener
