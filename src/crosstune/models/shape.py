"""Sizes of a model: what memory, time and disk are estimated from. Read from headers alone, without torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.models.safetensors_header import DamagedSafetensors, weight_files, weights_header

_NORMS = ("layernorm.weight", "layernorm_1.weight", "layernorm_2.weight")
"""How names of the weights of normalizations of hidden states end, in the families that there are."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a decoder-only transformer."""

    parameters: int
    """All of them; tied embeddings counted once."""
    embedding_parameters: int
    """Of these, the token embeddings and, where it is not tied to them, the output layer."""
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    key_value_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    """Tokens that the positions were made for."""
    norms_per_layer: int = 2
    """Normalizations of a layer's hidden states."""
    head_norms: int = 0
    """1 where queries and keys are normalized as well, else 0."""


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def shape_of_folder(folder: Path) -> ModelShape | None:
    """The shape of the model in a folder, from its `config.json` and the headers of its safetensors files.

    None when a file is missing or damaged, or the architecture is not a plain decoder-only transformer; whether the
    model can be used is for `prepare.prepare` to say.
    """
    config = _read_json(folder / "config.json")
    if config is None:
        return None
    config = config.get("text_config") or config  # multimodal models keep their language model's sizes apart
    try:
        tensors = {
            name: tensor for file in weight_files(folder) for name, tensor in weights_header(folder / file).items()
        }
        heads = int(config["num_attention_heads"])
        hidden_size, vocab_size = int(config["hidden_size"]), int(config["vocab_size"])
        # transformers leaves values out of config.json that equal its class's default, and Gemma ties by default.
        tied = bool(config.get("tie_word_embeddings", str(config.get("model_type", "")).startswith("gemma")))
        return ModelShape(
            parameters=sum(tensor.elements for tensor in tensors.values()),
            embedding_parameters=vocab_size * hidden_size * (1 if tied else 2),
            layers=int(config["num_hidden_layers"]),
            hidden_size=hidden_size,
            intermediate_size=int(config["intermediate_size"]),
            attention_heads=heads,
            key_value_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden_size // heads),
            vocab_size=vocab_size,
            context_length=int(config["max_position_embeddings"]),
            norms_per_layer=sum(".layers.0." in name and name.endswith(_NORMS) for name in tensors) or 2,
            head_norms=int(any(name.endswith("q_norm.weight") for name in tensors)),
        )
    except (KeyError, TypeError, ValueError, OSError, DamagedSafetensors):
        return None
