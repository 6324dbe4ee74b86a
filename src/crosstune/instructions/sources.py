"""From the name of a source to its examples: find it, read all of it, check all of it.

A packaged set is the files `data/<name>.jsonl` and `data/<name>.<language>.jsonl`:

    {"id": "starter-multi/fr-007", "category": "rewrite", "messages": [...], "language": "fr"}
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.instructions.config import MixturePart
from crosstune.instructions.formats import BadRow, messages_of, recognise
from crosstune.languages import languages
from crosstune.records import Conversation, Message
from crosstune.storage.paths import written_path
from crosstune.text.json_lines import files_beside
from crosstune.text.rows import FILE_SUFFIXES, SourceRow, read_file, read_hub, renamed, row_language, rows_where

_DATA = Path(__file__).parent / "data"
_ANSWERS_IDENTIFIED = 200
"""So many answers decide which language a set without a `language` column is in."""


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation with what people want to know of the row that it comes from."""

    conversation: Conversation
    where: str
    """File and line, or data set and row."""
    category: str = ""
    """The row's own `category`, where it has one."""


def packaged_files() -> dict[str, dict[str, Path]]:
    """The sets that ship with crosstune: name to files by language; `""` is the language of a set in one file."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(_DATA.glob("*.jsonl")):
        name, _, code = path.stem.partition(".")
        found.setdefault(name, {})[code] = path
    order = ["", *languages()]
    return {
        name: dict(sorted(files.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
        for name, files in found.items()
    }


def source_paths(part: MixturePart, base: Path) -> list[Path]:
    """The files that a source consists of: one, or of a packaged set those of its languages that are wanted.

    Args:
        part: not of a hub data set.
        base: relative paths are relative to it.

    Raises:
        InvalidData: no packaged set has this name, it lacks a language, or no file is there.
    """
    if part.is_file:
        path = written_path(part.source, base)
        if not path.exists():
            raise InvalidData(
                f"no such file of instructions: {part.source[:200]}", hint=files_beside(path, FILE_SUFFIXES)
            )
        return [path]
    packaged = packaged_files()
    if part.source not in packaged:
        raise InvalidData(
            f"'{part.source}' is not a set of instructions that ships with crosstune",
            hint=f"{did_you_mean(part.source, packaged)} (a file is named with its suffix, "
            "such as data.jsonl, and a set on the hub as hub:org/name)",
        )
    files = packaged[part.source]
    if not part.languages or "" in files:
        return list(files.values())
    for code in part.languages:
        if code not in files:
            raise InvalidData(f"the set '{part.source}' is not there in '{code}'", hint="it has " + ", ".join(files))
    return [path for code, path in files.items() if code in part.languages]


def source_rows(part: MixturePart, base: Path) -> list[SourceRow]:
    """The rows of a source for which `where` holds, with `columns` renamed.

    Raises:
        InvalidData: it cannot be read, is empty, or has no such column or value.
    """
    if part.is_hub:
        rows = read_hub(
            part.hub_id, config=part.config, split=part.split, revision=part.revision, where=part.where
        )  # fmt: skip
    else:
        paths = source_paths(part, base)
        rows = [row for path in paths for row in read_file(path)]
        rows = rows_where(rows, part.where, where=str(paths[0]))
    if not rows:
        raise InvalidData("the set is empty", where=part.source)
    return [renamed(row, part.columns) for row in rows]


def read_examples(part: MixturePart, base: Path, id_name: str | None = None) -> list[Example]:
    """All examples of a source that are in its `languages`, checked.

    Args:
        part: what to read; its `examples` and `weight` are not looked at.
        base: folder that relative paths are relative to.
        id_name: what stands in ids instead of the set's name.

    Returns:
        Examples in the order of the source, each ending with an answer. Their ids are the rows' own where every row has
        one and no two have the same, else the set's name and the row's number.

    Raises:
        InvalidData: the source cannot be read, a row is not what its format says (with file and line), the set is
            empty, or it has none in a language that is asked for.
    """
    rows = source_rows(part, base)
    format = part.format or recognise(rows[0].value, rows[0].where)
    complete: list[tuple[SourceRow, tuple[Message, ...]]] = []
    for row in rows:
        try:
            complete.append((row, messages_of(row.value, format)))
        except BadRow as error:
            if error.incomplete and part.skip_incomplete:
                continue
            hint = (
                "set skip_incomplete: true to leave such rows out" if error.incomplete else f"the format is '{format}'"
            )
            raise InvalidData(error.problem, where=row.where, hint=hint) from error
    if not complete:
        raise InvalidData("every row of the set has an empty question or answer", where=part.source)
    return _in_languages(_examples(complete, part, id_name or part.set_name), part)


def _examples(complete: list[tuple[SourceRow, tuple[Message, ...]]], part: MixturePart, id_name: str) -> list[Example]:
    codes = [row_language(row) if part.language is None else part.language for row, _ in complete]
    if part.language is not None:
        _check_language([row for row, _ in complete], part.language, part.source)
    if None in codes:
        identified = identified_language([messages for _, messages in complete])
        if identified is None:
            raise InvalidData(
                "the language of the answers cannot be told", where=part.source, hint="say it, such as language: en"
            )
        codes = [code or identified for code in codes]
    ids = row_ids([row for row, _ in complete], id_name)
    return [
        Example(
            Conversation(id=identifier, messages=messages, language=str(code), source=part.set_name),
            row.where,
            _category(row.value),
        )
        for (row, messages), code, identifier in zip(complete, codes, ids, strict=True)
    ]


def _check_language(rows: list[SourceRow], language: str, where: str) -> None:
    """Refuses `language` where the rows say otherwise; a name that crosstune does not know says nothing."""
    said = Counter(code for row in rows if (code := said_language(row)) is not None)
    if any(code != language for code in said):
        there = ", ".join(said)
        raise InvalidData(
            f"'language: {language}' says that all rows are in it, and the rows say they are in {there}",
            where=where,
            hint=f"did you mean 'languages: [{language}]'?" if said[language] else "leave 'language' out",
        )


def said_language(row: SourceRow) -> str | None:
    """The code that a row's `language` column means; None without one that crosstune knows."""
    try:
        return row_language(row)
    except InvalidData:
        return None


