"""One SQLite file in WAL mode: readers never wait, and one writer at a time.

<name>.sqlite        the database; beside it -wal and -shm while it is open
<name>.sqlite.lock   held by the server (see `storage.locks`)

A transaction that has ended is on the disk (`synchronous=FULL`), so neither a killed process nor a power cut loses a
mark that was acknowledged.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from crosstune.errors import InvalidData, StorageFailure
from crosstune.storage.atomic import make_folder, storage_errors

SCHEMA_VERSION = 1
_WAIT_SECONDS = 10.0


def database_of_study(root: Path, name: str) -> Path:
    """Where the database of a study is, below the folder of its results."""
    return root / "annotation" / f"{name}.sqlite"


def database_of_file(path: Path) -> Path:
    """Where the database of a file of answers is: beside it."""
    return path.with_name(f"{path.name}.annotation.sqlite")


class Database:
    """The database of one study."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it when it is absent.

        Raises:
            StorageFailure: it cannot be written.
            InvalidData: it is something else, or another version of crosstune made it.
        """
        self.path = path
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        make_folder(path.parent)
        with storage_errors(path):
            if not path.exists():
                path.touch(mode=0o600)  # texts and marks are the coordinator's own
        with self._problems():
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL")
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._make()
        elif version != SCHEMA_VERSION:
            raise InvalidData(
                f"it has version {version} of the tables; this crosstune knows {SCHEMA_VERSION}",
                where=str(path),
                hint="use the crosstune that made it to export the marks, then import them into a new one",
            )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _make(self) -> None:
        script = files("crosstune.annotation").joinpath("schema.sql").read_text("utf-8")
        with self._problems():
            tables = self._writer.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if tables:
                raise InvalidData("a database of something else", where=str(self.path), hint="name another file")
            first = f"INSERT INTO settings VALUES ('secret', '{secrets.token_hex(32)}');"
            version = f"PRAGMA user_version={SCHEMA_VERSION};"
            self._writer.executescript(f"BEGIN IMMEDIATE; {script} {first} {version} COMMIT;")

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """Turns SQLite's refusals into errors that say what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
                raise StorageFailure(
                    f"no space left to write {self.path.name}, or the disk fails ({error})",
                    where=str(self.path.parent),
                    hint="free some space; the marks wait in the annotators' browsers",
                ) from error
            if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise StorageFailure(
                    f"not allowed to write {self.path.name}",
                    where=str(self.path.parent),
                    hint="choose another folder, or change its permissions",
                ) from error
            if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                raise InvalidData(f"not a database that can be read ({error})", where=str(self.path)) from error
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; each statement sees what was committed before it."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        with self._problems():
            connection = connection or self._connect()
            try:
                yield connection
            finally:
                with self._lock:
                    if not self._closed:
                        self._idle.append(connection)
                        connection = None
                if connection is not None:
                    connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on the disk afterwards, or nothing.

        Raises:
            StorageFailure: it cannot be written.
        """
        with self._write_lock, self._problems():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # a full disk may have ended it already
                    self._writer.execute("ROLLBACK")
                raise

    def setting(self, name: str) -> str | None:
        """A setting's value, or None."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        """Keeps a setting."""
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])

    def close(self) -> None:
        """Closes all connections; the file is then whole by itself."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._write_lock:
            self._writer.close()
