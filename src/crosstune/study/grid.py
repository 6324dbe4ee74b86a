"""The cells of a study: one for each configuration to tune, each untuned base model and each model behind an API."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel as PydanticModel

from crosstune.errors import InvalidStudy
from crosstune.generation.api_config import SENT, ApiConfig, api_config
from crosstune.generation.config import GenerationConfig
from crosstune.instructions.config import InstructionsConfig
from crosstune.models.base import BaseModel, resolve_base_model
from crosstune.study.backend_checks import require_answers
from crosstune.study.config import ApiModelConfig, StudyConfig
from crosstune.study.document import Location
from crosstune.training.config import Adaptation, TrainingConfig

DEFAULT_CHAT_FORMAT = "chatml"
TRAINING_SPEED = frozenset({"report_to", "save_every", "gradient_checkpointing", "processes", "sharding"})
GENERATION_SPEED = frozenset({"tokens_per_batch", "models_at_once", "vllm"})
"""Settings that decide how fast a result comes and not which; they are no part of a step's identity."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a cell's model is tuned."""

    instructions: InstructionsConfig
    adaptation: Adaptation
    learning_rate: float
    seed: int
    config: TrainingConfig


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the study: a base model, tuned or not, that answers all prompts.

    Attributes:
        name: unique in the study; the `run` of its responses and scores.
        axes: values of the settings that vary within the `training` and `generation` sections, by their path.
    """

    name: str
    base_model: BaseModel
    chat_format: str
    tuning: Tuning | None
    generation: GenerationConfig
    axes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ApiCell:
    """One row of the study: a model behind an API, as it is, that answers all prompts.

    Attributes:
        name: unique in the study; the `run` of its responses and scores.
        axes: as of `Cell`, but only of settings that the API is told.
    """

    name: str
    model: ApiModelConfig
    generation: ApiConfig
    axes: dict[str, Any]

    @property
    def tuning(self) -> None:
        """It is never tuned."""
        return None


AnyCell = Cell | ApiCell


def varying(configs: Sequence[PydanticModel], section: str, no_axes: Collection[str] = ()) -> list[dict[str, Any]]:
    """For each config, its values of those fields in which the configs differ, by `section.field`.

    Raises:
        InvalidStudy: they differ in a field of `no_axes`, which changes speed and not results.
    """
    dumps = [config.model_dump(mode="json") for config in configs]
    fields = [name for name in (dumps[0] if dumps else {}) if any(dump[name] != dumps[0][name] for dump in dumps)]
    for name in fields:
        if name in no_axes:
            raise InvalidStudy(
                f"{section}.{name} has several values, but it changes speed and not results", hint="give it one value"
            )
    return [{f"{section}.{name}": dump[name] for name in fields} for dump in dumps]


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _slug(axes: dict[str, Any]) -> str:
    return "".join(f"_{path.split('.')[-1]}{value:g}" if isinstance(value, int | float) and not isinstance(value, bool)
                   else f"_{path.split('.')[-1]}-{value}" for path, value in axes.items())  # fmt: skip


def _tunings(config: StudyConfig) -> Iterator[tuple[Tuning, dict[str, Any]]]:
    for instructions, adaptation in product(config.instructions, config.adaptation):
        settings = getattr(config.training, adaptation.kind)
        rates = getattr(config.learning_rate, adaptation.kind)
        for rate, seed, (setting, axes) in product(
            rates, config.seeds, zip(settings, varying(settings, "training", TRAINING_SPEED), strict=True)
        ):
            yield Tuning(instructions, adaptation, rate, seed, setting), axes


def _require_context(base: BaseModel, config: TrainingConfig) -> None:
    if base.shape is not None and config.max_length > base.shape.context_length:
        raise InvalidStudy(
            f"training.max_length ({config.max_length}) is longer than the context of {base.name} "
            f"({base.shape.context_length} tokens)",
            hint=f"set training.max_length to {base.shape.context_length} or less: longer examples are then cut",
        )


def _anywhere(location: Location) -> str | None:
    return None


