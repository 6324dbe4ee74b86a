"""What a benchmark tells of itself: rows of the summary, and its own tables as Markdown, which go into RESULTS.md.

A benchmark is a module with a `main()` that ends like this, and a line in `benchmarks.__main__.BENCHMARKS`:

    parser = record.parser(__doc__)                # knows --quick, --write, --rows FILE
    parser.add_argument("--answers", type=int)     # and what is the benchmark's own
    options = parser.parse_args()
    ...                                            # measure; smaller if options.quick
    row = Row("LoRA training", "plain TRL, fp32", ratios, unit="times as fast", at_least=2, memory_bytes=record.peak())
    record.finish(options, "training", text, [row])    # prints `text`, which is Markdown; `options` says what else

What cannot run here ends by `record.skip(options, "training", "chromium is not installed")`.
"""

import argparse
import json
import multiprocessing
import os
import platform
import re
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import NoReturn, TypeVar

Result = TypeVar("Result")
RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the summary: what was measured, beside what, and what it should be."""

    what: str
    against: str
    """What it is compared with; empty when it is a figure of its own."""
    values: Sequence[float]
    """One for each repeat, all of `unit`; a ratio is taken within its repeat. The median is the figure."""
    unit: str = "times as fast"
    at_least: float | None = None
    at_most: float | None = None
    memory_bytes: int | None = None
    """The most memory that it took, on the GPU where there is one; None: not measured."""
    against_memory_bytes: int | None = None
    """What the other took."""

    @property
    def figure(self) -> float:
        return statistics.median(self.values)

    @property
    def is_reached(self) -> bool | None:
        """Whether the aim is; None without one."""
        if self.at_least is None and self.at_most is None:
            return None
        lowest = -float("inf") if self.at_least is None else self.at_least
        highest = float("inf") if self.at_most is None else self.at_most
        return lowest <= self.figure <= highest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one benchmark: rows, or why there are none."""

    name: str
    rows: list[Row] = field(default_factory=list)
    skipped: str = ""
    failed: str = ""
    seconds: float = 0.0

    @staticmethod
    def read(path: Path) -> "Outcome":
        """From the file that `finish` or `skip` wrote."""
        content = json.loads(path.read_text("utf-8"))
        return Outcome(content["name"], [Row(**row) for row in content["rows"]], content["skipped"])


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="less of everything: to see that it runs")
    made.add_argument("--write", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    made.add_argument("--rows", type=Path, help="write the rows of the summary here, as JSON")
    return made


def finish(
    options: argparse.Namespace, name: str, text: str, rows: Sequence[Row], *, device: bool = False, skipped: str = ""
) -> None:
    """Prints the tables and hands over what the options ask for.

    Args:
        options: of `parser`.
        name: the section of RESULTS.md, and the benchmark in the summary.
        text: Markdown.
        rows: of the summary.
        device: whether the figures are those of the GPU, where there is one; they get a section of their own then.
        skipped: the part that could not run here, and why.
    """
    print(f"\n{text}", flush=True)
    if options.rows:
        _write(options.rows, Outcome(name, list(rows), skipped))
    if options.write:
        command = " ".join([f"python -m {_module()}", *(a for a in sys.argv[1:] if a != "--write" and not _rows(a))])
        head = f"`{command}`, recorded {date.today()}: {machine(device=device)}."
        write_section(f"{name}, GPU" if device and gpu_name() else name, f"{head}\n\n{text}")


def skip(options: argparse.Namespace, name: str, reason: str) -> NoReturn:
    """Ends a benchmark that cannot run here."""
    print(f"skipped: {reason}", flush=True)
    if options.rows:
        _write(options.rows, Outcome(name, skipped=reason))
    raise SystemExit(0)


def _write(path: Path, outcome: Outcome) -> None:
    path.write_text(json.dumps(asdict(outcome)), "utf-8")


def _module() -> str:
    return sys.modules["__main__"].__spec__.name.removesuffix(".__main__")  # type: ignore[union-attr]


def _rows(argument: str) -> bool:
    return argument.startswith("--rows=")


def write_section(name: str, text: str, path: Path | None = None) -> None:
    """Puts text between the marks of its section of RESULTS.md; a section that is not there yet comes last."""
    path = path or RESULTS
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = path.read_text("utf-8") if path.exists() else "# Speed\n"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin not in content:
        content = f"{content.rstrip()}\n\n## {name[0].upper()}{name[1:]}\n\n{section}\n"
    else:
        content = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, content, flags=re.DOTALL)
    path.write_text(content, "utf-8")


def read_section(name: str, path: Path | None = None) -> str:
    """The text between the marks of a section of RESULTS.md; empty without one."""
    path = path or RESULTS
    content = path.read_text("utf-8") if path.exists() else ""
    found = re.search(f"<!-- {re.escape(name)}: begin -->(.*?)<!-- {re.escape(name)}: end -->", content, re.DOTALL)
    return found[1].strip() if found else ""


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, with the lowest and the highest."""
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) < 2 else f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def peak() -> int:
    """The most memory that this process has taken so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the process had taken that started this one
        (line,) = [line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def apart(function: Callable[..., Result], *arguments: object) -> Result:
    """What a function of a module gives in a process of its own, whose memory is its own.

    Raises:
        BrokenProcessPool: the process ended without an answer, as when memory ran out.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def gpu_name() -> str | None:
    """Of the first GPU; None without one."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def processor() -> str:
    """Its name, and how many cores it has."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text("utf-8").splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def machine(*, device: bool = True) -> str:
    """What the figures belong to: GPU where it matters, processor, how busy it is, Python."""
    gpu = gpu_name() if device else None
    load = os.getloadavg()[2]
    busy = f"{load:.1f} tasks on average over the last 15 minutes"
    return ", ".join(filter(None, [gpu, processor(), busy, f"Python {platform.python_version()}"]))
