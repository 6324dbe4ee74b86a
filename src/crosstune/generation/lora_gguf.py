"""Writes a LoRA adapter of PEFT as the GGUF file that llama.cpp reads.

The same content as llama.cpp's own converter writes, for the architectures in `ARCHITECTURES` and plain LoRA of the
linear layers in their blocks:

    general.type = adapter    general.architecture    adapter.type = lora    adapter.lora.alpha
    blk.<n>.<layer>.weight.lora_a    (rank, in), float32
    blk.<n>.<layer>.weight.lora_b    (out, rank), float32

llama.cpp multiplies by alpha / rank, as PEFT does. Where PEFT's scale is another, alpha or the second matrix makes up
for it.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<half>[AB])\.weight")
_IN_A_BLOCK = re.compile(r"model\.layers\.\d+\.")
_ANOTHER_BACKEND = "set generation.backend: transformers"
_NOT_PLAIN = {
    "use_dora": "DoRA",
    "lora_bias": "biases of its own",
    "modules_to_save": "whole layers beside LoRA",
    "trainable_token_indices": "rows of the embedding",
    "target_parameters": "LoRA of parameters that are no layers",
    "layer_replication": "repeated layers",
    "fan_in_fan_out": "transposed layers",
    "use_qalora": "QA-LoRA",
    "use_bdlora": "BD-LoRA",
    "alora_invocation_tokens": "activated LoRA",
    "arrow_config": "Arrow routing",
    "kasa_config": "KaSA",
    "monteclora_config": "MonteCLoRA",
    "velora_config": "VeLoRA",
}
"""Settings of PEFT that make more of an adapter than two matrices a layer -> what they make of it."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What GGUF makes of a kind of model.

    Attributes:
        gguf: what GGUF calls it.
        permutes: whether the rows of the query and key weights are in another order in GGUF: llama.cpp turns neighbours
            in rotary embeddings, transformers turns the two halves of a head.
    """

    gguf: str
    permutes: bool


ARCHITECTURES = {"gemma3_text": Architecture("gemma3", permutes=False), "llama": Architecture("llama", permutes=True)}
"""The visible table: `model_type` in a model's `config.json` -> architecture."""


def write_lora_gguf(adapter: Path, model_folder: Path, to: Path) -> None:
    """Converts an adapter.

    Args:
        adapter: folder with `adapter_config.json` and `adapter_model.safetensors`.
        model_folder: of the base model that it was made for; only its `config.json` is read.
        to: the file to write.

    Raises:
        ModelUnavailable: a file is missing or damaged, the adapter is more than plain LoRA or changes what has no place
            in the file, or the kind of model is not in the table.
    """
    import gguf

    settings = _read_json(adapter / CONFIG, "the adapter's settings", "train it again")
    model = _read_json(model_folder / "config.json", "the model's settings", "prepare it again")
    _require_plain(settings, adapter)
    architecture = ARCHITECTURES.get(str(model.get("model_type")))
    if architecture is None:
        raise ModelUnavailable(
            f"an adapter of a model of type '{model.get('model_type')}' cannot be converted for llama.cpp",
            where=str(model_folder),
            hint=f"known: {', '.join(ARCHITECTURES)}; for others {_ANOTHER_BACKEND}",
        )
    number = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture.gguf)
    names = gguf.get_tensor_name_map(number, int(model["num_hidden_layers"]))
    alpha = _scale(settings, "", int(settings["r"])) * int(settings["r"])
    writer = gguf.GGUFWriter(to, architecture.gguf)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha or 1.0)  # 0 would mean to llama.cpp that there is no scale
    for module, (first, second) in sorted(_layers(adapter).items()):
        name = names.get_name(f"{module}.weight", try_suffixes=(".weight",)) if _IN_A_BLOCK.match(module) else None
        if name is None:
            raise ModelUnavailable(
                f"the adapter changes '{module}', which has no place in an adapter for llama.cpp",
                where=str(adapter),
                hint=f"{_ANOTHER_BACKEND}, or train LoRA of linear layers of the blocks alone",
            )
        permutes = architecture.permutes and module.endswith(("q_proj", "k_proj"))
        ordered = _permuted(second, model, is_query=module.endswith("q_proj")) if permutes else second
        rank = first.shape[0]
        scaled = ordered * (_scale(settings, module, rank) * rank / (alpha or 1.0))
        writer.add_tensor(f"{name}.lora_a", first.numpy())
        writer.add_tensor(f"{name}.lora_b", scaled.contiguous().numpy())
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _read_json(path: Path, what: str, hint: str) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
        if not isinstance(read, dict):
            raise TypeError("it is no object")
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailable(f"{what} cannot be read ({error})", where=str(path), hint=hint) from error
    return read


def _require_plain(settings: dict[str, Any], adapter: Path) -> None:
    has = [what for key, what in _NOT_PLAIN.items() if settings.get(key)]
    if settings.get("peft_type") != "LORA":
        has.insert(0, f"the kind {settings.get('peft_type')}")
    if settings.get("bias", "none") != "none":
        has.append("biases of the model")
    if has:
        raise ModelUnavailable(
            f"the adapter has {', '.join(has)}, and llama.cpp takes plain LoRA",
            where=str(adapter),
            hint=_ANOTHER_BACKEND,
        )
    if not isinstance(settings.get("r"), int) or not isinstance(settings.get("lora_alpha"), int | float):
        raise ModelUnavailable(
            "the adapter's settings have no rank (r) or no lora_alpha",
            where=str(adapter / CONFIG),
            hint="train it again",
        )


def _scale(settings: dict[str, Any], module: str, rank: int) -> float:
    """What PEFT multiplies the product of a layer's two matrices by."""
    alpha = settings["lora_alpha"]
    for pattern, own in (settings.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            alpha = own
            break
    return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _layers(adapter: Path) -> "dict[str, tuple[torch.Tensor, torch.Tensor]]":
    """By layer, as the model calls it, the first matrix (rank, in) and the second (out, rank), both float32."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = adapter / WEIGHTS
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(
            f"the adapter's weights cannot be read ({error})", where=str(path), hint="train it again"
        ) from error
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        match = _TENSOR.fullmatch(name)
        if match is None:
            raise ModelUnavailable(
                f"the adapter has '{name}', which is no LoRA matrix of a linear layer",
                where=str(path),
                hint=_ANOTHER_BACKEND,
            )
        halves.setdefault(match["module"], {})[match["half"]] = tensor.float().contiguous()
    for module, pair in halves.items():
        shapes = [tuple(pair[half].shape) for half in "AB" if half in pair]
        if len(pair) != 2 or any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][1]:
            raise ModelUnavailable(
                f"the adapter's matrices of '{module}' do not go together (shapes {shapes})",
                where=str(path),
                hint="train it again",
            )
    return {module: (pair["A"], pair["B"]) for module, pair in halves.items()}


def _permuted(second: "torch.Tensor", model: dict[str, Any], *, is_query: bool) -> "torch.Tensor":
    """Rows of each head in GGUF's order: 0, half, 1, half + 1, … where `half` is half a head's width.  # out, rank"""
    heads = (
        model["num_attention_heads"] if is_query else model.get("num_key_value_heads") or model["num_attention_heads"]
    )
    out, rank = second.shape
    by_half = second.reshape(heads, 2, out // heads // 2, rank)  # heads, halves, pairs, rank
    return by_half.transpose(1, 2).reshape(out, rank)
