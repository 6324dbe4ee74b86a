"""From a config to conversations: find the source, read all of it, check all of it, draw the examples asked for."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from crosstune.errors import InvalidData, did_you_mean
from crosstune.instructions.config import FILE_SUFFIXES, InstructionsConfig
from crosstune.instructions.formats import BadRow, messages_of, recognise
from crosstune.instructions.rows import SourceRow, read_file, read_hub, rows_where
from crosstune.languages import languages
from crosstune.records import Conversation, Message
from crosstune.storage.digests import file_digest
from crosstune.storage.paths import written_path

READER_VERSION = 1
"""Raised with every change that can change the conversations read; part of the identity."""

_DATA = Path(__file__).parent / "data"
_ANSWERS_IDENTIFIED = 200
"""So many answers decide which language a set without a `language` column is in."""


def packaged_paths() -> dict[str, Path]:
    """The sets that ship with crosstune: name to file."""
    return {path.stem: path for path in sorted(_DATA.glob("*.jsonl"))}


def source_path(config: InstructionsConfig, base: Path) -> Path:
    """The file that a config names, packaged or not.

    Args:
        config: not of a hub data set.
        base: relative paths are relative to it.

    Raises:
        InvalidData: no packaged set has this name, or no file is there.
    """
    if config.is_file:
        path = written_path(config.source, base)
        if not path.exists():
            raise InvalidData(f"no such file of instructions: {config.source[:200]}", hint=_nearest_file(path))
        return path
    packaged = packaged_paths()
    if config.source not in packaged:
        raise InvalidData(
            f"'{config.source}' is not a set of instructions that ships with crosstune",
            hint=f"{did_you_mean(config.source, packaged)} (a file is named with its suffix, "
            "such as data.jsonl, and a set on the hub as hub:org/name)",
        )
    return packaged[config.source]


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"nor is there a folder {path.parent}"
    names = sorted(file.name for file in path.parent.iterdir() if file.suffix.lower() in FILE_SUFFIXES)
    return did_you_mean(path.name, names) if names else f"its folder has no file of {', '.join(FILE_SUFFIXES)}"


def load_conversations(config: InstructionsConfig, base: Path) -> list[Conversation]:
    """The conversations of a config: all of them checked, none changed.

    Args:
        config: what to read.
        base: folder that relative paths are relative to.

    Returns:
        Conversations in the order of the source, each ending with an answer. Their ids are the rows' own
        where every row has one and no two have the same, else the set's name and the row's number. With `examples` a
        draw: those with the smallest SHA-256 of seed and id, so that a smaller draw is part of every larger one with
        the same seed. The conversations of `mixed_with` follow.

    Raises:
        InvalidData: the source cannot be read, a row is not what its format says (with file and line), the set is
            empty, it has fewer than the examples asked for, or two sets of a mixture have a conversation in common.
    """
    conversations = _load_own(config, base)
    for other in config.mixed_with:
        conversations += load_conversations(other, base)
    repeated = [name for name, count in Counter(item.id for item in conversations).items() if count > 1]
    if repeated:
        raise InvalidData(
            f"two sets of the mixture '{config.name}' have the conversation '{repeated[0]}' ({len(repeated)} such)",
            hint="name each set once",
        )
    return conversations


def _load_own(config: InstructionsConfig, base: Path) -> list[Conversation]:
    """The conversations of a config without those that are mixed in."""
    if config.is_hub:
        where = config.source
        rows = read_hub(config)
    else:
        path = source_path(config, base)
        where = str(path)
        rows = rows_where(read_file(path), config.where, where)
    if not rows:
        raise InvalidData("the set is empty", where=where)
    if config.columns:
        rows = [_renamed(row, config.columns) for row in rows]
    format = config.format or recognise(rows[0].value, rows[0].where)
    complete: list[tuple[SourceRow, tuple[Message, ...]]] = []
    for row in rows:
        try:
            complete.append((row, messages_of(row.value, format)))
        except BadRow as error:
            if error.incomplete and config.skip_incomplete:
                continue
            hint = (
                "set skip_incomplete: true to leave such rows out" if error.incomplete else f"the format is '{format}'"
            )
            raise InvalidData(error.problem, where=row.where, hint=hint) from error
    if not complete:
        raise InvalidData("every row of the set has an empty question or answer", where=where)
    conversations = _conversations(complete, config, where)
    if config.examples is None:
        return conversations
    if config.examples > len(conversations):
        raise InvalidData(
            f"{config.examples} examples are asked for, and there are {len(conversations)}",
            where=where,
            hint=f"set examples to {len(conversations)} or fewer, or leave it out for all",
        )
    return _draw(conversations, config.examples, config.seed)


def _renamed(row: SourceRow, columns: Mapping[str, str]) -> SourceRow:
    if not isinstance(row.value, Mapping):
        return row  # refused later, with the reason
    missing = [column for column in columns if column not in row.value]
    if missing:
        raise InvalidData(
            f"'columns' renames '{missing[0]}', which is not there",
            where=row.where,
            hint=did_you_mean(missing[0], row.value),
        )
    kept = {key: value for key, value in row.value.items() if key not in columns}
    return SourceRow(row.number, row.where, kept | {new: row.value[old] for old, new in columns.items()})


def _conversations(
    complete: list[tuple[SourceRow, tuple[Message, ...]]], config: InstructionsConfig, where: str
) -> list[Conversation]:
    own = config.language is None
    codes = [_row_language(row) if own else config.language for row, _ in complete]
    if None in codes:
        identified = _identified_language([messages for _, messages in complete], where)
        codes = [code or identified for code in codes]
    own_ids = [row.value.get("id") for row, _ in complete]
    if not all(isinstance(own_id, str) and own_id for own_id in own_ids) or len(set(own_ids)) < len(own_ids):
        own_ids = [f"{config.set_name}/{row.number}" for row, _ in complete]
    return [
        Conversation(id=identifier, messages=messages, language=str(code), source=config.set_name)
        for (_, messages), code, identifier in zip(complete, codes, own_ids, strict=True)
    ]


def _row_language(row: SourceRow) -> str | None:
    """The code that a row's `language` column means: a code, or a language's English name; None without one."""
    named = row.value.get("language")
    if named is None or named == "":
        return None
    by_name = {entry.name.lower(): code for code, entry in languages().items()}
    if isinstance(named, str):
        if named in languages():
            return named
        if named.lower() in by_name:
            return by_name[named.lower()]
    raise InvalidData(
        f"the row's language {named!r} is not one that crosstune knows",
        where=row.where,
        hint="say which it is in the study file, such as language: fr",
    )


def _identified_language(conversations: list[tuple[Message, ...]], where: str) -> str:
    """The language most of the first answers are in, by the detector."""
    from crosstune.text.prose import running_text
    from crosstune.text.shares import language_shares

    found: Counter[str] = Counter()
    for messages in conversations[:_ANSWERS_IDENTIFIED]:
        shares = language_shares(running_text(messages[-1].content))
        found.update(share.language for share in shares[:1] if share.probability >= 0.5)
    known = [code for code, _ in found.most_common(1) if code in languages()]
    if not known:
        raise InvalidData(
            "the language of the answers cannot be told", where=where, hint="say it, such as language: en"
        )
    return known[0]


def _draw(conversations: list[Conversation], examples: int, seed: int) -> list[Conversation]:
    def rank(conversation: Conversation) -> bytes:
        return hashlib.sha256(f"{seed}\n{conversation.id}".encode("utf-8", "surrogatepass")).digest()

    drawn = {conversation.id for conversation in sorted(conversations, key=rank)[:examples]}
    return [conversation for conversation in conversations if conversation.id in drawn]


def instructions_identity(config: InstructionsConfig, base: Path) -> dict[str, object]:
    """What decides the conversations of a config, for fingerprints.

    Args:
        config: what would be read.
        base: folder that relative paths are relative to.

    Returns:
        JSON-able: for a file or packaged set its SHA-256 and not its folder; for a hub data set its id, configuration,
        split and revision; and the settings that change what is read.

    Raises:
        InvalidData: no such file or packaged set.
    """
    identity: dict[str, object] = {
        "reader_version": READER_VERSION,
        "set": config.set_name,
        "format": config.format,
        "language": config.language,
        "where": dict(config.where),
        "columns": dict(config.columns),
        "skip_incomplete": config.skip_incomplete,
        "examples": config.examples,
        "seed": None if config.examples is None else config.seed,
        "mixed_with": [instructions_identity(other, base) for other in config.mixed_with],
    }
    if config.is_hub:
        return identity | {
            "hub": config.hub_id,
            "config": config.config,
            "split": config.split or "train",
            "revision": config.revision,
        }
    path = source_path(config, base)
    if not path.is_file():
        raise InvalidData("this is a folder", where=str(path), hint="name a file in it")
    return identity | {"sha256": file_digest(path)}
