"""Every call to a judge, kept: what it replied, what it took, and how it failed.

An exchange is found by the digest of its request, which covers the judge, its settings and every word of the messages.
So no reply is paid for twice, whichever run asks for it; a failed one is asked again.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from crosstune.records import Message
from crosstune.storage.locks import lock
from crosstune.storage.tables import RecordLog, from_rows


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it."""

    SCHEMA_VERSION: ClassVar[int] = 1

    request: str
    """Digest of the request, see `request_digest`."""
    model: str
    reply: str
    """Untrusted text; empty where there was none."""
    failure: str
    """A `records.Reason`; empty for a reply that can be used."""
    detail: str
    """What failed, for readers."""
    input_tokens: int
    output_tokens: int
    """Thoughts of a reasoning model included."""
    seconds: float
    """From sending to the whole reply, of the last try."""
    tries: int
    time: str
    """When it ended, ISO 8601 in UTC."""


def request_digest(judge: object, messages: Sequence[Message], *, repeat: int = 0) -> str:
    """What a request is found by.

    Args:
        judge: what decides its replies: model, address, settings, schema; anything that JSON holds.
        messages: all that is sent.
        repeat: counts the times that the same is asked on purpose.

    Returns:
        32 hexadecimal digits.
    """
    turns = [[message.role, message.content] for message in messages]
    whole = json.dumps([judge, turns, repeat], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Ledger:
    """The exchanges on disk, of which one process at a time may add to a file."""

    def __init__(self, path: Path) -> None:
        """Use `open_ledger`.

        Raises:
            StorageFailure: the file cannot be written.
            InvalidData: a line of it is no exchange.
        """
        self.path = path
        self._log = RecordLog(path, Exchange)
        self.exchanges: dict[str, Exchange] = {}
        """The newest of each request."""
        for exchange in self._log.read():
            self.exchanges[exchange.request] = exchange

    def reply(self, request: str) -> Exchange | None:
        """The exchange of a request that got its reply, in this run or an earlier one."""
        found = self.exchanges.get(request)
        return found if found is not None and not found.failure else None

    def add(self, exchange: Exchange) -> None:
        """Keeps an exchange; it outlives this process from now on.

        Raises:
            StorageFailure: it cannot be written.
        """
        self._log.append([exchange], sync=False)
        self.exchanges[exchange.request] = exchange

    def sync(self) -> None:
        """Makes what was added outlive a power cut."""
        self._log.sync()


@contextmanager
def open_ledger(path: Path, *, wait: bool = True) -> Iterator[Ledger]:
    """The ledger in a file, held until the block ends.

    Args:
        path: a JSON Lines file; made when it is not there.
        wait: for another process that holds it, or refuse.

    Raises:
        Busy: another process holds it, and `wait` is False.
        StorageFailure: the file cannot be written.
        InvalidData: a line of it is no exchange.
    """
    with lock(path.with_name(f".{path.name}.lock"), f"the exchanges in {path}", wait=wait):
        ledger = Ledger(path)
        try:
            yield ledger
        finally:
            ledger.sync()


def read_exchanges(path: Path) -> list[Exchange]:
    """The exchanges in a file, which another process may be adding to; none where there is no file."""
    if not path.is_file():
        return []
    rows = []
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):  # a last line that is not whole yet
                rows.append(json.loads(line.decode("utf-8", errors="surrogatepass")))
    return from_rows(Exchange, rows, str(path))
