"""A step as data: what it is (kind, version, config, inputs) decides its fingerprint; how it runs does not."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from crosstune.progress import OnProgress
from crosstune.steps.fingerprint import canonical, fingerprint


@dataclass(frozen=True)
class Workspace:
    """What a running step is given.

    Attributes:
        out: the folder to write to. After a crash it still holds what the interrupted try had written.
        inputs: the finished folders of the steps it builds on, by the names that the step gave them.
        on_progress: told how far the work is.
        earlier: the finished folder of its `Step.earlier`; None without one, or where that cannot be had.
    """

    out: Path
    inputs: Mapping[str, Path]
    on_progress: OnProgress
    earlier: Path | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a step makes good use of, where steps share machines; it runs with less where there is less.

    Attributes:
        cpus: cores.
        gpus: accelerators; 0 for work that none of them speeds up.
        memory_bytes: memory of the machine or, on an accelerator, of that; None when it is little or not known.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int | None = None


@dataclass(frozen=True, eq=False)
class Together:
    """How a step shares its work with like ones, such as those whose models differ in little.

    Attributes:
        key: steps with the same one can work together.
        most: so many at once; at least 2.
        subject: what this step's part in the work is.
        run: does most of the work of several steps ahead, given the workspace and the subject of each; a module-level
            function. What it leaves there, each step's own `run` must find and go on from, as after an interruption,
            for that still finishes the step, and does all of its work where this fails.
    """

    key: str
    most: int
    subject: Any
    run: Callable[[Sequence[Workspace], Sequence[Any]], None]


@dataclass(frozen=True, eq=False)
class Step:
    """One unit of cached work.

    Attributes:
        kind: what sort of work; the first folder of its output, such as `training`.
        name: readable part of its output folder.
        version: raised when the code of this kind changes its results.
        config: everything that decides the result, in a canonical form; never where or how fast it runs.
        inputs: the steps it builds on.
        run: does the work; a module-level function or a `functools.partial` of one, so that it can be sent elsewhere.
        labels: what a person wants to read of it in plans and logs; not part of its identity.
        needs: what it makes good use of; not part of its identity.
        together: how it shares its work, where it can; not part of its identity.
        reads: of inputs of which it does not read all, the names of the files that it reads; not part of its identity.
            Only these are brought where the input lies elsewhere.
        earlier: a finished step that has done a part of this one's work, to go on from. The result is the same with and
            without, so it is not part of its identity, and not waited for.
    """

    kind: str
    name: str
    version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, "Step"]
    run: Callable[[Workspace], None]
    labels: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = Needs()
    together: Together | None = None
    reads: Mapping[str, Sequence[str]] = field(default_factory=dict)
    earlier: "Step | None" = None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that the fingerprint covers, in canonical form.

        Raises:
            TypeError: the config has no canonical form.
        """
        return {
            "kind": self.kind,
            "version": self.version,
            "config": canonical(self.config),
            "inputs": {name: step.fingerprint for name, step in sorted(self.inputs.items())},
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the identity."""
        return fingerprint(self.identity)

    @cached_property
    def folder(self) -> str:
        """Where its output lies below the root of the store: `<kind>/<name>-<hash8>`."""
        readable = re.sub(r"[^A-Za-z0-9._+-]+", "-", self.name).strip("-.")[:120] or "step"
        return f"{self.kind}/{readable}-{self.fingerprint[:8]}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def in_order(steps: Iterable[Step]) -> list[Step]:
    """The steps and all that they build on, each once (by folder), inputs before what needs them."""
    ordered: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.folder in ordered:
            return
        for other in step.inputs.values():
            visit(other)
        ordered[step.folder] = step

    for step in steps:
        visit(step)
    return list(ordered.values())
