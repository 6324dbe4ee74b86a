"""What the engine adds to the work: seconds a step that does nothing, a run that finds everything finished, and the
plan of a study of a thousand cells.

python -m benchmarks.engine                      both executors, on this machine
python -m benchmarks.engine --steps 200 --cached 2000 --executor local
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from crosstune import Study
from crosstune.steps.executors import Executor, local
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import Store
from crosstune.storage.atomic import write_atomic
from crosstune.study.study import environment


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


def plan_seconds(count: int) -> float:
    """Loading and planning a grid of about `count` cells."""
    rates = [round(1e-5 * 1.01**number, 12) for number in range(count - 1)]
    study: dict[str, Any] = {
        "name": "many",
        "base_models": ["gemma-3-270m"],
        "instructions": [{"source": "starter-en", "examples": 20}],
        "learning_rate": rates,
        "training": {"max_steps": 4, "tokens_per_step": 256, "max_length": 128},
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"]},
    }
    with tempfile.TemporaryDirectory() as root:
        started = time.perf_counter()
        plan = Study.from_dict(study, root=Path(root)).plan()
        taken = time.perf_counter() - started
    assert len(plan.cells) == count, len(plan.cells)
    return taken


def measured(name: str, executor: Executor, folder: Path, steps: int, cached: int) -> None:
    seconds(executor, folder / name / "warm", 20)
    few = seconds(executor, folder / name / "few", 20)
    many = seconds(executor, folder / name / "many", steps)
    print(f"| {name}: a step | {1000 * (many - few) / (steps - 20):.1f} ms |", flush=True)
    taken = seconds(executor, folder / "finished", cached)
    print(f"| {name}: {cached} finished steps checked | {taken:.2f} s |", flush=True)


def disk_milliseconds(folder: Path) -> float:
    """Of one small file made to survive a power cut; a step has six."""
    started = time.perf_counter()
    for number in range(50):
        write_atomic(folder / f"{number}.txt", "done")
    return 1000 * (time.perf_counter() - started) / 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500, help="steps that run")
    parser.add_argument("--cached", type=int, default=10_000, help="steps that are found finished")
    parser.add_argument("--cells", type=int, default=1000, help="cells of the study that is planned")
    parser.add_argument("--folder", type=Path, help="where results go while it runs; default: the system's")
    parser.add_argument("--executor", choices=["local", "ray"], help="only this one")
    options = parser.parse_args()
    print("| what | time |\n|---|---|")
    print(f"| planning {options.cells} cells | {plan_seconds(options.cells):.2f} s |", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        with mock.patch("os.fsync"):  # what is found finished need not survive a power cut
            local.execute([cells(options.cached)], Store(folder / "finished"), lambda event: None)
        print(f"| writing a small file to this disk for good | {disk_milliseconds(folder):.1f} ms |", flush=True)
        if options.executor != "ray":
            measured("local", local.execute, folder, options.steps, options.cached)
        if options.executor != "local":
            import ray

            from crosstune.steps.executors.driver import Cluster
            from crosstune.steps.executors.ray import execute

            ray.init(log_to_driver=False, logging_level="ERROR")  # kept between runs: starting is not counted
            measured("ray", partial(execute, cluster=Cluster()), folder, options.steps, options.cached)
            ray.shutdown()


if __name__ == "__main__":
    main()
