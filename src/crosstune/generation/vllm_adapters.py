"""What a LoRA adapter's folder says to a vLLM server: a name by its content, and its rank."""

import hashlib
import json
from pathlib import Path

from crosstune.errors import ModelUnavailable
from crosstune.storage.digests import file_digest

_FILES = ("adapter_config.json", "adapter_model.safetensors")
_RANKS = (16, 32, 64, 128, 256, 320, 512)
"""Largest ranks that vLLM can be told, from its default on."""
SMALLEST_RANK = _RANKS[0]


def adapter_name(folder: Path) -> str:
    """What a server calls the adapter in a folder: the same for the same content, wherever it lies.

    Raises:
        ModelUnavailable: a file is missing.
    """
    digests = []
    for name in _FILES:
        try:
            digests.append(file_digest(folder / name))
        except OSError as error:
            raise ModelUnavailable(f"the adapter has no {name}", where=str(folder), hint="train it again") from error
    return f"adapter-{hashlib.sha256(' '.join(digests).encode()).hexdigest()[:16]}"


def rank_for(folder: Path) -> int:
    """The largest rank that a server must be started with to take the adapter in a folder.

    Raises:
        ModelUnavailable: the adapter's settings cannot be read, or its rank is larger than vLLM can have.
    """
    path = folder / _FILES[0]
    try:
        settings = json.loads(path.read_text("utf-8"))
        rank = max(int(settings["r"]), *map(int, (settings.get("rank_pattern") or {}).values()), 0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"the adapter's settings cannot be read ({error})", where=str(path), hint="train it again"
        ) from error
    fitting = next((largest for largest in _RANKS if largest >= rank), None)
    if fitting is None:
        raise ModelUnavailable(
            f"the adapter's rank is {rank}, and vLLM takes {_RANKS[-1]} at most",
            where=str(path),
            hint="use generation.backend: transformers",
        )
    return fitting
