"""Lists in a study file are axes of the grid: this turns sections with lists into the variants they stand for."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

ADAPTATION_KINDS = ("full", "lora")


def inner_types(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a field's annotation: `int | None` gives int and NoneType."""
    origin = get_origin(annotation)
    if origin is Union or (origin is not None and type(annotation).__name__ == "UnionType"):
        return tuple(part for alternative in get_args(annotation) for part in inner_types(alternative))
    return (annotation,)


def takes_list(annotation: Any) -> bool:
    """Whether a field is a list by nature, so that a list for it is one value and no axis."""
    return any((get_origin(part) or part) in (list, tuple) for part in inner_types(annotation))


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model that a field holds, or None."""
    for part in inner_types(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def item_model(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model that the items of a list field have, or None."""
    for part in inner_types(annotation):
        if get_origin(part) in (list, tuple):
            return nested_model(get_args(part)[0])
    return None


def variants(section: dict[str, Any], model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """All combinations of the lists in a section, the last key varying fastest.

    Args:
        section: a mapping from a study file, such as `{source: starter-en, examples: [50, 200]}`.
        model: what it configures. A list for a field that is itself a list is a value, unless it holds lists; lists
            within its items, such as the weights of a mixture's parts, are axes.
    """
    choices: list[list[Any]] = []
    for key, value in section.items():
        field = model.model_fields.get(key)
        inner = nested_model(field.annotation) if field is not None else None
        if inner is not None and isinstance(value, dict):
            choices.append(list(variants(value, inner)))
            continue
        is_axis = isinstance(value, list) and bool(value)
        if is_axis and field is not None and takes_list(field.annotation):
            is_axis = any(isinstance(item, list) for item in value)
            items = item_model(field.annotation)
            if items is not None and not is_axis:
                choices.append(_combined(value, items))
                continue
        choices.append(value if is_axis else [value])
    for combination in product(*choices):
        yield dict(zip(section, combination, strict=True))


def _combined(items: list[Any], model: type[BaseModel]) -> list[list[Any]]:
    """All lists of one variant of each item; what is no mapping stays, for pydantic to refuse."""
    choices = [list(variants(item, model)) if isinstance(item, dict) else [item] for item in items]
    return [list(combination) for combination in product(*choices)]


def for_adaptation(value: Any, kind: str) -> Any:
    """The part of a value that holds for one kind of adaptation: `{full: 1e-5, lora: 1e-4}` or one value for all."""
    if isinstance(value, dict) and value and set(value) <= set(ADAPTATION_KINDS):
        return value.get(kind)
    return value


def section_for_adaptation(section: dict[str, Any], kind: str) -> dict[str, Any]:
    """A section in which every value is the one for this kind of adaptation; values for other kinds only drop out."""
    resolved = {}
    for key, value in section.items():
        if isinstance(value, dict) and value and set(value) <= set(ADAPTATION_KINDS) and kind not in value:
            continue
        resolved[key] = for_adaptation(value, kind)
    return resolved
