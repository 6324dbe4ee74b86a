"""The rows of the database, as the rest of this part sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How far an annotator is with an item."""

    OPEN = "open"
    """Nothing is marked yet."""
    STARTED = "started"
    """Some criteria are marked."""
    DONE = "done"
    """All are."""
    SKIPPED = "skipped"
    """It was skipped as a whole."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """An answer to be rated, or two to be compared; `(run, second_run, prompt_id, language)` is unique."""

    run: str
    prompt_id: str
    language: str
    requested_language: str
    prompt: str
    answer: str
    task: str = ""
    modifiers: str = ""
    cut_off: bool = False
    """Whether a limit of length ended the answer."""
    disagreement: float | None = None
    """How far judge and measures are apart, from 0 to 1; None when that is not known."""
    second_run: str = ""
    """Empty for an item of one answer."""
    second_answer: str = ""
    second_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An item in the database."""

    id: int
    key: str
    """Random; all that an annotator's pages call it by."""
    run: str
    prompt_id: str
    language: str
    requested_language: str
    task: str
    modifiers: str
    prompt: str
    answer: str
    cut_off: bool
    second_run: str
    second_answer: str
    second_cut_off: bool
    withdrawn: bool
    """No longer in the study."""

    @property
    def is_pair(self) -> bool:
        """Whether two answers are compared."""
        return bool(self.second_run)


@dataclass(frozen=True, slots=True)
class Annotator:
    """Somebody who rates."""

    id: int
    key: str
    """Random; in the addresses of their pages, and no secret."""
    pseudonym: str
    token_hash: str
    """SHA-256 of the secret part of their link, in hexadecimal; empty for whose marks were imported."""
    allowed: tuple[str, ...]
    """Languages they may choose from; empty: all."""
    languages: tuple[str, ...]
    """Languages they chose."""
    interface: str
    """Language of their pages; empty until chosen."""
    expires: datetime | None
    revoked: bool
    trained: bool
    seed: int
    """Of the order in which they get items, and of the sides of pairs."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An item that an annotator got."""

    item: Item
    position: int
    """Their how-manieth, from 1."""
    flipped: bool
    """Whether they see a pair's second answer first."""
    state: State


@dataclass(frozen=True, slots=True)
class Mark:
    """What holds now for one criterion of an item; earlier marks stay in the history."""

    value: int | None
    """0, 1 or 2, of pairs: the first answer is better, alike, the second one is; None where it was skipped."""
    skip_reason: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class WrongSpan:
    """Words of an answer that were marked as wrong."""

    start: int
    end: int
    """Characters of the answer as it was given: `text[start:end]`."""
    of_second: bool = False
    """Whether they are in the second answer of a pair."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that holds now for one annotator and item."""

    marks: Mapping[str, Mark]
    note: str
    spans: tuple[WrongSpan, ...]
    seconds: float
    """Time spent on it, as far as the page was in front."""
