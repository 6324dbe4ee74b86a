"""LoRA training of gemma-3-270m: crosstune beside plain TRL scripts.

    python -m benchmarks.training              prints a table
    python -m benchmarks.training --write      and puts it into benchmarks/RESULTS.md

Every contestant trains on the same tokens: conversations of mixed lengths up to 512 tokens, made by joining examples of
the packaged set `starter-en` (or of `--data`), 8 an update, in the same order, with the same optimizer and seed. Only
the loop is timed, not the loading. Repeats are interleaved, so that a slow minute of the machine hits all alike. Tokens
are real ones: padding counts for nobody.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.models.base import resolve_base_model
from crosstune.models.chat_formats import chat_format
from crosstune.models.prepare import prepare
from crosstune.records import Conversation, Message
from crosstune.training.examples import Example, encode_examples

MODEL, CHAT_FORMAT, LONGEST, BATCH = "gemma-3-270m", "gemma", 512, 8
LEARNING_RATE, SEED, RANK, ALPHA = 2e-4, 0, 16, 32
RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- training: begin -->", "<!-- training: end -->"


@dataclass(frozen=True)
class Run:
    """One training by one contestant."""

    seconds: float
    losses: list[float]


def mixed_lengths(source: str, count: int) -> list[Example]:
    """`count` examples whose lengths are spread evenly up to the longest, by joining turns of conversations."""
    folder = prepare(resolve_base_model(MODEL))
    from crosstune.models.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    fmt = chat_format(CHAT_FORMAT, tokenizer)
    chosen = random.Random(0)
    turns: list[tuple[Message, ...]] = [
        c.messages for c in load_conversations(InstructionsConfig(source=source), Path.cwd()) if len(c.messages) == 2
    ]
    chosen.shuffle(turns)
    made, position = [], 0
    for number in range(count):
        # Stratified: each batch of 8 has one example from every eighth of the range, in random order.
        if number % BATCH == 0:
            strata = [chosen.uniform(i, i + 1) / BATCH for i in range(BATCH)]
            chosen.shuffle(strata)
        wanted = 32 + strata[number % BATCH] * (LONGEST - 32)
        messages: tuple[Message, ...] = ()
        while True:
            messages += turns[position % len(turns)]
            position += 1
            conversation = Conversation(str(number), messages, "en", source)
            (example,) = encode_examples([conversation], fmt, tokenizer, LONGEST).examples
            if len(example.input_ids) >= min(wanted, LONGEST):
                break
        made.append(example)
    return made


def crosstune(examples: Sequence[Example], updates: int, precision: str) -> Run:
    """The parts of `crosstune.training.train`, with a plan that has TRL's order."""
    from crosstune.models.loading import load_tokenizer
    from crosstune.progress import ignore_progress
    from crosstune.training.batches import BatchPlan
    from crosstune.training.config import Adaptation, Lora, TrainingConfig
    from crosstune.training.curve import open_curve
    from crosstune.training.quiet import quiet_libraries
    from crosstune.training.setup import build_trainer, prepare_model
    from crosstune.training.trainer import Recorder

    folder = prepare(resolve_base_model(MODEL))
    adaptation = Adaptation(lora=Lora(rank=RANK, alpha=ALPHA))
    config = TrainingConfig.model_validate(
        {"max_steps": updates, "max_length": LONGEST, "final_learning_rate_ratio": 0.0, "precision": precision}
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
    return Run(recorder.rows[-1].seconds, [row.loss or float("nan") for row in recorder.rows])


def plain_trl(examples: Sequence[Example], updates: int, **settings: Any) -> Run:
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
    used = examples[: updates * BATCH]
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
                max_length=LONGEST,
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
    return Run(clock.seconds, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


CONTESTANTS: dict[str, Callable[[Sequence[Example], int], Run]] = {
    "crosstune": lambda examples, updates: crosstune(examples, updates, "auto"),
    "crosstune, fp32": lambda examples, updates: crosstune(examples, updates, "fp32"),
    "TRL, fp32": lambda examples, updates: plain_trl(examples, updates, bf16=False),
    "TRL, fp32, packing": lambda examples, updates: plain_trl(examples, updates, bf16=False, packing=True),
    "TRL, bf16": lambda examples, updates: plain_trl(examples, updates, bf16=True),
    "TRL, bf16, no gradient checkpointing": lambda examples, updates: plain_trl(
        examples, updates, bf16=True, gradient_checkpointing=False
    ),
    "TRL, bf16, packing": lambda examples, updates: plain_trl(examples, updates, bf16=True, packing=True),
}
BASELINE = "TRL, fp32"


def _spread(values: Sequence[float], digits: int) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) < 2 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(runs: dict[str, list[Run]], examples: Sequence[Example], updates: int, source: str) -> str:
    """The result as Markdown."""
    import torch

    from crosstune.training.setup import library_versions

    used = examples[: updates * BATCH]
    tokens = sum(len(e.input_ids) for e in used)
    learned = sum(e.learned_tokens for e in used)
    padded = sum(BATCH * max(len(e.input_ids) for e in used[u * BATCH : (u + 1) * BATCH]) for u in range(updates))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{_processor()}, {os.cpu_count()} cores"
    versions = ", ".join(f"{name} {number}" for name, number in library_versions().items())
    baseline = runs.get(BASELINE)
    lines = [
        f"`{' '.join(['python -m benchmarks.training', *sys.argv[1:]])}`",
        "",
        f"{device}; Python {platform.python_version()}, {versions}. {MODEL}, LoRA rank {RANK}, {updates} updates of "
        f"{BATCH} examples from {source}: {tokens} tokens ({learned / tokens:.0%} learned; {padded} when padded). "
        f"Median of {len(next(iter(runs.values())))} interleaved repeats, with the lowest and highest. "
        "The ratio is taken within each repeat.",
        "",
        f"| | tokens/s | times {BASELINE} | loss of each update |",
        "|---|---|---|---|",
    ]
    for name, mine in runs.items():
        speed = _spread([tokens / run.seconds for run in mine], 1)
        ratio = (
            "" if baseline is None else _spread([b.seconds / m.seconds for b, m in zip(baseline, mine, strict=True)], 2)
        )
        losses = " ".join(f"{loss:.4f}" for loss in mine[0].losses)
        lines.append(f"| {name} | {speed} | {ratio} | {losses} |")
    lines += [
        "",
        "TRL packs into rows of 512 tokens, so its packed updates hold other examples and their losses differ.",
    ]
    return "\n".join(lines)


def write_results(text: str) -> None:
    """Puts the table into its place in RESULTS.md, leaving the rest of the file alone."""
    section = f"{BEGIN}\n{text}\n{END}"
    content = RESULTS.read_text("utf-8") if RESULTS.exists() else f"# Benchmarks\n\n## Training\n\n{BEGIN}\n{END}\n"
    before, rest = content.split(BEGIN, 1)
    RESULTS.write_text(before + section + rest.split(END, 1)[1], "utf-8")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", default="starter-en", help="an instruction source: a packaged set or a file")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--write", action="store_true", help="record the table in benchmarks/RESULTS.md")
    parser.add_argument("--json", type=Path, help="write all times and losses here")
    arguments = parser.parse_args()

    examples = mixed_lengths(arguments.data, arguments.updates * BATCH)
    runs: dict[str, list[Run]] = {name: [] for name in arguments.only}
    for repeat in range(arguments.repeats):
        for name in arguments.only:
            run = CONTESTANTS[name](examples, arguments.updates)
            runs[name].append(run)
            losses = " ".join(f"{loss:.4f}" for loss in run.losses)
            print(f"repeat {repeat + 1}: {name}: {run.seconds:.1f} s, loss {losses}", flush=True)
    text = report(runs, examples, arguments.updates, arguments.data)
    print("\n" + text)
    if arguments.json:
        content = {name: [[run.seconds, run.losses] for run in mine] for name, mine in runs.items()}
        arguments.json.write_text(json.dumps(content), "utf-8")
    if arguments.write:
        write_results(text)


if __name__ == "__main__":
    main()
