"""The most memory that a training or a generation takes, from the shape of a model: one formula for all of them.

On the CPU it is that of a process of its own with all that is resident in it: Python and its libraries, the tokenizer,
weights (in bf16 mapped from their file), and what the work takes. On a GPU it is what lies there in tensors.

For each token and layer autograd keeps, with `hidden` the hidden size, `inner` that of the feed-forward layer, `q` and
`k` those of all queries and of all keys (counted on Llama and Gemma with `torch.autograd.graph.saved_tensors_hooks`):

    feed-forward    4 inner: gate, its activation, up, and their product
    attention       3 q + 2 k: queries, output as heads and as rows; keys and values
    layers' inputs  2 hidden where weights are frozen: LoRA reads them; 5 where they are trained in bf16, since autocast
                    copies the input of each linear layer
    norms           their input in fp32; where they are trained, what is multiplied with their weight as well
    LoRA            7 rank: what lies between the two matrices, once a linear layer
"""

from dataclasses import dataclass

from crosstune.generation.config import GenerationConfig
from crosstune.models.base import ModelShape
from crosstune.training.config import Adaptation, TrainingConfig

_MEBIBYTE = 1 << 20
_PROCESS = {"training": 540 * _MEBIBYTE, "generation": 400 * _MEBIBYTE}
"""Python, torch, transformers and the libraries around it; TRL for training."""
_TOKENIZER_BYTES_A_TOKEN = 900
"""Of its vocabulary, in memory."""
_LINEAR_LAYERS = 7
_STORED = 2
"""Bytes of a weight in its file: models come in bf16."""
_LOSS_CHUNK = {True: 512 * _MEBIBYTE, False: 64 * _MEBIBYTE}
"""Of logits, on a GPU and not; see `training.loss`."""
_CHUNKS_ALIVE = {2: 4, 4: 3}
"""By bytes of a value: logits, their softmax, and that of the chunk before; in bf16 its copy in fp32, to be summed."""
_CHUNKS_WITH_WEIGHT_GRADIENT = 4
_GAPS = 1.25
"""On the CPU, memory held for a byte of what stays for long: what comes and goes between leaves gaps in the heap."""
PROMPT_TOKENS = 64
"""What a prompt is taken to have where it is not known."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Widths of a layer, in values a token."""

    hidden: int
    inner: int
    queries: int
    keys: int
    norms: int
    """Inputs of all normalizations."""


def _sizes(shape: ModelShape) -> _Sizes:
    queries, keys = shape.attention_heads * shape.head_dim, shape.key_value_heads * shape.head_dim
    norms = shape.norms_per_layer * shape.hidden_size + shape.head_norms * (queries + keys)
    return _Sizes(shape.hidden_size, shape.intermediate_size, queries, keys, norms)


def lora_parameters(shape: ModelShape, rank: int) -> int:
    """Weights of an adapter of this rank on all linear layers of all blocks."""
    sizes = _sizes(shape)
    sides = (
        (sizes.hidden + sizes.queries) * 2  # query, output
        + (sizes.hidden + sizes.keys) * 2  # key, value
        + (sizes.hidden + sizes.inner) * 3  # gate, up, down
    )
    return rank * sides * shape.layers


def _layer_bytes(shape: ModelShape, rank: int | None, width: int) -> int:
    """What autograd keeps of one layer for one token; `width` is that of a value in products; no rank: all trained."""
    sizes = _sizes(shape)
    inputs = 5 * sizes.hidden if rank is None and width == _STORED else 2 * sizes.hidden
    values = 4 * sizes.inner + 3 * sizes.queries + 2 * sizes.keys + inputs + _LINEAR_LAYERS * (rank or 0)
    return width * values + 4 * sizes.norms * (2 if rank is None else 1)


