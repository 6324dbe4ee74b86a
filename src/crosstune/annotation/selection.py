"""Which answers are to be rated, and by how many: the coordinator's choice.

A chosen answer has a number of raters that it is to get, and a place in the order in which answers are handed out.
Choosing again adds to what was chosen before.
"""

import math
import random
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from crosstune.annotation.database import Database
from crosstune.errors import InvalidData


class Way(StrEnum):
    """How answers are chosen among those that fit."""

    RANDOM = "random"
    BALANCED = "balanced"
    """As many of each configuration and task as can be."""
    DISAGREEMENT = "disagreement"
    """Where judge and measures are furthest apart."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which answers; an empty filter takes all."""

    languages: tuple[str, ...] = ()
    """Requested languages."""
    runs: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    """As they stand with the answer; `none` for those without."""
    way: Way = Way.BALANCED
    per_language: int | None = None
    """Answers of each language; None takes all that fit."""
    raters: int = 1
    """Raters of each answer that several rate."""
    overlap: float = 1.0
    """Share of the answers that have so many raters; the others have one."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a selection chose, by requested language."""

    by_language: dict[str, int]
    several_raters: int
    """How many of them have more than one rater."""


def choose(database: Database, selection: Selection) -> Chosen:
    """Marks answers as to be rated; those that are chosen already stay as they are.

    Raises:
        InvalidData: numbers that make no sense, or nothing fits.
    """
    if selection.raters < 1:
        raise InvalidData("an answer needs at least one rater", where="raters")
    if not 0 <= selection.overlap <= 1:
        raise InvalidData(f"{selection.overlap:g} is no share", where="overlap", hint="say a number from 0 to 1")
    if selection.per_language is not None and selection.per_language < 1:
        raise InvalidData("at least one answer of each language", where="per language")
    generator = random.Random(selection.seed)
    with database.writing() as connection:
        fitting: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in _fitting(connection, selection):
            fitting[row["requested_language"]].append(row)
        if not fitting:
            raise InvalidData("no answer that is not chosen already fits", where="the choice of answers")
        counts, several = {}, 0
        for code in sorted(fitting):
            taken = _ordered(fitting[code], selection.way, generator)[: selection.per_language]
            places = sorted(generator.random() for _ in taken)
            shared = _spread(len(taken), selection.overlap)
            counts[code] = len(taken)
            for row, place, is_shared in zip(taken, places, shared, strict=True):
                wanted = selection.raters if is_shared else 1
                several += wanted > 1
                connection.execute("UPDATE items SET wanted = ?, place = ? WHERE id = ?", [wanted, place, row["id"]])
    return Chosen(counts, several)


def _fitting(connection: sqlite3.Connection, selection: Selection) -> list[sqlite3.Row]:
    conditions = ["withdrawn = 0", "wanted = 0"]
    values: list[str] = []
    for column, wanted in (
        ("requested_language", selection.languages),
        ("run", selection.runs),
        ("task", selection.tasks),
        ("modifiers", tuple("" if name == "none" else name for name in selection.modifiers)),
    ):
        if wanted:
            conditions.append(f"{column} IN ({_marks(wanted)})")
            values += wanted
    if selection.way is Way.DISAGREEMENT:
        conditions.append("disagreement IS NOT NULL")
    return connection.execute(
        f"SELECT id, requested_language, run, task, disagreement FROM items WHERE {' AND '.join(conditions)} "
        "ORDER BY run, second_run, prompt_id, language",  # the same choice for the same seed
        values,
    ).fetchall()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _ordered(rows: list[sqlite3.Row], way: Way, generator: random.Random) -> list[sqlite3.Row]:
    """The rows with those to be taken first in front."""
    rows = list(rows)
    generator.shuffle(rows)
    if way is Way.DISAGREEMENT:
        return sorted(rows, key=lambda row: -row["disagreement"])
    if way is Way.RANDOM:
        return rows
    # Round after round, one of each task of a configuration; in a round, configurations in turn.
    seen: dict[tuple[str, str], int] = defaultdict(int)
    rounds = []
    for row in rows:
        rounds.append(seen[row["run"], row["task"]])
        seen[row["run"], row["task"]] += 1
    return [row for _, row in sorted(zip(rounds, rows, strict=True), key=lambda pair: pair[0])]


def _spread(count: int, share: float) -> list[bool]:
    """`share` of so many places, spread evenly, with the first among them."""
    # Rounded up, but not for what floating point adds: 0.1 * 30 is a little more than 3.
    up_to = [math.ceil(share * number - 1e-9) for number in range(count + 1)]
    return [up_to[number] != up_to[number + 1] for number in range(count)]
