"""Puts a LoRA adapter on a model for generation.

In float32 the adapter is added into the weights, which costs nothing per token. In bfloat16 it is not: a weight there
has eight significant bits, and an update smaller than half of the last one, which is what tuning with a small
learning rate makes, would vanish in the sum. There each layer computes its low-rank term beside its weight, by
`generation.lora` where the adapter is a plain one, and otherwise by PEFT.
"""

from pathlib import Path
from typing import Any

import torch

from crosstune.errors import ModelUnavailable
from crosstune.generation.lora import attach, read_lora
from crosstune.models.loading import quiet_transformers


def apply_adapter(model: Any, adapter: Path) -> None:
    """Loads the LoRA adapter in a folder onto `model`, and in float32 merges it.

    Args:
        model: as `models.loading.load_model` gives it; changed.
        adapter: with `adapter_config.json` and `adapter_model.safetensors`.

    Raises:
        ModelUnavailable: the adapter is missing, damaged, or made for another model.
    """
    from safetensors import SafetensorError

    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise ModelUnavailable(f"the adapter has no {name}", where=str(adapter), hint="train it again")
    if model.dtype != torch.float32 and (weights := read_lora(adapter)) is not None:
        attach(model, [weights])
        return
    try:
        with quiet_transformers():
            model.load_adapter(str(adapter))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(
            f"the adapter cannot be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})",
            where=str(adapter),
            hint="it must have been made for this base model",
        ) from error
    if model.dtype == torch.float32:
        _merge(model)


@torch.no_grad()
def _merge(model: Any) -> None:
    for name, layer in list(model.named_modules()):
        if hasattr(layer, "merge") and hasattr(layer, "get_base_layer"):
            layer.merge()
            parent_name, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent_name), attribute, layer.get_base_layer())
