"""What a study does about instruction data that overlaps with its prompts: report, remove or refuse.

Overlaps of data at hand are found once and kept, so that a plan stays fast:

    ~/.cache/crosstune/overlaps/<SHA-256 of both sides and of how they are compared>.json
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, StorageFailure
from crosstune.instructions.config import InstructionsConfig, MixturePart
from crosstune.instructions.contamination import Overlap, contamination_identity, languages_without_likeness, overlaps
from crosstune.instructions.load import draw, instructions_identity, read_parts
from crosstune.instructions.sources import Example, source_paths
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts, prompts_identity
from crosstune.steps.fingerprint import fingerprint
from crosstune.storage.atomic import write_atomic
from crosstune.storage.digests import cache_folder
from crosstune.study.config import Action

READ_AT_PLAN_UP_TO_BYTES = 64 << 20
"""Larger files are compared when the study reads them, unless they have been before."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class DataOverlaps:
    """The overlaps of one set of instructions with the prompts of the study."""

    instructions: str
    """Name of the set or mixture."""
    action: Action
    overlaps: tuple[Overlap, ...]
    """With the action `remove`: of the conversations that are left out."""
    languages_by_words_only: tuple[str, ...]
    """Codes that the sentence encoder does not know."""
    unchecked: str = ""
    """Why nothing is known yet; empty: it is."""
    source: str = ""
    """What the set is drawn from, as a name; other draws of the same have the same."""
    parts: tuple[tuple[str, int], ...] = ()
    """What each part of a mixture is called, and the examples that it gives; of a single source, that one."""

    @property
    def conversations(self) -> list[str]:
        """The ids of the conversations that overlap, each once."""
        return list(dict.fromkeys(overlap.conversation_id for overlap in self.overlaps))


def asked(config: PromptsConfig) -> PromptsConfig:
    """The prompts of a study as they are compared: without modifiers."""
    return config.model_copy(update={"modifiers": ["none"]})


def step_identity(config: InstructionsConfig, prompts: PromptsConfig, action: Action, base: Path) -> dict[str, object]:
    """What the action adds to the identity of the instructions that a study reads.

    Removing depends on the prompts. So does refusing data that is not at hand when a study starts (on the hub, or
    large): it is compared only when it is read, and a step that was finished under another action has not been.
    """
    if action == "remove" or (action == "refuse" and _not_at_hand(config, base)):
        compared = {"prompts": prompts_identity(asked(prompts), base), **contamination_identity()}
        return {"contamination": {"action": action, **compared}}
    return {}


def find_overlaps(
    config: InstructionsConfig,
    prompts: PromptsConfig,
    action: Action,
    base: Path,
    on_progress: OnProgress = ignore_progress,
    *,
    at_plan: bool = True,
) -> DataOverlaps:
    """The overlaps of a set of instructions with the prompts of a study.

    Args:
        config: the instructions.
        prompts: what the study asks.
        action: `remove` also compares the conversations that take the places of those left out.
        base: folder that relative paths are relative to.
        on_progress: told of the conversations compared.
        at_plan: fetch nothing and read no large file; the result is then perhaps `unchecked`.

    Raises:
        InvalidData: the data or the prompts cannot be used, or nothing is left.
    """
    place = None if config.uses_hub else _place(config, prompts, action, base)
    if place is not None and (kept := _kept(place)) is not None:
        return DataOverlaps(config.name, action, **kept, source=_source(config))
    if at_plan and (reason := _not_at_hand(config, base)):
        return DataOverlaps(config.name, action, (), (), reason, _source(config))
    pools = read_parts(config, base)
    compared = load_prompts(asked(prompts), base)
    found: list[Overlap] = []
    drawn = draw(config, pools)
    done: set[str] = set()
    while new := [example for example in drawn if example.conversation.id not in done]:
        found += overlaps(new, compared, _counting_on(on_progress, len(done)))
        done |= {example.conversation.id for example in new}
        if action != "remove":
            break
        drawn = draw(config, pools, {overlap.conversation_id for overlap in found})
    by_words = languages_without_likeness(drawn, compared)
    ids = {example.conversation.id for example in drawn}
    parts = tuple(
        (_whole(part).name, sum(example.conversation.id in ids for example in pool))
        for part, pool in zip(config.parts, pools, strict=True)
    )
    result = DataOverlaps(config.name, action, tuple(found), tuple(by_words), source=_source(config), parts=parts)
    if place is not None:
        _keep(place, result)
    return result


