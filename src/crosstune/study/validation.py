"""Turns what pydantic finds wrong with a study file into one error that names line, key and the nearest valid key."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crosstune.errors import CrosstuneError, InvalidStudy, did_you_mean
from crosstune.generation.config import GenerationConfig
from crosstune.instructions.config import InstructionsConfig
from crosstune.judging.config import JudgeConfig
from crosstune.models.chat_formats import CHAT_FORMATS
from crosstune.study.axes import ADAPTATION_KINDS, inner_types, nested_model, takes_list
from crosstune.study.config import ApiModelConfig, BaseModelConfig, StudyConfig
from crosstune.study.document import Location, StudyDocument
from crosstune.study.facet_checks import facet_problems
from crosstune.study.search_checks import search_problems
from crosstune.training.config import TrainingConfig

_IN_OUR_WORDS = {
    "model_type": "should be a mapping of keys to values",
    "dict_type": "should be a mapping of keys to values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "string_type": "should be text",
    "too_short": "should have at least one item",
    "string_too_short": "should not be empty",
    "string_pattern_mismatch": "should be of letters, digits and . _ - only, and short",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_type": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "finite_number": "should be a number",
    "one_of_several": "should be text, a number, or true or false",
}
"""What pydantic calls its errors, as a person who writes YAML would say it."""

_SINGLE_VALUES = ("str", "int", "float", "bool")
"""What pydantic calls alternatives such as those of `str | PromptSource`; models among them are `function-after[...]`,
or the name of their class."""

_SECTIONS: dict[str, type[BaseModel]] = {
    "base_models": BaseModelConfig,
    "api_models": ApiModelConfig,
    "instructions": InstructionsConfig,
    "training": TrainingConfig,
    "generation": GenerationConfig,
    "judge": JudgeConfig,
}
"""Sections whose models pydantic sees behind lists or variants."""


def parse_study(document: StudyDocument) -> StudyConfig:
    """The study that a document describes.

    Raises:
        InvalidStudy: with every problem, each at its line.
    """
    misplaced: list[CrosstuneError] = [
        InvalidStudy(f"{_readable(location)}: should not be {json.dumps(value)}", where=document.where(location))
        for location, value in _booleans(document.data)
        if bool not in _types_at(location)
    ]
    if misplaced:
        raise _together(misplaced)
    problems = _missing_models(document)
    try:
        config = StudyConfig.model_validate(document.data)
    except ValidationError as error:
        for details in _of_what_is_written(error.errors(), document.data):
            problem = _problem(details, document)
            if str(problem) not in {str(other) for other in problems}:
                problems.append(problem)
        raise _together(problems) from None
    problems += _unknown_names(config, document)
    problems += facet_problems(config, document.where)
    problems += search_problems(config, document.where)
    if problems:
        raise _together(problems)
    return config


def _booleans(value: Any, location: Location = ()) -> Iterator[tuple[Location, bool]]:
    """All true and false in plain data; Python would take them for 1 and 0 where a number belongs."""
    if isinstance(value, bool):
        yield location, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _booleans(item, (*location, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _booleans(item, (*location, index))


def _types_at(location: Location) -> tuple[Any, ...]:
    """The types that the field at a location may have; bool for what is no field, which is refused elsewhere."""
    names = [part for part in location if isinstance(part, str)]
    if names and names[-1] in ADAPTATION_KINDS and names[0] in ("training", "learning_rate"):
        names.pop()
    if names == ["learning_rate"]:
        return (float,)
    model: type[BaseModel] | None = StudyConfig
    for position, name in enumerate(names):
        if model is None or name not in model.model_fields:
            return (bool,)
        annotation = model.model_fields[name].annotation
        if "dict" in str(annotation):
            return (bool,)
        if position == len(names) - 1:
            return tuple(inner for part in inner_types(annotation) for inner in (*get_args(part), part))
        model = _SECTIONS.get(name) if model is StudyConfig and name in _SECTIONS else _model_in(annotation)
    return (bool,)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return nested_model(get_args(annotation)[0] if takes_list(annotation) else annotation)


def _together(problems: list[CrosstuneError]) -> CrosstuneError:
    if len(problems) == 1:
        return problems[0]
    listed = "".join(f"\n  {problem}" for problem in problems)
    return InvalidStudy(f"{len(problems)} problems:{listed}")


def _is_alternative(part: int | str, node: Any) -> bool:
    """Whether a part of pydantic's location is no key, but the alternative of a type that it tried."""
    if not isinstance(part, str) or (isinstance(node, dict) and part in node):
        return False
    return part in _SINGLE_VALUES or part.startswith("function-")


