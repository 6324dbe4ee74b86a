"""What a study would run and roughly what it costs, before anything costly runs. Loads no model, downloads nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from crosstune.generation.api_config import not_sent
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import LANGUAGES_FOLDER, language_of_path
from crosstune.prompts.load import load_prompts, prompt_notes
from crosstune.prompts.modifiers import NONE
from crosstune.records import instruction_of
from crosstune.steps.fingerprint import canonical
from crosstune.steps.step import Step
from crosstune.steps.store import State, Store, read_manifest
from crosstune.study.config import StudyConfig
from crosstune.study.contamination import DataOverlaps
from crosstune.study.estimate import CHECKPOINTS_KEPT, Cost, api_cost, training_cost
from crosstune.study.graph import CellSteps, StudyGraph
from crosstune.study.grid import AnyCell, ApiCell
from crosstune.study.judged import LEDGER
from crosstune.study.machines import Machine, accelerator, this_machine
from crosstune.study.search import RungSteps, SearchPlan
from crosstune.study.vllm_estimate import answering_cost, vllm_notes
from crosstune.training.config import TrainingConfig

if TYPE_CHECKING:  # with polars, which takes too long for a plan without a judge
    from crosstune.judging.estimate import JudgingCost

_LOOK_BACK = 40
"""Earlier steps that are looked at for measured speeds."""
_LEAST_TOKENS = 1000
"""Shorter steps say more of how long a model takes to load than of its speed."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step with its state and cost.

    Attributes:
        step: the step.
        state: how far it is.
        cost: tokens, seconds, memory, disk of the whole step; None for steps that take next to nothing.
        measured: whether seconds come from the speed of earlier steps like it.
    """

    step: Step
    state: State
    cost: Cost | None
    measured: bool

    @property
    def seconds_left(self) -> float:
        """Seconds still to spend; 0 when finished or unknown."""
        if self.state is State.FINISHED:
            return 0.0
        if self.cost is None:
            return 1.0
        return self.cost.seconds or 0.0


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One row of the grid."""

    steps: CellSteps
    training: PlannedStep | None
    generation: PlannedStep


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study would run.

    Attributes:
        name: the study.
        machine: what the times are for.
        cells: the grid.
        steps: every step once.
        prompts: prompts each model answers.
        instructions: that they are of, in other languages and with other modifiers.
        notes: what to know before starting, such as models to fetch or too little memory.
        overlaps: of each set of instructions with the prompts.
    """

    name: str
    machine: Machine
    cells: tuple[PlannedCell, ...]
    steps: tuple[PlannedStep, ...]
    prompts: int
    instructions: int
    notes: tuple[str, ...]
    overlaps: tuple[DataOverlaps, ...] = ()
    judging: "tuple[JudgingCost, ...]" = ()
    """What each judge takes, of the whole study."""
    search: SearchPlan | None = None
    """What is expected of a search that leaves configurations out; until its last rung is decided all other figures
    are of none being left out any more."""

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds of all that is left to do here; None when a cost is unknown."""
        unknown = any(cost.seconds is None for cost in self._costs_here)
        return None if unknown else sum(item.seconds_left for item in self.steps)

    @property
    def asks_apis(self) -> bool:
        """Whether answers of models behind an API are missing, which come at the speed of their endpoints."""
        return any(cost.elsewhere for cost in self._costs)

    @property
    def works_here(self) -> bool:
        """Whether anything is left to do but what endpoints do, and what takes next to nothing."""
        return bool(self._costs_here) or not self.asks_apis

    @property
    def _costs(self) -> list[Cost]:
        return [item.cost for item in self.steps if item.cost and item.state is not State.FINISHED]

    @property
    def _costs_here(self) -> list[Cost]:
        return [cost for cost in self._costs if not cost.elsewhere]

    @property
    def tokens_left(self) -> int:
        """Training and generation tokens of all that is not finished."""
        return sum(cost.tokens for cost in self._costs)

    @property
    def peak_memory_bytes(self) -> int | None:
        """Memory of the hungriest unfinished step; None when unknown for any."""
        needs = [cost.memory_bytes for cost in self._costs_here]
        return None if any(need is None for need in needs) else max((need or 0 for need in needs), default=0)

    @property
    def disk_bytes(self) -> int | None:
        """Disk that the unfinished steps need, checkpoints of one training at a time included; None when unknown."""
        costs = self._costs
        if any(cost.disk_bytes is None or cost.scratch_bytes is None for cost in costs):
            return None
        kept = sum(cost.disk_bytes or 0 for cost in costs)
        return kept + max((cost.scratch_bytes or 0 for cost in costs), default=0)


