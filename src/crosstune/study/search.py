"""The search by halving: rung after rung all configurations of the grid are tuned a bit farther and the worse left out.

configurations ─► tuned to the rung ─► short answers to the probe ─► scores ─► who goes on ─► next rung, or to the end

Steps are cached as all others; who goes on follows from their finished tables alone (`analysis.pruning`), so a search
that was interrupted goes on, and a finished one is read again from disk.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.errors import StepFailed
from crosstune.steps.step import Step
from crosstune.steps.store import State, Store, require_finished
from crosstune.study.config import StudyConfig
from crosstune.study.document import Location
from crosstune.study.graph import Sources, generation_step, placed, training_step
from crosstune.study.grid import AnyCell, Cell, cell_row
from crosstune.study.probe import probe_prompts_step, probe_scorers, probe_scoring_step
from crosstune.study.search_checks import configuration_count

if TYPE_CHECKING:  # with polars, which takes too long for a plan of what has not begun
    from crosstune.analysis.pruning import Standing

RunSteps = Callable[[Sequence[Step]], None]
"""Finishes steps; raises `StepFailed` when some failed and the others are done."""

_DIGITS = 6
"""Levels decide the identity of results: rounding of another machine must not."""


@dataclass(frozen=True, slots=True)
class RungSteps:
    """What one cell does at a rung.

    Attributes:
        cell: as it answers the probe.
        updates: of its training by then.
        earlier: updates of its training at the rung before.
        training: up to the rung.
        generation: of the answers to the probe.
        scoring: of these answers.
    """

    cell: Cell
    updates: int
    earlier: int
    training: Step
    generation: Step
    scoring: Step


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search is.

    Attributes:
        cells: those that are still in it, and those that are never left out; in the order of the grid.
        rungs: the steps of every rung that was reached.
        rows: how configurations did, of each rung that is decided (`analysis.pruning.PRUNED_SCHEMA`).
        starts: by name of a cell, its training up to its last rung.
        is_decided: whether the last rung is decided: `cells` are to be tuned to the end.
        failed: what could not be finished; the configurations are in `cells` no more.
        error: why not, of the first.
    """

    cells: tuple[AnyCell, ...]
    rungs: tuple[tuple[RungSteps, ...], ...]
    rows: tuple[dict[str, Any], ...]
    starts: Mapping[str, Step]
    is_decided: bool
    failed: tuple[RungSteps, ...] = ()
    error: StepFailed | None = None

    @property
    def steps(self) -> list[Step]:
        """The last steps of all rungs that were reached."""
        return [steps.scoring for rung in self.rungs for steps in rung]


def search(
    config: StudyConfig,
    cells: Sequence[AnyCell],
    sources: Sources,
    base: Path,
    store: Store,
    *,
    where: Callable[[Location], str],
    run: RunSteps | None = None,
) -> Search:
    """Does a search, or looks how far it is.

    Args:
        config: the study.
        cells: its grid, expanded.
        sources: what the cells are made of.
        base: the folder that relative paths in the study start from.
        store: where outputs of steps lie.
        where: gives the place in the study file of a location, for errors.
        run: finishes the steps of a rung; None: only looks.

    Raises:
        InvalidData: there are no prompts to probe with.
        StepFailed: no configuration could be finished.
        StorageFailure: a finished table cannot be read.
    """
    with placed(where(("search",))):
        probe = probe_prompts_step(config.prompts, config.search.probe, base)
    steps_of = partial(_rung_steps, config=config, sources=sources, probe=probe, scorers=probe_scorers())
    entrants = [cell for cell in cells if isinstance(cell, Cell) and cell.tuning is not None]
    racing = entrants
    rungs: list[tuple[RungSteps, ...]] = []
    rows: list[dict[str, Any]] = []
    starts: dict[str, Step] = {}
    failed: list[RungSteps] = []
    error: StepFailed | None = None
    is_decided = False
    for number in range(len(config.search.rungs)):
        rung = tuple(steps_of(cell, number, earlier=starts.get(cell.name)) for cell in racing)
        rungs.append(rung)
        store.look(steps.scoring for steps in rung)
        pending = [steps.scoring for steps in rung if store.state(steps.scoring) is not State.FINISHED]
        if pending and run is None:
            break
        if pending and run is not None:
            try:
                run(pending)
            except StepFailed as problem:
                error = error or problem
                failed += [steps for steps in rung if store.state(steps.scoring) is not State.FINISHED]
        names = {steps.cell.name for steps in failed}
        standings, runs = _standings(config, entrants, [steps for steps in rung if steps.cell.name not in names], store)
        if not standings and error is not None:
            raise error
        updates = {steps.cell.name: steps.updates for steps in rung}
        rows += [_row(number + 1, updates, standing, runs[standing.configuration], config) for standing in standings]
        going = {name for standing in standings if standing.goes_on for name in runs[standing.configuration]}
        racing = [cell for cell in racing if cell.name in going]
        starts = {steps.cell.name: steps.training for steps in rung if steps.cell.name in going}
        is_decided = number + 1 == len(config.search.rungs)
    out = {cell.name for cell in entrants} - {cell.name for cell in racing}
    left = tuple(cell for cell in cells if cell.name not in out)
    return Search(left, tuple(rungs), tuple(rows), starts, is_decided, tuple(failed), error)


