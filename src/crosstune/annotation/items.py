"""The answers there are: taken into the database, and taken out of the study again."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from crosstune.annotation.database import Database
from crosstune.annotation.records import NewItem

_COLUMNS = (
    "run, second_run, prompt_id, language, requested_language, task, modifiers, prompt, answer, cut_off, "
    "second_answer, second_cut_off, disagreement"
)

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def _stored(text: str) -> str:
    """The text as the database can hold it, of the same length."""
    return _HALF_CHARACTER.sub("\ufffd", text)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the answers that were given."""

    added: int
    known: int
    """They were there already; their marks stay."""
    changed: int
    """Another text stood under the same name. The old one keeps its marks and is withdrawn; the new one was added."""
    withdrawn: int
    """They were there, and are no longer in the study."""


def add_items(database: Database, items: Iterable[NewItem], *, complete: bool = True) -> Taken:
    """Takes answers into the database; those that are there already stay as they are, with their marks.

    Args:
        database: of the study.
        items: the answers; of an answer that stands twice the first is taken.
        complete: whether these are all answers of the study, so that others are withdrawn: nobody rates them any
            more, and their marks stay.
    """
    counts = {"added": 0, "known": 0, "changed": 0}
    with database.writing() as connection:
        known = {
            (row["run"], row["second_run"], row["prompt_id"], row["language"]): row
            for row in connection.execute(
                "SELECT id, run, second_run, prompt_id, language, prompt, answer, second_answer, withdrawn, task, "
                "modifiers, disagreement FROM items"
            )
        }
        seen = set()
        for item in items:
            name = (item.run, item.second_run, item.prompt_id, item.language)
            if name in seen:
                continue
            seen.add(name)
            row = known.get(name)
            texts = tuple(_stored(text) for text in (item.prompt, item.answer, item.second_answer))
            if row is not None:
                if (row["prompt"], row["answer"], row["second_answer"]) == texts:
                    counts["known"] += 1
                    # Nobody sees these, and what the judge says may have come since.
                    now = (item.task, item.modifiers, item.disagreement)
                    if row["withdrawn"] or (row["task"], row["modifiers"], row["disagreement"]) != now:
                        connection.execute(
                            "UPDATE items SET withdrawn = 0, task = ?, modifiers = ?, disagreement = ? WHERE id = ?",
                            [*now, row["id"]],
                        )
                    continue
                # Marks are of a text, not of a name: they stay with what was read.
                old = f"{item.run} (before {row['id']})"
                connection.execute("UPDATE items SET withdrawn = 1, run = ? WHERE id = ?", [old, row["id"]])
            counts["changed" if row is not None else "added"] += 1
            connection.execute(
                f"INSERT INTO items ({_COLUMNS}, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    item.run,
                    item.second_run,
                    item.prompt_id,
                    item.language,
                    item.requested_language,
                    item.task,
                    item.modifiers,
                    texts[0],
                    texts[1],
                    item.cut_off,
                    texts[2],
                    item.second_cut_off,
                    item.disagreement,
                    secrets.token_urlsafe(9),
                ],
            )
        gone = [row["id"] for name, row in known.items() if name not in seen and not row["withdrawn"]]
        if complete:
            connection.executemany("UPDATE items SET withdrawn = 1 WHERE id = ?", [[each] for each in gone])
    return Taken(**counts, withdrawn=len(gone) if complete else 0)


def item_languages(database: Database) -> list[str]:
    """The requested languages of the answers that are in the study."""
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT DISTINCT requested_language FROM items WHERE withdrawn = 0 ORDER BY requested_language"
        )
        return [row[0] for row in rows]
