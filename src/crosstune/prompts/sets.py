"""Reading one prompt set in one language, packaged or from a file.

<set>.<language>.jsonl   {"id": "everyday/recipe-1", "task": "recipe", "text": "...", "tags": []}; instead of "text"
                         also "messages" (chat messages); "task" and "tags" may be left out; or a line is a list
                         of chat messages, and its number is its id
<set>.<language>.types   optional, one word a line for each prompt: the modifier it already has; `lang_fr` asks for
                         an answer in that language
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, InvalidStudy, did_you_mean
from crosstune.languages import language, languages
from crosstune.prompts.config import LANGUAGE_PLACE, is_path
from crosstune.records import Message, Prompt, Role
from crosstune.storage.paths import written_path
from crosstune.text.json_lines import read_json_lines, read_text

_DATA = Path(__file__).parent / "data"
_PACKAGED_FILE = re.compile(r"(?P<set>[a-z0-9_-]+)\.(?P<language>[a-z]{2,3})\.jsonl")
_KIND = re.compile(r"[A-Za-z0-9_-]+")
_ANSWER_LANGUAGE = "lang_"
_KEYS = ("id", "task", "text", "messages", "tags")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class SetPrompt:
    """A prompt of a set with what is needed to compare and to limit its languages."""

    base_id: str
    """The id without the modifier: that of the instruction."""
    group: str
    """What a limit is balanced over: the task, or the family of the modifier (`lang` for `lang_fr`)."""
    prompt: Prompt


def packaged_languages() -> dict[str, list[str]]:
    """The packaged sets, each with the codes it has, in the order of the table of languages."""
    found: dict[str, set[str]] = {}
    for path in sorted(_DATA.glob("*.jsonl")):
        if match := _PACKAGED_FILE.fullmatch(path.name):
            found.setdefault(match["set"], set()).add(match["language"])
    return {name: [code for code in languages() if code in codes] for name, codes in found.items()}


def set_name(entry: str) -> str:
    """The name of a set: its own, or the file's name (else its folder's) without the place of the language.

    `../reference/modifiers.{language}.jsonl` is `modifiers`.
    """
    if not is_path(entry):
        return entry
    path = Path(entry)
    for part in (path.name.removesuffix(".jsonl").removesuffix(".json"), *reversed(path.parent.parts)):
        if name := part.replace(LANGUAGE_PLACE, "").strip("._- "):
            return name
    return "prompts"


def set_path(entry: str, code: str, base: Path) -> Path:
    """The file of a set in a language.

    Raises:
        InvalidData: no such set, or the set lacks the language; says which it has.
    """
    if is_path(entry):
        path = written_path(entry.replace(LANGUAGE_PLACE, code), base)
        if not path.is_file():
            files = {other: written_path(entry.replace(LANGUAGE_PLACE, other), base) for other in languages()}
            there = [other for other, file in files.items() if file.is_file()]
            hint = "it has " + ", ".join(there) if there else f"nor is there one in another language under {base}"
            raise InvalidData(f"no file of prompts in '{code}'", where=str(path), hint=hint)
        return path
    packaged = packaged_languages()
    if entry not in packaged:
        raise InvalidData(
            f"'{entry}' is not a prompt set that ships with crosstune",
            hint=f"{did_you_mean(entry, packaged)} (a file is named by its path, such as set.{LANGUAGE_PLACE}.jsonl)",
        )
    if code not in packaged[entry]:
        raise InvalidData(
            f"the prompt set '{entry}' is not there in '{code}'", hint="it has " + ", ".join(packaged[entry])
        )
    return _DATA / f"{entry}.{code}.jsonl"


def types_path(path: Path) -> Path | None:
    """The file beside a set's that names modifiers, if there is one."""
    beside = path.with_suffix(".types")
    return beside if beside.is_file() else None


