"""LoRA adapters beside the weights of one base model, of which each row of a batch uses its own, or none.

A layer multiplies its input by the first matrices of all adapters at once, blanks for each row what is not of its
adapter, and multiplies by all second matrices: two products and a selection, however many adapters there are. PEFT's
mixed batches compute each adapter apart, which costs a kernel more for each adapter, layer and matrix. The products
grow with the number of adapters, but are small beside the layer's own until their ranks together come near its width.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosstune.errors import ModelUnavailable

_PREFIX = "base_model.model."
_USED = {"peft_type", "r", "lora_alpha", "use_rslora"}
_OF_NO_EFFECT = {
    "auto_mapping", "base_model_name_or_path", "revision", "peft_version", "task_type", "inference_mode",
    "init_lora_weights", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
    "megatron_core", "qalora_group_size", "loftq_config", "corda_config", "eva_config", "lora_ga_config",
}  # fmt: skip
"""Settings of PEFT that say how an adapter was made or found, and not how it is computed."""
_PLAIN: tuple[object, ...] = (None, False, "none", {}, [])


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """A plain LoRA adapter.

    Attributes:
        folder: where it came from, for errors.
        rank: the largest inner dimension.
        layers: by name of a linear layer: the first matrix (rank, in) and the second (out, rank), which is multiplied
            by the scale already.
    """

    folder: Path
    rank: int
    layers: dict[str, tuple[torch.Tensor, torch.Tensor]]


def read_lora(folder: Path) -> LoraWeights | None:
    """Reads an adapter that PEFT wrote.

    Args:
        folder: with `adapter_config.json` and `adapter_model.safetensors`.

    Returns:
        None for one that is no plain LoRA of linear layers (DoRA, other kinds, single ranks or scales, weights that
        are no numbers), or that cannot be read: PEFT knows what to do, or what to say.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        if not _is_plain(config):
            return None
        tensors = load_file(folder / "adapter_model.safetensors")
        scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, SafetensorError):
        return None
    layers = {}
    for name, first in tensors.items():
        if name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            second = tensors.get(f"{layer}.lora_B.weight")
            if second is None or first.dim() != 2 or second.dim() != 2 or first.shape[0] != second.shape[1]:
                return None
            layers[layer.removeprefix(_PREFIX)] = (first, second.float() * scale)
    if not layers or 2 * len(layers) != len(tensors):
        return None
    if not all(bool(matrix.isfinite().all()) for pair in layers.values() for matrix in pair):
        return None  # beside others it would make theirs no numbers either
    return LoraWeights(folder, max(first.shape[0] for first, _ in layers.values()), layers)


def _is_plain(config: Any) -> bool:
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        return False
    return all(value in _PLAIN for name, value in config.items() if name not in _USED | _OF_NO_EFFECT)


class BatchAdapters:
    """Which adapter each row of the current batch uses; shared by all layers of a model."""

    def __init__(self, count: int, rank: int) -> None:
        """Args:
        count: adapters on the model.
        rank: inner dimension that each has in every layer.
        """
        self._count = count
        self._rank = rank
        self.others: torch.Tensor | None = None
        """What a row must not use (rows, 1, count * rank); None: every row uses all there is, the one adapter."""

    def use(self, adapters: Sequence[int | None], device: torch.device) -> None:
        """Sets what the next batch uses.

        Args:
            adapters: number of the adapter of each row; None: the model as it is.
            device: the model's.
        """
        if self._count == 1 and all(adapter == 0 for adapter in adapters):
            self.others = None
            return
        rows = torch.tensor([-1 if adapter is None else adapter for adapter in adapters], device=device)
        owners = torch.arange(self._count, device=device).repeat_interleave(self._rank)
        self.others = (rows[:, None] != owners)[:, None, :]


class _LoraLinear(torch.nn.Module):
    """A linear layer with the low-rank terms of several adapters."""

    lora_first: torch.Tensor
    lora_second: torch.Tensor

    def __init__(
        self, layer: torch.nn.Linear, lora_first: torch.Tensor, lora_second: torch.Tensor, batch: BatchAdapters
    ) -> None:
        super().__init__()
        self.base_layer = layer
        self.register_buffer("lora_first", lora_first, persistent=False)  # adapters * rank, in
        self.register_buffer("lora_second", lora_second, persistent=False)  # adapters * rank, out
        self._batch = batch

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Args:
        inputs: of all rows.  # rows, tokens, in
        """
        result: torch.Tensor = self.base_layer(inputs)
        low = torch.nn.functional.linear(inputs, self.lora_first)  # rows, tokens, adapters * rank
        if self._batch.others is not None:
            # Not a product with 0: what overflows in another adapter would be no number then.
            low = low.masked_fill(self._batch.others, 0)
        flat = torch.addmm(result.flatten(0, -2), low.flatten(0, -2), self.lora_second)
        return flat.view_as(result)


def attach(model: Any, adapters: Sequence[LoraWeights]) -> BatchAdapters:
    """Puts adapters on a model; their matrices take the number format of its weights.

    Args:
        model: as `models.loading.load_model` gives it; changed.
        adapters: at least one.

    Returns:
        What must be told which adapter each row of a batch uses. At first all rows use the first and only one.

    Raises:
        ModelUnavailable: an adapter was made for another model; `model` is unchanged.
    """
    rank = max(adapter.rank for adapter in adapters)
    batch = BatchAdapters(len(adapters), rank)
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)}
    for adapter in adapters:
        for name, (first, second) in adapter.layers.items():
            layer = linear.get(name)
            if layer is None or (second.shape[0], first.shape[1]) != tuple(layer.weight.shape):
                raise ModelUnavailable(
                    f"the adapter cannot be loaded (the model has no linear layer {name} of its size)",
                    where=str(adapter.folder),
                    hint="it must have been made for this base model",
                )
    for name, layer in linear.items():
        if not any(name in adapter.layers for adapter in adapters):
            continue
        weight = layer.weight
        firsts = weight.new_zeros(len(adapters), rank, weight.shape[1])
        seconds = weight.new_zeros(len(adapters), rank, weight.shape[0])
        for number, adapter in enumerate(adapters):
            if name in adapter.layers:
                first, second = adapter.layers[name]
                firsts[number, : first.shape[0]] = first.to(firsts)
                seconds[number, : first.shape[0]] = second.T.to(seconds)
        parent, _, attribute = name.rpartition(".")
        wrapped = _LoraLinear(layer, firsts.flatten(0, 1), seconds.flatten(0, 1), batch)
        setattr(model.get_submodule(parent), attribute, wrapped)
    return batch
