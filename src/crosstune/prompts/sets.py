"""Reading one prompt set in the languages of a study, packaged or from elsewhere.

<set>.<language>.jsonl   a file a language, named by `{language}` in its path; also .json, .csv, .tsv, .parquet
<set>.csv                one file whose rows have a column `language`
hub:org/name             a data set on the hub, in either way
<set>.<language>.types   optional beside JSON Lines, one word a line for each prompt: what it already asks for;
                         `lang_fr` asks for an answer in that language

What a row has is in `rows`.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.prompts.config import LANGUAGE_PLACE, PromptSource
from crosstune.prompts.packaged import read_packaged
from crosstune.prompts.rows import SetPrompt, SetStyle, row_object, set_prompt
from crosstune.storage.paths import written_path
from crosstune.text.json_lines import read_text
from crosstune.text.rows import HUB_PREFIX, SourceRow, read_file, read_hub, renamed, rows_where

_KIND = re.compile(r"[A-Za-z0-9_-]+")
_TYPED = (".jsonl", ".json")
_SEPARATED = (".csv", ".tsv")


def read_set(
    source: PromptSource, codes: Sequence[str], base: Path, extra: Sequence[Path] = ()
) -> dict[str, list[SetPrompt]]:
    """All prompts of a set by language, in the order of its files.

    Args:
        source: which set.
        codes: the languages wanted; rows in others are passed over.
        base: folder that relative paths are relative to.
        extra: language files of one's own, for packaged sets.

    Raises:
        InvalidData: with file and line.
    """
    if source.is_packaged:
        return {code: read_packaged(source.source, code, extra) for code in codes}
    if source.is_by_language:
        return {code: _read_one(source.in_language(code), code, base, source) for code in codes}
    return _read_together(source, codes, base)


def set_languages(source: PromptSource, base: Path) -> list[str]:
    """The languages that a file or data set has, in the order of the table of languages.

    A file a language: those whose file is there. One file: those of its rows.

    Raises:
        InvalidData: the rows cannot be read.
    """
    if source.is_by_language:
        if source.is_hub:
            raise InvalidData("say which languages: they cannot be listed on the hub", where=source.source)
        return [code for code in languages() if _path(source.in_language(code), base).is_file()]
    where = _where(source, base)
    found = {_language_of(row, source, where) for row in _rows(source, base)}
    return [code for code in languages() if code in found]


def _read_one(source: PromptSource, code: str, base: Path, written: PromptSource) -> list[SetPrompt]:
    if not source.is_hub and not _path(source, base).is_file():
        there = set_languages(written, base)
        hint = "it has " + ", ".join(there) if there else f"nor is there one in another language under {base}"
        raise InvalidData(f"no file of prompts in '{code}'", where=str(_path(source, base)), hint=hint)
    rows = _rows(source, base)
    for row in rows:
        found = row.value.get("language") if isinstance(row.value, dict) else None
        if found not in (None, "", code):
            raise InvalidData(f"a row in '{found}' in the file of '{code}'", where=row.where)
    return _prompts(rows, code, written.set_name, source, base)


def _read_together(source: PromptSource, codes: Sequence[str], base: Path) -> dict[str, list[SetPrompt]]:
    where = _where(source, base)
    by_language: dict[str, list[SourceRow]] = defaultdict(list)
    for row in _rows(source, base):
        by_language[_language_of(row, source, where)].append(row)
    for code in codes:
        if code not in by_language:
            raise InvalidData(f"no prompt in '{code}'", where=where, hint="it has " + ", ".join(sorted(by_language)))
    if len(by_language) > 1 and not source.is_hub and _types_path(_path(source, base)):
        raise InvalidData(
            "a .types file beside a file with several languages cannot be told apart by language",
            where=where,
            hint="write what each row asks for in a column 'modifiers'",
        )
    return {code: _prompts(by_language[code], code, source.set_name, source, base) for code in codes}


def _language_of(row: SourceRow, source: PromptSource, where: str) -> str:
    if source.language is not None:
        return source.language
    code = row.value.get("language") if isinstance(row.value, dict) else None
    if code is None or code == "":
        raise InvalidData(
            "a row without a language",
            where=row.where,
            hint=f"give each row a column 'language', write {LANGUAGE_PLACE} in the path where the language's code "
            f"stands, or say 'language: en' beside the source",
        )
    if not isinstance(code, str) or code not in languages():
        raise InvalidData(
            f"'{code}' is not a language crosstune knows",
            where=row.where,
            hint=did_you_mean(str(code), languages()),
        )
    return code


def _path(source: PromptSource, base: Path) -> Path:
    return written_path(source.source, base)


def _where(source: PromptSource, base: Path) -> str:
    return source.source if source.is_hub else str(_path(source, base))


def _rows(source: PromptSource, base: Path) -> list[SourceRow]:
    """The rows of a source without those that `where` leaves out, under the schema's names."""
    if source.is_hub:
        rows = read_hub(
            source.source.removeprefix(HUB_PREFIX),
            config=source.config,
            split=source.split,
            revision=source.revision,
            where=source.where,
        )
    else:
        path = _path(source, base)
        rows = rows_where(read_file(path), source.where, str(path))
    if not rows:
        raise InvalidData("there is no prompt in it", where=_where(source, base))
    names = {old: new for old, new in source.columns.items() if new is not None}
    dropped = {old for old, new in source.columns.items() if new is None}
    if not source.columns:
        return rows
    return [_without(renamed(row, names), dropped) for row in rows]


def _without(row: SourceRow, dropped: set[str]) -> SourceRow:
    if not isinstance(row.value, dict):
        return row
    return SourceRow(row.number, row.where, {key: value for key, value in row.value.items() if key not in dropped})


def _prompts(rows: Sequence[SourceRow], code: str, name: str, source: PromptSource, base: Path) -> list[SetPrompt]:
    suffix = "" if source.is_hub else _path(source, base).suffix.lower()
    style = SetStyle(name, lists_are_text=suffix in _SEPARATED, extra_columns=source.is_hub or suffix == ".parquet")
    kinds = _kinds(_path(source, base), rows, bool(source.where)) if suffix in _TYPED else {}
    width = max(3, len(str(len(rows))))
    prompts: list[SetPrompt] = []
    seen: dict[str, str] = {}
    for position, row in enumerate(rows, start=1):
        kind, kind_where = kinds.get(row.number, ("", ""))
        value = row_object(row.value, style, row.where)
        prompt = set_prompt(
            value,
            number=f"{position:0{width}d}",
            language=code,
            style=style,
            where=row.where,
            kinds=[kind] if kind else [],
            kind_where=kind_where,
        )
        if prompt.base_id in seen:
            earlier = seen[prompt.base_id].rpartition(", ")[2]
            raise InvalidData(f"the id '{prompt.base_id}' is also that of {earlier}", where=row.where)
        seen[prompt.base_id] = row.where
        prompts.append(prompt)
    return prompts


def _types_path(path: Path) -> Path | None:
    beside = path.with_suffix(".types")
    return beside if path.suffix.lower() in _TYPED and beside.is_file() else None


def _kinds(path: Path, rows: Sequence[SourceRow], filtered: bool) -> dict[int, tuple[str, str]]:
    """The word of each line from the file beside the prompts, and its place; empty when there is none."""
    beside = _types_path(path)
    if beside is None:
        return {}
    numbers = [row.number for row in (read_file(path) if filtered else rows)]
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
    return {number: (kind, f"{beside}, line {line}") for number, (line, kind) in zip(numbers, kinds, strict=True)}
