"""Which column of a file of answers is what, by the names that others give them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crosstune.errors import InvalidData, did_you_mean

ALIASES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("instruction", "question", "query", "messages", "inputs", "user_prompt"),
    "response": (
        "completion",
        "output",
        "answer",
        "generation",
        "generated_text",
        "prediction",
        "model_response",
        "text",
    ),
    "language": ("lang", "language_code", "lang_code", "locale", "prompt_language"),
    "requested_language": ("target_language", "response_language", "answer_language"),
    "model": ("model_name", "model_id", "generator", "run"),
    "id": ("prompt_id", "question_id", "instruction_id"),
    "task": ("category", "task_type"),
    "modifiers": ("modifier",),
    "answers": ("accepted_answers", "accepted"),
    "finish_reason": ("stop_reason", "ending"),
}
"""The columns that are read, and what they are called elsewhere; a name of another system is taken where it is the only
one of its list."""

COLUMNS = tuple(ALIASES)

_ESSENTIAL = ("response", "language")
"""Without which an answer cannot be measured."""

_MOST_NAMED = 40
"""Columns of a file, in an error."""
_ROWS = 'a row is an object, such as {"response": "Il fait beau.", "language": "fr"}'


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """Where each of `COLUMNS` is."""

    theirs: Mapping[str, str]
    """Ours to the file's; what has no column is not in it."""
    notes: tuple[str, ...]
    """What was taken for what without having been told."""

    def value(self, row: Mapping[str, object], column: str) -> object:
        """What a row has in one of `COLUMNS`; None where it has nothing."""
        theirs = self.theirs.get(column)
        return None if theirs is None else row.get(theirs)


def _told(found: Sequence[str], told: Mapping[str, str], where: str) -> dict[str, str]:
    """The columns that the user named, ours to the file's."""
    if not found:
        raise InvalidData("the rows have no columns", where=where, hint=_ROWS)
    for ours, name in told.items():
        if ours not in ALIASES:
            raise InvalidData(
                f"'{ours}' is not a column that is read", where="--column", hint=did_you_mean(ours, COLUMNS)
            )
        if name and name not in found:
            raise InvalidData(f"there is no column '{name}' for '{ours}'", where=where, hint=_there(name, found))
    theirs = {ours: name for ours, name in told.items() if name}
    others = [ours for ours, name in theirs.items() if ours != "response" and name == theirs.get("response")]
    if others:
        raise InvalidData(
            f"the column '{theirs['response']}' is told to be both 'response' and '{others[0]}'", where="--column"
        )
    return theirs


def answer_columns(
    found: Sequence[str], told: Mapping[str, str], *, where: str, language: str | None = None
) -> AnswerColumns:
    """Finds the columns.

    Args:
        found: the columns of the file.
        told: ours to the file's, as the user says; an empty name says that there is none.
        where: the file, for errors.
        language: of all answers whose row has none; then no column of languages is needed.

    Raises:
        InvalidData: a column that is told is not there or cannot be what it is told to be, there is none for the
            response or the language, or several could be.
    """
    theirs = _told(found, told, where)
    theirs |= {ours: ours for ours in COLUMNS if ours in found and ours not in told and ours not in theirs.values()}
    notes = []
    for ours, aliases in ALIASES.items():
        if ours in theirs or ours in told:
            continue
        names = [name for name in found if _plain(name) in (ours, *aliases) and name not in theirs.values()]
        if len(names) == 1:
            theirs[ours] = names[0]
            notes.append(f"the column '{names[0]}' is read as '{ours}'")
        elif names:
            listed = " or ".join(f"'{name}'" for name in names)
            how = f"say which: --column {ours}={names[0]}"
            if ours in _ESSENTIAL and not (ours == "language" and language):
                raise InvalidData(f"'{ours}' could be the column {listed}", where=where, hint=how)
            notes.append(f"'{ours}' could be the column {listed}, and none is read; {how}")
    for ours in _ESSENTIAL:
        if ours not in theirs and not (ours == "language" and language):
            other = ", or give all answers one language: --language fr" if ours == "language" else ""
            if ours in told:
                raise InvalidData(f"answers cannot be measured without '{ours}'", where=where, hint=f"name it{other}")
            raise InvalidData(
                f"there is no column '{ours}'",
                where=where,
                hint=f"{_there(ours, found)}; say which it is: --column {ours}=NAME{other}",
            )
    return AnswerColumns({ours: theirs[ours] for ours in COLUMNS if ours in theirs}, tuple(notes))


def told_columns(options: Iterable[str]) -> dict[str, str]:
    """The columns that a user tells, each as `ours=theirs`.

    Raises:
        InvalidData: there is no `=` in one of them, or one of ours is told twice.
    """
    told: dict[str, str] = {}
    for option in options:
        ours, equals, theirs = option.partition("=")
        if not equals:
            raise InvalidData(
                f"'{option}' does not say which column is which", where="--column", hint="such as response=completion"
            )
        if told.setdefault(ours.strip(), theirs.strip()) != theirs.strip():
            raise InvalidData(
                f"'{ours.strip()}' is told to be both '{told[ours.strip()]}' and '{theirs.strip()}'", where="--column"
            )
    return told


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip()).lower()


def _there(name: str, found: Sequence[str]) -> str:
    hint = did_you_mean(name, found)
    listed = f"there are {', '.join(map(repr, found[:_MOST_NAMED]))}{', ...' if len(found) > _MOST_NAMED else ''}"
    return listed if hint.startswith("known: ") else f"{hint} {listed}"
