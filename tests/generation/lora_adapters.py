"""LoRA adapters with random weights for the tiny model, as PEFT writes them."""

from pathlib import Path
from typing import Any


def write_adapter(model_folder: Path, folder: Path, seed: int, std: float = 0.2, **settings: Any) -> tuple[Path, Any]:
    """The folder, and PEFT's model in float32 with that adapter."""
    import torch
    from peft import LoraConfig, get_peft_model

    from crosstune.models.loading import load_model

    torch.manual_seed(seed)
    config = {"r": 4, "lora_alpha": 16, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | settings
    model = get_peft_model(load_model(model_folder, dtype=torch.float32, device="cpu"), LoraConfig(**config))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=std)
    model.save_pretrained(folder)
    return folder, model.eval()