def expand(
    config: StudyConfig, base_folder: Path | None = None, where: Callable[[Location], str | None] = _anywhere
) -> list[AnyCell]:
    """The cells of a study, each base model's untuned cell before its tuned ones, and models behind an API last.

    Args:
        config: the study.
        base_folder: what relative folders of models start from; None: the current folder.
        where: gives the place in the study file of a location, for errors.

    Raises:
        ModelUnavailable: a base model is unknown.
        InvalidStudy: two cells are the same, an adaptation has no learning rate, examples may exceed a context, the
            backend of generation cannot answer for a cell, or a model behind an API is listed twice or called what
            another model is called.
    """
    for adaptation in config.adaptation:
        if config.instructions and not getattr(config.learning_rate, adaptation.kind):
            raise InvalidStudy(
                f"no learning rate for {adaptation.kind}",
                where=where(("learning_rate",)) or "learning_rate",
                hint=f"give a list for all, or add `{adaptation.kind}:`",
            )
    generations = list(zip(config.generation, varying(config.generation, "generation", GENERATION_SPEED), strict=True))
    names_used = [model.name for model in config.base_models]
    cells: list[AnyCell] = []
    for index, model in enumerate(config.base_models):
        base = resolve_base_model(model.name, where=where(("base_models", index)), base=base_folder)
        chat_format = model.chat_format or base.chat_format or DEFAULT_CHAT_FORMAT
        short = base.name.rstrip("/").split("/")[-1].replace("@", "-")
        if names_used.count(model.name) > 1:
            short += f"_{chat_format}"
        for generation, generation_axes in generations:
            ending = _slug(generation_axes)
            require_answers(base, None, generation, where=where(("generation", "backend")))
            cells.append(Cell(f"{short}_untuned{ending}", base, chat_format, None, generation, generation_axes))
            for tuning, axes in _tunings(config):
                _require_context(base, tuning.config)
                require_answers(base, tuning.adaptation, generation, where=where(("generation", "backend")))
                adapted = tuning.adaptation.name.replace(" ", "-")
                rate = _number(tuning.learning_rate)
                how = f"{tuning.instructions.name}_{adapted}_lr{rate}_s{tuning.seed}{_slug(axes)}"
                name = f"{short}_{how}{ending}"
                cells.append(Cell(name, base, chat_format, tuning, generation, {**axes, **generation_axes}))
    cells += _api_cells(config, generations, {cell.base_model.name for cell in cells if isinstance(cell, Cell)}, where)
    names = [cell.name for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidStudy(
            f"the grid has {twice[0]} twice",
            where=where(()),
            hint="remove the repeated value, or give sets of instructions of the same name a `label` each",
        )
    return cells


def _api_cells(
    config: StudyConfig,
    generations: Sequence[tuple[GenerationConfig, dict[str, Any]]],
    taken: set[str],
    where: Callable[[Location], str | None],
) -> Iterator[ApiCell]:
    """One for each model and each setting of generation that it is told; what it is not told makes no further row."""
    settings: dict[str, tuple[ApiConfig, dict[str, Any]]] = {}
    for generation, axes in generations:
        told = api_config(generation)
        kept = {path: value for path, value in axes.items() if path.partition(".")[2] in SENT}
        settings.setdefault(told.model_dump_json(), (told, kept))
    taken, listed = set(taken), set()
    for index, model in enumerate(config.api_models):
        if (model.model, model.base_url) in listed:
            raise InvalidStudy(
                f"'{model.model}' is listed twice", where=where(("api_models", index)), hint="remove one of them"
            )
        listed.add((model.model, model.base_url))
        if model.label in taken:
            raise InvalidStudy(
                f"two models are called '{model.label}'",
                where=where(("api_models", index)),
                hint="give one of them another `name`, or remove it",
            )
        taken.add(model.label)
        for told, axes in settings.values():
            yield ApiCell(model.label.replace("/", "-") + _slug(axes), model, told, axes)


def cell_row(cell: AnyCell) -> dict[str, Any]:
    """A cell as a row of the table of configurations; `api` stands in the rows of models behind an API alone."""
    if isinstance(cell, ApiCell):
        return {
            "run": cell.name,
            "base_model": cell.model.label,
            "instructions": "",
            "adaptation": "none",
            "learning_rate": None,
            "seed": None,
            "tuned": False,
            "api": True,
            **cell.axes,
        }
    tuning = cell.tuning
    return {
        "run": cell.name,
        "base_model": cell.base_model.name,
        "chat_format": cell.chat_format,
        "instructions": tuning.instructions.name if tuning else "",
        "adaptation": tuning.adaptation.name if tuning else "none",
        "learning_rate": tuning.learning_rate if tuning else None,
        "seed": tuning.seed if tuning else None,
        "tuned": tuning is not None,
        **cell.axes,
    }
