"""Puts a LoRA adapter on a model for generation.

In float32 the adapter is added into the weights, which costs nothing per token. In bfloat16 it is not: a weight there
has eight significant bits, and an update smaller than half of the last one, which is what tuning with a small
learning rate makes, would vanish in the sum. There each layer computes its low-rank term beside its weight.
"""

from pathlib import Path
from typing import Any

import torch

from crosstune.errors import ModelUnavailable
from crosstune.models.loading import quiet_transformers


class LowRankLinear(torch.nn.Module):
    """A linear layer plus a low-rank term: `W x + b + scale * B (A x)`."""

    def __init__(self, base: torch.nn.Linear, down: torch.Tensor, up: torch.Tensor) -> None:
        super().__init__()
        self.base = base
        self.down = torch.nn.Buffer(down)  # rank, inputs
        self.up = torch.nn.Buffer(up)  # outputs, rank; scaled

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs and outputs: any leading dimensions, then features."""
        low_rank = torch.nn.functional.linear(torch.nn.functional.linear(inputs, self.down), self.up)
        output: torch.Tensor = self.base(inputs)
        return output.add_(low_rank)


def apply_adapter(model: Any, adapter: Path) -> None:
    """Loads the LoRA adapter in a folder onto `model` and replaces PEFT's layers by lean ones.

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
    try:
        with quiet_transformers():
            model.load_adapter(str(adapter))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(
            f"the adapter cannot be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})",
            where=str(adapter),
            hint="it must have been made for this base model",
        ) from error
    for name, layer in list(model.named_modules()):
        if hasattr(layer, "lora_A") and hasattr(layer, "get_base_layer"):
            parent_name, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent_name), attribute, _lean(layer))


@torch.no_grad()
def _lean(layer: Any) -> torch.nn.Module:
    base = layer.get_base_layer()
    if base.weight.dtype == torch.float32 or not _is_plain(layer, base):
        layer.merge()
        return base  # type: ignore[no-any-return]
    (active,) = layer.active_adapters
    down, up = layer.lora_A[active].weight, layer.lora_B[active].weight
    scale = float(layer.scaling[active])
    to = {"device": base.weight.device, "dtype": base.weight.dtype}
    return LowRankLinear(base, down.detach().to(**to), (up.detach().float() * scale).to(**to))


def _is_plain(layer: Any, base: torch.nn.Module) -> bool:
    """Whether the layer is a linear one with one adapter of the usual kind, without bias or magnitude (DoRA)."""
    return (
        isinstance(base, torch.nn.Linear)
        and len(layer.active_adapters) == 1
        and not any(layer.use_dora.values())
        and all(adapter.bias is None for adapter in layer.lora_B.values())
    )
