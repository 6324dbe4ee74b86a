"""From a config to conversations: read its sources whole, then draw the examples asked for."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig, MixturePart
from crosstune.instructions.mixture import drawn_ids, part_sizes
from crosstune.instructions.sources import Example, read_examples, source_paths
from crosstune.records import Conversation
from crosstune.storage.digests import file_digest
from crosstune.storage.paths import written_path

READER_VERSION = 2
"""Raised with every change that can change the conversations read; part of the identity."""


def load_conversations(config: InstructionsConfig, base: Path) -> list[Conversation]:
    """The conversations of a config: all of them checked, none changed; see `load_examples`."""
    return [example.conversation for example in load_examples(config, base)]


def load_examples(config: InstructionsConfig, base: Path) -> list[Example]:
    """The examples of a config, with where they stand.

    Args:
        config: what to read.
        base: folder that relative paths are relative to.

    Returns:
        The examples of each part in turn, those of a part in the order of its source (see `sources.read_examples` for
        ids, `mixture` for how many and which).

    Raises:
        InvalidData: a source cannot be read, a row is not what its format says (with file and line), a part has fewer
            examples than asked for, or two parts have a conversation in common.
    """
    return draw(config, read_parts(config, base))


def read_parts(config: InstructionsConfig, base: Path) -> list[list[Example]]:
    """All examples of each part's source, before anything is drawn.

    Raises:
        InvalidData: as `load_examples`, but for the numbers.
    """
    names = id_names(config.parts, base)
    return [read_examples(part, base, names.get(place)) for place, part in enumerate(config.parts)]


def id_names(parts: Sequence[MixturePart], base: Path) -> dict[int, str]:
    """What stands in the ids of rows without their own, for the parts whose name is also that of another source.

    Args:
        parts: of a mixture.
        base: folder that relative paths are relative to.

    Returns:
        By the part's place: `train#1` and `train#2` for `en/train.jsonl` and `fr/train.jsonl`, by their order and not
        their folders, which are no part of what is read. Parts of one source have one name, so that a conversation
        taken twice is found. Other parts are not in it.
    """
    by_name: dict[str, dict[object, int]] = {}
    for part in parts:
        sources = by_name.setdefault(part.set_name, {})
        sources.setdefault(_source_key(part, base), len(sources) + 1)
    return {
        # No set's name has a #: it cannot be that of a third.
        place: f"{part.set_name}#{by_name[part.set_name][_source_key(part, base)]}"
        for place, part in enumerate(parts)
        if len(by_name[part.set_name]) > 1
    }


def _source_key(part: MixturePart, base: Path) -> object:
    if part.is_hub:
        return part.hub_id, part.config, part.split or "train", part.revision
    return written_path(part.source, base).resolve() if part.is_file else part.source


def draw(
    config: InstructionsConfig, examples: Sequence[Sequence[Example]], leave_out: Collection[str] = ()
) -> list[Example]:
    """The examples that a config asks for.

    Args:
        config: how many of which part.
        examples: of each part.
        leave_out: ids of conversations that are not drawn; others take their places.

    Raises:
        InvalidData: a part has too few, or two parts give the same conversation.
    """
    pools = [[item for item in pool if item.conversation.id not in leave_out] for pool in examples]
    for part, pool in zip(config.parts, pools, strict=True):
        if not pool:
            raise InvalidData(f"every example of {part.name} overlaps with prompts", where=part.source)
    try:
        sizes = part_sizes(config.parts, [len(pool) for pool in pools], config.examples)
    except InvalidData as error:
        out = sum(len(pool) for pool in examples) - sum(len(pool) for pool in pools)
        if out:
            left = "1 is left out because it overlaps" if out == 1 else f"{out} are left out because they overlap"
            error.hint = f"{error.hint}; {left} with prompts"
        error.where = error.where or (config.name if config.mixture else config.source)
        raise
    drawn = []
    for part, pool, size in zip(config.parts, pools, sizes, strict=True):
        conversations = [item.conversation for item in pool]
        ids = drawn_ids(conversations, size, config.seed, balanced=bool(part.languages))
        drawn += pool if size == len(pool) else [item for item in pool if item.conversation.id in ids]
    repeated = [name for name, count in Counter(item.conversation.id for item in drawn).items() if count > 1]
    if repeated:
        raise InvalidData(
            f"two parts of the mixture '{config.name}' have the conversation '{repeated[0]}' ({len(repeated)} such)",
            hint="name each set once, or different languages or rows of it",
        )
    return drawn


def instructions_identity(config: InstructionsConfig, base: Path) -> dict[str, object]:
    """What decides the conversations of a config, for fingerprints.

    Args:
        config: what would be read.
        base: folder that relative paths are relative to.

    Returns:
        JSON-able: for files and packaged sets their SHA-256 and not their folder; for a hub data set its id,
        configuration, split and revision; and the settings that change what is read.

    Raises:
        InvalidData: no such file or packaged set.
    """
    drawn = config.examples is not None or any(part.examples or part.weight for part in config.parts)
    names = id_names(config.parts, base)
    return {
        "reader_version": READER_VERSION,
        "parts": [_part_identity(part, base) | _id_name(names.get(place)) for place, part in enumerate(config.parts)],
        "examples": config.examples,
        "seed": config.seed if drawn else None,
    }


def _id_name(name: str | None) -> dict[str, object]:
    # Without the key where there is nothing to tell apart.
    return {} if name is None else {"id_name": name}


def _part_identity(part: MixturePart, base: Path) -> dict[str, object]:
    identity: dict[str, object] = {
        "set": part.set_name,
        "format": part.format,
        "language": part.language,
        "languages": list(part.languages),
        "where": dict(part.where),
        "columns": dict(part.columns),
        "skip_incomplete": part.skip_incomplete,
        "examples": part.examples,
        "weight": part.weight,
    }
    if part.is_hub:
        return identity | {
            "hub": part.hub_id,
            "config": part.config,
            "split": part.split or "train",
            "revision": part.revision,
        }
    paths = source_paths(part, base)
    for path in paths:
        if not path.is_file():
            raise InvalidData("this is a folder", where=str(path), hint="name a file in it")
    return identity | {"sha256": [file_digest(path) for path in paths]}
