"""What a review looks at, and what it finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A text of a prompt set in one language."""

    set: str
    id: str
    language: str
    text: str
    where: str
    """File and line."""
    tags: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    gloss: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, or looks wrong, with a row."""

    where: str
    """File and line."""
    id: str
    """Of the row, or the name of a modifier; empty when it is the file's or of rows that are missing."""
    language: str
    set: str
    """Of the row; `modifiers` for those."""
    kind: str
    """One word: `language`, `script`, `english`, `normalisation`, `characters`, `spaces`, `duplicate`,
    `missing`, `extra`, `answers`, `gloss`, `meaning`, `wording`, `example`, `unreadable`."""
    message: str
    ids: tuple[str, ...] = ()
    """All rows that are missing, which are one problem together."""
