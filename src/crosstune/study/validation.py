"""Turns what pydantic finds wrong with a study file into one error that names line, key and the nearest valid key."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crosstune.errors import CrosstuneError, InvalidStudy, did_you_mean
from crosstune.generation.config import GenerationConfig
from crosstune.instructions.config import InstructionsConfig
from crosstune.models.chat_formats import CHAT_FORMATS
from crosstune.scoring.score import SCORERS
from crosstune.study.axes import ADAPTATION_KINDS, nested_model, takes_list
from crosstune.study.config import BaseModelConfig, StudyConfig
from crosstune.study.document import Location, StudyDocument
from crosstune.training.config import TrainingConfig

_SECTIONS: dict[str, type[BaseModel]] = {
    "base_models": BaseModelConfig,
    "instructions": InstructionsConfig,
    "training": TrainingConfig,
    "generation": GenerationConfig,
}
"""Sections whose models pydantic sees behind lists or variants."""


def parse_study(document: StudyDocument) -> StudyConfig:
    """The study that a document describes.

    Raises:
        InvalidStudy: with every problem, each at its line.
    """
    try:
        config = StudyConfig.model_validate(document.data)
    except ValidationError as error:
        problems: list[CrosstuneError] = []
        for details in error.errors():
            problem = _problem(details, document)
            if str(problem) not in {str(other) for other in problems}:
                problems.append(problem)
        raise _together(problems) from None
    problems = _unknown_names(config, document)
    if problems:
        raise _together(problems)
    return config


def _together(problems: list[CrosstuneError]) -> CrosstuneError:
    if len(problems) == 1:
        return problems[0]
    listed = "".join(f"\n  {problem}" for problem in problems)
    return InvalidStudy(f"{len(problems)} problems:{listed}")


def _written_location(loc: tuple[int | str, ...], data: Any) -> Location:
    """Where the user wrote it: without the list positions and adaptation kinds that reading the file put in.

    Those are the parts that do not lead on in `data`; the last part may be a key that is unknown or missing.
    """
    written: list[int | str] = []
    node = data
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(part, int) and not isinstance(node, list):
            continue
        if part in ADAPTATION_KINDS and not (isinstance(node, dict) and part in node):
            continue
        written.append(part)
        if not last:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                node = None
    return tuple(written)


def _known_keys(location: Location) -> list[str]:
    model: type[BaseModel] | None = StudyConfig
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        if model is StudyConfig and part in _SECTIONS:
            model = _SECTIONS[part]
            continue
        field = model.model_fields.get(part)
        annotation = field.annotation if field is not None else None
        if annotation is not None and takes_list(annotation):
            annotation = get_args(annotation)[0]
        model = nested_model(annotation)
    return list(model.model_fields) if model is not None else []


def _readable(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(details: ErrorDetails, document: StudyDocument) -> InvalidStudy:
    location = _written_location(details["loc"], document.data)
    where = document.where(location)
    if details["type"] == "extra_forbidden":
        *parents, key = location
        inside = f" in {_readable(tuple(parents))}" if parents else ""
        return InvalidStudy(
            f"unknown key '{key}'{inside}", where=where, hint=did_you_mean(str(key), _known_keys(tuple(parents)))
        )
    if details["type"] == "missing":
        return InvalidStudy(f"'{_readable(location)}' is missing", where=where, hint="it has no default")
    message = details["msg"].removeprefix("Value error, ")
    given: Any = details["input"]
    shown = f", not {given!r}" if isinstance(given, str | int | float | bool) or given is None else ""
    return InvalidStudy(f"{_readable(location)}: {message[:1].lower()}{message[1:]}{shown}", where=where)


def _unknown_names(config: StudyConfig, document: StudyDocument) -> list[CrosstuneError]:
    """Names that are well-formed but stand for nothing."""
    problems: list[CrosstuneError] = []
    for index, name in enumerate(config.scorers):
        if name not in SCORERS:
            problems.append(
                InvalidStudy(
                    f"unknown scorer '{name}'",
                    where=document.where(("scorers", index)),
                    hint=did_you_mean(name, SCORERS),
                )
            )
    if config.select.by not in config.scorers:
        problems.append(
            InvalidStudy(
                f"select.by is '{config.select.by}', which no scorer of the study gives",
                where=document.where(("select", "by")),
                hint=f"add it to scorers, or choose one of: {', '.join(config.scorers)}",
            )
        )
    for index, model in enumerate(config.base_models):
        if model.chat_format is not None and model.chat_format not in CHAT_FORMATS:
            problems.append(
                InvalidStudy(
                    f"unknown chat format '{model.chat_format}'",
                    where=document.where(("base_models", index, "chat_format")),
                    hint=did_you_mean(model.chat_format, CHAT_FORMATS),
                )
            )
    return problems
