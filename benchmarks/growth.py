"""How time and memory grow as a study does: cells, languages, prompts and answers double, all else staying the same.

python -m benchmarks.growth                        planning, scoring, results, report, and the engine itself
python -m benchmarks.growth --only report          one of them
python -m benchmarks.growth --largest 2            one more doubling than usual, or as many as are said

Each measurement is a process of its own. Seconds are the processor's, which other work on the machine disturbs less
than those of the clock; the least of the repeats counts. An exponent is the slope of a straight line through the
logarithms: 1 is in proportion, 2 with the square. Whatever takes a fixed time makes it smaller, so the exponent of what
each doubling adds stands beside it, and this one must not be much above 1. Studies are made up as in the benchmarks of
the engine, of scoring and of the report.
"""

import itertools
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from unittest import mock

from benchmarks import engine, record, scoring
from benchmarks.record import Row

SUPERLINEAR = 1.25
"""The exponent of what is added from which on a line is marked; repeats of one measurement differ by less."""
TOLD_APART_SECONDS = 0.05
LANGUAGES = ("en", "fr", "pt", "ru", "de", "es", "it", "zh", "ja", "ar", "hi", "tr")


@dataclass(frozen=True, slots=True)
class Size:
    """Of a study."""

    cells: int = 10
    languages: int = 6
    prompts: int = 60
    """In each language."""
    answers: int = 0
    """Of a file that is scored."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, beyond what it takes to start and to import."""

    seconds: float
    """Of the processor, children included."""
    memory_bytes: int
    """The most that it or a child took."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, and what of a study is doubled."""

    work: Callable[[Path, Size], None]
    """Run in a process of its own, given a folder."""
    make: Callable[[Path, Size], None]
    """Puts what the work reads into the folder; not counted."""
    start: Size
    grows: dict[str, Sequence[int]]
    """Axis and sizes."""


def _nothing(folder: Path, size: Size) -> None:
    """Nothing is read."""


def _plan(folder: Path, size: Size) -> None:
    from crosstune import Study
    from crosstune.prompts.language_file import packaged_language_codes

    languages = packaged_language_codes()[: size.languages]
    plan = Study.from_dict(engine.grid(size.cells, languages, size.prompts), root=folder / "runs").plan()
    assert len(plan.cells) == size.cells, len(plan.cells)


def _make_overlaps(folder: Path, size: Size) -> None:
    """The data is compared with the prompts, which happens once and is kept."""
    _plan(folder, replace(size, cells=2))


def _make_answers(folder: Path, size: Size) -> None:
    scoring.write(folder / "answers.jsonl", size.answers)


def _score(folder: Path, size: Size) -> None:
    command = [sys.executable, "-m", "crosstune", "score", str(folder / "answers.jsonl"), "--workers", "1", "--json"]
    subprocess.run([*command, "--out", str(folder / "scores.parquet")], check=True, stdout=subprocess.DEVNULL)


def _make_tables(folder: Path, size: Size) -> None:
    """The tables that a report reads, and the same ones cell by cell, as the steps before leave them."""
    import polars as pl

    from benchmarks.report import write_tables

    write_tables(folder, (size.cells, size.languages, size.prompts))
    for kind, table in (("generation", "responses"), ("scoring", "scores"), ("training", "curves")):
        for (run,), rows in pl.read_parquet(folder / f"{table}.parquet").group_by("run"):
            out = folder / kind / str(run)
            out.mkdir(parents=True)
            name = "curve" if kind == "training" else table
            (rows.drop("run") if kind == "training" else rows).write_parquet(out / f"{name}.parquet")


def _results(folder: Path, size: Size) -> None:
    import polars as pl

    from crosstune.prompts.config import PromptsConfig
    from crosstune.steps.step import Workspace
    from crosstune.study.stages import collect

    cells = pl.read_parquet(folder / "cells.parquet").to_dicts()
    inputs = {
        f"{kind}/{cell['run']}": folder / kind / cell["run"] for cell in cells for kind in ("generation", "scoring")
    }
    inputs |= {f"training/{cell['run']}": folder / "training" / cell["run"] for cell in cells if cell["tuned"]}
    out = folder / "results"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    prompts = PromptsConfig(sets=["everyday"], languages=list(LANGUAGES[: size.languages]))
    workspace = Workspace(out, {**inputs, "prompts": folder}, lambda progress: None)
    collect(workspace, cells=cells, instructions=(), prompts=prompts, contamination="ignore", base=folder)


def _report(folder: Path, size: Size) -> None:
    from benchmarks.report import build

    with redirect_stdout(StringIO()):
        build(folder, folder / "report.html")


def _make_finished(folder: Path, size: Size) -> None:
    with mock.patch("os.fsync"):  # what is found finished need not survive a power cut
        engine.run_cells(folder / "finished", size.cells)


def _run_steps(folder: Path, size: Size) -> None:
    shutil.rmtree(folder / "new", ignore_errors=True)
    engine.run_cells(folder / "new", size.cells)


def _find_steps(folder: Path, size: Size) -> None:
    engine.run_cells(folder / "finished", size.cells)


