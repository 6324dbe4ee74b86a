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
from crosstune.instructions.config import InstructionsConfig
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

    @property
    def conversations(self) -> list[str]:
        """The ids of the conversations that overlap, each once."""
        return list(dict.fromkeys(overlap.conversation_id for overlap in self.overlaps))


def asked(config: PromptsConfig) -> PromptsConfig:
    """The prompts of a study as they are compared: without modifiers."""
    return config.model_copy(update={"modifiers": ["none"]})


def step_identity(config: InstructionsConfig, prompts: PromptsConfig, action: Action, base: Path) -> dict[str, object]:
    """What the action adds to the identity of the instructions that a study reads.

    Removing depends on the prompts. So does refusing data on the hub: it is compared only when it is read, and a step
    that was finished under another action has not been.
    """
    if action == "remove" or (action == "refuse" and config.uses_hub):
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
        return DataOverlaps(config.name, action, **kept)
    if at_plan and (reason := _not_at_hand(config, base)):
        return DataOverlaps(config.name, action, (), (), reason)
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
    result = DataOverlaps(config.name, action, tuple(found), tuple(by_words))
    if place is not None:
        _keep(place, result)
    return result


def overlaps_of(
    examples: Sequence[Example], prompts: PromptsConfig, base: Path, on_progress: OnProgress = ignore_progress
) -> list[Overlap]:
    """The overlaps of conversations that a study has read already with its prompts."""
    return overlaps(examples, load_prompts(asked(prompts), base), on_progress)


def refuse(found: DataOverlaps, where: str | None = None) -> None:
    """Ends a study whose data overlaps with its prompts, if that is what it asks for.

    Raises:
        InvalidData: names the first few.
    """
    if found.action != "refuse" or not found.overlaps:
        return
    first = "; ".join(f"{item.where} has {item.prompt_id} ({item.language})" for item in found.overlaps[:3])
    more = len(found.overlaps) - 3
    raise InvalidData(
        f"{len(found.conversations)} conversations of {found.instructions} overlap with prompts: {first}"
        + (f"; and {more} more" if more > 0 else ""),
        where=where,
        hint="set contamination: remove to leave them out, or report to go on with them",
    )


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
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not written by this crosstune: found again


def _keep(place: Path, found: DataOverlaps) -> None:
    data = {
        "overlaps": [asdict(item) for item in found.overlaps],
        "languages_by_words_only": found.languages_by_words_only,
    }
    with suppress(StorageFailure, OSError):  # the cache saves time only; a read-only home must not stop a study
        write_atomic(place, json.dumps(data))
