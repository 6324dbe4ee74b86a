"""All that the packaged sets and modifiers need of one language, in one file.

data/languages/<code>.jsonl or a file of one's own, such as `sw.jsonl` or `mine.sw.jsonl`; a line is one of

    {"id": "everyday/recipe-1", "text": "..."}                                        a prompt of a set
    {"id": "native/festival", "text": "...", "gloss": "..."}                          with its English translation
    {"id": "facts/world-01", "text": "...", "answers": ["...", "..."]}                with what counts as right
    {"modifier": "short", "text": "...", "right": "...", "wrong": "...", "parameters": {...}}

Tasks, tags and the order of a set stand in `data/sets`, and what a modifier is in `data/modifiers.jsonl`: they are the
same in every language. `text` of a modifier is the sentence that is added; `right` and `wrong` are answers that follow
it and do not; `parameters` are what its check needs in this language (a word, a phrase, keys).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.text.json_lines import Refuse, read_json_lines, refuse_at_once
from crosstune.text.well_formed import control_character, is_blank, text_problem

LANGUAGES_FOLDER = Path(__file__).parent / "data" / "languages"

_TEXT_KEYS = ("id", "text", "gloss", "answers")
_MODIFIER_KEYS = ("modifier", "text", "right", "wrong", "parameters")


@dataclass(frozen=True, slots=True)
class LanguageFile:
    """The content of one file, each row checked by itself."""

    path: Path
    language: str
    texts: Mapping[str, Mapping[str, Any]]
    """Rows of prompts by id, in the order of the file: `text`, and where they have them `gloss` and `answers`."""
    modifiers: Mapping[str, Mapping[str, Any]]
    """Rows of modifiers by name: `text`, and where they have them `right`, `wrong`, `parameters`."""
    lines: Mapping[str, int]
    """The line of each row, by its id or its modifier's name."""

    def where(self, name: str) -> str:
        """The place of a row, by its id or its modifier's name; the file when there is none."""
        return f"{self.path}, line {self.lines[name]}" if name in self.lines else str(self.path)


def language_of_path(path: Path) -> str:
    """The code in a file's name: the last part of its stem, `sw` of `sw.jsonl` and of `mine.sw.jsonl`.

    Raises:
        InvalidData: it is not a code that crosstune knows.
    """
    code = path.name.removesuffix(".jsonl").rpartition(".")[2]
    if not path.name.endswith(".jsonl") or code not in languages():
        raise InvalidData(
            f"the name of a language's file is its code and .jsonl, and '{path.name}' is not",
            where=str(path),
            hint="name it such as sw.jsonl" if "." in code else did_you_mean(code, languages()),
        )
    return code


def packaged_language_codes() -> list[str]:
    """The languages whose file ships with crosstune, in the order of the table of languages."""
    there = {path.stem for path in LANGUAGES_FOLDER.glob("*.jsonl")}
    return [code for code in languages() if code in there]


