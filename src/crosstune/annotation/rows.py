"""Rows of SQLite as records."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from crosstune.annotation.records import Annotator, Assignment, Item, State


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def as_text(moment: datetime) -> str:
    """A time as it stands in the database; texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def as_list(codes: Iterable[str]) -> str:
    """Codes of languages as they stand in the database; what is no code of ours may have blanks in it."""
    return "\n".join(codes)


def _codes(stored: str) -> tuple[str, ...]:
    return tuple(stored.split("\n")) if stored else ()


def annotator_of(row: sqlite3.Row) -> Annotator:
    """A row of `annotators`."""
    return Annotator(
        id=row["id"],
        key=row["key"],
        pseudonym=row["pseudonym"],
        token_hash=row["token_hash"],
        allowed=_codes(row["allowed"]),
        languages=_codes(row["languages"]),
        interface=row["interface"],
        expires=None if row["expires"] is None else datetime.fromisoformat(row["expires"]),
        revoked=bool(row["revoked"]),
        trained=bool(row["trained"]),
        seed=row["seed"],
    )


def item_of(row: sqlite3.Row) -> Item:
    """A row of `items`."""
    return Item(
        id=row["id"],
        key=row["key"],
        run=row["run"],
        prompt_id=row["prompt_id"],
        language=row["language"],
        requested_language=row["requested_language"],
        task=row["task"],
        modifiers=row["modifiers"],
        prompt=row["prompt"],
        answer=row["answer"],
        cut_off=bool(row["cut_off"]),
        second_run=row["second_run"],
        second_answer=row["second_answer"],
        second_cut_off=bool(row["second_cut_off"]),
        withdrawn=bool(row["withdrawn"]),
    )


def assignment_of(row: sqlite3.Row) -> Assignment:
    """A row of `assignments` joined with `items`."""
    return Assignment(item_of(row), row["position"], bool(row["flipped"]), State(row["state"]))