def overlaps_of(
    examples: Sequence[Example], prompts: PromptsConfig, base: Path, on_progress: OnProgress = ignore_progress
) -> list[Overlap]:
    """The overlaps of conversations that a study has read already with its prompts."""
    return overlaps(examples, load_prompts(asked(prompts), base), on_progress)


def refuse(*found: DataOverlaps, where: str | None = None) -> None:
    """Ends a study whose data overlaps with its prompts, if that is what it asks for.

    Args:
        found: the overlaps of each set of instructions.
        where: what the error names.

    Raises:
        InvalidData: names all sets that overlap, and the first few overlaps.
    """
    refused = [of_it for of_it in found if of_it.action == "refuse" and of_it.overlaps]
    if not refused:
        return
    counts = [len(of_it.conversations) for of_it in refused]
    sets = ", ".join(
        f"{count} {'conversation' if count == 1 else 'conversations'} of {of_it.instructions}"
        for count, of_it in zip(counts, refused, strict=True)
    )
    # Draws of one source mostly have the same.
    places = list(
        dict.fromkeys(
            f"{item.where} has {item.prompt_id} ({item.language})" for of_it in refused for item in of_it.overlaps
        )
    )
    more = len(places) - _NAMED
    raise InvalidData(
        f"{sets} {'overlaps' if counts == [1] else 'overlap'} with prompts: {'; '.join(places[:_NAMED])}"
        + (f"; and {more} more" if more > 0 else ""),
        where=where,
        hint="set contamination: remove to leave them out, or report to go on with them",
    )


def _whole(part: MixturePart) -> MixturePart:
    """The part before anything is drawn from it."""
    return part.model_copy(update={"examples": None, "weight": None})


def _source(config: InstructionsConfig) -> str:
    return "+".join(_whole(part).name for part in config.parts)


def _counting_on(on_progress: OnProgress, before: int) -> OnProgress:
    def told(progress: Progress) -> None:
        on_progress(Progress(progress.done + before, (progress.total or 0) + before, progress.unit))

    return told


def _not_at_hand(config: InstructionsConfig, base: Path) -> str:
    if config.uses_hub:
        return "it is on the hub, and is compared with the prompts when it is read"
    size = sum(path.stat().st_size for part in config.parts for path in source_paths(part, base))
    if size > READ_AT_PLAN_UP_TO_BYTES:
        return "it is large, and is compared with the prompts when it is read"
    return ""


def _place(config: InstructionsConfig, prompts: PromptsConfig, action: Action, base: Path) -> Path:
    sides: dict[str, Any] = {
        "instructions": instructions_identity(config, base),
        "files": [str(path.resolve()) for part in config.parts for path in source_paths(part, base)],
        "prompts": prompts_identity(asked(prompts), base),
        "removing": action == "remove",
        "how": contamination_identity(),
    }
    return cache_folder() / "overlaps" / f"{fingerprint(sides)}.json"


def _kept(place: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(place.read_text("utf-8"))
        return {
            "overlaps": tuple(Overlap(**item) for item in data["overlaps"]),
            "languages_by_words_only": tuple(data["languages_by_words_only"]),
            "parts": tuple((str(name), int(count)) for name, count in data["parts"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not written by this crosstune: found again


def _keep(place: Path, found: DataOverlaps) -> None:
    data = {
        "overlaps": [asdict(item) for item in found.overlaps],
        "languages_by_words_only": found.languages_by_words_only,
        "parts": found.parts,
    }
    with suppress(StorageFailure, OSError):  # the cache saves time only; a read-only home must not stop a study
        write_atomic(place, json.dumps(data))
