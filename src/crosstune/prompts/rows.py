"""One row of a prompt set as a prompt. The schema of sets that others write:

    id          text; in every language the same for the same instruction. Without it: the set's name and the number of
                the row among those of its language
    text        what is asked; or `prompt`, another name of the same
    messages    instead of `text`: chat messages, [{"role": "user", "content": "..."}], the last by the user. A row may
                also be just such a list
    language    code of the language the row is in; needed where one file has several
    task        kind of task, for balance and tables; default: the set's name
    tags        list of words
    answers     list of accepted short answers (see `text.answers`): makes it a question of facts
    gloss       English translation, for readers
    modifiers   list of what the text already asks for beyond its task: a word that `.types` files have (`num_items_3`,
                `lang_fr`), or a modifier's name (`items_3`); others, and those whose check looks for a word or phrase
                that is not known here (`json`), have no check

In CSV and TSV lists are separated by ` | `, and `messages` is JSON. An empty cell or null is the same as no column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.prompts.asked import asked_for
from crosstune.prompts.config import COLUMNS
from crosstune.prompts.language_file import usable_answers, usable_id, usable_text
from crosstune.records import MODIFIER_SIGN, Message, Prompt, Role
from crosstune.text.json_lines import parse_json

LIST_SEPARATOR = " | "

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class SetPrompt:
    """A prompt of a set with what is needed to compare and to limit its languages."""

    base_id: str
    """The id without the modifier: that of the instruction."""
    group: str
    """What a limit is balanced over: the task, and the family of the modifier (`lang` for `lang_fr`)."""
    prompt: Prompt
    where: str
    """File and line, or what else tells where it stands."""


@dataclass(frozen=True, slots=True)
class SetStyle:
    """How the rows of one set are read."""

    name: str
    lists_are_text: bool = False
    """Whether lists are one text with `LIST_SEPARATOR`, as CSV has them."""
    extra_columns: bool = False
    """Whether unknown columns are passed over, as tables made for something else have them."""


def check_shape(value: Any, where: str) -> None:
    """Refuses what cannot be a row, whatever its keys.

    Raises:
        InvalidData: it is neither an object nor a list of such, which are chat messages.
    """
    messages = isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value)
    if not isinstance(value, Mapping) and not messages:
        raise InvalidData(
            "a row is not an object",
            where=where,
            hint='write it as {"text": "..."}; a list of chat messages, which are objects, will do too',
        )


def row_object(value: Any, style: SetStyle, where: str) -> dict[str, Any]:
    """A row as an object whose keys are those of the schema and have a value.

    Raises:
        InvalidData: it is neither an object nor a list of messages, or has an unknown key.
    """
    check_shape(value, where)
    if isinstance(value, list):
        return {"messages": value}
    for key in value:
        if key not in COLUMNS and not style.extra_columns:
            raise InvalidData(
                f"'{key}' is not a key of a prompt",
                where=where,
                hint=f"{did_you_mean(key, COLUMNS)}; 'columns: {{{key}: null}}' in the study file leaves it out",
            )
    row = {key: item for key, item in value.items() if key in COLUMNS and item is not None and item != ""}
    asked = [key for key in ("text", "prompt", "messages") if key in row]
    if len(asked) != 1:
        raise InvalidData(
            "a prompt needs either 'text' or 'messages'" + (f", not {' and '.join(asked)}" if asked else ""),
            where=where,
        )
    if asked[0] != "messages":
        row["text"] = row[asked[0]]
    return row


def set_prompt(
    row: Mapping[str, Any],
    *,
    number: str,
    language: str,
    style: SetStyle,
    where: str,
    kinds: Sequence[str],
    kind_where: str,
) -> SetPrompt:
    """One row as a prompt.

    Args:
        row: of `row_object`.
        number: what stands in its id when it has none of its own.
        language: code of the language it is in.
        style: of its set.
        where: file and line.
        kinds: what a file of types says of it.
        kind_where: line of that file.

    Raises:
        InvalidData: a value cannot be used.
    """
    base_id = row.get("id", f"{style.name}/{number}")
    usable_id(base_id, "id", where)
    task = usable_text(row["task"], "task", where) if "task" in row else style.name
    asked = [*kinds, *_words(row, "modifiers", style, where)]
    checks, requested = asked_for(asked, language, kind_where if kinds else where)
    answers = _words(row, "answers", style, where)
    prompt = Prompt(
        id=MODIFIER_SIGN.join([base_id, *asked]),
        set=style.name,
        task=task,
        language=language,
        requested_language=requested,
        messages=_messages(row, where),
        modifiers=tuple(asked),
        tags=_words(row, "tags", style, where),
        checks=checks,
        answers=usable_answers(answers, language, where) if answers else (),
        gloss=usable_text(row["gloss"], "gloss", where) if "gloss" in row else "",
    )
    return SetPrompt(base_id, "/".join([task, *(family(kind) for kind in asked)]), prompt, where)


def _words(row: Mapping[str, Any], key: str, style: SetStyle, where: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if style.lists_are_text and isinstance(value, str):
        value = [item for part in value.split(LIST_SEPARATOR.strip()) if (item := part.strip())]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InvalidData(f"'{key}' is not a list of words", where=where)
    for item in value:
        usable_text(item, key, where)
    return tuple(value)


def _messages(row: Mapping[str, Any], where: str) -> tuple[Message, ...]:
    turns = [{"role": "user", "content": row["text"]}] if "text" in row else row["messages"]
    if isinstance(turns, str):
        turns = parse_json(turns, where, hint="'messages' in a cell is JSON")
    if not isinstance(turns, list) or not turns:
        raise InvalidData("there is no chat message", where=where)
    messages = []
    for turn, item in enumerate(turns, start=1):
        if not isinstance(item, dict) or not {"role", "content"} <= set(item):
            raise InvalidData(f"chat message {turn} is not an object with role and content", where=where)
        role, content = item["role"], item["content"]
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidData(f"chat message {turn} is by '{role}'", where=where, hint="known: " + ", ".join(_ROLES))
        usable_text(
            content, f"content of chat message {turn}" if len(turns) > 1 or "text" not in row else "text", where
        )
        messages.append(Message(_ROLES[role], content))
    turns_taken = [message.role for message in messages if message.role != "system"]
    in_turn = all(role == ("user", "assistant")[turn % 2] for turn, role in enumerate(turns_taken))
    if messages[0].role != "system" and "system" in {message.role for message in messages}:
        raise InvalidData("a system message stands after others", where=where, hint="put it first")
    if turns_taken and turns_taken[-1] == "user" and not in_turn:
        raise InvalidData("user and assistant do not take turns in the chat messages", where=where)
    if messages[-1].role != "user":
        raise InvalidData("the last chat message is not the user's: there is nothing to answer", where=where)
    return tuple(messages)


def family(kind: str) -> str:
    """A modifier without its number or language: `num_items_3` is `num_items`, `lang_fr` is `lang`."""
    stem, _, last = kind.rpartition("_")
    return stem if stem and (last.isdigit() or last in languages()) else kind
