"""From configs to a trainer that is ready to start: model, number format, batches, TRL's settings."""

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from crosstune.errors import InvalidStudy, did_you_mean
from crosstune.models.loading import borrow_model, load_model, pick_device, pick_dtype
from crosstune.progress import OnProgress
from crosstune.training.attention import use_segmented_attention
from crosstune.training.batches import BatchPlan, plan_batches
from crosstune.training.collate import Collator
from crosstune.training.config import Adaptation, Lora, TrainingConfig
from crosstune.training.examples import Example
from crosstune.training.launch import Work, launch
from crosstune.training.processes import process_count
from crosstune.training.sharding import is_sharded, sharding_settings
from crosstune.training.trainer import LearnedTokenTrainer, Recorder, linear_decay

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl import SFTConfig

_CHECKPOINTS_KEPT = 2  # one is whole while the next is written


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Where and how numbers are computed.

    Attributes:
        device: torch's name of it.
        precision: of matrix products.
        unpacked_because: why examples are padded; None when they are packed.
        sharded: whether each process holds a part of the model.
    """

    device: str
    precision: Literal["bf16", "fp32"]
    unpacked_because: str | None
    sharded: bool = False

    @property
    def packed(self) -> bool:
        """Whether examples lie end to end in one sequence."""
        return self.unpacked_because is None


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide a training's numbers."""
    return {name: importlib.metadata.version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")}


def check_trackers(config: TrainingConfig) -> None:
    """Refuses trackers that are not installed.

    Raises:
        InvalidStudy: one is not.
    """
    if not config.report_to:
        return
    from transformers.integrations import get_available_reporting_integrations

    missing = sorted(set(config.report_to) - set(get_available_reporting_integrations()))
    if missing:
        raise InvalidStudy(
            f"training.report_to names {', '.join(missing)}, which is not installed here",
            hint=f"pip install {' '.join(missing)}, or take it out of training.report_to",
        )


def prepare_model(model_folder: Path, adaptation: Adaptation, config: TrainingConfig) -> tuple[Any, Arithmetic]:
    """Loads the base model in the format it is trained in, packing switched on where that is possible.

    Raises:
        InvalidStudy: it should be sharded, and cannot here.
        ModelUnavailable: it cannot be loaded.
        OutOfMemory: it does not fit.
    """
    device = pick_device()
    sharded = is_sharded(config, adaptation, device)
    precision: Literal["bf16", "fp32"]
    if config.precision == "auto":
        precision = "bf16" if pick_dtype(device) == torch.bfloat16 else "fp32"
    else:
        precision = config.precision
    # Frozen weights can be in bf16; weights that are trained need fp32, or small updates round to nothing.
    frozen_bf16 = precision == "bf16" and adaptation.lora is not None
    # What is sharded need not fit on one GPU: it goes there in parts.
    place = "cpu" if sharded else device
    # Weights that stay as they are can be read by the next training as well.
    load = borrow_model if adaptation.lora is not None and not sharded else load_model
    model = load(model_folder, dtype=torch.bfloat16 if frozen_bf16 else torch.float32, device=place)
    unpacked_because = use_segmented_attention(model) if config.packing else "training.packing is off"
    return model, Arithmetic(device, precision, unpacked_because, sharded)


def launch_training(work: Work, processes: int, on_progress: OnProgress) -> None:
    """Does a training in several processes on this machine, a GPU each, or on shares of its cores where it has none.

    Raises:
        InvalidStudy: there are fewer GPUs.
        CrosstuneError: as `launch.launch`.
    """
    device = torch.device(pick_device())
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if str(device) != device.type:
            raise InvalidStudy(
                f"training.processes is {processes}, a GPU each, and CROSSTUNE_DEVICE names one ({device})",
                hint="set CROSSTUNE_DEVICE to cuda, and choose GPUs by CUDA_VISIBLE_DEVICES",
            )
        if processes > found:
            raise InvalidStudy(
                f"training.processes is {processes}, a GPU each, and this machine gives {found}",
                hint=f"set training.processes to {found} or less",
            )
    elif device.type != "cpu":
        raise InvalidStudy(
            f"training.processes is {processes}, and there is one device ({device})",
            hint="set training.processes: 1",
        )
    threads = str(max(1, torch.get_num_threads() // processes))
    variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    if sys.platform == "linux":  # they talk to each other and to nobody else
        variables |= {name: os.environ.get(name, "lo") for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
    launch(work, processes=processes, on_progress=on_progress, variables=variables)


def plan_training(
    lengths: Sequence[int], *, seed: int, config: TrainingConfig, packed: bool, device_tokens: int | None = None
) -> BatchPlan:
    """The batches of a training by the processes that there are, and of what a device turned out to hold."""
    return plan_batches(
        lengths,
        seed=seed,
        max_steps=config.max_steps,
        tokens_per_step=config.tokens_per_step or config.tokens_per_device_batch,
        tokens_per_device_batch=config.tokens_per_device_batch,
        processes=process_count(),
        packed=packed,
        device_tokens=device_tokens,
    )


def _require_modules(model: Any, lora: Lora) -> None:
    if isinstance(lora.target_modules, str):
        return
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    endings = sorted({name.rsplit(".", 1)[-1] for name in linear})
    for wanted in lora.target_modules:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in linear):
            raise InvalidStudy(
                f"lora.target_modules: the model has no linear layer '{wanted}'", hint=did_you_mean(wanted, endings)
            )


def _lora_config(lora: Lora) -> "LoraConfig":
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha if lora.alpha is not None else 2 * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules),
        task_type="CAUSAL_LM",
    )


def _trainer_config(
    config: TrainingConfig, *, learning_rate: float, seed: int, arithmetic: Arithmetic, accumulation: int, out: Path
) -> "SFTConfig":
    from trl import SFTConfig

    on_gpu = torch.device(arithmetic.device).type == "cuda"
    settings = SFTConfig(
        output_dir=str(out / "checkpoints"),
        run_name=out.name,
        report_to=list(config.report_to) or "none",
        max_steps=config.max_steps,
        per_device_train_batch_size=1,  # one planned batch
        gradient_accumulation_steps=accumulation,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=on_gpu,
        learning_rate=learning_rate,
        optim="adamw_torch_fused",
        adam_beta1=config.adam_beta1,
        adam_beta2=config.adam_beta2,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=arithmetic.precision == "bf16",
        gradient_checkpointing=config.gradient_checkpointing,
        seed=seed,
        data_seed=seed,
        use_cpu=torch.device(arithmetic.device).type == "cpu",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=_CHECKPOINTS_KEPT,
        disable_tqdm=True,
        fsdp=arithmetic.sharded,
        # Else gradients of all weights would stay in one piece until the last batch of an update.
        accelerator_config={"gradient_accumulation_kwargs": {"sync_each_batch": True}} if arithmetic.sharded else None,
    )
    if arithmetic.sharded:
        settings.fsdp_plugin_args = sharding_settings()
    if settings.n_gpu > 1:
        # Left alone, Trainer would split every planned batch over all GPUs it sees (torch.nn.DataParallel).
        settings._n_gpu = 1
    return settings


def build_trainer(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    plan: BatchPlan,
    arithmetic: Arithmetic,
    *,
    recorder: Recorder,
    adaptation: Adaptation,
    learning_rate: float,
    seed: int,
    config: TrainingConfig,
    out: Path,
) -> LearnedTokenTrainer:
    """A trainer that follows the plan; adapters are added to the model here, their weights drawn by `seed`."""
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback

    batches = plan.device_batches()
    if adaptation.lora is not None:
        _require_modules(model, adaptation.lora)
    trainer = LearnedTokenTrainer(
        model=model,
        args=_trainer_config(
            config,
            learning_rate=learning_rate,
            seed=seed,
            arithmetic=arithmetic,
            accumulation=plan.batches_per_update // process_count(),
            out=out,
        ),
        train_dataset=Dataset.from_dict({"batch": list(range(len(batches)))}),
        data_collator=Collator(examples, batches, packed=arithmetic.packed, pad_token=tokenizer.pad_token_id or 0),
        processing_class=tokenizer,
        peft_config=None if adaptation.lora is None else _lora_config(adaptation.lora),
        callbacks=[recorder],
        schedule=linear_decay(config.max_steps, config.warmup_steps, config.final_learning_rate_ratio),
        sharded=arithmetic.sharded,
    )
    trainer.remove_callback(PrinterCallback)  # it prints every update to the terminal
    return trainer
