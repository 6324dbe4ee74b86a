"""Entries into the database: at once, with history, and what is sent twice is kept once."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.entries import (
    MOST_SECONDS,
    Entry,
    MarkEntry,
    NoteEntry,
    Refused,
    SkipEntry,
    SpansEntry,
    merged_spans,
)
from crosstune.annotation.records import Annotator, Mark, State
from crosstune.annotation.rows import as_text, now


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of an entry."""

    client_key: str
    state: Literal["saved", "known", "refused"]
    """`known`: it was saved before."""
    code: str = ""
    """Of a refusal; see `entries.Refused`."""


def save_entries(database: Database, annotator: Annotator, entries: Sequence[Entry]) -> list[Saved]:
    """Saves an annotator's entries in their order, in one transaction; when it returns, they are on the disk.

    Raises:
        StorageFailure: nothing could be saved.
    """
    moment = as_text(now())
    with database.writing() as connection:
        results = []
        touched = set()
        for entry in entries:
            row = connection.execute(
                "SELECT items.id, flipped, second_run != '' AS is_pair, withdrawn "
                "FROM items JOIN assignments ON item = items.id "
                "WHERE items.key = ? AND annotator = ?",
                [stored_text(entry.item), annotator.id],
            ).fetchone()
            if row is None or row["withdrawn"]:
                results.append(Saved(entry.client_key, "refused", "item"))
                continue
            result = _save(connection, annotator, entry, row, moment)
            if isinstance(result, Refused):
                results.append(Saved(entry.client_key, "refused", result.code))
            else:
                results.append(Saved(entry.client_key, "saved" if result else "known"))
                touched.add(row["id"])
        for item in touched:
            update_state(connection, annotator.id, item)
    return results


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose an entry is, what it is about, and when it came."""

    annotator: int
    item: int
    client_key: str
    moment: str


def _save(
    connection: sqlite3.Connection, annotator: Annotator, entry: Entry, row: sqlite3.Row, moment: str
) -> bool | Refused:
    """Whether it is new."""
    origin = Origin(annotator.id, row["id"], entry.client_key, moment)
    is_turned = bool(row["flipped"] and row["is_pair"])
    if isinstance(entry, MarkEntry):
        mark = Mark(2 - entry.value if is_turned else entry.value, None, "")
        return insert_mark(connection, origin, entry.facet, mark, entry.seconds)
    if isinstance(entry, SkipEntry):
        new = False
        for number, facet in enumerate(FACETS):
            each = replace(origin, client_key=f"{entry.client_key}/{facet}")
            seconds = 0.0 if number else entry.seconds
            new |= insert_mark(connection, each, facet, Mark(None, entry.reason, entry.detail), seconds)
        return new
    if isinstance(entry, NoteEntry):
        return insert_note(connection, origin, entry.text)
    assert isinstance(entry, SpansEntry)
    texts = connection.execute("SELECT answer, second_answer FROM items WHERE id = ?", [row["id"]]).fetchone()
    lengths = [len(texts["answer"]), len(texts["second_answer"])][: 2 if row["is_pair"] else 1]
    spans = [(start, end, 1 - which) for start, end, which in entry.spans] if is_turned else entry.spans
    merged = merged_spans(spans, lengths)
    if merged is None:
        return Refused("request")
    return insert_spans(connection, origin, merged)


def insert_mark(connection: sqlite3.Connection, origin: Origin, facet: str, mark: Mark, seconds: float) -> bool:
    """Appends a mark; False when there is one with this key already."""
    cursor = connection.execute(
        "INSERT INTO marks (annotator, item, facet, value, skip_reason, detail, seconds, client_key, saved) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (annotator, client_key) DO NOTHING",
        [
            origin.annotator,
            origin.item,
            facet,
            mark.value,
            mark.skip_reason,
            stored_text(mark.detail),
            min(seconds, MOST_SECONDS),
            origin.client_key,
            origin.moment,
        ],
    )
    return _is_new(cursor)


def insert_note(connection: sqlite3.Connection, origin: Origin, text: str) -> bool:
    """Appends a note; False when there is one with this key already."""
    return _append(connection, "notes", "text", origin, stored_text(text))


def insert_spans(connection: sqlite3.Connection, origin: Origin, spans: Sequence[tuple[int, int, int]]) -> bool:
    """Appends the marked words; False when there are some with this key already."""
    return _append(connection, "spans", "spans", origin, json.dumps(list(spans)))


def _append(connection: sqlite3.Connection, table: str, column: str, origin: Origin, value: str) -> bool:
    cursor = connection.execute(
        f"INSERT INTO {table} (annotator, item, {column}, client_key, saved) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (annotator, client_key) DO NOTHING",
        [origin.annotator, origin.item, value, origin.client_key, origin.moment],
    )
    return _is_new(cursor)


def stored_text(text: str) -> str:
    """The text as the database can hold it: without halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_new(cursor: sqlite3.Cursor) -> bool:
    return cursor.rowcount > 0


def update_state(connection: sqlite3.Connection, annotator: int, item: int) -> None:
    """Says how far the annotator is with the item, from the marks that hold."""
    rows = connection.execute(
        "SELECT value IS NULL AS skipped FROM marks WHERE id IN "
        "(SELECT MAX(id) FROM marks WHERE item = ? AND annotator = ? GROUP BY facet)",
        [item, annotator],
    ).fetchall()
    skipped = sum(row["skipped"] for row in rows)
    valued = len(rows) - skipped
    if valued == len(FACETS):
        state = State.DONE
    elif skipped == len(FACETS):
        state = State.SKIPPED
    else:
        state = State.STARTED if valued else State.OPEN
    connection.execute("UPDATE assignments SET state = ? WHERE annotator = ? AND item = ?", [state, annotator, item])
