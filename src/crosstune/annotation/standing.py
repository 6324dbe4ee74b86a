"""What holds now: the newest mark of each criterion, the newest note, the newest marked words."""

import json
import sqlite3

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.records import Mark, Standing, WrongSpan


def standing(database: Database, annotator_id: int, item_id: int) -> Standing:
    """All that holds for an annotator and an item, marks in the order of the criteria."""
    with database.reading() as connection:
        return standing_in(connection, annotator_id, item_id)


def standing_in(connection: sqlite3.Connection, annotator_id: int, item_id: int) -> Standing:
    """The same, with a connection at hand."""
    key = [item_id, annotator_id]
    rows = connection.execute(
        "SELECT facet, value, skip_reason, detail FROM marks WHERE id IN "
        "(SELECT MAX(id) FROM marks WHERE item = ? AND annotator = ? GROUP BY facet)",
        key,
    ).fetchall()
    marks = {row["facet"]: Mark(row["value"], row["skip_reason"], row["detail"]) for row in rows}
    seconds = connection.execute(
        "SELECT COALESCE(SUM(seconds), 0) FROM marks WHERE item = ? AND annotator = ?", key
    ).fetchone()[0]
    note = connection.execute(
        "SELECT text FROM notes WHERE item = ? AND annotator = ? ORDER BY id DESC LIMIT 1", key
    ).fetchone()
    spans = connection.execute(
        "SELECT spans FROM spans WHERE item = ? AND annotator = ? ORDER BY id DESC LIMIT 1", key
    ).fetchone()
    return Standing(
        marks={facet: marks[facet] for facet in FACETS if facet in marks},
        note="" if note is None else note["text"],
        spans=() if spans is None else spans_of(spans["spans"]),
        seconds=float(seconds),
    )


def spans_of(stored: str) -> tuple[WrongSpan, ...]:
    """Marked words from how they stand in the database."""
    return tuple(WrongSpan(start, end, bool(which)) for start, end, which in json.loads(stored))
