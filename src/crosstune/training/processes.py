"""What the processes that share a training know of each other; a training of one process needs none of it."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

_LONGEST_WAIT = timedelta(hours=2)
"""For the others, such as while the first writes a checkpoint; a process that dies is noticed by who started it."""


def process_count() -> int:
    """Processes of this training (`WORLD_SIZE`, as launchers set it)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this process is the one that writes results."""
    return process_count() == 1 or int(os.environ["RANK"]) == 0


def join_processes(device: str) -> None:
    """Meets the other processes; called once by each of them, and by a training of one process to no effect.

    Args:
        device: on which the training runs, as `models.loading.pick_device` says.
    """
    import torch

    if process_count() == 1 or torch.distributed.is_initialized():
        return
    backend = "gloo"
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        backend = "cuda:nccl,cpu:gloo"
    torch.distributed.init_process_group(
        backend,
        init_method=os.environ.get("CROSSTUNE_MEETING_POINT", "env://"),
        rank=int(os.environ["RANK"]),
        world_size=process_count(),
        timeout=_LONGEST_WAIT,
    )


def by_first_process(work: Callable[[], T]) -> T:
    """Does work in the first process alone and gives its outcome to all, none of which goes on before it is done.

    An error of the work is raised in the first process; who started the others ends them.
    """
    if process_count() == 1:
        return work()
    import torch

    outcome: list[T | None] = [work() if is_first_process() else None]
    torch.distributed.broadcast_object_list(outcome, src=0)
    return outcome[0]  # type: ignore[return-value]  # None where the outcome is
