"""The study as a graph of steps. It reads like the method section of a paper:

instructions ─► training ─► generation ◄─ prompts
                                │
                       scoring · judging
                                │
                             results ─► report
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crosstune.errors import CrosstuneError, InvalidData
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.contamination import contamination_identity
from crosstune.instructions.load import instructions_identity
from crosstune.judging.config import JudgeConfig
from crosstune.judging.rubric import load_rubric
from crosstune.models.base import BaseModel, model_identity
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import prompts_identity
from crosstune.scoring.score import scorer_identities
from crosstune.steps.fingerprint import fingerprint
from crosstune.steps.step import Step, Together
from crosstune.study import answering, judged, stages
from crosstune.study.config import StudyConfig
from crosstune.study.contamination import step_identity
from crosstune.study.document import Location
from crosstune.study.grid import TRAINING_SPEED, AnyCell, ApiCell, Cell, Tuning, cell_row
from crosstune.study.needs import generation_needs, training_needs

# Raised when the code of a stage changes what it writes; results of an older version are then made again.
VERSIONS = {
    "instructions": 1,
    "prompts": 1,
    "training": 1,
    "generation": 1,
    "generation over an API": 1,
    "scoring": 1,
    "judging": 1,
    "results": 2,
    "report": 6,
}


@dataclass(frozen=True, slots=True)
class CellSteps:
    """The steps of one cell; `training` is None for an untuned base model and for a model behind an API."""

    cell: AnyCell
    training: Step | None
    generation: Step
    scoring: Step


@dataclass(frozen=True, slots=True)
class StudyGraph:
    """All steps of a study."""

    prompts: Step
    cells: tuple[CellSteps, ...]
    judging: Step | None
    """Of all cells together, in one shuffled order and within one budget; None without a judge."""
    results: Step
    report: Step


@dataclass(frozen=True, slots=True)
class Sources:
    """What cells are made of.

    Attributes:
        prompts: the study's prompts.
        models: the identity of each base model.
        instructions: the step of each set of instructions, by its config as JSON.
    """

    prompts: Step
    models: Mapping[BaseModel, Mapping[str, Any]]
    instructions: Mapping[str, Step]


def sources_of(
    config: StudyConfig, cells: Sequence[AnyCell], base: Path, *, where: Callable[[Location], str]
) -> Sources:
    """What these cells are made of; arguments and errors as of `build_graph`."""
    with placed(where(("prompts", "sets"))):
        prompts = _prompts(config.prompts, base)
    with placed(where(("base_models",))):
        used = {cell.base_model: None for cell in cells if isinstance(cell, Cell)}
        models = {model: model_identity(model) for model in used}
    instructions: dict[str, Step] = {}
    for item in config.instructions:
        with placed(where(("instructions",))):
            step = _instructions(item, config, base)
        instructions.setdefault(item.model_dump_json(), step)
    return Sources(prompts, models, instructions)


def build_graph(
    config: StudyConfig,
    cells: Sequence[AnyCell],
    base: Path,
    study_yaml: str,
    *,
    where: Callable[[Location], str],
    missing: Sequence[str] = (),
    is_judged: bool = True,
    sources: Sources | None = None,
    starts: Mapping[str, Step] | None = None,
    race: Sequence[Mapping[str, Any]] | None = None,
) -> StudyGraph:
    """The steps that answer a study.

    Args:
        config: the study.
        cells: its grid, expanded.
        base: the folder that relative paths in the study start from.
        study_yaml: the resolved study file, for the report.
        where: gives the place in the study file of a location, for errors.
        missing: a sentence for each configuration that is left out because it failed, for the report.
        is_judged: whether the study's judge is asked, if it has one.
        sources: what the cells are made of, if it is known already.
        starts: by name of a cell, an earlier part of its training, to go on from.
        race: how the configurations did on the way (`analysis.pruning.PRUNED_SCHEMA`), where some were left out early;
            None where there was no such search.

    Raises:
        InvalidData: a file of instructions or prompts is missing.
        ModelUnavailable: a base model's folder is incomplete.
    """
    sources = sources or sources_of(config, cells, base, where=where)
    prompts, models, instructions = sources.prompts, sources.models, sources.instructions
    scorers = scorer_identities(config.scorers)  # once: each asks for versions of libraries
    steps = []
    for cell in cells:
        training = None
        if isinstance(cell, Cell) and cell.tuning is not None:
            data = instructions[cell.tuning.instructions.model_dump_json()]
            earlier = (starts or {}).get(cell.name)
            training = training_step(cell, cell.tuning, models[cell.base_model], data, earlier=earlier)
        if isinstance(cell, ApiCell):
            generation = _generation_over_api(cell, prompts)
        else:
            generation = generation_step(cell, models[cell.base_model], prompts, training)
        steps.append(CellSteps(cell, training, generation, _scoring(cell, scorers, prompts, generation)))
    judging = None
    if config.judge is not None and is_judged:
        with placed(where(("judge",))):
            judging = _judging(config.name, config.judge, steps, prompts)
    results = _results(config, steps, prompts, list(instructions.values()), judging=judging, base=base, race=race)
    return StudyGraph(prompts, tuple(steps), judging, results, _report(config, results, study_yaml, missing))


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Gives errors that have no place of their own the place in the study file that led to them."""
    try:
        yield
    except CrosstuneError as error:
        error.where = error.where or where
        raise
    except OSError as error:
        raise InvalidData(f"{error.filename} cannot be read ({error.strerror})", where=where) from error


