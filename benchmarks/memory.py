"""Peak memory of trainings and generations beside what `crosstune plan` says of them.

python -m benchmarks.memory                   prints a table, in about ten minutes
python -m benchmarks.memory --model NAME      of one packaged model

Each row is a process of its own on the CPU, whose peak is all of its resident memory: Python and its libraries,
weights, and what the work takes. Batches are full and answers as long as they may be, as the plan has them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks import record
from benchmarks.record import Row
from crosstune.generation.config import GenerationConfig
from crosstune.models.base import resolve_base_model
from crosstune.training.config import Adaptation, TrainingConfig

MODELS = ("gemma-3-270m", "smollm2-135m")
LORA: dict[str, Any] = {"lora": {"rank": 16}}
FULL: dict[str, Any] = {"full": {}}
_PROMPT_WORDS = 48
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Setting:
    """One process to measure.

    Attributes:
        task: what it does.
        model: a packaged base model.
        config: settings of the training or the generation.
        adaptation: of a training.
    """

    task: Literal["training", "generation"]
    model: str
    config: dict[str, Any]
    adaptation: dict[str, Any] = field(default_factory=dict)


def _training(tokens: int, longest: int, **more: Any) -> dict[str, Any]:
    return {"max_steps": 2, "tokens_per_device_batch": tokens, "max_length": longest, **more}


def grid(model: str) -> list[Setting]:
    """What is measured of a model."""
    trainings = [
        (LORA, _training(512, 256, precision="bf16")),
        (LORA, _training(1536, 512, precision="bf16")),
        (LORA, _training(1536, 512, precision="bf16", gradient_checkpointing=True)),
        (LORA, _training(1024, 256, precision="bf16", packing=False)),
        (LORA, _training(512, 256, precision="fp32")),
        (FULL, _training(512, 256, precision="bf16")),
        (FULL, _training(1024, 512, precision="bf16", gradient_checkpointing=True)),
        (FULL, _training(512, 256, precision="fp32")),
    ]
    generations: list[dict[str, Any]] = [
        {"tokens_per_batch": 1024, "max_new_tokens": 8, "dtype": "bfloat16"},
        {"tokens_per_batch": 8192, "max_new_tokens": 8, "dtype": "bfloat16"},
        {"tokens_per_batch": 4096, "max_new_tokens": 8, "dtype": "float32"},
        {"tokens_per_batch": 4096, "max_new_tokens": 32, "dtype": "bfloat16", "temperature": 0.8},
    ]
    return [Setting("training", model, config, adaptation) for adaptation, config in trainings] + [
        Setting("generation", model, config) for config in generations
    ]


def predicted_bytes(setting: Setting) -> int:
    """What the plan says that a setting takes on the CPU."""
    from crosstune.study.memory import generation_memory, training_memory

    shape = resolve_base_model(setting.model).shape
    assert shape is not None
    if setting.task == "generation":
        config = GenerationConfig.model_validate(setting.config)
        return generation_memory(shape, config, gpu=False, bf16=True, prompts=1 << 30)
    return training_memory(
        shape, Adaptation.model_validate(setting.adaptation), TrainingConfig.model_validate(setting.config),
        gpu=False, bf16=True,
    )  # fmt: skip


def measured_bytes(setting: Setting) -> int:
    """The peak of a process that does it.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "benchmarks.memory", "--measure", json.dumps(asdict(setting))]
    environment = {**os.environ, "CROSSTUNE_DEVICE": "cpu", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    root = Path(__file__).parents[1]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=environment)
    return int(done.stdout.splitlines()[-1])


def _texts(number: int) -> Iterator[str]:
    """Words of the packaged examples, as long as one likes and never the same twice."""
    from crosstune.instructions.config import InstructionsConfig
    from crosstune.instructions.load import load_conversations

    read = load_conversations(InstructionsConfig(source="starter-en"), Path.cwd())
    words = [word for conversation in read for message in conversation.messages for word in message.content.split()]
    for start in range(number):
        turn = start * 97 % len(words)
        yield " ".join(words[turn:] + words[:turn])


def _train(setting: Setting) -> None:
    from crosstune.models.prepare import prepare
    from crosstune.records import Conversation, Message
    from crosstune.training.train import train

    base = resolve_base_model(setting.model)
    config = TrainingConfig.model_validate(setting.config)
    number = 2 * config.tokens_per_device_batch // config.max_length
    conversations = [
        Conversation(
            str(row),
            (Message("user", f"Tell {row}"), Message("assistant", text[: 12 * config.max_length])),
            "en",
            "made",
        )
        for row, text in enumerate(_texts(number))
    ]
    with tempfile.TemporaryDirectory() as out:
        train(
            conversations,
            model_folder=prepare(base),
            chat_format=base.chat_format or "chatml",
            adaptation=Adaptation.model_validate(setting.adaptation),
            learning_rate=1e-5,
            seed=0,
            config=config,
            out=Path(out),
        )


def _generate(setting: Setting) -> None:
    from crosstune.generation.backends.transformers import generate
    from crosstune.models.prepare import prepare
    from crosstune.records import Message, Prompt, Response
    from crosstune.storage.tables import RecordLog

    base = resolve_base_model(setting.model)
    config = GenerationConfig.model_validate(setting.config)
    number = max(1, config.tokens_per_batch // (config.max_new_tokens + _PROMPT_WORDS))
    prompts = [
        Prompt(
            id=str(row), set="made", task="open", language="en", requested_language="en",
            messages=(Message("user", " ".join(text.split()[:_PROMPT_WORDS])),),
        )
        for row, text in enumerate(_texts(number))
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        generate(
            prompts, run="made", model_folder=prepare(base), adapter=None, chat_format=base.chat_format or "chatml",
            config=config, seed=0, log=RecordLog(Path(out) / "responses.jsonl", Response),
        )  # fmt: skip


def _measure(setting: Setting) -> None:
    from crosstune.models.memory import peak_memory_bytes

    (_train if setting.task == "training" else _generate)(setting)
    print(peak_memory_bytes("cpu"))


def described(setting: Setting) -> str:
    """A setting in words."""
    how = "LoRA r16, " if setting.adaptation == LORA else "full, " if setting.adaptation else ""
    shown = ", ".join(f"{name} {value}" for name, value in setting.config.items() if name != "max_steps")
    return f"{setting.model}: {how}{shown}"


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        _measure(Setting(**json.loads(options.measure)))
        return
    lines = ["| | predicted, MiB | measured, MiB | predicted / measured |", "|---|---|---|---|"]
    ratios: dict[str, list[float]] = {"training": [], "generation": []}
    for model in [options.model] if options.model else MODELS:
        for setting in grid(model)[:: 6 if options.quick else 1]:
            predicted, measured = predicted_bytes(setting), measured_bytes(setting)
            ratios[setting.task].append(predicted / measured)
            sizes = f"{predicted / _MEBIBYTE:,.0f} | {measured / _MEBIBYTE:,.0f}"
            lines.append(f"| {described(setting)} | {sizes} | {predicted / measured:.2f} |")
            print(lines[-1], flush=True)
    rows = [
        Row(f"memory of {task} as planned", "measured", values, "times", at_least=0.8, at_most=1.2)
        for task, values in ratios.items()
        if values
    ]
    record.finish(options, "memory", "\n".join(lines), rows)


if __name__ == "__main__":
    main()