def _category(row: Mapping[str, Any]) -> str:
    category = row.get("category")
    return category if isinstance(category, str) else ""


def row_ids(rows: list[SourceRow], name: str) -> list[str]:
    """The rows' own ids where every row has one and no two have the same, else the set's name and the row's number."""
    own = [row.value.get("id") if isinstance(row.value, Mapping) else None for row in rows]
    if all(isinstance(own_id, str) and own_id for own_id in own) and len(set(own)) == len(own):
        return [str(own_id) for own_id in own]
    return [f"{name}/{row.number}" for row in rows]


def identified_language(conversations: Sequence[tuple[Message, ...]]) -> str | None:
    """The language most of the first answers are in, by the detector; None where it cannot tell."""
    from crosstune.text.prose import running_text
    from crosstune.text.shares import LEAST_SHARE, language_shares

    found: Counter[str] = Counter()
    for messages in conversations[:_ANSWERS_IDENTIFIED]:
        shares = language_shares(running_text(messages[-1].content))
        found.update(share.language for share in shares[:1] if share.probability >= LEAST_SHARE)
    return next((code for code, _ in found.most_common(1) if code in languages()), None)


def _in_languages(examples: list[Example], part: MixturePart) -> list[Example]:
    if not part.languages:
        return examples
    counts = Counter(example.conversation.language for example in examples)
    for code in part.languages:
        if not counts[code]:
            there = ", ".join(f"{other} ({count})" for other, count in counts.most_common())
            raise InvalidData(f"there is no example in '{code}'", where=part.source, hint=f"there are {there}")
    return [example for example in examples if example.conversation.language in part.languages]