def make_plan(
    config: StudyConfig,
    graph: StudyGraph,
    store: Store,
    base: Path,
    *,
    accelerator_name: str | None = None,
    overlaps: Sequence[DataOverlaps] = (),
    rungs: Sequence[Sequence[RungSteps]] = (),
    search: SearchPlan | None = None,
) -> Plan:
    """The plan of a study; see `Study.plan`."""
    here = this_machine()
    machine = here if accelerator_name is None else accelerator(accelerator_name)
    asked = load_prompts(config.prompts, base)
    prompts = len(asked)
    speeds = _MeasuredSpeeds(store) if machine is here else None
    planned: dict[str, PlannedStep] = {}

    def plan_step(step: Step, cost: Cost | None, measured: bool) -> PlannedStep:
        if step.folder not in planned:
            planned[step.folder] = PlannedStep(step, store.state(step), cost, measured)
        return planned[step.folder]

    begun: dict[str, int] = {}  # updates that another step of a cell does
    for at_rung in (steps for rung in rungs for steps in rung):
        _plan_rung(config, at_rung, machine, speeds, plan_step)
        begun[at_rung.cell.name] = at_rung.updates
    cells = []
    for steps in graph.cells:
        cell = steps.cell
        training = None
        if isinstance(cell, ApiCell):
            plan_step(graph.prompts, None, False)
            generation = plan_step(steps.generation, api_cost(prompts, cell.generation.max_new_tokens), False)
            plan_step(steps.scoring, None, False)
            cells.append(PlannedCell(steps, None, generation))
            continue
        if steps.training is not None and cell.tuning is not None:
            plan_step(steps.training.inputs["instructions"], None, False)
            tuning = cell.tuning
            speed = speeds.find(steps.training, tuning.config.processes) if speeds else None
            left = _updates(tuning.config, begun.get(cell.name, 0), tuning.config.max_steps)
            cost = training_cost(cell.base_model.shape, tuning.adaptation, left, machine, speed)
            training = plan_step(steps.training, cost, speed is not None)
        plan_step(graph.prompts, None, False)
        speed = speeds.find(steps.generation) if speeds else None
        cost = answering_cost(cell.base_model.shape, prompts, cell.generation, machine, speed)
        generation = plan_step(steps.generation, cost, speed is not None)
        plan_step(steps.scoring, None, False)
        cells.append(PlannedCell(steps, training, generation))
    if graph.judging is not None:
        plan_step(graph.judging, None, False)
    plan_step(graph.results, None, False)
    plan_step(graph.report, None, False)
    instructions = len({instruction_of(prompt.id) for prompt in asked})
    plan = Plan(config.name, machine, tuple(cells), tuple(planned.values()), prompts, instructions, ())
    about_data = (*_mixture_notes(overlaps), *_language_file_notes(config.prompts))
    notes = (
        *about_data,
        *prompt_notes(config.prompts, base),
        *_notes(plan, is_here=machine is here),
        *_api_notes(config, plan),
    )
    judging = _judging_costs(config, graph, store, base)
    return replace(plan, notes=notes, overlaps=tuple(overlaps), judging=judging, search=search)


