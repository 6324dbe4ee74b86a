"""Who trains in `benchmarks.training`: crosstune, plain scripts for TRL, LLaMA-Factory. One process each."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.peers import llama_factory
from crosstune.models.base import resolve_base_model
from crosstune.models.prepare import prepare
from crosstune.records import Message
from crosstune.training.examples import Example

MODEL, CHAT_FORMAT, BATCH = "gemma-3-270m", "gemma", 8
LEARNING_RATE, SEED, RANK, ALPHA = 2e-4, 0, 16, 32


@dataclass(frozen=True, slots=True)
class Conversation:
    """One that is learned, with its tokens."""

    messages: tuple[Message, ...]
    example: Example


@dataclass(frozen=True, slots=True)
class Run:
    """One training by one contestant."""

    tokens: int
    """Real ones: padding counts for nobody."""
    seconds: float
    losses: list[float]
    memory_bytes: int | None
    """The most that it took, on the GPU where there is one."""


Contestant = Callable[[Sequence[Conversation], int, int], Run]
"""Given conversations, how many updates, of BATCH each in their order, and the tokens of the longest example."""


def _tokens(examples: Sequence[Example]) -> int:
    return sum(len(example.input_ids) for example in examples)


def _memory() -> int:
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else record.peak()


def crosstune(conversations: Sequence[Conversation], updates: int, longest: int, precision: str) -> Run:
    """The parts of `crosstune.training.train`, with a plan that has TRL's order."""
    from crosstune.models.loading import load_tokenizer
    from crosstune.progress import ignore_progress
    from crosstune.training.batches import BatchPlan
    from crosstune.training.config import Adaptation, Lora, TrainingConfig
    from crosstune.training.curve import open_curve
    from crosstune.training.quiet import quiet_libraries
    from crosstune.training.setup import build_trainer, prepare_model
    from crosstune.training.trainer import Recorder

    examples = [conversation.example for conversation in conversations]
    folder = prepare(resolve_base_model(MODEL))
    adaptation = Adaptation(lora=Lora(rank=RANK, alpha=ALPHA))
    config = TrainingConfig.model_validate(
        {"max_steps": updates, "max_length": longest, "final_learning_rate_ratio": 0.0, "precision": precision}
    )
    plan = BatchPlan(tuple((tuple(range(u * BATCH, (u + 1) * BATCH)),) for u in range(updates)), 1)
    with tempfile.TemporaryDirectory() as out, quiet_libraries():
        log, rows = open_curve(Path(out) / "curve.jsonl", 0)
        model, arithmetic = prepare_model(folder, adaptation, config)
        tokens = [sum(len(examples[i].input_ids) for batch in update for i in batch) for update in plan.updates]
        recorder = Recorder(log, rows, tokens, ignore_progress)
        trainer = build_trainer(
            model,
            load_tokenizer(folder),
            examples,
            plan,
            arithmetic,
            recorder=recorder,
            adaptation=adaptation,
            learning_rate=LEARNING_RATE,
            seed=SEED,
            config=config,
            out=Path(out),
        )
        trainer.train()
    losses = [row.loss or float("nan") for row in recorder.rows]
    return Run(sum(tokens), recorder.rows[-1].seconds, losses, _memory())


def plain_trl(conversations: Sequence[Conversation], updates: int, longest: int, **settings: Any) -> Run:
    """What a user would write: SFTTrainer on a tokenised data set, 8 examples a batch, padded or packed by TRL."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from crosstune.models.loading import load_tokenizer
    from crosstune.training.quiet import quiet_libraries

    class Clock(TrainerCallback):  # type: ignore[misc]
        seconds = 0.0

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.seconds = time.perf_counter() - self.start

    folder = prepare(resolve_base_model(MODEL))
    used = [conversation.example for conversation in conversations[: updates * BATCH]]
    rows = {"input_ids": [e.input_ids for e in used], "labels": [e.labels for e in used]}
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, quiet_libraries():
        dtype = torch.bfloat16 if settings["bf16"] else torch.float32
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder, dtype=dtype),
            args=SFTConfig(
                output_dir=out,
                use_cpu=not torch.cuda.is_available(),
                num_train_epochs=1,
                per_device_train_batch_size=BATCH,
                max_length=longest,
                learning_rate=LEARNING_RATE,
                adam_beta2=0.95,
                weight_decay=0.1,
                seed=SEED,
                train_sampling_strategy="sequential",
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=torch.cuda.is_available(),
                **settings,
            ),
            train_dataset=Dataset.from_dict(rows),
            processing_class=load_tokenizer(folder),
            peft_config=LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return Run(_tokens(used), clock.seconds, losses, _memory())


def peer(conversations: Sequence[Conversation], updates: int, longest: int, **settings: Any) -> Run:
    """LLaMA-Factory with the settings of its own LoRA examples."""
    import torch

    chosen = [conversation.messages for conversation in conversations[: updates * BATCH]]
    run = llama_factory.train(
        prepare(resolve_base_model(MODEL)),
        chosen,
        {
            "lora_rank": RANK,
            "lora_alpha": ALPHA,
            "cutoff_len": longest,
            "per_device_train_batch_size": BATCH,
            "learning_rate": LEARNING_RATE,
            "seed": SEED,
            "use_cpu": not torch.cuda.is_available(),
            **settings,
        },
    )
    memory = None if torch.cuda.is_available() else run.memory_bytes
    return Run(run.tokens, run.seconds, run.losses, memory)


BASELINE, BF16, PACKED, PEER = "TRL, fp32", "TRL, bf16", "TRL, bf16, packing", "LLaMA-Factory, bf16"
CONTESTANTS: dict[str, Contestant] = {
    "crosstune": partial(crosstune, precision="auto"),
    "crosstune, fp32": partial(crosstune, precision="fp32"),
    BASELINE: partial(plain_trl, bf16=False),
    "TRL, fp32, packing": partial(plain_trl, bf16=False, packing=True),
    BF16: partial(plain_trl, bf16=True),
    "TRL, bf16, no gradient checkpointing": partial(plain_trl, bf16=True, gradient_checkpointing=False),
    PACKED: partial(plain_trl, bf16=True, packing=True),
    PEER: partial(peer, bf16=True),
    "LLaMA-Factory, bf16, packing": partial(peer, bf16=True, packing=True),
}