def _rung_steps(
    cell: Cell,
    number: int,
    *,
    config: StudyConfig,
    sources: Sources,
    probe: Step,
    scorers: Mapping[str, Mapping[str, object]],
    earlier: Step | None,
) -> RungSteps:
    assert cell.tuning is not None
    reached = (0, *config.search.updates(cell.tuning.config.max_steps))
    updates = reached[number + 1]
    model = sources.models[cell.base_model]
    data = sources.instructions[cell.tuning.instructions.model_dump_json()]
    training = training_step(cell, cell.tuning, model, data, stop_at=updates, earlier=earlier)
    tokens = min(config.search.probe.max_new_tokens, cell.generation.max_new_tokens)
    asked = replace(cell, generation=cell.generation.model_copy(update={"max_new_tokens": tokens}))
    name = f"{cell.name}_to{updates}"
    generation = generation_step(asked, model, probe, training, name=name)
    scoring = probe_scoring_step(name, probe, generation, training, scorers)
    return RungSteps(asked, updates, reached[number], training, generation, scoring)


def _standings(
    config: StudyConfig, entrants: Sequence[Cell], rung: Sequence[RungSteps], store: Store
) -> "tuple[tuple[Standing, ...], dict[str, tuple[str, ...]]]":
    """How the configurations with all their seeds did, and the runs of each configuration of the grid by its label."""
    import polars as pl

    from crosstune.analysis.configurations import configurations
    from crosstune.analysis.pruning import survivors
    from crosstune.analysis.tables import CELLS_SCHEMA, StudyTables
    from crosstune.records import Score
    from crosstune.storage.tables import read_current

    table = [cell_row(cell) for cell in entrants]
    columns = list(dict.fromkeys(key for row in table for key in row))
    # Of the whole grid, so that a configuration is called the same at every rung.
    cells = pl.DataFrame(
        [{key: row.get(key) for key in columns} for row in table],
        schema_overrides=dict(CELLS_SCHEMA),
        infer_schema_length=None,
    )
    runs = {item.label: item.runs for item in configurations(cells)}
    finished = {steps.cell.name: steps for steps in rung}
    whole = {label: names for label, names in runs.items() if all(name in finished for name in names)}
    frames = []
    diverged: dict[str, int] = {}
    for label, names in whole.items():
        for name in names:
            folder = require_finished(store, finished[name].scoring)
            frames.append(read_current(folder / "scores.parquet", Score).with_columns(run=pl.lit(name)))
            update = json.loads((folder / "probe.json").read_text("utf-8"))["diverged_at_step"]
            if update is not None:
                diverged[label] = min(update, diverged.get(label, update))
    if not frames:
        return (), runs
    nothing = pl.DataFrame()
    tables = StudyTables(cells, nothing, nothing, pl.concat(frames), nothing)
    rule = config.search
    found = survivors(tables, by=rule.by, keep=rule.keep, at_least=rule.at_least, diverged=diverged)
    return found, runs


def _row(
    rung: int, updates: Mapping[str, int], standing: "Standing", runs: Sequence[str], config: StudyConfig
) -> dict[str, Any]:
    level, margin = standing.level, standing.margin
    return {
        "rung": rung,
        "updates": updates[runs[0]],
        "configuration": standing.configuration,
        "runs": list(runs),
        "by": config.search.by,
        "level": _rounded(level.estimate),
        "low": _rounded(level.low),
        "high": _rounded(level.high),
        "method": level.method,
        "instructions": level.clusters,
        "goes_on": standing.goes_on,
        "margin": _rounded(margin.estimate if margin else None),
        "margin_low": _rounded(margin.low if margin else None),
        "margin_high": _rounded(margin.high if margin else None),
        "sure": standing.is_sure,
        "why": standing.why,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a search is expected to take.

    Attributes:
        counts: configurations at each rung, and at last those that are tuned to the end. Where a rung is not decided
            yet, as many as `keep` says; ties add to them.
        decided: rungs that are decided.
        updates: of all trainings together, with these counts.
        most_updates: of all trainings if none is left out, as in the whole grid.
    """

    counts: tuple[int, ...]
    decided: int
    updates: int
    most_updates: int

    @property
    def saved(self) -> float:
        """Share of the updates that is expected to be saved."""
        return 1 - self.updates / self.most_updates


def plan_search(config: StudyConfig, cells: Sequence[AnyCell], state: Search) -> SearchPlan:
    """What a search takes, by what is decided of it and what it keeps elsewhere.

    Args:
        config: the study.
        cells: its grid, expanded.
        state: how far the search is.
    """
    settings = config.search
    counts = [configuration_count(config)]
    for number in range(len(settings.rungs)):
        decided = [row for row in state.rows if row["rung"] == number + 1]
        expected = max(settings.at_least, ceil(settings.keep * counts[-1] - 1e-9))
        counts.append(sum(row["goes_on"] for row in decided) if decided else min(counts[-1], expected))
    trainings = {
        (cell.base_model, cell.chat_format, repr(cell.tuning)): cell.tuning.config.max_steps
        for cell in cells
        if isinstance(cell, Cell) and cell.tuning is not None
    }  # cells that differ in generation share one
    updates = 0.0
    for length in trainings.values():
        reached = (0, *settings.updates(length), length)
        updates += sum(
            (after - before) * count / counts[0]
            for (before, after), count in zip(pairwise(reached), counts, strict=True)
        )
    rungs_decided = len({row["rung"] for row in state.rows})
    return SearchPlan(tuple(counts), rungs_decided, round(updates), sum(trainings.values()))