def training_memory(shape: ModelShape, adaptation: Adaptation, config: TrainingConfig, *, gpu: bool, bf16: bool) -> int:
    """The most memory that each process of tuning takes: of its GPU or, without one, of the machine.

    Args:
        shape: of the base model.
        adaptation: which weights are trained.
        config: how.
        gpu: whether it is on one.
        bf16: whether the machine multiplies in it where the settings leave that open.
    """
    if config.precision != "auto":
        bf16 = config.precision == "bf16"
    width = 2 if bf16 else 4
    rank = adaptation.lora.rank if adaptation.lora is not None else None
    processes = config.processes
    per_step = config.tokens_per_step or config.tokens_per_device_batch
    tokens = min(config.tokens_per_device_batch, max(-(-per_step // processes), 1))
    several_batches = per_step > config.tokens_per_device_batch * processes

    of_layer = tokens * _layer_bytes(shape, rank, width)
    if config.gradient_checkpointing:
        kept = shape.layers * tokens * shape.hidden_size * (4 if rank is None else width) + of_layer
    else:
        kept = shape.layers * of_layer
    if not gpu:
        kept = int(_GAPS * kept)
    vocabulary = shape.vocab_size * shape.hidden_size
    parts = processes if _is_sharded(config, rank is None and gpu) else 1
    chunk = _LOSS_CHUNK[gpu] * (_CHUNKS_WITH_WEIGHT_GRADIENT if rank is None else 1)
    logits = _CHUNKS_ALIVE[width] * min(chunk, tokens * shape.vocab_size * width)
    if rank is None:
        # The gradient of the output layer, the part of it that a chunk adds, and weights in the format of products.
        head = 4 * vocabulary + (width + 2 if bf16 else 4) * vocabulary + logits
        # They are kept for the backward pass, but for what sharding with recomputed layers makes again.
        are_copied = bf16 and not (parts > 1 and config.gradient_checkpointing)
        copies = 2 * (shape.parameters - shape.embedding_parameters) if are_copied else 0
        gradients = 4 * shape.parameters // parts
        forward = kept + head + copies + (gradients if several_batches else 0)
        backward = gradients + 4 * vocabulary  # of the token embeddings, before it is added to that of the output layer
        work = 12 * shape.parameters // parts + max(forward, backward)
        loading = 4 * shape.parameters // parts
    else:
        adapter = lora_parameters(shape, rank)
        weights = width * shape.parameters // parts
        work = weights + (16 + (2 if bf16 else 0)) * adapter + kept + max(logits, _flowing(shape, tokens, width))
        loading = weights
    if parts > 1:  # of other processes: the output layer, and two layers, of which one is on its way
        of_layers = 2 * (shape.parameters - shape.embedding_parameters) // shape.layers
        work += (4 if rank is None else width) * (vocabulary + of_layers)
    if gpu:
        return max(work, loading)
    process = _PROCESS["training"] + _TOKENIZER_BYTES_A_TOKEN * shape.vocab_size
    if width != _STORED or rank is None:
        loading += _STORED * shape.parameters  # the file that is read
    return process + max(work, loading)


def _is_sharded(config: TrainingConfig, auto: bool) -> bool:
    """Whether several processes hold parts of the model; `auto`: where the settings leave that open."""
    return config.sharding == "fsdp" or (config.sharding == "auto" and auto)


def _flowing(shape: ModelShape, tokens: int, width: int) -> int:
    """What comes and goes within one layer, forward or backward."""
    sizes = _sizes(shape)
    return tokens * (width * 3 * sizes.inner + 4 * 3 * sizes.hidden)


def generation_memory(shape: ModelShape, config: GenerationConfig, *, gpu: bool, bf16: bool, prompts: int) -> int:
    """The most memory that answering takes, of a GPU or of a machine without one.

    Args:
        shape: of the model.
        config: how.
        gpu: whether it is on one.
        bf16: whether the machine multiplies in it where the settings leave that open.
        prompts: how many there are.
    """
    if config.dtype != "auto":
        bf16 = config.dtype == "bfloat16"
    width = 2 if bf16 else 4
    sizes = _sizes(shape)
    rows = min(prompts, max(1, config.tokens_per_batch // (config.max_new_tokens + PROMPT_TOKENS)))
    read, all_tokens = rows * PROMPT_TOKENS, rows * (PROMPT_TOKENS + config.max_new_tokens)
    cache = all_tokens * shape.layers * 2 * sizes.keys * width
    # One layer's part of the cache is copied when it grows, and turned into as many heads as the queries have.
    copied = all_tokens * 2 * (sizes.keys + sizes.queries) * width
    # Logits as they come, in fp32, and changed by penalty and temperature.
    logits = rows * shape.vocab_size * (width + 3 * 4)
    weights = width * shape.parameters
    work = weights + cache + max(copied + logits, _flowing(shape, read, width))
    if gpu:
        return work
    work += int((_GAPS - 1) * cache)
    loading = weights + (_STORED * shape.parameters if width != _STORED else 0)
    process = _PROCESS["generation"] + _TOKENIZER_BYTES_A_TOKEN * shape.vocab_size
    return process + max(work, loading)
