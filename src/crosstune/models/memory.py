"""Tells running out of memory from other failures, on the GPU and on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

from crosstune.errors import OutOfMemory

_CPU_ALLOCATOR = ("not enough memory", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory; torch's CPU allocator says so in words only."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_ALLOCATOR)


@contextmanager
def memory_errors(what: str, hint: str) -> Iterator[None]:
    """Turns running out of memory into an error that says what to do.

    Args:
        what: what was being done, such as `answering prompts`.
        hint: which setting to lower.

    Raises:
        OutOfMemory: the code inside ran out of memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"out of memory while {what}", hint=hint) from error
