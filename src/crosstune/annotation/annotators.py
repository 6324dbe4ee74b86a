"""Who rates, and their personal links.

A link ends in `<key>.<secret>`: 32 random bytes, of which the database has the hash alone. There are no accounts.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from crosstune.annotation.database import Database
from crosstune.annotation.items import item_languages
from crosstune.annotation.records import Annotator
from crosstune.annotation.rows import annotator_of, as_list, as_text, now
from crosstune.errors import InvalidData
from crosstune.languages import languages as known_languages

DAYS = 30
"""How long a link works unless told otherwise."""
ADJUDICATED = "adjudicated"
"""The name under which the coordinator's own decisions stand."""
LONGEST_NAME = 60


class Refusal(Enum):
    """Why a link does not open the pages."""

    UNKNOWN = "link"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class NewLink:
    """An annotator and the token of their link, which nobody can read out again."""

    annotator: Annotator
    token: str


def token_hash(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def add_annotator(
    database: Database, name: str = "", *, allowed: Sequence[str] = (), days: float | None = DAYS
) -> NewLink:
    """Makes an annotator with a link.

    Args:
        database: of the study.
        name: the pseudonym; empty: `annotator-<number>`.
        allowed: codes of the languages that they may choose from; empty: all.
        days: how long the link works; None: until it is withdrawn.

    Raises:
        InvalidData: the name is taken, too long, or a language is not known.
    """
    asked_for = item_languages(database)
    unknown = [code for code in allowed if code not in known_languages() and code not in asked_for]
    if unknown:
        raise InvalidData(f"'{unknown[0]}' is not a language crosstune knows", where="languages")
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidData(f"a name has at most {LONGEST_NAME} letters and no control characters", where="name")
    if name == ADJUDICATED:
        raise InvalidData(f"'{name}' is the name of the coordinator's own decisions", where="name")
    secret = secrets.token_urlsafe(32)
    with database.writing() as connection:
        if not name:
            number = connection.execute("SELECT COALESCE(MAX(id), 0) FROM annotators").fetchone()[0]
            name = f"annotator-{number + 1}"
        _insert(connection, name, token_hash(secret), allowed, days)
        annotator = annotator_of(connection.execute("SELECT * FROM annotators WHERE pseudonym = ?", [name]).fetchone())
    return NewLink(annotator, f"{annotator.key}.{secret}")


def _insert(connection: sqlite3.Connection, name: str, hashed: str, allowed: Sequence[str], days: float | None) -> None:
    taken = connection.execute("SELECT 1 FROM annotators WHERE pseudonym = ?", [name]).fetchone()
    if taken:
        raise InvalidData(f"there is an annotator '{name}' already", where="name", hint="renew their link instead")
    created = now()
    connection.execute(
        "INSERT INTO annotators (key, pseudonym, token_hash, allowed, created, expires, seed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            secrets.token_urlsafe(9),
            name,
            hashed,
            as_list(allowed),
            as_text(created),
            None if days is None else as_text(created + timedelta(days=days)),
            secrets.randbelow(2**31),
        ],
    )


def annotator_without_link(connection: sqlite3.Connection, name: str) -> Annotator:
    """The annotator of this name, made without a link when there is none; inside a transaction."""
    row = connection.execute("SELECT * FROM annotators WHERE pseudonym = ?", [name]).fetchone()
    if row is None:
        _insert(connection, name, "", (), None)
        row = connection.execute("SELECT * FROM annotators WHERE pseudonym = ?", [name]).fetchone()
    return annotator_of(row)


def renew_link(database: Database, annotator_id: int, *, days: float | None = DAYS) -> NewLink:
    """A new link in place of the old one, which no longer works.

    Raises:
        InvalidData: there is no such annotator.
    """
    secret = secrets.token_urlsafe(32)
    expires = None if days is None else as_text(now() + timedelta(days=days))
    with database.writing() as connection:
        connection.execute(
            "UPDATE annotators SET token_hash = ?, expires = ?, revoked = 0 WHERE id = ?",
            [token_hash(secret), expires, annotator_id],
        )
        row = connection.execute("SELECT * FROM annotators WHERE id = ?", [annotator_id]).fetchone()
    if row is None:
        raise InvalidData("there is no such annotator")
    annotator = annotator_of(row)
    return NewLink(annotator, f"{annotator.key}.{secret}")


def revoke(database: Database, annotator_id: int) -> None:
    """Withdraws a link at once; marks stay."""
    with database.writing() as connection:
        connection.execute("UPDATE annotators SET revoked = 1 WHERE id = ?", [annotator_id])


def admitted(database: Database, key: str, secret: str, *, at: datetime | None = None) -> Annotator | Refusal:
    """The annotator with this key, if the secret is theirs and the link still works."""
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM annotators WHERE key = ?", [key]).fetchone()
    annotator = None if row is None else annotator_of(row)
    # Compared even when there is nobody, so that the time says nothing.
    expected = annotator.token_hash if annotator is not None else "0" * 64
    if not hmac.compare_digest(token_hash(secret), expected) or annotator is None:
        return Refusal.UNKNOWN
    if annotator.revoked:
        return Refusal.REVOKED
    if annotator.expires is not None and annotator.expires <= (at or now()):
        return Refusal.EXPIRED
    return annotator


def all_annotators(database: Database) -> list[Annotator]:
    """Everybody, in the order in which they were added."""
    with database.reading() as connection:
        return [annotator_of(row) for row in connection.execute("SELECT * FROM annotators ORDER BY id")]


def set_languages(database: Database, annotator: Annotator, chosen: Sequence[str]) -> None:
    """Keeps which languages an annotator reads; those they may not choose are left out."""
    kept = [code for code in dict.fromkeys(chosen) if not annotator.allowed or code in annotator.allowed]
    _set(database, annotator, "languages", as_list(kept))


def set_interface(database: Database, annotator: Annotator, code: str) -> None:
    """Keeps the language of an annotator's pages."""
    _set(database, annotator, "interface", code)


def set_trained(database: Database, annotator: Annotator) -> None:
    """Keeps that an annotator has done the training."""
    _set(database, annotator, "trained", 1)


def _set(database: Database, annotator: Annotator, column: str, value: str | int) -> None:
    with database.writing() as connection:
        connection.execute(f"UPDATE annotators SET {column} = ? WHERE id = ?", [value, annotator.id])
