"""Locks between processes that vanish with their holder, and say who that is.

<name>.lock          held through the operating system, so a killed process lets go at once
<name>.lock.holder   JSON: pid, host, since, what; only for the message
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from crosstune.errors import Busy
from crosstune.storage.atomic import make_folder, storage_errors, write_atomic


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text("utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']} ({who['what']})"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextmanager
def lock(path: Path, what: str, *, wait: bool = True, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds the lock file `path` while inside.

    Args:
        path: the lock file; made when absent.
        what: what the holder does, shown to others.
        wait: wait for the holder to finish, or refuse.
        on_wait: told who holds it when waiting starts.

    Raises:
        Busy: somebody else holds it and `wait` is False.
    """
    holder = path.with_name(path.name + ".holder")
    with storage_errors(path):
        make_folder(path.parent)
        file_lock = FileLock(path)
        try:
            file_lock.acquire(blocking=False)
        except Timeout:
            who = _describe(holder)
            if not wait:
                raise Busy(
                    f"held by {who}",
                    where=str(path.parent),
                    hint="wait for it, or leave out --no-wait to queue behind it",
                ) from None
            if on_wait is not None:
                on_wait(who)
            file_lock.acquire(poll_interval=0.2)
    try:
        for torn in path.parent.glob(f".{holder.name}.*.tmp"):  # left by a holder that was killed as it wrote its name
            torn.unlink(missing_ok=True)
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_atomic(
            holder,
            json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since, "what": what}),
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        file_lock.release()
