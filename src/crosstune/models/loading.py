"""Loads tokenizers and models into memory, and chooses device and precision. Shared by training and generation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from crosstune.errors import ModelUnavailable
from crosstune.models.kept import keep, lend, let_model_go
from crosstune.models.memory import memory_errors
from crosstune.storage.digests import file_digest

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja", "vocab.json")
_KEPT_TOKENIZERS = 4
_tokenizers: dict[tuple[str, ...], Any] = {}


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keeps transformers' progress bars and advice off the screen; errors are raised all the same."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a model's folder, with a padding token.

    Reading a large vocabulary takes seconds, so tokenizers are kept for the life of the process, by the content of
    their files. The one returned is shared: do not change it.

    Args:
        folder: the model's.

    Returns:
        A `transformers.PreTrainedTokenizerBase`.

    Raises:
        ModelUnavailable: it is missing or damaged.
    """
    from transformers import AutoTokenizer

    key = tuple(f"{name}:{file_digest(folder / name)}" for name in _TOKENIZER_FILES if (folder / name).is_file())
    if key in _tokenizers:
        return _tokenizers[key]
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"the tokenizer cannot be loaded ({_first_line(error)})", where=str(folder)) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    while len(_tokenizers) >= _KEPT_TOKENIZERS:
        _tokenizers.pop(next(iter(_tokenizers)))
    _tokenizers[key] = tokenizer
    return tokenizer


def load_model(folder: Path, *, dtype: torch.dtype | None = None, device: str | None = None) -> Any:
    """The language model in a folder, in evaluation mode. Weights that `borrow_model` keeps are let go before.

    Args:
        folder: with `config.json` and safetensors.
        dtype: of its weights; None: `pick_dtype`.
        device: None: `pick_device`.

    Returns:
        A `transformers.PreTrainedModel` with a language-modelling head.

    Raises:
        ModelUnavailable: a file is missing or damaged, or transformers does not know the architecture.
        OutOfMemory: it does not fit.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    let_model_go()
    device = device or pick_device()
    dtype = dtype or pick_dtype(device)
    try:
        with (
            quiet_transformers(),
            memory_errors(f"loading the model of {folder}", "use a smaller base model, or a machine with more memory"),
        ):
            model = AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
            return model.to(device)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelUnavailable(
            f"the model cannot be loaded ({_first_line(error)})",
            where=str(folder),
            hint="delete the folder if crosstune made it, or copy the model again",
        ) from error


def borrow_model(
    folder: Path, *, dtype: torch.dtype | None = None, device: str | None = None, is_to_be_kept: bool = True
) -> Any:
    """The language model in a folder, for those who do not change its weights: several after each other load it once.

    Its modules and settings are the borrower's own, so adapters may be put on it. At most one model's weights are
    kept, and none that take more than a quarter of the device's memory.

    Args:
        folder: with `config.json` and safetensors.
        dtype: of its weights; None: `pick_dtype`.
        device: None: `pick_device`.
        is_to_be_kept: whether another borrower is expected; else a model that is kept is used and none is kept anew.

    Returns:
        As `load_model`, bit for bit.

    Raises:
        ModelUnavailable: as `load_model`.
        OutOfMemory: as `load_model`.
    """
    device = device or pick_device()
    dtype = dtype or pick_dtype(device)
    key = (_files_of(folder), str(dtype), device)
    lent = lend(key)
    if lent is not None:
        return lent
    model = load_model(folder, dtype=dtype, device=device)
    return keep(key, model) if is_to_be_kept else model


def _files_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells a model's files from others, read from the folder alone."""
    files = [folder / "config.json", folder / "generation_config.json", *sorted(folder.glob("*.safetensors"))]
    stats = [(str(file.resolve()), file.stat()) for file in files if file.is_file()]
    return tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def pick_device() -> str:
    """`cuda`, `mps` or `cpu`: the fastest there is; `CROSSTUNE_DEVICE` overrides it."""
    if chosen := os.environ.get("CROSSTUNE_DEVICE"):
        return chosen
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(device: str) -> torch.dtype:
    """bfloat16 where the device multiplies matrices in it natively, else float32.

    float16 is never chosen: models trained in bfloat16, Gemma above all, overflow in it. On a CPU, the processor's
    features decide and not a timing, so that the same machine always computes the same.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if kind == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # torch >= 2.8
        if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")):
            return torch.bfloat16
    return torch.float32
