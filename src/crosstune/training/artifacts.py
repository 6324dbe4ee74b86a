"""The result of a training in the ecosystem's own formats, whole or absent.

model/   full: config.json, model*.safetensors, generation_config.json
         LoRA: adapter_config.json, adapter_model.safetensors
         both: the tokenizer, with the chat template that the model was tuned with
"""

import copy
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from crosstune.models.chat_formats import ChatFormat, endings
from crosstune.storage.atomic import storage_errors, sync_folder
from crosstune.training.chat_template import chat_template


def stored_dtype(model_folder: Path) -> torch.dtype:
    """The number format in which a model's folder says its weights are."""
    config = json.loads((model_folder / "config.json").read_text("utf-8"))
    name = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(name, torch.float32)


def save_model(
    model: Any,
    tokenizer: Any,
    fmt: ChatFormat,
    folder: Path,
    *,
    dtype: torch.dtype,
    base_model_name: str | None,
    base_model_revision: str | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Writes a tuned model so that transformers, PEFT and vLLM load it without crosstune.

    Args:
        model: a `PeftModel`, of which the adapter is saved, or a `PreTrainedModel`.
        tokenizer: the base model's; not changed.
        fmt: the chat format it was tuned with.
        folder: replaced when it exists.
        dtype: of the weights of a fully tuned model; adapters stay in fp32.
        base_model_name: what an adapter names as its base; None: the folder that the base was loaded from.
        base_model_revision: the revision of it; None: none is named.
        weights: those of an adapter, where the model has only a part of them; None: it has them all.

    Raises:
        StorageFailure: it cannot be written.
    """
    from peft import PeftModel

    beside = folder.with_name(f".{folder.name}.partial")
    with storage_errors(folder):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        if isinstance(model, PeftModel):
            if base_model_name is not None:
                for config in model.peft_config.values():
                    config.base_model_name_or_path = base_model_name
                    config.revision = base_model_revision
            # Embeddings are never tuned here; left to itself, PEFT compares with the base model on the hub.
            model.save_pretrained(str(beside), save_embedding_layers=False, state_dict=weights)
            (beside / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        else:
            stops = endings(fmt, tokenizer)
            model.generation_config.eos_token_id = sorted(stops.end_ids | stops.end_of_text_ids)
            model.config.use_cache = True
            model.to(dtype).save_pretrained(str(beside))
        saved_tokenizer = copy.deepcopy(tokenizer)
        template = chat_template(fmt, tokenizer)
        if template is not None:
            saved_tokenizer.chat_template = template
        saved_tokenizer.save_pretrained(str(beside))
        for path in beside.rglob("*"):
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())  # checkpoints are removed once this is there
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
        sync_folder(folder.parent)
