"""The sets that ship with crosstune.

data/sets/<set>.jsonl             {"id": "everyday/recipe-1", "task": "recipe", "tags": []}: what a set consists of, in
                                  its order, for all languages
data/languages/<code>.jsonl       the texts, see `language_file`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.prompts.config import LANGUAGE_PLACE
from crosstune.prompts.language_file import (
    LanguageFile,
    language_file,
    language_of_path,
    packaged_language_codes,
    usable_id,
    usable_text,
)
from crosstune.prompts.rows import SetPrompt
from crosstune.records import Message, Prompt
from crosstune.text.json_lines import read_json_lines

SETS_FOLDER = Path(__file__).parent / "data" / "sets"

SOURCE_LANGUAGE = "en"
"""The language that the sets are written in first; those of other languages are versions of it."""

_KEYS = ("id", "task", "tags")
_IDS_NAMED = 5


@dataclass(frozen=True, slots=True)
class SetRow:
    """One instruction of a set, without its text."""

    id: str
    task: str
    tags: tuple[str, ...]


@cache
def packaged_sets() -> dict[str, tuple[SetRow, ...]]:
    """The sets that ship with crosstune by name, each in its order.

    Raises:
        InvalidData: a definition cannot be used; with file and line.
    """
    return {path.stem: _definition(path) for path in sorted(SETS_FOLDER.glob("*.jsonl"))}


def _definition(path: Path) -> tuple[SetRow, ...]:
    rows: dict[str, SetRow] = {}
    for number, row in read_json_lines(path):
        where = f"{path}, line {number}"
        if not isinstance(row, dict) or set(row) != set(_KEYS):
            raise InvalidData("a line is not an object with " + ", ".join(_KEYS), where=where)
        usable_id(row["id"], "id", where)
        usable_text(row["task"], "task", where)
        if row["id"] in rows:
            raise InvalidData(f"the id '{row['id']}' is there twice", where=where)
        rows[row["id"]] = SetRow(row["id"], row["task"], tuple(row["tags"]))
    return tuple(rows.values())


def set_rows(name: str) -> tuple[SetRow, ...]:
    """The rows of a packaged set.

    Raises:
        InvalidData: there is no such set; names the nearest.
    """
    sets = packaged_sets()
    if name not in sets:
        raise InvalidData(
            f"'{name}' is not a prompt set that ships with crosstune",
            hint=f"{did_you_mean(name, sets)} (a file is named by its path, such as set.{LANGUAGE_PLACE}.jsonl)",
        )
    return sets[name]


def missing_ids(name: str, file: LanguageFile) -> list[str]:
    """The ids of a packaged set that a language's file lacks."""
    return [row.id for row in set_rows(name) if row.id not in file.texts]


def packaged_languages(name: str, extra: Sequence[Path] = ()) -> list[str]:
    """The languages in which a packaged set is whole, in the order of the table of languages.

    Args:
        name: of the set.
        extra: language files of one's own.
    """
    codes = {*packaged_language_codes(), *(language_of_path(path) for path in extra)}
    return [code for code in languages() if code in codes and not missing_ids(name, language_file(code, extra))]


def read_packaged(name: str, code: str, extra: Sequence[Path] = ()) -> list[SetPrompt]:
    """All prompts of a packaged set in one language, in the set's order.

    Args:
        name: of the set.
        code: of the language.
        extra: language files of one's own.

    Raises:
        InvalidData: no such set, no file of the language, or the file lacks prompts of the set (says which).
    """
    rows = set_rows(name)
    file = language_file(code, extra)
    if missing := missing_ids(name, file):
        named = ", ".join(missing[:_IDS_NAMED]) + (", ..." if len(missing) > _IDS_NAMED else "")
        whole = packaged_languages(name, extra)
        raise InvalidData(
            f"the prompt set '{name}' is not whole in '{code}': {len(missing)} of {len(rows)} are missing ({named})",
            where=str(file.path),
            hint=f"it is in {', '.join(whole)}" if whole else "write a row for each id",
        )
    prompts = []
    for row in rows:
        text = file.texts[row.id]
        prompt = Prompt(
            id=row.id,
            set=name,
            task=row.task,
            language=code,
            requested_language=code,
            messages=(Message("user", text["text"]),),
            tags=row.tags,
            answers=tuple(text.get("answers", ())),
            gloss=text.get("gloss", ""),
        )
        prompts.append(SetPrompt(row.id, row.task, prompt, file.where(row.id)))
    return prompts
