"""A study: its file, its grid, its steps, and how to run it.

<root>/
    instructions/ prompts/ training/ generation/ scoring/ results/ report/     outputs of steps (see steps.store)
    studies/<name>/
        study.yaml       the resolved study file, defaults and overrides included
        report.html      the newest report
        .lock            held while the study runs
"""

import os
import shutil
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.errors import InvalidStudy, StepFailed
from crosstune.models.kept import letting_models_go
from crosstune.progress import OnProgress, ignore_progress
from crosstune.steps.contents import discard_damaged
from crosstune.steps.events import Event, Failed, Finished, Found, OnEvent
from crosstune.steps.executors import Executor
from crosstune.steps.executors.local import execute
from crosstune.steps.step import Step, in_order
from crosstune.steps.store import Explanation, State, require_finished
from crosstune.storage.atomic import atomic_path, write_atomic
from crosstune.storage.locks import lock
from crosstune.study.config import StudyConfig
from crosstune.study.contamination import READ_AT_PLAN_UP_TO_BYTES, DataOverlaps, find_overlaps, refuse
from crosstune.study.document import StudyDocument
from crosstune.study.graph import CellSteps, Sources, StudyGraph, build_graph, placed, sources_of
from crosstune.study.grid import AnyCell, expand
from crosstune.study.plan import Plan, make_plan
from crosstune.study.resolved import resolved_yaml
from crosstune.study.search import RungSteps, Search, plan_search, search
from crosstune.study.store import making_damaged_again, open_store, prepare_store, send_missing
from crosstune.study.validation import parse_study

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables


def _refuse_launchers() -> None:
    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise InvalidStudy(
            "started by a launcher of several processes (WORLD_SIZE is set), which a study does not use yet",
            hint="start `crosstune run` by itself; it uses one device",
        )


def default_root() -> Path:
    """Where results go unless told otherwise: `$CROSSTUNE_ROOT`, else `runs` in the current folder."""
    return Path(os.environ.get("CROSSTUNE_ROOT") or "runs")