def _instructions(config: InstructionsConfig, study: StudyConfig, base: Path) -> Step:
    added = step_identity(config, study.prompts, study.contamination, base)
    identity = instructions_identity(config, base) | added
    return Step(
        kind="instructions",
        name=config.name,
        version=VERSIONS["instructions"],
        config=identity,
        inputs={},
        run=partial(
            stages.write_conversations,
            config=config,
            prompts=study.prompts,
            contamination=study.contamination,
            base=base,
            identity=identity,
        ),
    )


def _prompts(config: PromptsConfig, base: Path) -> Step:
    identity = prompts_identity(config, base)
    sets = "+".join(source.set_name for source in config.sources)
    return Step(
        kind="prompts",
        name=f"{sets}_{'-'.join(config.languages)}",
        version=VERSIONS["prompts"],
        config=identity,
        inputs={},
        run=partial(stages.write_prompts, config=config, base=base, identity=identity),
    )


def training_step(
    cell: Cell,
    tuning: Tuning,
    model: Mapping[str, Any],
    instructions: Step,
    *,
    stop_at: int | None = None,
    earlier: Step | None = None,
) -> Step:
    """Tunes a cell's model.

    Args:
        cell: the cell.
        tuning: how it is tuned.
        model: identity of its base model.
        instructions: the step of its data.
        stop_at: updates after which to stop; None: all.
        earlier: a part of the same training, which this one goes on from.
    """
    return Step(
        kind="training",
        name=cell.name if stop_at is None else f"{cell.name}_to{stop_at}",
        version=VERSIONS["training"],
        config={
            "model": model,
            "chat_format": cell.chat_format,
            "adaptation": tuning.adaptation.model_dump(mode="json"),
            "learning_rate": tuning.learning_rate,
            "seed": tuning.seed,
            "training": tuning.config.model_dump(mode="json", exclude=set(TRAINING_SPEED)),
            **({"stop_at": stop_at} if stop_at is not None else {}),
        },
        inputs={"instructions": instructions},
        run=partial(stages.tune, cell=cell, tuning=tuning, stop_at=stop_at),
        needs=training_needs(cell, tuning),
        earlier=earlier,
    )


def generation_step(
    cell: Cell, model: Mapping[str, Any], prompts: Step, training: Step | None, *, name: str | None = None
) -> Step:
    """Lets a cell's model answer prompts; `name` is what the step is called, if not as the cell."""
    return Step(
        kind="generation",
        name=name or cell.name,
        version=VERSIONS["generation"],
        config={
            "model": model,
            "chat_format": cell.chat_format,
            "generation": cell.generation.identity(),
            "seed": cell.tuning.seed if cell.tuning is not None else 0,
        },
        inputs={"prompts": prompts, **({"training": training} if training is not None else {})},
        run=partial(answering.answer, cell=cell),
        needs=generation_needs(cell),
        together=_together(cell, model, prompts),
    )


