"""What is in a set of instructions and what is wrong with it, row by row; reads on where loading would stop."""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosstune.errors import InvalidData
from crosstune.instructions.config import MixturePart
from crosstune.instructions.formats import BadRow, messages_of, recognise
from crosstune.instructions.sources import Example, identified_language, row_ids, said_language, source_rows
from crosstune.languages import languages
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Conversation, Message
from crosstune.text.prose import letter_count, running_text
from crosstune.text.rows import SourceRow, row_language
from crosstune.text.segments import words
from crosstune.text.shares import LEAST_SHARE, language_shares
from crosstune.text.well_formed import text_problem

ProblemKind = Literal[
    "empty", "form", "text", "not_nfc", "long", "unknown_language", "other_language", "same_id", "same", "alike"
]

LONG_CHARACTERS = 20_000
"""Some 5,000 tokens: longer turns are cut in most trainings."""
LETTERS_TO_TELL = 60
"""Answers with fewer letters are not asked for their language."""
CHARACTERS_TO_TELL = 1_000
"""So much of an answer is looked at for its language: the detector reads sentence by sentence, which takes longest."""
ALIKE = 0.8
"""Share of runs of words that two conversations have in common to be called alike."""
MOST_WITH_A_RUN = 32
"""So many conversations are remembered for each run of words; one that stands in more is a template's."""
_RUN, _SKETCH, _COMPARED = 5, 8, 5
_NAMED = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one row."""

    where: str
    kind: ProblemKind
    message: str


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long texts are: the shortest, the quartiles, 95 of 100, the longest."""

    least: int
    lower: int
    median: int
    upper: int
    most_of_them: int
    most: int


@dataclass(frozen=True, slots=True)
class Review:
    """What is in a set.

    Attributes:
        rows: rows read, unusable ones included.
        examples: those that can be used.
        languages: examples by language code; where no row says it, that of most answers.
        categories: examples by their `category`.
        turns: examples by the number of user's turns.
        question_lengths: of the user's turns; None when there is none.
        answer_lengths: of the answers.
        unit: what lengths count.
        problems: in the order of the rows.
        notes: what was not looked at.
    """

    rows: int
    examples: tuple[Example, ...]
    languages: dict[str, int]
    categories: dict[str, int]
    turns: dict[int, int]
    question_lengths: Lengths | None
    answer_lengths: Lengths | None
    unit: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def review(
    part: MixturePart,
    base: Path,
    on_progress: OnProgress = ignore_progress,
    *,
    tokens: Callable[[str], int] | None = None,
) -> Review:
    """Reads a set and looks at every row.

    Args:
        part: the source and how to read it.
        base: folder that relative paths are relative to.
        on_progress: told of the rows done.
        tokens: counts the tokens of a text; None: lengths are in words.

    Raises:
        InvalidData: the source cannot be read at all, its format is not recognised, or it has no example in a language
            that is asked for.
    """
    rows = source_rows(part, base)
    format = part.format or recognise(rows[0].value, rows[0].where)
    ids = row_ids(rows, part.set_name)
    found: list[list[tuple[ProblemKind, str]]] = [[] for _ in rows]
    read = [_messages(row, format, own) for row, own in zip(rows, found, strict=True)]
    codes = [_language(row, part, own) for row, own in zip(rows, found, strict=True)]
    usual = ""
    if None in codes:
        usual = identified_language([messages for messages in read if messages is not None]) or ""
    examples: list[Example] = []
    seen = _Seen()
    counts: dict[str, list[int]] = {"user": [], "assistant": []}
    for index, (row, messages, said, problems) in enumerate(zip(rows, read, codes, found, strict=True)):
        code = said or usual
        if messages is not None and not (part.languages and code not in part.languages):
            category = str(row.value.get("category", ""))
            examples.append(Example(Conversation(ids[index], messages, code, part.set_name), row.where, category))
            problems.extend(_text_problems(messages))
            problems.extend(_language_problems(messages, said, usual))
            folded = [_folded(message.content, code) for message in messages]
            for message, its_words in zip(messages, folded, strict=True):
                if message.role in counts:
                    counts[message.role].append(tokens(message.content) if tokens else len(its_words))
            problems.extend(seen.problems(row.where, row.value.get("id"), folded))
        if index % _NAMED == _NAMED - 1 or index == len(rows) - 1:
            on_progress(Progress(index + 1, len(rows), "rows"))
    by_language = Counter(example.conversation.language for example in examples)
    for wanted in part.languages:
        if not by_language[wanted]:
            raise InvalidData(f"there is no example in '{wanted}'", where=part.source)
    return Review(
        rows=len(rows),
        examples=tuple(examples),
        languages={code: by_language[code] for code in ("", *languages()) if by_language[code]},
        categories=dict(Counter(item.category for item in examples if item.category).most_common()),
        turns=dict(sorted(Counter(_user_turns(example) for example in examples).items())),
        question_lengths=_lengths(counts["user"]),
        answer_lengths=_lengths(counts["assistant"]),
        unit="tokens" if tokens else "words",
        problems=tuple(
            Problem(row.where, kind, message) for row, own in zip(rows, found, strict=True) for kind, message in own
        ),
        notes=seen.notes(),
    )


