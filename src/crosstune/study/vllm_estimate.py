"""Rough cost of answers by vLLM, and what keeps it from running here.

vLLM batches continuously: as many answers are under way as connections and its cache allow, and one that ends makes
room for the next. A step of decoding reads the weights and the cache of all answers once, or multiplies them, whichever
takes longer (the roofline of Pope et al. 2022, arXiv 2211.05102, section 2); shares of the peak that are reached in
practice are guesses, as in `estimate`. Memory is the share of the GPU that it is told to take, whatever the model: vLLM
fills it with cache. So nothing is said of a machine without a GPU.
"""

import importlib.util
from collections.abc import Iterable, Iterator

from crosstune.generation.config import GenerationConfig
from crosstune.generation.vllm_config import VllmConfig
from crosstune.models.base import BaseModel, ModelShape
from crosstune.study.estimate import Cost, api_cost, generation_cost, linear_parameters
from crosstune.study.machines import Machine

_SHARE_OF_GPU = 0.9
"""What vLLM takes unless told otherwise."""
_SHARE_OF_BANDWIDTH, _SHARE_OF_PEAK = 0.6, 0.3
_SECONDS_PER_STEP = 0.004
"""Scheduling and launching a step of decoding, with CUDA graphs."""
_SECONDS_TO_START = 60.0
"""A server that loads and compiles; once for a base model and its adapters, here counted for each step."""
_PROMPT_TOKENS = 64


def answering_cost(
    shape: ModelShape | None,
    prompts: int,
    config: GenerationConfig,
    machine: Machine,
    measured_tokens_per_second: float | None,
) -> Cost:
    """What answering takes with the backend that is configured, if every answer is as long as it may be."""
    cost = vllm_cost if config.backend == "vllm" else generation_cost
    return cost(shape, prompts, config, machine, measured_tokens_per_second)


def vllm_cost(
    shape: ModelShape | None,
    prompts: int,
    config: GenerationConfig,
    machine: Machine,
    measured_tokens_per_second: float | None,
) -> Cost:
    """What answering by vLLM takes if every answer is as long as it may be.

    Args:
        shape: of the model; None: not known yet.
        prompts: to answer.
        config: with the backend vllm.
        machine: where the server runs. Of a server that runs already, whose machine is not known, time and memory are
            not estimated; nor are they where there is no GPU.
        measured_tokens_per_second: of earlier steps like it, or None.
    """
    options = config.vllm or VllmConfig()
    endless = api_cost(prompts, config.max_new_tokens)  # what is the same whoever answers
    tokens, disk = endless.tokens, endless.disk_bytes
    seconds = tokens / measured_tokens_per_second if measured_tokens_per_second else None
    if options.server is not None:
        return Cost(tokens, seconds, 0, disk)
    if not machine.gpu:
        return Cost(tokens, seconds, None, disk)
    memory = _memory_bytes(options, machine)
    if shape is None or seconds is not None:
        return Cost(tokens, seconds, memory, disk)
    at_once = _at_once(shape, prompts, config, memory)
    if at_once is None:  # it will not start
        return Cost(tokens, None, memory, disk)
    rounds = -(-prompts // at_once) * config.max_new_tokens
    cache = at_once * _cached_bytes(shape) * (_PROMPT_TOKENS + config.max_new_tokens / 2)
    read = (2 * linear_parameters(shape) + cache) / (machine.bandwidth_bytes * _SHARE_OF_BANDWIDTH)
    multiplied = 2 * linear_parameters(shape) * at_once / (machine.flops * _SHARE_OF_PEAK)
    seconds = _SECONDS_TO_START + rounds * (max(read, multiplied) + _SECONDS_PER_STEP)
    return Cost(tokens, seconds, memory, disk)


def _cached_bytes(shape: ModelShape) -> int:
    """Keys and values of a token, in bf16."""
    return shape.layers * shape.key_value_heads * shape.head_dim * 2 * 2


def _memory_bytes(options: VllmConfig, machine: Machine) -> int:
    return int((options.gpu_memory_utilization or _SHARE_OF_GPU) * machine.memory_bytes)


def _at_once(shape: ModelShape, prompts: int, config: GenerationConfig, memory: int) -> int | None:
    """Answers under way together: as many as are asked for, or as there is cache for; None if there is for none."""
    left = memory - 2 * shape.parameters
    room = left // (_cached_bytes(shape) * (_PROMPT_TOKENS + config.max_new_tokens))
    return min(prompts, (config.vllm or VllmConfig()).connections, room) if room >= 1 else None


def vllm_notes(
    asked: Iterable[tuple[BaseModel, GenerationConfig]], machine: Machine, *, is_here: bool
) -> Iterator[str]:
    """What keeps vLLM from running, and what is not estimated of it.

    Args:
        asked: models and how they are to answer, of the steps that are not finished.
        machine: where they are planned to run.
        is_here: whether that is this machine.
    """
    of_vllm = [(model, config) for model, config in asked if config.backend == "vllm"]
    own = [(model, config) for model, config in of_vllm if (config.vllm or VllmConfig()).server is None]
    if len(own) < len(of_vllm):
        yield "how fast the vLLM server that runs already answers is not known: its time is not estimated"
    if not own:
        return
    if is_here and importlib.util.find_spec("vllm") is None:
        yield "generation.backend is vllm, which is not installed here: pip install 'crosstune[vllm]'"
    if not machine.gpu:
        yield (
            f"generation.backend is vllm, and {machine.name} has no GPU: it cannot answer here, and its time is not "
            "estimated; run it where there is one, on a cluster (--executor ray), or set backend: transformers"
        )
        return
    for model, config in dict.fromkeys(own):
        memory = _memory_bytes(config.vllm or VllmConfig(), machine)
        if model.shape is not None and _at_once(model.shape, 1, config, memory) is None:
            weights = 2 * model.shape.parameters / 2**30
            yield (
                f"{model.name}: weights of {weights:.0f} GiB and the cache of one answer are more than the "
                f"{memory / 2**30:.0f} GiB that vLLM takes of {machine.name}; raise "
                "generation.vllm.gpu_memory_utilization, lower max_new_tokens, or use a larger device"
            )
