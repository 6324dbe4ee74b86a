"""Who gets which answer next. Answers are handed out a few at a time, so that whoever works faster gets more."""

import json
import random
import sqlite3
from collections.abc import Sequence

from crosstune.annotation.database import Database
from crosstune.annotation.records import Annotator, Assignment, State
from crosstune.annotation.rows import assignment_of

AT_ONCE = 10
"""Answers that are handed out at once."""
_AMONG = 40
"""First of the waiting answers that these are drawn from, so that two annotators do not get the same order."""

_JOINED = "SELECT items.*, position, flipped, state FROM assignments JOIN items ON items.id = item"


def next_assignment(database: Database, annotator: Annotator, after: int = 0) -> Assignment | None:
    """The next answer that the annotator has to rate, handed out if need be; None when nothing is left.

    Args:
        database: of the study.
        annotator: who asks.
        after: position of the answer they come from; what waits behind it comes first, then what they left out.
    """
    with database.reading() as connection:
        found = _waiting(connection, annotator, after)
    if found is None:
        with database.writing() as connection:
            # Another tab may have asked at the same moment.
            if _waiting(connection, annotator, 0) is None:
                _hand_out(connection, annotator)
            found = _waiting(connection, annotator, after)
    if found is None and after:
        with database.reading() as connection:
            found = _waiting(connection, annotator, 0)
    return found


def _waiting(connection: sqlite3.Connection, annotator: Annotator, after: int) -> Assignment | None:
    row = connection.execute(
        f"{_JOINED} WHERE annotator = ? AND state IN ('open', 'started') AND position > ? AND withdrawn = 0 "
        f"AND requested_language IN ({', '.join('?' * len(annotator.languages))}) ORDER BY position LIMIT 1",
        [annotator.id, after, *annotator.languages],
    ).fetchone()
    return None if row is None else assignment_of(row)


def _hand_out(connection: sqlite3.Connection, annotator: Annotator) -> None:
    candidates: list[sqlite3.Row] = []
    for code in annotator.languages:  # one by one, so that the index has them in their order already
        candidates += connection.execute(
            "SELECT id, place FROM items WHERE wanted > allotted AND withdrawn = 0 AND requested_language = ? "
            "AND NOT EXISTS (SELECT 1 FROM assignments WHERE item = items.id AND annotator = ?) ORDER BY place LIMIT ?",
            [code, annotator.id, _AMONG],
        ).fetchall()
    candidates = sorted(candidates, key=lambda row: row["place"])[:_AMONG]
    last = connection.execute(
        "SELECT COALESCE(MAX(position), 0) FROM assignments WHERE annotator = ?", [annotator.id]
    ).fetchone()[0]
    generator = random.Random(annotator.seed * 1_000_003 + last)
    drawn = generator.sample([row["id"] for row in candidates], k=min(AT_ONCE, len(candidates)))
    for position, item in enumerate(drawn, start=last + 1):
        connection.execute(
            "INSERT INTO assignments (annotator, item, position, flipped) VALUES (?, ?, ?, ?)",
            [annotator.id, item, position, generator.random() < 0.5],
        )
        connection.execute("UPDATE items SET allotted = allotted + 1 WHERE id = ?", [item])


def assignment(database: Database, annotator: Annotator, item_key: str) -> Assignment | None:
    """The annotator's answer of this key; None when it is not theirs or no longer in the study."""
    with database.reading() as connection:
        row = connection.execute(
            f"{_JOINED} WHERE annotator = ? AND items.key = ? AND withdrawn = 0", [annotator.id, item_key]
        ).fetchone()
    return None if row is None else assignment_of(row)


def previous_key(database: Database, annotator: Annotator, position: int) -> str | None:
    """The key of the annotator's answer before this position."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT items.key FROM assignments JOIN items ON items.id = item "
            "WHERE annotator = ? AND position < ? AND withdrawn = 0 ORDER BY position DESC LIMIT 1",
            [annotator.id, position],
        ).fetchone()
    return None if row is None else str(row["key"])


def earlier(database: Database, annotator: Annotator, *, offset: int = 0, limit: int = 50) -> list[Assignment]:
    """What the annotator has begun, rated or skipped, newest position first."""
    with database.reading() as connection:
        rows = connection.execute(
            f"{_JOINED} WHERE annotator = ? AND state != 'open' AND withdrawn = 0 "
            "ORDER BY position DESC LIMIT ? OFFSET ?",
            [annotator.id, limit, offset],
        ).fetchall()
    return [assignment_of(row) for row in rows]


def own_counts(database: Database, annotator: Annotator) -> dict[State, int]:
    """How many of the annotator's answers are in which state; those that they no longer get are left out."""
    languages = ", ".join("?" * len(annotator.languages))
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT state, COUNT(*) AS count FROM assignments JOIN items ON items.id = item WHERE annotator = ? "
            f"AND (state IN ('done', 'skipped') OR withdrawn = 0 AND requested_language IN ({languages})) "
            "GROUP BY state",
            [annotator.id, *annotator.languages],
        ).fetchall()
    return dict.fromkeys(State, 0) | {State(row["state"]): row["count"] for row in rows}


def waiting_in_pool(database: Database, annotator: Annotator) -> int:
    """How many answers could still be handed out to the annotator."""
    languages = ", ".join("?" * len(annotator.languages))
    with database.reading() as connection:
        open_items = connection.execute(
            "SELECT COUNT(*) FROM items WHERE wanted > allotted AND withdrawn = 0 "
            f"AND requested_language IN ({languages})",
            annotator.languages,
        ).fetchone()[0]
        own = connection.execute(
            "SELECT COUNT(*) FROM assignments JOIN items ON items.id = item "
            f"WHERE annotator = ? AND wanted > allotted AND withdrawn = 0 AND requested_language IN ({languages})",
            [annotator.id, *annotator.languages],
        ).fetchone()[0]
    return int(open_items - own)


def release(database: Database, annotator_id: int, *, kept: Sequence[str] = ()) -> int:
    """Gives back what an annotator got and has not touched, so that others may get it; how many these are.

    Args:
        database: of the study.
        annotator_id: whose answers they are.
        kept: requested languages of answers that stay theirs.
    """
    untouched = (
        "annotator = ?1 AND state = 'open' "
        "AND NOT EXISTS (SELECT 1 FROM notes WHERE notes.item = assignments.item AND notes.annotator = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM spans WHERE spans.item = assignments.item AND spans.annotator = ?1) "
        "AND (SELECT requested_language FROM items WHERE items.id = assignments.item) "
        "NOT IN (SELECT value FROM json_each(?2))"
    )
    values = [annotator_id, json.dumps(list(kept))]
    with database.writing() as connection:
        connection.execute(
            f"UPDATE items SET allotted = allotted - 1 WHERE id IN (SELECT item FROM assignments WHERE {untouched})",
            values,
        )
        return connection.execute(f"DELETE FROM assignments WHERE {untouched}", values).rowcount