def _of_what_is_written(errors: Sequence[ErrorDetails], data: Any) -> list[ErrorDetails]:
    """The errors of the alternative that the user meant: a mapping's where a mapping is written, else a single value's.

    For text or a mapping, pydantic lists what is wrong with the value as text and what is wrong with it as a mapping.
    Locations come back without the alternatives.
    """
    kept: list[ErrorDetails] = []
    tried: dict[tuple[int | str, ...], list[tuple[str, bool, ErrorDetails]]] = {}
    for details in errors:
        node = data
        for position, part in enumerate(details["loc"]):
            if _is_alternative(part, node):
                before, after = details["loc"][:position], details["loc"][position + 1 :]
                without: ErrorDetails = {**details, "loc": (*before, *after)}
                tried.setdefault(before, []).append((str(part), isinstance(node, dict), without))
                break
            node = _inside(node, part)
        else:
            kept.append(details)
    for items in tried.values():
        meant = [details for part, is_mapping, details in items if (part not in _SINGLE_VALUES) == is_mapping]
        if not meant or len({part for part, _, _ in items if part in _SINGLE_VALUES}) > 1:
            meant = [{**items[0][2], "type": "one_of_several"}]
        kept += _of_what_is_written(meant, data)
    return kept


def _inside(node: Any, part: int | str) -> Any:
    """What a part of a location leads to; a part that reading the file put in leads nowhere new."""
    if (isinstance(part, int) and not isinstance(node, list)) or (
        part in ADAPTATION_KINDS and not (isinstance(node, dict) and part in node)
    ):
        return node
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        return None


def _written_location(loc: tuple[int | str, ...], data: Any) -> Location:
    """Where the user wrote it: without the list positions and adaptation kinds that reading the file put in.

    Those are the parts that do not lead on in `data`; the last part may be a key that is unknown or missing.
    """
    written: list[int | str] = []
    node = data
    for part in loc:
        if isinstance(part, int) and not isinstance(node, list):
            continue
        if part in ADAPTATION_KINDS and not (isinstance(node, dict) and part in node):
            continue
        written.append(part)
        node = _inside(node, part)
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
        model = _model_in(field.annotation) if field is not None else None
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
    subject = _readable(location) or "the study"
    if details["type"] == "value_error":
        return InvalidStudy(f"{subject}: {details['msg'].removeprefix('Value error, ')}", where=where)
    message = _IN_OUR_WORDS.get(details["type"], details["msg"][:1].lower() + details["msg"][1:])
    return InvalidStudy(f"{subject}: {message}{_shown(details['input'])}", where=where)


def _shown(given: Any) -> str:
    if given is None or isinstance(given, bool):
        return f", not {json.dumps(given)}"
    return f", not {given!r}"[:80] if isinstance(given, str | int | float) else ""


def _missing_models(document: StudyDocument) -> list[CrosstuneError]:
    """What the study has no model for."""
    base_models, api_models, instructions = (
        document.data.get(key, []) for key in ("base_models", "api_models", "instructions")
    )
    if base_models != []:
        return []
    if api_models == []:
        return [
            InvalidStudy(
                "no model: base_models and api_models are both missing or empty",
                where=document.where(("base_models",)),
                hint="name a model to tune in base_models, or one behind an API in api_models",
            )
        ]
    if instructions != []:
        return [
            InvalidStudy(
                "instructions are for tuning base_models, and there are none",
                where=document.where(("instructions",)),
                hint="remove instructions, or add base_models; API models answer as they are",
            )
        ]
    return []


def _unknown_names(config: StudyConfig, document: StudyDocument) -> list[CrosstuneError]:
    """Names that are well-formed but stand for nothing."""
    problems: list[CrosstuneError] = []
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
