"""A row of a file or frame as an answer, when nothing in it need be perfect.

A row is an answer as soon as it has a response, be it null, and a language, be it unknown: measures then say why they
have no value. A row in which the response is no text, or that cannot be read at all, is refused with its number.

    prompt               text, or a list of chat messages, of which the last by the user is taken
    response             text, or a list of chat messages, of which the last by the assistant is taken
    language             of the prompt, however it is called (see `language_names`)
    requested_language   of the answer; without it what the modifiers ask for, else `language`
    model, task          any text
    id                   the same in all languages for the same instruction; without it, the prompt's text stands for it
    modifiers            a list, or text with + or , between them
    answers              accepted answers to a question of facts: a list, also as JSON, or text with | between them
    finish_reason        why the answer ended
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any, TypeGuard, get_args

from crosstune.errors import InvalidData, did_you_mean
from crosstune.prompts.asked import asked_for
from crosstune.prompts.types import type_language
from crosstune.records import Check, Ending, Message, Role, Score
from crosstune.scoring.answer import Answer
from crosstune.scoring.answer_columns import COLUMNS, AnswerColumns
from crosstune.scoring.language_names import language_called
from crosstune.storage.tables import table_schema
from crosstune.text.json_lines import Refuse
from crosstune.text.rows import SourceRow

FILE = "file"
"""The column that names the file of an answer, beside those of the file."""

LONGEST_LABEL = 200
"""Characters of a name, such as a model's; more is cut off."""

_ENDINGS = {ending.value: ending for ending in Ending} | {
    "stop": Ending.END_TOKEN,
    "end_turn": Ending.END_TOKEN,
    "eos": Ending.END_TOKEN,
    "eos_token": Ending.END_TOKEN,
    "stop_sequence": Ending.STOP_STRING,
    "max_tokens": Ending.LENGTH,
    "max_output_tokens": Ending.LENGTH,
    "max_new_tokens": Ending.LENGTH,
    "model_length": Ending.LENGTH,
}
"""What inference servers call them."""

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer and where it stands."""

    answer: Answer
    row: int
    """Line, row or entry of its file, counted from 1."""
    where: str
    kept: tuple[str | None, ...]
    """What it has in the columns that are kept beside its scores."""
    conversation: tuple[Message, ...] = ()
    """All turns of the prompt up to the last one by the user; none where there is no prompt."""
    modifiers: tuple[str, ...] = ()


_OF_SCORES = {"model": "run", "id": "prompt_id", "language": "language", "requested_language": "requested_language"}
"""What scores have already, and how they call it."""


def kept_names(wanted: Sequence[str], found: Sequence[str], *, where: str) -> list[str]:
    """Which columns must be kept beside scores so that these can be grouped by.

    Args:
        wanted: columns of the file, or those that are read by the names they are read by; `file` is the file's name.
        found: the columns of the file.
        where: the file, for errors.

    Returns:
        Without those that scores have already.

    Raises:
        InvalidData: there is no such column, or scores have another one of this name.
    """
    kept = []
    for name in wanted:
        if name in _OF_SCORES or name in _OF_SCORES.values():
            continue
        if name in table_schema(Score):
            raise InvalidData(
                f"'{name}' cannot be kept: scores have a column of that name", where=where, hint="give yours another"
            )
        if name not in (*COLUMNS, *found, FILE):
            raise InvalidData(
                f"there is no column '{name}'",
                where=where,
                hint=did_you_mean(name, dict.fromkeys((*found, *COLUMNS, FILE))),
            )
        kept.append(name)
    return list(dict.fromkeys(kept))


class RowReader:
    """Rows as answers."""

    def __init__(
        self, columns: AnswerColumns, *, language: str | None = None, keep: Sequence[str] = (), file: Path | None = None
    ) -> None:
        """Prepares for the rows of a file.

        Args:
            columns: which column is which.
            language: of answers whose row has none.
            keep: see `AnswersFile`.
            file: what names the model where no column does.
        """
        self.columns = columns
        self._language = language_called(language) if language else ""
        self._keep = [(name, columns.theirs.get(name, name)) for name in keep]
        self._file = file
        self._model = file.stem if file is not None else ""

    def read(self, row: SourceRow, refuse: Refuse) -> AnswerRow | None:
        """The answer of a row; None where it cannot be read, which is told."""
        try:
            answer = self._answer(row)
        except InvalidData as error:
            refuse(error)
            return None
        kept = tuple(self._kept(ours, theirs, row.value) for ours, theirs in self._keep)
        values = {ours: row.value.get(theirs) for ours, theirs in self.columns.theirs.items()}
        return AnswerRow(
            answer,
            row.number,
            row.where,
            kept,
            conversation=_conversation(values.get("prompt"), answer.prompt),
            modifiers=_modifiers(values.get("modifiers")),
        )

    def _kept(self, ours: str, theirs: str, row: Mapping[str, object]) -> str | None:
        if ours == "modifiers" and ours in self.columns.theirs:
            return "+".join(_modifiers(row.get(theirs)))
        if ours == FILE and theirs not in row:
            return _label(str(self._file))
        return _label(row.get(theirs))

    def _answer(self, row: SourceRow) -> Answer:
        if not isinstance(row.value, Mapping):
            raise InvalidData(f"the row is {_kind(row.value)}, not an object with columns", where=row.where)
        values = {ours: row.value.get(theirs) for ours, theirs in self.columns.theirs.items()}
        text = _said_by(values["response"], "assistant", "response", row.where)
        prompt = _said_by(values.get("prompt"), "user", "prompt", row.where) or ""
        language = language_called(_label(values.get("language")) or "") or self._language
        checks, asked = _asked(_modifiers(values.get("modifiers")), language)
        requested = language_called(_label(values.get("requested_language")) or "")
        return Answer(
            run=(_label(values.get("model")) or "").strip() or self._model,
            prompt_id=_identifier(values.get("id"), prompt, row),
            language=language,
            requested_language=requested or asked,
            text=text,
            prompt=prompt,
            task=_label(values.get("task")) or "",
            checks=checks,
            accepted=_accepted(values.get("answers"), row.where),
            ending=_ENDINGS.get((_label(values.get("finish_reason")) or "").strip().lower()),
        )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))  # NaN, as pandas writes it


def _label(value: object) -> str | None:
    """A name as text that a table can hold."""
    if _is_missing(value):
        return None
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return _HALF_CHARACTER.sub("\ufffd", str(value)[:LONGEST_LABEL])


def _identifier(value: object, prompt: str, row: SourceRow) -> str:
    """What an answer is kept together with others by: its id, else its prompt's text, else its place."""
    named = "" if _is_missing(value) else str(value)
    if named and len(named) <= LONGEST_LABEL:
        return _HALF_CHARACTER.sub("\ufffd", named)
    text = named or prompt
    if not text:
        return row.where.rpartition("/")[2]
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _said_by(value: object, role: str, column: str, where: str) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, str):
        if value.startswith("[{") and (turns := _as_json(value)) is not None and _are_messages(turns):
            return _last(turns, role)
        return value
    turns = [value] if isinstance(value, Mapping) else value
    if _are_messages(turns):
        return _last(turns, role)
    raise InvalidData(f"'{column}' is {_kind(value)}, not text", where=where)


