"""A whole study, from the first import to the report, in a folder of its own: what its steps take, and what the rest.

python -m benchmarks.study                            studies/quickstart.yaml: some five minutes on two cores
python -m benchmarks.study --study studies/smoke.yaml

The rest is all that is no step's own work: starting Python, reading the study, planning, locks, manifests, digests and
making results survive a power cut. A second run, which finds everything finished, is measured too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.record import Row
from crosstune.steps.events import OnEvent
from crosstune.steps.step import Step, Workspace, in_order
from crosstune.steps.store import Store

STUDIES = Path(__file__).parents[1] / "studies"
AIM_SHARE, AIM_MILLISECONDS = 2.0, 50.0


@dataclass
class Clock:
    """An executor that runs steps in this process and adds up how long their own work took, by kind."""

    seconds: dict[str, float] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)

    def __call__(self, steps: Iterable[Step], store: Store, on_event: OnEvent) -> None:
        from crosstune.steps.executors.local import execute

        wanted = list(steps)
        for step in in_order(wanted):
            if not isinstance(step.run, Clocked):
                object.__setattr__(step, "run", Clocked(step, self))  # what runs is no part of a step's identity
                if step.together is not None:
                    shared = partial(self.work_together, step.kind, step.together.run)
                    object.__setattr__(step, "together", replace(step.together, run=shared))
        execute(wanted, store, on_event)

    def work_together(self, kind: str, work: Callable[..., None], *given: Any) -> None:
        """Times what steps of a kind do together, before each is finished by itself."""
        started = time.perf_counter()
        try:
            work(*given)
        finally:
            self.seconds[kind] = self.seconds.get(kind, 0.0) + time.perf_counter() - started


class Clocked:
    """The work of a step, timed."""

    def __init__(self, step: Step, clock: Clock) -> None:
        self.kind, self.work, self.clock = step.kind, step.run, clock

    def __call__(self, workspace: Workspace) -> None:
        started = time.perf_counter()
        try:
            self.work(workspace)
        finally:
            spent = self.clock.seconds.get(self.kind, 0.0) + time.perf_counter() - started
            self.clock.seconds[self.kind] = spent
            self.clock.steps[self.kind] = self.clock.steps.get(self.kind, 0) + 1


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One run of a study in a process of its own."""

    wall_seconds: float
    """From starting Python to its end."""
    run_seconds: float
    """Of `Study.run` alone."""
    memory_bytes: int
    seconds: dict[str, float]
    """Of the steps' own work, by kind."""
    steps: dict[str, int]

    @property
    def own_seconds(self) -> float:
        """What is no step's work."""
        return self.wall_seconds - sum(self.seconds.values())

    @property
    def share(self) -> float:
        """The same in percent of the whole."""
        return 100 * self.own_seconds / self.wall_seconds

    @property
    def step_milliseconds(self) -> float:
        """What `Study.run` takes beyond the steps' work, for each step."""
        return 1000 * (self.run_seconds - sum(self.seconds.values())) / sum(self.steps.values())


def run_here(study: Path, root: Path) -> None:
    """Runs the study in this process, and prints what it took."""
    from crosstune import Study

    clock = Clock()
    opened = Study.load(study, root=root)
    started = time.perf_counter()
    opened.run(executor=clock)
    taken = time.perf_counter() - started
    print(json.dumps({"run": taken, "memory": record.peak(), "seconds": clock.seconds, "steps": clock.steps}))


def run_apart(study: Path, root: Path) -> StudyRun:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.study", "--study", str(study), "--root", str(root)]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall = time.perf_counter() - started
    found = json.loads(done.stdout.splitlines()[-1])
    return StudyRun(wall, found["run"], found["memory"], found["seconds"], found["steps"])


def tables(fresh: StudyRun, again: StudyRun, name: str) -> str:
    """Markdown."""
    lines = [
        f"`{name}`, {sum(fresh.steps.values())} steps:",
        "",
        "| steps | number | seconds | share |",
        "|---|---|---|---|",
    ]
    for kind, seconds in fresh.seconds.items():
        lines.append(f"| {kind} | {fresh.steps[kind]} | {seconds:.1f} | {100 * seconds / fresh.wall_seconds:.1f} % |")
    return "\n".join(
        [
            *lines,
            f"| all else: crosstune itself, starting and imports | | {fresh.own_seconds:.1f} | {fresh.share:.1f} % |",
            f"| **in all** | {sum(fresh.steps.values())} | {fresh.wall_seconds:.1f} | |",
            "",
            f"A step takes {fresh.step_milliseconds:.0f} ms beyond its work. Run again, with everything finished, "
            f"the whole takes {again.wall_seconds:.1f} s, {again.run_seconds:.2f} s of them to look at the steps.",
        ]
    )


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--study", type=Path, help="a study file; studies/quickstart.yaml")
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    study = options.study or STUDIES / ("smoke.yaml" if options.quick else "quickstart.yaml")
    if options.root:
        run_here(study, options.root)
        return
    with tempfile.TemporaryDirectory() as folder:
        fresh, again = (run_apart(study, Path(folder)) for _ in range(2))
    what = f"`{study.name}`, whole study"
    rows = [
        Row(what, "", [fresh.wall_seconds], "s", memory_bytes=fresh.memory_bytes),
        Row(f"{what}: what is no step's work", "the whole", [fresh.share], "%", at_most=AIM_SHARE),
        Row(f"{what}: a step, beyond its work", "", [fresh.step_milliseconds], "ms", at_most=AIM_MILLISECONDS),
        Row(f"{what}: run again when finished", "", [again.wall_seconds], "s"),
    ]
    record.finish(options, "study", tables(fresh, again, study.name), rows, device=True)


if __name__ == "__main__":
    main()