def _messages(row: SourceRow, format: str, found: list[tuple[ProblemKind, str]]) -> tuple[Message, ...] | None:
    try:
        return messages_of(row.value, format)
    except BadRow as error:
        found.append(("empty" if error.incomplete else "form", error.problem))
        return None


def _language(row: SourceRow, part: MixturePart, found: list[tuple[ProblemKind, str]]) -> str | None:
    """The language that the set or the row says; None when neither does."""
    if not isinstance(row.value, dict):
        return part.language
    if part.language is not None:
        if (said := said_language(row)) not in (None, part.language):
            found.append(("other_language", f"the row says that it is in '{said}', not '{part.language}'"))
        return part.language
    try:
        return row_language(row)
    except InvalidData as error:
        found.append(("unknown_language", error.message))
        return None


def _user_turns(example: Example) -> int:
    return sum(message.role == "user" for message in example.conversation.messages)


def _folded(text: str, language: str) -> list[str]:
    return words(unicodedata.normalize("NFKC", text).casefold(), language)


def _lengths(counts: Sequence[int]) -> Lengths | None:
    if not counts:
        return None
    ranked = sorted(counts)
    at = [ranked[round(share * (len(ranked) - 1))] for share in (0, 0.25, 0.5, 0.75, 0.95, 1)]
    return Lengths(*at)


def _text_problems(messages: tuple[Message, ...]) -> Iterator[tuple[ProblemKind, str]]:
    for message in messages:
        whose = f"the {message.role}'s text"
        if problem := text_problem(message.content):
            yield "text", f"{whose}: {problem}"
        elif control := _CONTROL.search(message.content):
            yield "text", f"{whose}: there is a control character in it (U+{ord(control[0]):04X})"
        elif len(message.content) > LONG_CHARACTERS:
            yield "long", f"{whose} has {len(message.content):,} characters"
        if not unicodedata.is_normalized("NFC", message.content):
            yield "not_nfc", f"{whose} is not in Unicode NFC: the same letters are other tokens than usual"


def _language_problems(
    messages: tuple[Message, ...], said: str | None, usual: str
) -> Iterator[tuple[ProblemKind, str]]:
    """The answer's language, where it is long enough to tell and neither what is said nor, unsaid, that of most."""
    prose = running_text(messages[-1].content[:CHARACTERS_TO_TELL])
    if letter_count(prose) < LETTERS_TO_TELL:
        return
    shares = language_shares(prose)
    if not shares or shares[0].probability < LEAST_SHARE or shares[0].language == (said or usual):
        return
    whose = f"and the row is said to be '{said}'" if said else f"and most are '{usual}'"
    yield "other_language", f"the answer reads as '{shares[0].language}' ({shares[0].probability:.0%}), {whose}"


class _Seen:
    """The conversations seen so far, to find one again: by its id, word for word, or nearly.

    Near ones are found by a sketch: the `_SKETCH` smallest CRC-32 of the runs of `_RUN` words. The `_COMPARED` that
    share most of it are compared in full, by the share of runs that they have in common (Jaccard). One that is nearly
    the same as an earlier one is not remembered: others like it are found by that one. So the work for a row does not
    grow with the rows before it.
    """

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._same: dict[str, str] = {}
        self._by_hash: dict[int, list[int]] = {}
        self._runs: list[tuple[str, frozenset[int]]] = []
        self._full = False

    def problems(
        self, where: str, own_id: object, folded: Sequence[Sequence[str]]
    ) -> Iterator[tuple[ProblemKind, str]]:
        """What earlier conversation this one repeats, if any; remembers it."""
        text = "\n".join(" ".join(own) for own in folded)
        same = self._same.get(text) if text.strip() else None
        if isinstance(own_id, str) and own_id and same is None and own_id in self._ids:
            yield "same_id", f"has the id '{own_id}' of {_line(self._ids[own_id])}, and another text"
        if isinstance(own_id, str):
            self._ids.setdefault(own_id, where)
        if same is not None:
            yield "same", f"the same as {_line(same)}, but perhaps for signs and capitals"
            return
        self._same[text] = where
        together = [word for own in folded for word in own]
        runs = frozenset(
            zlib.crc32(" ".join(together[start : start + _RUN]).encode("utf-8", "surrogatepass"))
            for start in range(len(together) - _RUN + 1)
        )
        sketch = sorted(runs)[:_SKETCH]
        shared = Counter(other for value in sketch for other in self._by_hash.get(value, ()))
        for other, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:_COMPARED]:
            there, others = self._runs[other]
            share = len(runs & others) / len(runs | others)
            if share >= ALIKE:
                yield "alike", f"nearly the same as {_line(there)}: {share:.0%} of their runs of words are"
                return
        for value in sketch:
            with_it = self._by_hash.setdefault(value, [])
            if len(with_it) < MOST_WITH_A_RUN:
                with_it.append(len(self._runs))
            else:
                self._full = True
        self._runs.append((where, runs))

    def notes(self) -> tuple[str, ...]:
        """What was not compared."""
        if not self._full:
            return ()
        return (
            f"some runs of words stand in more than {MOST_WITH_A_RUN} examples; there, near duplicates were looked for "
            f"among the first {MOST_WITH_A_RUN} only",
        )


def _line(where: str) -> str:
    return where.rpartition(", ")[2] or where
