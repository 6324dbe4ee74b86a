"""The vLLM server of this process: started when it is first wanted, kept for those who want the same, ended at exit.

There is one at a time. A server takes all of the GPU's memory that it is given, and the cells of a study follow each
other by base model, so that a second one would only be in the way.
"""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crosstune.errors import CrosstuneError
from crosstune.generation.vllm_failures import ServerDied
from crosstune.generation.vllm_server import OnWait, VllmServer

_free = threading.Condition(threading.RLock())
_server: VllmServer | None = None
_users = 0


@contextmanager
def shared_server(new: VllmServer, *, keep: bool, log: Path, on_wait: OnWait) -> Iterator[VllmServer]:
    """A server that serves what `new` would, awake: the one that runs if it does, else `new`, started in its place.

    Several threads can use the same one at once; who wants another waits until it is free.

    Args:
        new: what is wanted, not started.
        keep: whether it stays for whoever comes next, asleep where it can; else it ends here.
        log: the part of the server's log that is written meanwhile is added to this file.
        on_wait: told how a start stands.

    Raises:
        CrosstuneError: it cannot be started; see `VllmServer.start`.
    """
    global _users  # noqa: PLW0603 (one pool a process)
    with _free:
        server, since = _take(new, log, on_wait)
        _users += 1
    try:
        yield server
    except CrosstuneError:
        keep = keep and server.is_well()  # an adapter that it does not take, say
        raise
    except BaseException:
        keep = False  # it may be at work still
        raise
    finally:
        with _free:
            _users -= 1
            _copy_log(server, since, log)
            if _users == 0:
                _leave(server, keep=keep)
            _free.notify_all()


def _take(new: VllmServer, log: Path, on_wait: OnWait) -> tuple[VllmServer, int]:
    """The server, and how long its log was before."""
    global _server  # noqa: PLW0603
    while _server is not None and not _does(_server, new):
        if _users:
            _free.wait()
        else:
            close_server()
    if _server is not None:
        since = _server.process.log_size() if _server.process is not None else 0
        try:
            if not _users:
                _server.wake()
            return _server, since
        except ServerDied:
            close_server()
    try:
        new.start(on_wait)
    except BaseException:
        _copy_log(new, 0, log)
        new.stop()
        raise
    _server = new
    return new, 0


def _copy_log(server: VllmServer, since: int, to: Path) -> None:
    with suppress(OSError):  # it is for people to read: a full disk shows where answers are written
        if server.process is not None:
            server.process.copy_log(since, to)


def _does(server: VllmServer, new: VllmServer) -> bool:
    return server.served == new.served and server.largest_rank >= new.largest_rank and server.is_well()


def _leave(server: VllmServer, *, keep: bool) -> None:
    if keep:
        try:
            server.sleep()
            return
        except ServerDied:
            pass  # then the next who wants it has it started again
    if server is _server:
        close_server()


@atexit.register
def close_server() -> None:
    """Ends the server that is kept, if there is one. Happens by itself when the process ends."""
    global _server
    with _free:
        server, _server = _server, None
        if server is not None:
            server.stop()
