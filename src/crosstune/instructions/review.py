"""What is in a set of instructions and what is wrong with it, row by row; reads on where loading would stop."""

import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crosstune.errors import InvalidData
from crosstune.instructions.config import MixturePart
from crosstune.instructions.formats import BadRow, messages_of, recognise
from crosstune.instructions.sources import Example, row_ids, row_language, source_rows
from crosstune.languages import languages
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Conversation, Message
from crosstune.text.prose import letter_count, running_text
from crosstune.text.rows import SourceRow
from crosstune.text.segments import words
from crosstune.text.shares import language_shares
from crosstune.text.well_formed import text_problem

ProblemKind = Literal["empty", "form", "text", "not_nfc", "long", "unknown_language", "other_language", "same", "alike"]

LONG_CHARACTERS = 20_000
"""Some 5,000 tokens: longer turns are cut in most trainings."""
LETTERS_TO_TELL = 60
"""Answers with fewer letters are not asked for their language."""
ALIKE = 0.8
"""Share of runs of words that two conversations have in common to be called alike."""
_RUN, _SKETCH = 5, 8
_NAMED = 500


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
        InvalidData: the source cannot be read at all, or its format is not recognised.
    """
    rows = source_rows(part, base)
    format = part.format or recognise(rows[0].value, rows[0].where)
    ids = row_ids(rows, part.set_name)
    problems: list[tuple[int, Problem]] = []
    examples: list[tuple[int, Example]] = []
    seen = _Seen()
    counts: dict[str, list[int]] = {"user": [], "assistant": []}
    for index, row in enumerate(rows):
        found: list[tuple[ProblemKind, str]] = []
        messages = _messages(row, format, found)
        code = _language(row, part, found)
        if messages is not None and not (part.languages and code and code not in part.languages):
            example = Example(
                Conversation(ids[index], messages, code or "", part.set_name),
                row.where,
                str(row.value.get("category", "")),
            )
            examples.append((index, example))
            found += _text_problems(messages)
            folded = [_folded(message.content, code or "") for message in messages]
            for message, own in zip(messages, folded, strict=True):
                if message.role in counts:
                    counts[message.role].append(tokens(message.content) if tokens else len(own))
            found += seen.problems(row.where, folded)
        problems += [(index, Problem(row.where, kind, message)) for kind, message in found]
        if index % _NAMED == _NAMED - 1 or index == len(rows) - 1:
            on_progress(Progress(index + 1, len(rows), "rows"))
    usable, in_others = _with_languages(examples)
    problems += in_others
    codes = Counter(example.conversation.language for example in usable)
    return Review(
        rows=len(rows),
        examples=tuple(usable),
        languages={code: codes[code] for code in ("", *languages()) if codes[code]},
        categories=dict(Counter(item.category for item in usable if item.category).most_common()),
        turns=dict(sorted(Counter(_user_turns(example) for example in usable).items())),
        question_lengths=_lengths(counts["user"]),
        answer_lengths=_lengths(counts["assistant"]),
        unit="tokens" if tokens else "words",
        problems=tuple(problem for _, problem in sorted(problems, key=lambda item: item[0])),
    )


def _messages(row: SourceRow, format: str, found: list[tuple[ProblemKind, str]]) -> tuple[Message, ...] | None:
    try:
        return messages_of(row.value, format)
    except BadRow as error:
        found.append(("empty" if error.incomplete else "form", error.problem))
        return None


def _language(row: SourceRow, part: MixturePart, found: list[tuple[ProblemKind, str]]) -> str | None:
    """The language that the set or the row says; None when neither does."""
    if part.language is not None or not isinstance(row.value, dict):
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
        elif len(message.content) > LONG_CHARACTERS:
            yield "long", f"{whose} has {len(message.content):,} characters"
        if not unicodedata.is_normalized("NFC", message.content):
            yield "not_nfc", f"{whose} is not in Unicode NFC: the same letters are other tokens than usual"


def _identified(examples: Sequence[tuple[int, Example]]) -> Iterator[tuple[int, Example, str, float]]:
    """The examples whose answers tell a language, with that language and its share."""
    for index, example in examples:
        prose = running_text(example.conversation.messages[-1].content)
        if letter_count(prose) < LETTERS_TO_TELL:
            continue
        shares = language_shares(prose)
        if shares and shares[0].probability >= 0.5:
            yield index, example, shares[0].language, shares[0].probability


def _with_languages(
    examples: Sequence[tuple[int, Example]],
) -> tuple[list[Example], list[tuple[int, Problem]]]:
    """The examples, where no language was said in that of most answers; and answers that are in another language."""
    found = list(_identified(examples))
    most = Counter(code for _, _, code, _ in found if code in languages()).most_common(1)
    usual = most[0][0] if most else ""
    problems = []
    for index, example, code, share in found:
        said = example.conversation.language
        if code != (said or usual):
            whose = f"and the row is said to be '{said}'" if said else f"and most are '{usual}'"
            message = f"the answer reads as '{code}' ({share:.0%}), {whose}"
            problems.append((index, Problem(example.where, "other_language", message)))
    usable = [
        example
        if example.conversation.language
        else replace(example, conversation=replace(example.conversation, language=usual))
        for _, example in examples
    ]
    return usable, problems


class _Seen:
    """The conversations seen so far, to find one again: word for word, or nearly.

    Near ones are found by a sketch: the `_SKETCH` smallest CRC-32 of the runs of `_RUN` words. Two that share part of
    it are compared in full, by the share of runs that they have in common (Jaccard).
    """

    def __init__(self) -> None:
        self._same: dict[str, str] = {}
        self._by_hash: dict[int, list[int]] = {}
        self._runs: list[tuple[str, frozenset[int]]] = []

    def problems(self, where: str, folded: Sequence[Sequence[str]]) -> Iterator[tuple[ProblemKind, str]]:
        """What earlier conversation this one repeats, if any; remembers it."""
        text = "\n".join(" ".join(own) for own in folded)
        if text.strip() and text in self._same:
            yield "same", f"the same as {_line(self._same[text])}, but perhaps for signs and capitals"
            return
        self._same[text] = where
        together = [word for own in folded for word in own]
        runs = frozenset(
            zlib.crc32(" ".join(together[start : start + _RUN]).encode("utf-8", "surrogatepass"))
            for start in range(len(together) - _RUN + 1)
        )
        sketch = sorted(runs)[:_SKETCH]
        candidates = sorted({other for value in sketch for other in self._by_hash.get(value, ())})
        for other in candidates:
            there, others = self._runs[other]
            share = len(runs & others) / len(runs | others)
            if share >= ALIKE:
                yield "alike", f"nearly the same as {_line(there)}: {share:.0%} of their runs of words are"
                break
        for value in sketch:
            self._by_hash.setdefault(value, []).append(len(self._runs))
        self._runs.append((where, runs))


def _line(where: str) -> str:
    return where.rpartition(", ")[2] or where
