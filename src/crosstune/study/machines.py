"""What a machine can do, for estimates: found without loading torch, or looked up for one you do not sit at."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from crosstune.errors import InvalidStudy, did_you_mean


@dataclass(frozen=True, slots=True)
class Machine:
    """One device that steps run on.

    Attributes:
        name: for people.
        gpu: whether it is an accelerator.
        memory_bytes: its memory.
        flops: dense bf16 operations a second, as published by its maker (CPU: what a core does in practice).
        bandwidth_bytes: memory bandwidth a second.
        count: devices like this one that the machine has.
        bf16: whether it multiplies matrices in bfloat16 natively, as models are then computed.
    """

    name: str
    gpu: bool
    memory_bytes: int
    flops: float
    bandwidth_bytes: float
    count: int = 1
    bf16: bool = True


def _gpu(name: str, gibibytes: int, teraflops: float, terabytes: float) -> Machine:
    return Machine(name, True, gibibytes << 30, teraflops * 1e12, terabytes * 1e12)


ACCELERATORS = {
    "b200": _gpu("NVIDIA B200", 180, 2250, 8.0),
    "h200": _gpu("NVIDIA H200", 141, 989, 4.8),
    "h100": _gpu("NVIDIA H100", 80, 989, 3.35),
    "a100-80gb": _gpu("NVIDIA A100 80GB", 80, 312, 2.0),
    "a100-40gb": _gpu("NVIDIA A100 40GB", 40, 312, 1.55),
    "l40s": _gpu("NVIDIA L40S", 48, 362, 0.86),
    "l4": _gpu("NVIDIA L4", 24, 121, 0.3),
    "rtx-4090": _gpu("NVIDIA GeForce RTX 4090", 24, 165, 1.0),
    "mi300x": _gpu("AMD Instinct MI300X", 192, 1307, 5.3),
}
"""Makers' figures for dense bf16 and memory bandwidth."""

_CPU_FLOPS_PER_CORE = {True: 250e9, False: 60e9}
"""Of a current server core, with bf16 instructions and without; speeds measured here take their place later."""
_CPU_BANDWIDTH = 20e9
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def accelerator(name: str) -> Machine:
    """A machine from the table.

    Raises:
        InvalidStudy: it is not in the table.
    """
    if name.lower() not in ACCELERATORS:
        raise InvalidStudy(f"unknown accelerator '{name}'", where="--on", hint=did_you_mean(name.lower(), ACCELERATORS))
    return ACCELERATORS[name.lower()]


def this_machine() -> Machine:
    """The machine one sits at: its first NVIDIA GPU if it has one, else its processor."""
    return _first_gpu() or processor()


def processor() -> Machine:
    """The machine one sits at without its GPUs."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    memory = psutil.virtual_memory().total
    bf16 = _multiplies_bf16()
    flops = cores * _CPU_FLOPS_PER_CORE[bf16]
    return Machine(f"this machine ({cores} CPU cores)", False, memory, flops, _CPU_BANDWIDTH, bf16=bf16)


def _multiplies_bf16() -> bool:
    information = Path("/proc/cpuinfo")
    try:
        flags = next(line for line in information.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not _BF16_FLAGS.isdisjoint(flags.split())


def _first_gpu() -> Machine | None:
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.strip().splitlines()
    if not lines:
        return None
    name, _, mebibytes = lines[0].rpartition(",")
    plain = name.lower().replace(" ", "-")
    known = next((machine for key, machine in ACCELERATORS.items() if key.split("-")[0] in plain), ACCELERATORS["l4"])
    memory = int(mebibytes) << 20 if mebibytes.strip().isdigit() else known.memory_bytes
    described = f"this machine ({name.strip()})"
    return Machine(described, True, memory, known.flops, known.bandwidth_bytes, count=len(lines))