def _updates(config: TrainingConfig, start: int, end: int) -> TrainingConfig:
    return config.model_copy(update={"max_steps": end - start})


def _plan_rung(
    config: StudyConfig,
    steps: RungSteps,
    machine: Machine,
    speeds: "_MeasuredSpeeds | None",
    plan_step: Callable[[Step, Cost | None, bool], PlannedStep],
) -> None:
    """Plans what a cell does at a rung of a search."""
    cell = steps.cell
    assert cell.tuning is not None
    plan_step(steps.training.inputs["instructions"], None, False)
    plan_step(steps.generation.inputs["prompts"], None, False)
    part = _updates(cell.tuning.config, steps.earlier, steps.updates)
    speed = speeds.find(steps.training, part.processes) if speeds else None
    cost = training_cost(cell.base_model.shape, cell.tuning.adaptation, part, machine, speed)
    if cost.disk_bytes is not None and cost.scratch_bytes is not None:
        # One of the checkpoints stays, for the next part to go on from.
        cost = replace(cost, disk_bytes=cost.disk_bytes + cost.scratch_bytes // CHECKPOINTS_KEPT)
    plan_step(steps.training, cost, speed is not None)
    answers = config.search.probe.prompts * len(config.prompts.languages)
    speed = speeds.find(steps.generation) if speeds else None
    cost = answering_cost(cell.base_model.shape, answers, cell.generation, machine, speed)
    plan_step(steps.generation, cost, speed is not None)
    plan_step(steps.scoring, None, False)


def _judging_costs(config: StudyConfig, graph: StudyGraph, store: Store, base: Path) -> "tuple[JudgingCost, ...]":
    """What judging takes: answers are taken to be as long as they may be."""
    if config.judge is None:
        return ()
    from crosstune.judging.chosen import drawn_instructions
    from crosstune.judging.estimate import estimate_from_sizes, request_tokens
    from crosstune.judging.request import marking_request
    from crosstune.judging.rubric import load_rubric
    from crosstune.judging.subject import Subject

    rubric = load_rubric(config.judge.rubric)
    sizes: list[float] = []
    foreign: list[bool] = []
    prompts = load_prompts(config.prompts, base)
    chosen = drawn_instructions([prompt.id for prompt in prompts], config.judge)
    for prompt in prompts:
        if instruction_of(prompt.id) not in chosen:
            continue
        asked = Subject("", prompt.id, prompt.language, prompt.requested_language, prompt.messages, "")
        size = request_tokens(marking_request(asked, "", rubric))
        for steps in graph.cells:
            sizes.append(size + steps.cell.generation.max_new_tokens)
            foreign.append(prompt.requested_language != "en")
    return tuple(estimate_from_sizes(sizes, config.judge, store.root / LEDGER, foreign=foreign, runs=len(graph.cells)))


def _mixture_notes(read: Sequence[DataOverlaps]) -> Iterator[str]:
    """What weights and totals became, of mixtures whose data is at hand."""
    for of_it in read:
        if len(of_it.parts) > 1:
            yield f"{of_it.instructions}: " + ", ".join(f"{count} from {name}" for name, count in of_it.parts)


def _language_file_notes(prompts: PromptsConfig) -> Iterator[str]:
    """Which languages that ship are read from a file of one's own."""
    if not any(source.is_packaged for source in prompts.sources) and prompts.modifiers == [NONE]:
        return
    for name in prompts.language_files:
        code = language_of_path(Path(name))
        if code in prompts.languages and (LANGUAGES_FOLDER / f"{code}.jsonl").is_file():
            yield f"{code}: {name} is used instead of the texts that ship"


def _notes(plan: Plan, *, is_here: bool) -> Iterator[str]:
    from crosstune.models.prepare import preparation_note

    unfinished = [item.steps.cell for item in plan.cells if item.generation.state is not State.FINISHED]
    for model in {cell.base_model: None for cell in unfinished if not isinstance(cell, ApiCell)}:
        note = preparation_note(model)
        if note is not None:
            yield note
        if model.shape is None:
            yield f"{model.name}: size not known before the download; its time, memory and disk are not estimated"
    answering = ((cell.base_model, cell.generation) for cell in unfinished if not isinstance(cell, ApiCell))
    yield from vllm_notes(answering, plan.machine, is_here=is_here)
    if is_here:
        yield from _process_notes(unfinished, plan.machine)
    peak = plan.peak_memory_bytes
    if peak is not None and peak > plan.machine.memory_bytes:
        yield (
            f"the hungriest step needs about {peak / 2**30:.0f} GiB and {plan.machine.name} has "
            f"{plan.machine.memory_bytes / 2**30:.0f} GiB: lower training.tokens_per_device_batch, set "
            "training.gradient_checkpointing, use lora, or use a larger device"
        )


def _process_notes(unfinished: Sequence[AnyCell], machine: Machine) -> Iterator[str]:
    """What one training needs of one machine, where it is more than this one has."""
    most = max((cell.tuning.config.processes for cell in unfinished if cell.tuning is not None), default=1)
    if machine.gpu and most > machine.count:
        yield (
            f"training.processes is {most}, a GPU each, and this machine has {machine.count}: such tunings fail here, "
            "and over Ray wait for a node that has them"
        )
    elif most > 1 and not machine.gpu:
        yield f"training.processes is {most}: without GPUs they share the cores of this machine, which gains little"


def _api_notes(config: StudyConfig, plan: Plan) -> Iterator[str]:
    if not plan.asks_apis:
        return
    if find_spec("inspect_ai") is None:
        yield "models behind an API need the package inspect-ai: pip install 'crosstune[judge]'"
    kept_here: dict[str, dict[str, None]] = {}
    for generation in config.generation:
        for name, value in not_sent(generation).items():
            kept_here.setdefault(name, {})[str(value)] = None
    if kept_here:
        listed = ", ".join(f"{name} {' and '.join(values)}" for name, values in kept_here.items())
        yield f"API models are not told generation's {listed}: their answers are made without"


class _MeasuredSpeeds:
    """Tokens a second of earlier steps, by what decides speed: kind, model, adaptation and processes."""

    def __init__(self, store: Store) -> None:
        self._speeds: dict[tuple[str, str], list[float]] = {}
        for kind, tokens_name in (("training", "tokens"), ("generation", "completion_tokens")):
            summary = f"{kind}.json"
            for folder in _newest_folders(store.root / kind):
                manifest = read_manifest(folder)
                try:
                    facts = json.loads((folder / summary).read_text("utf-8"))
                    tokens, speed = facts[tokens_name], facts["tokens_per_second"]
                    if manifest is not None and speed and tokens >= _LEAST_TOKENS:
                        key = _speed_key(kind, manifest["config"], facts.get("processes", 1))
                        self._speeds.setdefault(key, []).append(float(speed))
                except (OSError, ValueError, KeyError, TypeError, AttributeError):
                    continue  # not written by this crosstune: a plan does without

    def find(self, step: Step, processes: int = 1) -> float | None:
        """The median speed of earlier steps like this one, done by as many processes, or None."""
        speeds = self._speeds.get(_speed_key(step.kind, canonical(step.config), processes))
        return median(speeds) if speeds else None


def _speed_key(kind: str, config: dict[str, Any], processes: int) -> tuple[str, str]:
    adaptation = config.get("adaptation") or {}
    kinds = sorted(name for name, value in adaptation.items() if value is not None)
    backend = (config.get("generation") or {}).get("backend")
    return kind, json.dumps([config.get("model"), kinds, backend, processes], sort_keys=True)


def _newest_folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    folders = [folder for folder in parent.iterdir() if folder.suffix != ".partial" and folder.is_dir()]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)[:_LOOK_BACK]