_STUDY = {"cells": (10, 20, 40, 80), "languages": (3, 6, 12), "prompts": (15, 30, 60, 120)}
_MANY_CELLS = {"cells": (125, 250, 500, 1000)}
MEASURES = {
    "planning": Measure(
        _plan,
        _make_overlaps,
        Size(cells=100),
        {**_MANY_CELLS, "languages": _STUDY["languages"], "prompts": _STUDY["prompts"]},
    ),
    "scoring": Measure(_score, _make_answers, Size(), {"answers": (1_000, 2_000, 4_000, 8_000)}),
    "results": Measure(_results, _make_tables, Size(), _STUDY),
    "report": Measure(_report, _make_tables, Size(), _STUDY),
    "engine, steps that run": Measure(_run_steps, _nothing, Size(), {"cells": (50, 100, 200, 400)}),
    "engine, steps found finished": Measure(_find_steps, _make_finished, Size(), _MANY_CELLS),
}
LIMITED = {("cells", "results"), ("cells", "report")}
"""The grid that the benchmark of the report makes up has no more than 82 cells."""


def _cost(work: Callable[[Path, Size], None], folder: Path, size: Size) -> Cost:
    """Run in the process that is measured."""
    import crosstune.study.study  # noqa: F401  (importing is not counted)

    before = time.process_time()
    work(folder, size)
    seconds = time.process_time() - before
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds + children.ru_utime + children.ru_stime, max(record.peak(), children.ru_maxrss * unit))


def cost(measure: Measure, size: Size, repeats: int) -> Cost:
    """The least of the repeats."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        record.apart(measure.make, folder, size)
        costs = [record.apart(_cost, measure.work, folder, size) for _ in range(repeats)]
    return Cost(min(c.seconds for c in costs), min(c.memory_bytes for c in costs))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the line of least squares through the logarithms of both."""
    return statistics.linear_regression([math.log(size) for size in sizes], [math.log(max(v, 1e-9)) for v in values])[0]


def added_exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The same of what each size adds to the one before: what is the same at all sizes does not count.

    Of values that go as a + b·n^k at sizes that double, it is k. None where a size adds too little to be told from
    chance.
    """
    steps = [later - earlier for earlier, later in itertools.pairwise(values)]
    return exponent(sizes[1:], steps) if min(steps) > TOLD_APART_SECONDS else None


@dataclass(frozen=True, slots=True)
class Growth:
    """What one measure costs along one axis."""

    name: str
    axis: str
    sizes: Sequence[int]
    costs: Sequence[Cost]

    @property
    def seconds(self) -> list[float]:
        return [cost.seconds for cost in self.costs]

    @property
    def is_superlinear(self) -> bool:
        return self.seconds[-1] > self.seconds[0] + TOLD_APART_SECONDS and max(self.exponents) > SUPERLINEAR

    @property
    def exponents(self) -> list[float]:
        """Of the whole and, where it can be told, of what is added."""
        added = added_exponent(self.sizes, self.seconds)
        return [exponent(self.sizes, self.seconds), *([] if added is None else [added])]

    def line(self) -> str:
        memory = [cost.memory_bytes / 1e6 for cost in self.costs]
        mark = " **more than in proportion**" if self.is_superlinear else ""
        cells = (
            self.name,
            self.axis,
            ", ".join(f"{size:,}" for size in self.sizes),
            ", ".join(f"{seconds:.2f}" for seconds in self.seconds),
            f"{self.exponents[0]:.2f}",
            "".join(f"{one:.2f}" for one in self.exponents[1:]) + mark,
            ", ".join(f"{megabytes:,.0f}" for megabytes in memory),
            f"{exponent(self.sizes, memory):.2f}",
        )
        return f"| {' | '.join(cells)} |"

    def row(self) -> Row:
        value = exponent(self.sizes, self.seconds)
        what = f"{self.name}, {self.sizes[0]:,} to {self.sizes[-1]:,} {self.axis}"
        memory = max(cost.memory_bytes for cost in self.costs)
        return Row(what, "", [value], "exponent of time", at_most=SUPERLINEAR, memory_bytes=memory)


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURES)
    parser.add_argument("--largest", type=int, default=0, help="more doublings than usual; languages have no more")
    parser.add_argument("--repeats", type=int, help="of each measurement; 2")
    options = parser.parse_args()
    repeats = options.repeats or (1 if options.quick else 2)
    grown = []
    started = time.perf_counter()
    for name in options.only or MEASURES:
        measure = MEASURES[name]
        for axis, usual in measure.grows.items():
            sizes = list(usual[:3] if options.quick else usual)
            if axis != "languages" and (axis, name) not in LIMITED:
                sizes += [sizes[-1] * 2 ** (n + 1) for n in range(options.largest)]
            costs = [cost(measure, replace(measure.start, **{axis: size}), repeats) for size in sizes]
            grown.append(Growth(name, axis, sizes, costs))
            print(grown[-1].line(), f"{time.perf_counter() - started:.0f} s", flush=True)
    heads = (
        "",
        "grows with",
        "sizes",
        "seconds of the processor",
        "exponent",
        "of what is added",
        "memory, MB",
        "exponent",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *(one.line() for one in grown)]
    least = f" The least of {repeats} repeats." if repeats > 1 else ""
    base = f"{Size().cells} cells (100 for planning), {Size().languages} languages, {Size().prompts} prompts in each"
    lines += ["", f"What does not grow is {base}.{least}"]
    record.finish(options, "growth", "\n".join(lines), [one.row() for one in grown])


if __name__ == "__main__":
    main()
