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
from collections.abc import Callable, Sequence
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.languages import languages
from crosstune.prompts.config import LANGUAGE_PLACE, PromptSource
from crosstune.prompts.packaged import packaged_sets, read_packaged
from crosstune.prompts.rows import SetPrompt, SetStyle, check_shape, row_object, set_prompt
from crosstune.storage.paths import written_path
from crosstune.text.json_lines import Refuse, read_text, refuse_at_once
from crosstune.text.rows import HUB_PREFIX, SourceRow, read_file, read_hub, renamed, row_language, rows_where

RefuseRow = Callable[[InvalidData, str, str], None]
"""Told of a row that cannot be used: what is wrong, the code of its language and its id, both empty if unknown."""

_OTHER_PLACE = re.compile(r"\{\w*\}")
_KIND = re.compile(r"[A-Za-z0-9_-]+")
_TYPED = (".jsonl", ".json")
_SEPARATED = (".csv", ".tsv")


def _refuse_at_once(error: InvalidData, code: str, row_id: str) -> None:
    raise error


def read_set(
    source: PromptSource,
    codes: Sequence[str],
    base: Path,
    extra: Sequence[Path] = (),
    refuse: RefuseRow = _refuse_at_once,
) -> dict[str, list[SetPrompt]]:
    """All prompts of a set by language, in the order of its files.

    Args:
        source: which set.
        codes: the languages wanted; rows in others that crosstune knows are passed over.
        base: folder that relative paths are relative to.
        extra: language files of one's own, for packaged sets.
        refuse: told of each row of a file that cannot be used, which is then left out. Default: raises, so that
            nothing is half read.

    Raises:
        InvalidData: with file and line.
    """
    if source.is_packaged:
        refuse_other_file(source, base)
        return {code: read_packaged(source.source, code, extra) for code in codes}
    if source.is_by_language:
        return {code: _read_one(source.in_language(code), code, base, source, refuse) for code in codes}
    return _read_together(source, codes, base, refuse)


def refuse_other_file(source: PromptSource, base: Path) -> None:
    """Says of a name that is none of a packaged set, but of a folder or another kind of file, that it is that.

    Raises:
        InvalidData: it is.
    """
    path = _path(source, base)
    if source.is_packaged and source.source not in packaged_sets() and path.exists():
        read_file(path)


def set_languages(source: PromptSource, base: Path, refuse: RefuseRow = _refuse_at_once) -> list[str]:
    """The languages that a file or data set has, in the order of the table of languages.

    A file a language: those whose file is there. One file: those of its rows.

    Args:
        source: which set.
        base: folder that relative paths are relative to.
        refuse: told of each row whose language cannot be told. Default: raises.

    Raises:
        InvalidData: the rows cannot be read.
    """
    if source.is_by_language:
        if source.is_hub:
            raise InvalidData("say which languages: they cannot be listed on the hub", where=source.source)
        return [code for code in languages() if _path(source.in_language(code), base).is_file()]
    found = _by_language(source, base, refuse)
    return [code for code in languages() if code in found]


def _read_one(source: PromptSource, code: str, base: Path, written: PromptSource, refuse: RefuseRow) -> list[SetPrompt]:
    if not source.is_hub and not _path(source, base).is_file():
        there = set_languages(written, base)
        hint = "it has " + ", ".join(there) if there else f"nor is there one in another language under {base}"
        raise InvalidData(f"no file of prompts in '{code}'", where=str(_path(source, base)), hint=hint)
    rows = []
    for row in _rows(source, base, lambda error: refuse(error, code, "")):
        try:
            found = row_language(row)
            if found not in (None, code):
                raise InvalidData(f"a row in '{found}' in the file of '{code}'", where=row.where)
        except InvalidData as error:
            refuse(error, code, _id_of(row))
        else:
            rows.append(row)
    return _prompts(rows, code, written.set_name, source, base, refuse=refuse)


def _by_language(source: PromptSource, base: Path, refuse: RefuseRow) -> dict[str, list[SourceRow]]:
    where = _where(source, base)
    by_language: dict[str, list[SourceRow]] = defaultdict(list)
    for row in _rows(source, base, lambda error: refuse(error, "", "")):
        try:
            check_shape(row.value, row.where)
            code = _language_of(row, source, where)
        except InvalidData as error:
            refuse(error, "", _id_of(row))
        else:
            by_language[code].append(row)
    return by_language


def _id_of(row: SourceRow) -> str:
    found = row.value.get("id") if isinstance(row.value, dict) else None
    return found if isinstance(found, str) else ""


def _read_together(
    source: PromptSource, codes: Sequence[str], base: Path, refuse: RefuseRow
) -> dict[str, list[SetPrompt]]:
    where = _where(source, base)
    by_language = _by_language(source, base, refuse)
    for code in codes:
        if code not in by_language:
            raise InvalidData(f"no prompt in '{code}'", where=where, hint="it has " + ", ".join(sorted(by_language)))
    if len(by_language) > 1 and not source.is_hub and _types_path(_path(source, base)):
        raise InvalidData(
            "a .types file beside a file with several languages cannot be told apart by language",
            where=where,
            hint="write what each row asks for in a column 'modifiers'",
        )
    return {code: _prompts(by_language[code], code, source.set_name, source, base, refuse=refuse) for code in codes}


def _language_of(row: SourceRow, source: PromptSource, where: str) -> str:
    if source.language is not None:
        return source.language
    code = row_language(row)
    if code is None:
        raise InvalidData(
            "a row without a language",
            where=row.where,
            hint=f"give each row a column 'language', write {LANGUAGE_PLACE} in the path where the language's code "
            f"stands, or say 'language: en' beside the source",
        )
    return code


def _path(source: PromptSource, base: Path) -> Path:
    return written_path(source.source, base)


def _where(source: PromptSource, base: Path) -> str:
    return source.source if source.is_hub else str(_path(source, base))


def _rows(source: PromptSource, base: Path, refuse: Refuse = refuse_at_once) -> list[SourceRow]:
    """The rows of a source without those that `where` leaves out, under the schema's names."""
    refused: list[InvalidData] = []

    def leave_out(error: InvalidData) -> None:
        refuse(error)
        refused.append(error)

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
        if _OTHER_PLACE.search(source.source) and not path.exists():
            raise InvalidData(
                "no such file", where=str(path), hint=f"write {LANGUAGE_PLACE} where the code of the language stands"
            )
        rows = rows_where(read_file(path, leave_out), source.where, str(path))
    if not rows and not refused:
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


def _prompts(
    rows: Sequence[SourceRow], code: str, name: str, source: PromptSource, base: Path, *, refuse: RefuseRow
) -> list[SetPrompt]:
    suffix = "" if source.is_hub else _path(source, base).suffix.lower()
    style = SetStyle(name, lists_are_text=suffix in _SEPARATED, extra_columns=source.is_hub or suffix == ".parquet")
    kinds = _kinds(_path(source, base), rows, bool(source.where)) if suffix in _TYPED else {}
    width = max(3, len(str(len(rows))))
    prompts: list[SetPrompt] = []
    seen: dict[str, str] = {}
    for position, row in enumerate(rows, start=1):
        kind, kind_where = kinds.get(row.number, ("", ""))
        try:
            prompt = set_prompt(
                row_object(row.value, style, row.where),
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
        except InvalidData as error:
            refuse(error, code, _id_of(row))
            continue
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