def _together(cell: Cell, model: Mapping[str, Any], prompts: Step) -> Together | None:
    """How a cell shares its answering with others of the same base model that are asked the same."""
    config = cell.generation
    is_base_kept = cell.tuning is None or cell.tuning.adaptation.kind == "lora"
    if config.backend != "transformers" or config.models_at_once < 2 or not is_base_kept:
        return None
    same = [model, cell.chat_format, config.model_dump(mode="json"), prompts.fingerprint]
    return Together(fingerprint(same), config.models_at_once, cell, answering.answer_together)


def _generation_over_api(cell: ApiCell, prompts: Step) -> Step:
    return Step(
        kind="generation",
        name=cell.name,
        version=VERSIONS["generation over an API"],
        config={
            "api_model": cell.model.model,
            "base_url": cell.model.base_url,
            "generation": cell.generation.identity(),
        },
        inputs={"prompts": prompts},
        run=partial(answering.answer_over_api, cell=cell),
    )


def _scoring(cell: AnyCell, scorers: Mapping[str, Any], prompts: Step, generation: Step) -> Step:
    return Step(
        kind="scoring",
        name=cell.name,
        version=VERSIONS["scoring"],
        config={"scorers": scorers},
        inputs={"prompts": prompts, "generation": generation},
        run=partial(stages.rate, scorers=tuple(scorers)),
    )


def _judging(name: str, config: JudgeConfig, cells: Sequence[CellSteps], prompts: Step) -> Step:
    return Step(
        kind="judging",
        name=name,
        version=VERSIONS["judging"],
        config={"judge": config.identity(), "rubric": load_rubric(config.rubric).digest},
        inputs={"prompts": prompts, **{f"generation/{steps.cell.name}": steps.generation for steps in cells}},
        run=partial(judged.have_judged, config=config, runs=tuple(steps.cell.name for steps in cells)),
    )


def _results(
    config: StudyConfig,
    cells: Sequence[CellSteps],
    prompts: Step,
    instructions: Sequence[Step],
    *,
    judging: Step | None,
    base: Path,
    race: Sequence[Mapping[str, Any]] | None,
) -> Step:
    # Data first: what is wrong with it must show before the first model runs.
    inputs = {"prompts": prompts, **{f"instructions/{step.name}": step for step in instructions}}
    for steps in cells:
        inputs[f"generation/{steps.cell.name}"] = steps.generation
        inputs[f"scoring/{steps.cell.name}"] = steps.scoring
        if steps.training is not None:
            inputs[f"training/{steps.cell.name}"] = steps.training
    if judging is not None:
        inputs["judging"] = judging
    table = [cell_row(steps.cell) for steps in cells]
    return Step(
        kind="results",
        name=config.name,
        version=VERSIONS["results"],
        config={
            "cells": table,
            "contamination": config.contamination,
            "compared": contamination_identity(),
            **({"race": race} if race is not None else {}),
        },
        inputs=inputs,
        run=partial(
            stages.collect,
            cells=table,
            instructions=tuple(config.instructions),
            prompts=config.prompts,
            contamination=config.contamination,
            base=base,
            race=race,
        ),
        reads={name: ("curve.parquet",) for name in inputs if name.startswith("training/")},
    )


def _report(config: StudyConfig, results: Step, study_yaml: str, missing: Sequence[str]) -> Step:
    # Composites stand in the study file, and so in the config of this step; no earlier one knows of them.
    return Step(
        kind="report",
        name=config.name,
        version=VERSIONS["report"],
        config={
            "title": config.name,
            "select": config.select.model_dump(mode="json"),
            "study": study_yaml,
            "missing": list(missing),
        },
        inputs={"results": results},
        run=partial(
            stages.write_html,
            title=config.name,
            select=config.select,
            composites=tuple(config.composites),
            study_yaml=study_yaml,
            missing=tuple(missing),
        ),
    )
