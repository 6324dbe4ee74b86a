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
    return [read_examples(part, base) for part in config.parts]


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
            error.hint = f"{error.hint}; {out} are left out because they overlap with prompts"
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
    return {
        "reader_version": READER_VERSION,
        "parts": [_part_identity(part, base) for part in config.parts],
        "examples": config.examples,
        "seed": config.seed if drawn else None,
    }


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
