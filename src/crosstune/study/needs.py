"""What the costly steps of a study make good use of, for executors that run several at once."""

from functools import cache

from crosstune.steps.step import Needs
from crosstune.study.grid import Cell, Tuning
from crosstune.study.machines import processor
from crosstune.study.memory import generation_memory, training_memory

_CPUS = 4.0
"""Beside a GPU, cores that load data and launch kernels; without one, about where one more core speeds up a small model
less than another step at the same time would gain."""
_MANY_PROMPTS = 1 << 20
_GRAIN = 1 << 28
"""Memory is rounded up to it, so that like cells need the same."""


@cache
def _bf16() -> bool:
    return processor().bf16  # machines that share steps are mostly alike


def _needs(memory_bytes: int | None, processes: int = 1) -> Needs:
    # Executors ask for the memory of machines without a GPU alone, so it is that of processes there.
    cpus, gpus = _CPUS * processes, float(processes)
    if memory_bytes is None:
        return Needs(cpus=cpus, gpus=gpus)
    return Needs(cpus=cpus, gpus=gpus, memory_bytes=-(-memory_bytes // _GRAIN) * _GRAIN * processes)


def training_needs(cell: Cell, tuning: Tuning) -> Needs:
    """Of tuning a cell: a GPU for each process, all of one node."""
    shape, config = cell.base_model.shape, tuning.config
    if shape is None:
        return _needs(None, config.processes)
    return _needs(training_memory(shape, tuning.adaptation, config, gpu=False, bf16=_bf16()), config.processes)


def generation_needs(cell: Cell) -> Needs:
    """Of having a cell answer."""
    shape = cell.base_model.shape
    if shape is None:
        return _needs(None)
    return _needs(generation_memory(shape, cell.generation, gpu=False, bf16=_bf16(), prompts=_MANY_PROMPTS))