class Study:
    """A study and its results on disk."""

    def __init__(
        self,
        config: StudyConfig,
        *,
        base: Path,
        root: Path | None = None,
        store: str | None = None,
        document: StudyDocument,
    ) -> None:
        """Use `Study.load` or `Study.from_dict`."""
        self.config = config
        self.base = base
        self.document = document
        self.root = root if root is not None else default_root()
        self.store = open_store(self.root, store)

    @classmethod
    def load(
        cls, path: str | Path, *, overrides: Sequence[str] = (), root: Path | None = None, store: str | None = None
    ) -> "Study":
        """Reads a study file.

        Args:
            path: the YAML file. Relative paths in it start from its folder.
            overrides: such as `training.max_steps=8`, applied before anything is checked.
            root: where results go; None: see `default_root`.
            store: where machines share finished steps, such as `s3://bucket/prefix`; None: `$CROSSTUNE_STORE`.

        Raises:
            InvalidStudy: the file cannot be used, with every problem at its line, or the store's URL cannot.
        """
        path = Path(path)
        document = StudyDocument.read(path).with_overrides(overrides)
        return cls(parse_study(document), base=path.resolve().parent, root=root, store=store, document=document)

    @classmethod
    def from_dict(
        cls, data: dict[str, Any], *, base: Path | None = None, root: Path | None = None, store: str | None = None
    ) -> "Study":
        """A study from plain data, as a study file would hold it; relative paths start from `base` or here.

        Raises:
            InvalidStudy: it cannot be used, with every problem.
        """
        document = StudyDocument(data, None, "study")
        return cls(parse_study(document), base=base or Path.cwd(), root=root, store=store, document=document)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.config.name

    @property
    def folder(self) -> Path:
        """Where the study's resolved file and newest report lie."""
        return self.root / "studies" / self.name

    @property
    def report_path(self) -> Path:
        """The newest report."""
        return self.folder / "report.html"

    @cached_property
    def cells(self) -> list[AnyCell]:
        """The grid, expanded.

        Raises:
            ModelUnavailable: a base model is unknown.
            InvalidStudy: the grid has a cell twice.
        """
        return expand(self.config, self.base, self.document.where)

    @cached_property
    def _sources(self) -> Sources:
        return sources_of(self.config, self.cells, self.base, where=self.document.where)

    @cached_property
    def search(self) -> Search | None:
        """How far the search is that leaves configurations out early; None where the whole grid is tuned to the end.

        Raises:
            InvalidData: a file of instructions or prompts is missing.
        """
        return self._search() if self.config.search.is_race else None

    def _search(self, run: Callable[[Sequence[Step]], None] | None = None) -> Search:
        where = self.document.where
        return search(self.config, self.cells, self._sources, self.base, self.store, where=where, run=run)

    @cached_property
    def graph(self) -> StudyGraph:
        """The steps from data to report. While a search is under way, of all configurations that are still in it.

        Raises:
            InvalidData: a file of instructions or prompts is missing.
        """
        return self._graph(self.search.cells if self.search is not None else self.cells)

    def _graph(self, cells: Sequence[AnyCell], *, missing: Sequence[str] = (), is_judged: bool = True) -> StudyGraph:
        return build_graph(
            self.config,
            cells,
            self.base,
            self.resolved_yaml,
            where=self.document.where,
            missing=missing,
            is_judged=is_judged,
            sources=self._sources,
            starts=self.search.starts if self.search is not None else None,
            race=self.search.rows if self.search is not None else None,
        )

    @cached_property
    def resolved_yaml(self) -> str:
        """The study file with overrides applied and defaults written out."""
        return resolved_yaml(self.document.data)

    @cached_property
    def steps(self) -> list[Step]:
        """All steps, inputs before what needs them."""
        return in_order([*(self.search.steps if self.search is not None else ()), self.graph.report])

    def plan(self, *, accelerator: str | None = None, on_progress: OnProgress = ignore_progress) -> Plan:
        """What would run, and roughly what it costs; loads no model and downloads nothing.

        Args:
            accelerator: estimate for this kind of machine (see `study.machines`); None: for this one.
            on_progress: told how far instructions and prompts are compared, when that takes a while.

        Raises:
            InvalidStudy: the accelerator is unknown.
            InvalidData: the data cannot be used, or overlaps with the prompts and the study refuses that.
        """
        self.store.look(self.steps)
        self.check_data()
        overlaps = self.overlaps(on_progress)
        return make_plan(
            self.config,
            self.graph,
            self.store,
            self.base,
            accelerator_name=accelerator,
            overlaps=overlaps,
            rungs=self.search.rungs if self.search is not None else (),
            search=plan_search(self.config, self.cells, self.search) if self.search is not None else None,
        )

    def overlaps(self, on_progress: OnProgress = ignore_progress) -> list[DataOverlaps]:
        """The overlaps of each set of instructions with the prompts; of data that is not at hand, why they are unknown.

        Raises:
            InvalidData: there are some, and the study refuses that.
        """
        found = []
        for config in self.config.instructions:
            with placed(self.document.where(("instructions",))):
                of_it = find_overlaps(config, self.config.prompts, self.config.contamination, self.base, on_progress)
            found.append(of_it)
        with placed(self.document.where(("instructions",))):
            refuse(*found)
        return found

    def check_data(self) -> None:
        """Reads instructions that are at hand (no hub, no file over 64 MiB) and in no finished step yet.

        Raises:
            InvalidData: one of them cannot be used as it is.
        """
        from crosstune.instructions.load import load_conversations
        from crosstune.instructions.sources import source_paths

        for config in self.config.instructions:
            steps = [step for step in self.steps if step.kind == "instructions" and step.name == config.name]
            if config.uses_hub:
                continue
            if all(self.store.state(step) is State.FINISHED for step in steps):
                continue
            with placed(self.document.where(("instructions",))):
                paths = [path for part in config.parts for path in source_paths(part, self.base)]
                if sum(path.stat().st_size for path in paths) <= READ_AT_PLAN_UP_TO_BYTES:
                    load_conversations(config, self.base)

    def states(self) -> list[tuple[Step, State]]:
        """How far each step is."""
        self.store.look(self.steps)
        return [(step, self.store.state(step)) for step in self.steps]

    def explain(self) -> list[Explanation]:
        """Why each step would run, or why not."""
        self.store.look(self.steps)
        return [self.store.explain(step) for step in self.steps]

    def run(
        self,
        *,
        on_event: OnEvent | None = None,
        wait: bool = True,
        on_wait: Callable[[str], None] | None = None,
        executor: Executor = execute,
    ) -> "StudyTables":
        """Runs what is not finished, and gives the tables.

        Args:
            on_event: told of everything that happens.
            wait: when the study runs elsewhere, wait for it, or refuse.
            on_wait: told who runs it when waiting starts.
            executor: where steps run: in this process unless told otherwise (see `study.cluster`).

        Raises:
            Busy: the study runs elsewhere, and `wait` is False.
            InvalidData: instructions overlap with prompts, and the study refuses that.
            StepFailed: a step failed; the others are finished.
            StorageFailure: results cannot be written.
            StoreUnavailable: the store cannot be used; or all is finished, but the store did not take all of it.
        """
        _refuse_launchers()
        graph = self.graph  # what is wrong with the study shows before anything is locked or written
        prepare_store(self.store, self.steps)
        executor = making_damaged_again(executor)
        if self.config.contamination == "refuse":
            self.overlaps()
        errors: dict[str, str] = {}

        def watch(event: Event) -> None:
            if isinstance(event, Failed):
                errors[event.step.folder] = str(event.error)
            elif isinstance(event, Finished | Found):
                errors.pop(event.step.folder, None)
            if on_event is not None:
                on_event(event)

        with lock(self.folder / ".lock", f"study {self.name}", wait=wait, on_wait=on_wait), letting_models_go():
            for torn in self.folder.glob(".*.tmp"):  # left by a kill inside an atomic write
                torn.unlink(missing_ok=True)
            header = f"# Resolved by crosstune. Relative paths in it start from {self.base}\n"
            write_atomic(self.folder / "study.yaml", header + self.resolved_yaml)
            if self.config.search.is_race:
                self.search = self._search(lambda steps: executor(steps, self.store, watch))
                for name in ("graph", "steps"):
                    self.__dict__.pop(name, None)
                graph = self.graph
            discard_damaged([graph.results, graph.report], self.store)
            send_missing(self.steps, self.store, watch, is_end=False)
            try:
                executor([graph.report], self.store, watch)
                if self.search is not None and self.search.error is not None:
                    raise self.search.error
            except StepFailed:
                self._report_without_failed(errors, on_event)
                send_missing(self.steps, self.store, watch, is_end=False)
                raise
            self._publish(graph.report)
            send_missing(self.steps, self.store, watch, is_end=True)
        return self.results()

    def _publish(self, report: Step) -> None:
        with atomic_path(self.report_path) as temporary:
            shutil.copyfile(require_finished(self.store, report) / "report.html", temporary)

    def _report_without_failed(self, errors: dict[str, str], on_event: OnEvent | None) -> None:
        """A report of the configurations that are finished, which names those that failed and why."""
        finished, missing = [], []
        judging = self.graph.judging
        if judging is not None and judging.folder in errors:
            missing.append(f"The judge's marks are not in this report: {errors[judging.folder]}")
        failed = self.search.failed if self.search is not None else ()
        tried: list[CellSteps | RungSteps] = [*self.graph.cells, *failed]
        for steps in tried:
            if self.store.state(steps.scoring) is State.FINISHED:
                finished.append(steps.cell)
                continue
            mine = [step.folder for step in in_order([steps.scoring]) if step.folder in errors]
            why = errors[mine[0]] if mine else "what it needs failed"
            missing.append(f"{steps.cell.name} failed and is not in this report: {why}")
        if finished:
            is_judged = judging is not None and judging.folder not in errors
            all_finished = len(finished) == len(self.graph.cells)
            graph = self._graph(finished, missing=missing, is_judged=is_judged and all_finished)
            execute([graph.report], self.store, on_event or (lambda event: None))
            self._publish(graph.report)

    def results(self) -> "StudyTables":
        """The finished tables: cells, prompts, responses, scores (those of people and of composites as well), curves.

        Raises:
            StorageFailure: the study has not been finished.
        """
        from crosstune.analysis.composite import with_composites
        from crosstune.annotation.database import database_of_study
        from crosstune.study.results import read_results, with_people

        tables = read_results(require_finished(self.store, self.graph.results))
        return with_composites(with_people(tables, database_of_study(self.root, self.name)), self.config.composites)
