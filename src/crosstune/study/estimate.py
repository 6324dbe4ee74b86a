"""Rough cost of training and generation from the shape of a model: seconds, memory, disk.

Operations a token follow Kaplan et al. 2020 (arXiv 2001.08361, section 2.1): 2 for each weight forward, 4 backward;
2 backward where the weights are frozen, since only activations need gradients. Embeddings are looked up, not
multiplied; the output layer is counted for every token. Speeds measured on earlier steps replace these figures.
Memory is in `study.memory`.
"""

from dataclasses import dataclass

from crosstune.generation.config import GenerationConfig
from crosstune.models.base import ModelShape
from crosstune.study.machines import Machine
from crosstune.study.memory import PROMPT_TOKENS, generation_memory, lora_parameters, training_memory
from crosstune.training.config import Adaptation, TrainingConfig

_TRAINING_SHARE_OF_PEAK = {True: 0.35, False: 0.8}
_SECONDS_PER_DECODING_STEP = 0.025
"""What a Python-driven decoding step costs at least, whatever the model."""
CHECKPOINTS_KEPT = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step takes; None where the model's shape is not known."""

    tokens: int
    seconds: float | None
    memory_bytes: int | None
    """The most that it takes: of a GPU, else of the machine, Python and its libraries included."""
    disk_bytes: int | None
    """Of the result."""
    scratch_bytes: int | None = 0
    """More disk while it runs, for checkpoints."""
    elsewhere: bool = False
    """Whether the work is done at an endpoint: its time is not known, and it needs no memory here."""


def linear_parameters(shape: ModelShape) -> int:
    """Weights that every token is multiplied with, the output layer included."""
    return shape.parameters - shape.embedding_parameters + shape.hidden_size * shape.vocab_size


def training_cost(
    shape: ModelShape | None,
    adaptation: Adaptation,
    config: TrainingConfig,
    machine: Machine,
    measured_tokens_per_second: float | None,
) -> Cost:
    """What tuning takes."""
    per_step = config.tokens_per_step or config.tokens_per_device_batch
    tokens = config.max_steps * per_step
    seconds = tokens / measured_tokens_per_second if measured_tokens_per_second else None
    if shape is None:
        return Cost(tokens, seconds, None, None, None)
    operations = (6 if adaptation.kind == "full" else 4) * linear_parameters(shape)
    if config.gradient_checkpointing:
        operations += 2 * linear_parameters(shape)
    if seconds is None:
        devices = config.processes if machine.gpu else 1  # without GPUs they share its cores
        seconds = tokens * operations / (devices * machine.flops * _TRAINING_SHARE_OF_PEAK[machine.gpu])
    trained = shape.parameters if adaptation.lora is None else lora_parameters(shape, adaptation.lora.rank)
    memory = training_memory(shape, adaptation, config, gpu=machine.gpu, bf16=machine.bf16)
    if not machine.gpu:
        memory *= config.processes
    # Adapters are saved in fp32, whole models mostly in bf16; a checkpoint also has two moments of the optimizer.
    saved = (2 if adaptation.lora is None else 4) * trained
    return Cost(tokens, seconds, memory, saved, CHECKPOINTS_KEPT * 12 * trained)


def _answers_bytes(prompts: int, max_new_tokens: int) -> int:
    return prompts * (200 + 4 * max_new_tokens)


def api_cost(prompts: int, max_new_tokens: int) -> Cost:
    """What answers of a model behind an API take if every answer is as long as it may be."""
    disk = _answers_bytes(prompts, max_new_tokens)
    return Cost(prompts * max_new_tokens, None, None, disk, elsewhere=True)


def generation_cost(
    shape: ModelShape | None,
    prompts: int,
    config: GenerationConfig,
    machine: Machine,
    measured_tokens_per_second: float | None,
) -> Cost:
    """What answering takes if every answer is as long as it may be."""
    tokens = prompts * config.max_new_tokens
    disk = _answers_bytes(prompts, config.max_new_tokens)
    seconds = tokens / measured_tokens_per_second if measured_tokens_per_second else None
    if shape is None:
        return Cost(tokens, seconds, None, disk)
    batch = max(1, config.tokens_per_batch // (config.max_new_tokens + PROMPT_TOKENS))
    if seconds is None:
        rounds = -(-prompts // batch) * config.max_new_tokens
        each = min(batch, prompts)
        multiplied = 2 * linear_parameters(shape) * each / (machine.flops * 0.3)
        read = 2 * linear_parameters(shape) / (machine.bandwidth_bytes * 0.5)
        seconds = rounds * (max(multiplied, read) + _SECONDS_PER_DECODING_STEP)
    memory = generation_memory(shape, config, gpu=machine.gpu, bf16=machine.bf16, prompts=prompts)
    return Cost(tokens, seconds, memory, disk)