def read_set(entry: str, code: str, base: Path) -> list[SetPrompt]:
    """All prompts of a set in one language, in the order of its file.

    Args:
        entry: name or path, as in `PromptsConfig.sets`.
        code: the language the prompts are written in.
        base: folder that relative paths are relative to.

    Raises:
        InvalidData: with file and line.
    """
    path = set_path(entry, code, base)
    name = set_name(entry)
    rows = read_json_lines(path)
    kinds = _kinds(path, [number for number, _ in rows])
    width = max(3, len(str(rows[-1][0])))
    prompts: list[SetPrompt] = []
    seen: dict[str, int] = {}
    for number, value in rows:
        where = f"{path}, line {number}"
        row = _row(value, where)
        _refuse_half_characters(row, where)
        base_id = row.get("id", f"{name}/{number:0{width}d}")
        if not isinstance(base_id, str) or not base_id.strip() or "+" in base_id:
            raise InvalidData(f"{base_id!r} cannot be an id", where=where, hint="write text without '+'")
        if base_id in seen:
            raise InvalidData(f"the id '{base_id}' is also that of line {seen[base_id]}", where=where)
        seen[base_id] = number
        kind = kinds.get(number)
        task = _word(row, "task", where) or name
        prompt = Prompt(
            id=f"{base_id}+{kind}" if kind else base_id,
            set=name,
            task=task,
            language=code,
            requested_language=_requested(kind, code, path, number),
            messages=_messages(row, where),
            modifiers=(kind,) if kind else (),
            tags=_tags(row, where),
        )
        prompts.append(SetPrompt(base_id, f"{task}/{_family(kind)}", prompt))
    return prompts


def _row(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, list):
        return {"messages": value}
    if not isinstance(value, dict):
        raise InvalidData("a line is neither an object nor a list of chat messages", where=where)
    for key in value:
        if key not in _KEYS:
            raise InvalidData(f"'{key}' is not a key of a prompt", where=where, hint=did_you_mean(key, _KEYS))
    if ("text" in value) == ("messages" in value):
        raise InvalidData("a prompt needs either 'text' or 'messages'", where=where)
    return value


def _refuse_half_characters(row: Mapping[str, Any], where: str) -> None:
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidData("there is half a character in it (a lone surrogate)", where=where) from error


def _word(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise InvalidData(f"'{key}' is not text", where=where)
    return value


def _tags(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidData("'tags' is not a list of words", where=where)
    return tuple(tags)


def _messages(row: Mapping[str, Any], where: str) -> tuple[Message, ...]:
    turns = [{"role": "user", "content": row["text"]}] if "text" in row else row["messages"]
    if not isinstance(turns, list) or not turns:
        raise InvalidData("there is no chat message", where=where)
    messages = []
    for turn, item in enumerate(turns, start=1):
        if not isinstance(item, dict) or not {"role", "content"} <= set(item):
            raise InvalidData(f"chat message {turn} is not an object with role and content", where=where)
        role, content = item["role"], item["content"]
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidData(f"chat message {turn} is by '{role}'", where=where, hint="known: " + ", ".join(_ROLES))
        if not isinstance(content, str):
            raise InvalidData(f"the content of chat message {turn} is not text", where=where)
        if not content.strip():
            raise InvalidData(f"chat message {turn} is empty", where=where)
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


def _kinds(path: Path, numbers: list[int]) -> dict[int, str]:
    """The modifier of each line, from the file beside the prompts; empty when there is none."""
    beside = types_path(path)
    if beside is None:
        return {}
    kinds = [(number, line.strip()) for number, line in enumerate(read_text(beside).split("\n"), 1) if line.strip()]
    if len(kinds) != len(numbers):
        raise InvalidData(
            f"{len(kinds)} kinds for the {len(numbers)} prompts of {path.name}",
            where=str(beside),
            hint="write one a line",
        )
    for number, kind in kinds:
        if not _KIND.fullmatch(kind):
            raise InvalidData(f"'{kind[:40]}' is not one word", where=f"{beside}, line {number}")
    return dict(zip(numbers, (kind for _, kind in kinds), strict=True))


def _requested(kind: str | None, code: str, path: Path, number: int) -> str:
    if kind is None or not kind.startswith(_ANSWER_LANGUAGE):
        return code
    where = f"{path.with_suffix('.types')}, line {number}"
    try:
        return language(kind.removeprefix(_ANSWER_LANGUAGE)).code
    except InvalidStudy as error:
        raise InvalidData(error.message, where=where, hint=error.hint) from error


def _family(kind: str | None) -> str:
    """A modifier without its number or language: `num_items_3` is `num_items`, `lang_fr` is `lang`."""
    if kind is None:
        return ""
    stem, _, last = kind.rpartition("_")
    return stem if stem and (last.isdigit() or last in languages()) else kind