def _conversation(value: object, prompt: str) -> tuple[Message, ...]:
    """The turns of a prompt; of text that is none of chat messages, one by the user."""
    turns = [value] if isinstance(value, Mapping) else value
    if isinstance(value, str) and value.startswith("[{"):
        turns = _as_json(value)
    if not _are_messages(turns):
        return (Message("user", prompt),) if prompt else ()
    known = [Message(turn["role"], turn["content"] or "") for turn in turns if turn["role"] in get_args(Role)]
    while known and known[-1].role != "user":
        known.pop()
    return tuple(known)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _are_messages(turns: object) -> TypeGuard[list[Mapping[str, Any]]]:
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(
            isinstance(turn, Mapping)
            and isinstance(turn.get("role"), str)
            and isinstance(turn.get("content"), str | None)
            for turn in turns
        )
    )


def _last(turns: list[Mapping[str, Any]], role: str) -> str | None:
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == role), None)


def _modifiers(value: object) -> tuple[str, ...]:
    if _is_missing(value):
        return ()
    if isinstance(value, str) and value.startswith("["):
        value = parsed if isinstance(parsed := _as_json(value), list) else value
    parts = value if isinstance(value, list) else re.split("[+,]", str(value))
    words = (str(part).strip()[:LONGEST_LABEL] for part in parts if part is not None)
    return tuple(word for word in words if word and word != "none")


@lru_cache(maxsize=4096)
def _asked(words: tuple[str, ...], language: str) -> tuple[tuple[Check, ...], str]:
    """The checks of what is asked, and the language of the answer that is; one that is unknown as it is written."""
    known: list[Check] = []
    requested = language
    for word in words:
        try:
            checks, requested = asked_for([word], requested, "")
        except InvalidData:
            requested = type_language(word) or requested
        else:
            known += checks
    return tuple(known), requested


def _accepted(value: object, where: str) -> tuple[str, ...]:
    if _is_missing(value):
        return ()
    if isinstance(value, str):
        parsed = _as_json(value) if value.startswith("[") else None
        value = parsed if isinstance(parsed, list) else value.split("|")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list) or any(isinstance(item, list | dict | bool) for item in value):
        raise InvalidData(f"'answers' is {_kind(value)}, not a list of accepted answers", where=where)
    return tuple(text for item in value if not _is_missing(item) and (text := str(item).strip()))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return (
        "null" if value is None else names.get(type(value), "text" if isinstance(value, str) else type(value).__name__)
    )
