"""What the engine adds to the work: seconds a step that does nothing, a run that finds everything finished, and the
plan of a study of a thousand cells.

python -m benchmarks.engine                      both executors, on this machine
python -m benchmarks.engine --steps 200 --cached 2000 --executor local
"""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import record
from benchmarks.record import Row
from crosstune import Study
from crosstune.steps.executors import Executor, local
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import Store
from crosstune.storage.atomic import write_atomic
from crosstune.study.environment import environment


def nothing(workspace: Workspace) -> None:
    (workspace.out / "result.txt").write_text("done")


def cells(count: int) -> Step:
    """Steps shaped like a study's: three for each cell, one that joins all."""
    data = Step("instructions", "data", 1, {}, {}, nothing)
    inputs = {}
    for number in range((count - 2) // 3):
        name = f"cell{number}"
        training = Step("training", name, 1, {"cell": number}, {"instructions": data}, nothing)
        generation = Step("generation", name, 1, {"cell": number}, {"training": training}, nothing)
        inputs[name] = Step("scoring", name, 1, {"cell": number}, {"generation": generation}, nothing)
    return Step("results", "all", 1, {}, inputs, nothing)


def seconds(executor: Executor, root: Path, steps: int) -> float:
    started = time.perf_counter()
    executor([cells(steps)], Store(root, environment), lambda event: None)
    return time.perf_counter() - started


def run_cells(root: Path, count: int) -> None:
    """Runs the steps of so many cells that do nothing, or finds them finished."""
    local.execute([cells(3 * count + 2)], Store(root, environment), lambda event: None)


def grid(cells: int, languages: Sequence[str] = ("en", "fr"), prompts: int | None = None) -> dict[str, Any]:
    """A study file with so many cells, and so many prompts in each language."""
    rates = [round(1e-5 * 1.01**number, 12) for number in range(cells - 1)]
    return {
        "name": "many",
        "base_models": ["gemma-3-270m"],
        "instructions": [{"source": "starter-en", "examples": 20}],
        "learning_rate": rates,
        "training": {"max_steps": 4, "tokens_per_step": 256, "max_length": 128},
        "prompts": {"sets": ["everyday"], "languages": list(languages), "limit": prompts},
    }


def plan_seconds(count: int) -> float:
    """Loading and planning a grid of so many cells."""
    with tempfile.TemporaryDirectory() as root:
        started = time.perf_counter()
        plan = Study.from_dict(grid(count), root=Path(root)).plan()
        taken = time.perf_counter() - started
    assert len(plan.cells) == count, len(plan.cells)
    return taken


def measured(name: str, executor: Executor, folder: Path, steps: int, cached: int) -> tuple[list[str], Row]:
    """Lines of the table, and milliseconds of a step that does nothing."""
    seconds(executor, folder / name / "warm", 20)
    few = seconds(executor, folder / name / "few", 20)
    many = seconds(executor, folder / name / "many", steps)
    milliseconds = 1000 * (many - few) / (steps - 20)
    taken = seconds(executor, folder / "finished", cached)
    lines = [
        f"| {name}: a step | {milliseconds:.1f} ms |",
        f"| {name}: {cached:,} finished steps checked | {taken:.2f} s |",
    ]
    return lines, Row(f"a step that does nothing, {name}", "", [milliseconds], "ms", at_most=50)


def disk_milliseconds(folder: Path) -> float:
    """Of one small file made to survive a power cut; a step has six."""
    started = time.perf_counter()
    for number in range(50):
        write_atomic(folder / f"{number}.txt", "done")
    return 1000 * (time.perf_counter() - started) / 50


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--steps", type=int, help="steps that run; 500")
    parser.add_argument("--cached", type=int, help="steps that are found finished; 10,000")
    parser.add_argument("--cells", type=int, help="cells of the study that is planned; 1,000")
    parser.add_argument("--folder", type=Path, help="where results go while it runs; default: the system's")
    parser.add_argument("--executor", choices=["local", "ray"], help="only this one")
    options = parser.parse_args()
    usual = (100, 500, 100) if options.quick else (500, 10_000, 1_000)
    steps, cached, cells_planned = options.steps or usual[0], options.cached or usual[1], options.cells or usual[2]
    planning = plan_seconds(cells_planned)
    lines = ["| what | time |", "|---|---|", f"| planning {cells_planned:,} cells | {planning:.2f} s |"]
    rows = [Row(f"planning {cells_planned:,} cells", "", [planning], "s", at_most=3)]
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        with mock.patch("os.fsync"):  # what is found finished need not survive a power cut
            local.execute([cells(cached)], Store(folder / "finished"), lambda event: None)
        lines.append(f"| writing a small file to this disk for good | {disk_milliseconds(folder):.1f} ms |")
        if options.executor != "ray":
            more, row = measured("local", local.execute, folder, steps, cached)
            lines, rows = [*lines, *more], [*rows, row]
        if options.executor != "local" and find_spec("ray") is not None:
            import ray

            from crosstune.steps.executors.driver import Cluster
            from crosstune.steps.executors.ray import execute

            ray.init(log_to_driver=False, logging_level="ERROR")  # kept between runs: starting is not counted
            more, row = measured("ray", partial(execute, cluster=Cluster()), folder, steps, cached)
            lines, rows = [*lines, *more], [*rows, row]
            ray.shutdown()
    skipped = "" if find_spec("ray") else "Ray, which is not installed: `pip install 'crosstune[ray]'`"
    record.finish(options, "engine", "\n".join(lines), rows, skipped=skipped)


if __name__ == "__main__":
    main()
