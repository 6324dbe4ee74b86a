"""Keeps the weights of one base model in memory for those who follow each other with it, and only read them.

What is lent is a model of its own, with its own modules, settings and marks, over the same tensors: adapters, another
attention or hooks on one are not seen by the next. The tensors must not be written to; a lender that finds they were
forgets them. Imports no torch until a model is kept.
"""

import copy
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LARGEST_SHARE = 0.25
"""Of a device's memory that the kept weights may take: it must be free for others at any time."""


@dataclass(frozen=True, slots=True)
class _Kept:
    key: Hashable
    model: Any
    versions: tuple[int, ...]
    """Torch's own count of changes to each tensor."""


_kept: list[_Kept] = []
"""None or one."""


def _tensors(model: Any) -> Iterator[Any]:
    yield from model.parameters()
    yield from model.buffers()


def _versions(model: Any) -> tuple[int, ...]:
    return tuple(tensor._version for tensor in _tensors(model))


def let_model_go() -> None:
    """Forgets the kept weights: their memory is free when nobody has borrowed them any more."""
    _kept.clear()


@contextmanager
def letting_models_go() -> Iterator[None]:
    """Keeps no weights beyond the work inside."""
    try:
        yield
    finally:
        let_model_go()


def lend(key: Hashable) -> Any | None:
    """A model over the kept weights, in evaluation mode.

    Args:
        key: which weights, in which format and where.

    Returns:
        None where others are kept, or none.
    """
    if not _kept or _kept[0].key != key:
        return None
    if _versions(_kept[0].model) != _kept[0].versions:
        let_model_go()
        return None
    return _over_same_tensors(_kept[0].model)


def keep(key: Hashable, model: Any) -> Any:
    """Keeps a model's weights in place of those kept so far, unless they take much of the device's memory.

    Args:
        key: as for `lend`.
        model: nobody else may use it afterwards.

    Returns:
        A model over the same weights, as `lend` gives; or `model` itself, which is then not kept.
    """
    let_model_go()
    size = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(model))
    if size > _LARGEST_SHARE * _memory_of(model.device):
        return model
    _kept.append(_Kept(key, model, _versions(model)))
    return _over_same_tensors(model)


def _memory_of(device: Any) -> int:
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return int(psutil.virtual_memory().total)


def _over_same_tensors(model: Any) -> Any:
    import torch

    known: dict[int, Any] = {}
    for weight in model.parameters():
        known[id(weight)] = torch.nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
    for buffer in model.buffers():
        known[id(buffer)] = buffer.clone()  # small, such as the frequencies of positions
    return copy.deepcopy(model, known)
