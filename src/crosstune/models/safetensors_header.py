"""What a safetensors file says of itself in its first bytes; enough to tell a whole file from a truncated one.

    8 bytes   length of the header, little-endian
    header    JSON: tensor name -> {dtype, shape, data_offsets: [begin, end]}, and perhaps __metadata__
    data      exactly as long as the largest `end`

Source: https://github.com/huggingface/safetensors#format
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""


class DamagedSafetensors(Exception):
    """The file is not whole; the message says in which way."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor of a file."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of values; 1 for a scalar."""
        return math.prod(self.shape)


def weight_files(folder: Path) -> list[str]:
    """Names of the safetensors files that make up the model in a folder, as its index lists them.

    Raises:
        OSError: there is none, or the index cannot be read.
        DamagedSafetensors: the index is not what it should be.
    """
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            return sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedSafetensors(f"{index.name} is not an index of weights") from error
    if (folder / "model.safetensors").exists():
        return ["model.safetensors"]
    raise FileNotFoundError(f"no model.safetensors in {folder}")


def weights_header(path: Path) -> dict[str, TensorHeader]:
    """The tensors of a file, after checking that the file is as long as they need.

    Raises:
        OSError: the file cannot be read.
        DamagedSafetensors: it is truncated, or no safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise DamagedSafetensors(f"{path.name} is truncated, or no safetensors file")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            tensors = {name: TensorHeader(item["dtype"], tuple(item["shape"])) for name, item in header.items()}
            end = max((item["data_offsets"][1] for item in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise DamagedSafetensors(f"{path.name} has no readable header") from error
    expected = 8 + length + end
    if size != expected:
        raise DamagedSafetensors(f"{path.name} has {size:,} bytes and should have {expected:,}")
    return tensors
