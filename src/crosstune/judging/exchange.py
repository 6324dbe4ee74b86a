"""Every call to a judge, kept: what it replied, what it took, and how it failed.

An exchange is found by the digest of its request, which covers the judge, its settings and every word of the messages.
So no reply is paid for twice, whichever run asks for it; a failed one is asked again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from crosstune.errors import InvalidData
from crosstune.records import Message
from crosstune.storage.atomic import storage_errors
from crosstune.storage.locks import lock
from crosstune.storage.tables import RecordLog, from_rows

CUT_OFF = "cut off at the limit of tokens"
"""The detail of a reply that ended there."""


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

    @property
    def is_paid(self) -> bool:
        """Whether a reply came, be it of use or not."""
        return bool(self.reply or self.output_tokens)


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
        self._wasted: dict[str, dict[str, Exchange]] = {}
        for exchange in read_exchanges(path):
            self._take(exchange)

    def _take(self, exchange: Exchange) -> None:
        self.exchanges[exchange.request] = exchange
        if exchange.failure and exchange.is_paid:
            self._wasted.setdefault(exchange.request, {})[exchange.time] = exchange

    def wasted(self, request: str) -> list[Exchange]:
        """The replies to a request that were paid for and are of no use."""
        return list(self._wasted.get(request, {}).values())

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
        self._take(exchange)

    def sync(self) -> None:
        """Makes what was added outlive a power cut."""
        self._log.sync()


@contextmanager
def open_ledger(path: Path, *, wait: bool = True, on_wait: Callable[[str], None] | None = None) -> Iterator[Ledger]:
    """The ledger in a file, held until the block ends.

    Args:
        path: a JSON Lines file; made when it is not there.
        wait: for another process that holds it, or refuse.
        on_wait: told who holds it when waiting starts.

    Raises:
        Busy: another process holds it, and `wait` is False.
        StorageFailure: the file cannot be written.
        InvalidData: a line of it is no exchange.
    """
    with lock(path.with_name(f".{path.name}.lock"), f"the exchanges in {path}", wait=wait, on_wait=on_wait):
        ledger = Ledger(path)
        try:
            yield ledger
        finally:
            ledger.sync()


def read_exchanges(path: Path) -> list[Exchange]:
    """The exchanges in a file, which another process may be adding to; none where there is no file.

    Raises:
        InvalidData: a line of it is no exchange; a last one that is not whole yet is passed over.
        StorageFailure: it cannot be read.
    """
    found = []
    with storage_errors(path):
        if not path.is_file():
            return []
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    found.append(_exchange(line, f"{path}, line {number}"))
    return found


def _exchange(line: bytes, where: str) -> Exchange:
    hint = "somebody else wrote it: delete the line; what the others replied is kept"
    try:
        row = json.loads(line.decode("utf-8", errors="surrogatepass"))
    except ValueError as error:
        raise InvalidData(f"not JSON ({error})", where=where, hint=hint) from error
    if not isinstance(row, dict) or "schema_version" not in row:
        raise InvalidData("not an exchange with a judge", where=where, hint=hint)
    if row["schema_version"] != Exchange.SCHEMA_VERSION:
        from_rows(Exchange, [row], where)  # which says so
    for name, kind in _KINDS.items():
        if not isinstance(row.get(name), kind) or isinstance(row[name], bool):
            raise InvalidData(f"'{name}' is not what it is in an exchange with a judge", where=where, hint=hint)
    return Exchange(**{name: row[name] for name in _KINDS})


_KINDS: dict[str, Any] = {
    name: (int, float) if kind is float else kind
    for name, kind in get_type_hints(Exchange).items()
    if name != "SCHEMA_VERSION"
}
