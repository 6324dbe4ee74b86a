"""What a device turned out to hold: where memory ran out, smaller batches, also when the training is started again.

checkpoints/device_batch.json   tokens of a device batch, and the settings for which they had to be so few
"""

import json
from collections.abc import Sequence
from pathlib import Path

from crosstune.storage.atomic import write_atomic
from crosstune.training.batches import BatchPlan
from crosstune.training.config import TrainingConfig

_FILE = "device_batch.json"


def _settings(config: TrainingConfig) -> dict[str, object]:
    """What decides how many tokens fit, besides all that a checkpoint belongs to."""
    return config.model_dump(mode="json", include={"gradient_checkpointing", "processes", "sharding"})


def known_device_tokens(checkpoints: Path, config: TrainingConfig) -> int | None:
    """The tokens of a device batch that an earlier try had to do with; None: no try had to."""
    try:
        said = json.loads((checkpoints / _FILE).read_text("utf-8"))
        return int(said["tokens"]) if said["settings"] == _settings(config) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_device_tokens(checkpoints: Path, config: TrainingConfig, tokens: int) -> None:
    """Lets this try, and those after it, do with smaller device batches.

    Raises:
        StorageFailure: it cannot be written.
    """
    write_atomic(checkpoints / _FILE, json.dumps({"tokens": tokens, "settings": _settings(config)}))


def smaller_device_tokens(plan: BatchPlan, lengths: Sequence[int], *, packed: bool) -> int | None:
    """The tokens of a device batch to try after those of this plan did not fit: half, or the longest example.

    Args:
        plan: whose batches are too large.
        lengths: tokens of each example.
        packed: whether examples lie end to end in a batch, else each is padded to the longest.

    Returns:
        None where the largest batch is one example already.
    """
    batches = [[lengths[index] for index in batch] for batch in plan.device_batches() if batch]
    largest = max(sum(sizes) if packed else len(sizes) * max(sizes) for sizes in batches)
    longest = max(lengths)
    return max(largest // 2, longest) if largest > longest else None