def language_file(code: str, extra: Sequence[Path] = ()) -> LanguageFile:
    """The file of a language; each version of a file is read once.

    Args:
        code: of the table of languages.
        extra: files of one's own; one of this language takes the place of the packaged file.

    Raises:
        InvalidData: there is none, or it cannot be used; with file and line.
    """
    own = [path for path in extra if language_of_path(path) == code]
    path = own[0] if own else LANGUAGES_FOLDER / f"{code}.jsonl"
    if not own and not path.is_file():
        raise InvalidData(
            f"no prompts ship with crosstune in '{code}'",
            hint=f"they do in {', '.join(packaged_language_codes())}; name a file of your own under 'language_files'",
        )
    try:
        state = path.stat()
    except OSError:
        return read_language_file(path)  # it says what is wrong
    return _read_once(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read_once(path: Path, size: int, modified: int) -> LanguageFile:
    return read_language_file(path)


def read_language_file(path: Path, refuse: Refuse = refuse_at_once) -> LanguageFile:
    """Reads a file from disk.

    Args:
        path: named by its language.
        refuse: told of each row that cannot be used, which is then left out. Default: raises, so that nothing is half
            loaded.

    Raises:
        InvalidData: what is wrong, with file and line.
    """
    code = language_of_path(path)
    texts: dict[str, Mapping[str, Any]] = {}
    modifiers: dict[str, Mapping[str, Any]] = {}
    lines: dict[str, int] = {}
    for number, row in read_json_lines(path, refuse):
        where = f"{path}, line {number}"
        try:
            name = _name(row, where)
            if name in lines:
                raise InvalidData(f"'{name}' is also that of line {lines[name]}", where=where)
            if "modifier" in row:
                _check_modifier(row, where)
            else:
                _check_text(row, code, where)
        except InvalidData as error:
            refuse(error)
            continue
        lines[name] = number
        rows = modifiers if "modifier" in row else texts
        rows[name] = {key: value for key, value in row.items() if key not in ("id", "modifier")}
    return LanguageFile(path, code, texts, modifiers, lines)


def _name(row: Any, where: str) -> str:
    if not isinstance(row, dict) or ("id" in row) == ("modifier" in row):
        raise InvalidData("a line is not an object with either 'id' or 'modifier'", where=where)
    known = _MODIFIER_KEYS if "modifier" in row else _TEXT_KEYS
    for key in row:
        if key not in known:
            raise InvalidData(f"'{key}' is not a key of such a row", where=where, hint=did_you_mean(key, known))
    key = "modifier" if "modifier" in row else "id"
    return usable_id(row[key], key, where)


def usable_id(value: Any, key: str, where: str) -> str:
    """A value that must be able to name a row.

    Raises:
        InvalidData: it is not text, empty, or has a `+` (which stands before modifiers) or a control character.
    """
    if not isinstance(value, str) or is_blank(value) or "+" in value:
        raise InvalidData(f"{value!r} cannot be the '{key}'", where=where, hint="write text without '+'")
    if code := control_character(value):
        raise InvalidData(f"there is a control character in the '{key}' ({code})", where=where, hint="write one line")
    return usable_text(value, key, where)


def usable_text(value: Any, key: str, where: str) -> str:
    """A value that must be text to show or ask.

    Raises:
        InvalidData: it is not text, empty, too long, or has characters that no text should have.
    """
    if not isinstance(value, str):
        raise InvalidData(f"'{key}' is not text" if value is not None else f"there is no '{key}'", where=where)
    if problem := text_problem(value):
        raise InvalidData(f"'{key}' cannot be used: {problem}", where=where)
    if is_blank(value):
        invisible = " (only invisible characters)" if value.strip() else ""
        raise InvalidData(f"'{key}' is empty{invisible}", where=where)
    return value


def usable_answers(value: Any, code: str, where: str) -> tuple[str, ...]:
    """Accepted answers, each of which can be looked for.

    Raises:
        InvalidData: not a list of texts, an empty list, one twice, or one of which nothing is left to look for.
    """
    from crosstune.text.answers import normalise

    if not isinstance(value, list | tuple) or not value:
        raise InvalidData("'answers' is not a list of at least one text", where=where)
    for alias in value:
        usable_text(alias, "answers", where)
        if value.count(alias) > 1:
            raise InvalidData(f"the answer '{alias}' is there twice", where=where)
        if not normalise(alias, code):
            raise InvalidData(
                f"the answer '{alias}' could never be found",
                where=where,
                hint="it has no letter and no digit, and only these are compared",
            )
    return tuple(value)


def _check_text(row: Mapping[str, Any], code: str, where: str) -> None:
    usable_text(row.get("text"), "text", where)
    if "gloss" in row:
        usable_text(row["gloss"], "gloss", where)
    if "answers" in row:
        usable_answers(row["answers"], code, where)


def _check_modifier(row: Mapping[str, Any], where: str) -> None:
    for key in ("text", "right", "wrong"):
        if key in row or key == "text":
            usable_text(row.get(key), key, where)
    if not isinstance(row.get("parameters", {}), dict):
        raise InvalidData("'parameters' is not an object", where=where)
