"""What the costly steps of a study make good use of, for executors that run several at once."""

from functools import cache

from crosstune.steps.step import Needs
from crosstune.study.estimate import generation_cost, training_cost
from crosstune.study.grid import Cell, Tuning
from crosstune.study.machines import Machine, accelerator

_CPUS = 4.0
"""Beside a GPU, cores that load data and launch kernels; without one, about where one more core speeds up a small model
less than another step at the same time would gain."""
_PROCESS_BYTES = 1 << 30
"""Python, torch and the libraries around it."""


@cache
def _any_machine() -> Machine:
    return accelerator("h100")  # memory is estimated alike for all; only times differ


def _needs(memory_bytes: int | None) -> Needs:
    if memory_bytes is None:
        return Needs(cpus=_CPUS, gpus=1.0)
    whole = -(-(memory_bytes + _PROCESS_BYTES) >> 30) << 30  # so that like cells need the same
    return Needs(cpus=_CPUS, gpus=1.0, memory_bytes=whole)


def training_needs(cell: Cell, tuning: Tuning) -> Needs:
    """Of tuning a cell."""
    cost = training_cost(cell.base_model.shape, tuning.adaptation, tuning.config, _any_machine(), None)
    return _needs(cost.memory_bytes)


def generation_needs(cell: Cell) -> Needs:
    """Of having a cell answer."""
    return _needs(generation_cost(cell.base_model.shape, 1, cell.generation, _any_machine(), None).memory_bytes)
