"""How much memory is used at most, and telling a lack of it from other failures, on the GPU and on the CPU."""

import contextlib
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosstune.errors import OutOfMemory

_WORDS = (
    "not enough memory", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc",  # on the CPU
    "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "MPS backend out of memory",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory; torch's CPU allocator and some libraries say so in words only."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


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


def peak_memory_bytes(device: str) -> int:
    """The most memory used since `restart_peak_memory`, or since the process began.

    Args:
        device: torch's name of it. On a GPU the memory of tensors is meant, elsewhere all that is resident of this
            process, its libraries and mapped weights included.
    """
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):  # not `ru_maxrss`, which begins with that of the process that started this one
        for line in Path("/proc/self/status").read_text("ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def restart_peak_memory(device: str) -> None:
    """Lets `peak_memory_bytes` begin anew, where the system can: several steps may run in one process."""
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # Linux, proc(5): resets the peak resident set size
