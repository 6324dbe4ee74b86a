"""Runs the benchmarks, each in a process of its own, and prints one table of what they found.

python -m benchmarks                          the usual ones: some 40 minutes on two cores
python -m benchmarks --all                    all of them: more than an hour
python -m benchmarks --quick                  less of everything, to see that they run: some five minutes
python -m benchmarks --only training scoring  these
python -m benchmarks --write                  records the tables in benchmarks/RESULTS.md; with --only, theirs
python -m benchmarks.training --help          the options of one

A new benchmark is a module `benchmarks/NAME.py` with a `main()`, and a line in BENCHMARKS below. How it hands over its
figures, in three lines, stands at the top of `benchmarks/record.py`: `record.parser`, `Row`, `record.finish`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import psutil

from benchmarks import record
from benchmarks.record import Outcome, Row

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this folder, and how it is run."""

    name: str
    """`benchmarks.NAME`."""
    is_usual: bool = True
    """Whether it runs without being named; the others need --all."""
    options: tuple[str, ...] = ()
    """Of the module, when it runs from here."""
    limit_minutes: float = 20
    """After which it counts as failed."""


BENCHMARKS = (
    Benchmark("training", options=("--repeats=2",)),  # a quarter of an hour otherwise
    Benchmark("generation", options=("--repeats=2", "--prompts=4", "--new-tokens=48")),  # half an hour otherwise
    Benchmark("scoring"),
    Benchmark("pass_rates"),
    Benchmark("identification"),
    Benchmark("report"),
    Benchmark("study"),
    Benchmark("engine"),
    Benchmark("growth"),
    Benchmark("startup"),
    Benchmark("data"),
    Benchmark("judging"),
    Benchmark("annotation", is_usual=False),
    Benchmark("memory", is_usual=False),
    Benchmark("llama_cpp", is_usual=False),
)


def command_of(benchmark: Benchmark) -> list[str]:
    """What runs it."""
    return [sys.executable, "-m", f"benchmarks.{benchmark.name}", *benchmark.options]


def run(benchmark: Benchmark, folder: Path, more: Sequence[str]) -> Outcome:
    """What one says of itself, or how it failed."""
    rows = folder / f"{benchmark.name}.json"
    print(f"\n### {benchmark.name}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([*command_of(benchmark), *more, f"--rows={rows}"], cwd=ROOT)
    try:
        status = process.wait(benchmark.limit_minutes * 60)
        problem = f"ended with status {status}" if status else "" if rows.exists() else "told nothing of itself"
    except subprocess.TimeoutExpired:
        problem = f"not finished after {benchmark.limit_minutes:g} minutes"
    finally:
        _end(process)
    seconds = time.perf_counter() - started
    if problem:
        return Outcome(benchmark.name, failed=problem, seconds=seconds)
    return replace(Outcome.read(rows), name=benchmark.name, seconds=seconds)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends what still runs, with all that it started."""
    if process.poll() is None:
        whole = psutil.Process(process.pid)
        for one in [*whole.children(recursive=True), whole]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _figure(row: Row) -> str:
    middle = f"{_number(row.figure)} {row.unit}"
    return middle if len(row.values) < 2 else f"{middle} ({_number(min(row.values))} to {_number(max(row.values))})"


def _memory(row: Row) -> str:
    mine, other = row.memory_bytes, row.against_memory_bytes
    if mine is None:
        return ""
    return f"{mine / 1e9:.2f} GB" + (f" ({other / 1e9:.2f} GB)" if other else "")


def _aim(row: Row) -> str:
    bounds = [(row.at_least, "at least"), (row.at_most, "at most")]
    return " and ".join(f"{word} {_number(bound)}" for bound, word in bounds if bound is not None)


def table(outcomes: Sequence[Outcome], *, quick: bool = False) -> str:
    """One line a figure; a benchmark without figures has a line that says why.

    Args:
        outcomes: of the benchmarks.
        quick: whether they did less than the aims are meant for, which are then held against nobody.
    """
    lines = ["| | what | beside | figure | memory (the other's) | aim | reached |", "|---|---|---|---|---|---|---|"]
    for outcome in outcomes:
        if outcome.skipped or outcome.failed:
            state = f"skipped: {outcome.skipped}" if outcome.skipped else f"**failed**: {outcome.failed}"
            lines.append(f"| {outcome.name} | {state} | | | | | |")
        for row in outcome.rows:
            reached = {None: "", True: "yes", False: "**no**"}[None if quick else row.is_reached]
            cells = (outcome.name, row.what, row.against, _figure(row), _memory(row), _aim(row), reached)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def merged(recorded: str, head: str, lines: str) -> str:
    """A summary in which the lines of some benchmarks are new; whatever it says above its table is kept above it.

    Args:
        recorded: the summary as it is.
        head: what to say of the new lines.
        lines: the table of the new ones.
    """
    old = [line for line in recorded.strip().splitlines() if line.strip()]
    heads = [line for line in old if not line.startswith("|")] if any(line.startswith("|") for line in old) else []
    new = lines.splitlines()
    named = {_name_in(line) for line in new[2:]}
    kept = [line for line in old if line.startswith("|")][2:]
    names = [benchmark.name for benchmark in BENCHMARKS]
    rows = [line for line in kept if _name_in(line) not in named] + new[2:]
    rows.sort(key=lambda line: names.index(_name_in(line)) if _name_in(line) in names else len(names))
    return "\n".join(["\n\n".join([*heads, head]), "", *new[:2], *rows])


def _name_in(line: str) -> str:
    return line.split("|")[1].strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"among {', '.join(names)}")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    options = parser.parse_args()
    chosen = [b for b in BENCHMARKS if (b.name in options.only if options.only else options.all or b.is_usual)]
    more = [name for name in ("--quick", "--write") if getattr(options, name[2:])]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [run(benchmark, Path(folder), more) for benchmark in chosen]
    minutes = (time.perf_counter() - started) / 60
    each = ", ".join(f"{outcome.name} {outcome.seconds / 60:.1f}" for outcome in outcomes)
    head = f"{date.today()}: {record.machine()}. {minutes:.0f} minutes in all ({each})."
    lines = table(outcomes, quick=options.quick)
    print(f"\n## Summary\n\n{head}\n\n{lines}")
    if options.write:
        section = "summary, GPU" if record.gpu_name() else "summary"
        recorded = record.read_section(section) if options.only else ""
        record.write_section(section, merged(recorded, head, lines))
    if any(outcome.failed for outcome in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
