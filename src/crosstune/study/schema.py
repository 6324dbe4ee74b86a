"""The JSON Schema of the study file, for editors that complete and check as one types."""

from typing import Any

from crosstune.generation.config import GenerationConfig
from crosstune.study.axes import ADAPTATION_KINDS
from crosstune.study.config import StudyConfig
from crosstune.training.config import Adaptation, TrainingConfig

_GRID_MODELS = ("InstructionsConfig", "MixturePart", "TrainingConfig", "GenerationConfig", "Lora")
"""Models in which a list for a single value is an axis."""


def study_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what a study file may hold, shorthands and axes included."""
    schema = StudyConfig.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    for model in (TrainingConfig, GenerationConfig):
        own = model.model_json_schema()
        definitions.update(own.pop("$defs", {}))
        definitions[model.__name__] = own
    for name in _GRID_MODELS:
        definition = definitions[name]
        for key, value in definition["properties"].items():
            definition["properties"][key] = _axis(value, per_adaptation=name == "TrainingConfig")
    properties = schema["properties"]
    _replace(properties, "training", {"$ref": "#/$defs/TrainingConfig"})
    _replace(properties, "generation", {"$ref": "#/$defs/GenerationConfig"})
    rates = definitions.pop("LearningRates")["properties"]["lora"]["items"]
    one_or_many = {"anyOf": [rates, {"type": "array", "items": rates, "minItems": 1}]}
    _replace(properties, "learning_rate", {"anyOf": [*one_or_many["anyOf"], _per_adaptation(one_or_many)]})
    definitions.pop("TrainingVariants")
    text = {"type": "string"}
    adaptation = {"anyOf": [{"$ref": f"#/$defs/{Adaptation.__name__}"}, {"enum": list(ADAPTATION_KINDS)}]}
    _replace(properties, "base_models", _some({"anyOf": [text, {"$ref": "#/$defs/BaseModelConfig"}]}))
    _replace(properties, "api_models", _some({"anyOf": [text, {"$ref": "#/$defs/ApiModelConfig"}]}))
    _replace(properties, "instructions", _some({"anyOf": [text, {"$ref": "#/$defs/InstructionsConfig"}]}))
    _replace(properties, "adaptation", _some(adaptation))
    strategies = definitions["SearchConfig"]["properties"]["strategy"]["enum"]
    _replace(properties, "search", {"anyOf": [{"$ref": "#/$defs/SearchConfig"}, {"enum": strategies}]})
    rungs = definitions["SearchConfig"]["properties"]
    _replace(rungs, "rungs", {"anyOf": [rungs["rungs"]["items"], {"type": "array", "items": rungs["rungs"]["items"]}]})
    _replace(properties, "seeds", _some(properties["seeds"]["items"]))
    _replace(properties, "scorers", _some(text))
    _replace(properties, "composites", _some({"$ref": "#/$defs/Composite"}))
    for key, field in StudyConfig.model_fields.items():
        if field.description:
            properties[key]["description"] = field.description
    schema["anyOf"] = [{"required": ["base_models"]}, {"required": ["api_models"]}]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "crosstune study"
    return schema


def _some(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _per_adaptation(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict.fromkeys(ADAPTATION_KINDS, value),
        "additionalProperties": False,
        "minProperties": 1,
    }


def _axis(value: dict[str, Any], *, per_adaptation: bool) -> dict[str, Any]:
    outer: dict[str, Any] = {key: value[key] for key in ("title", "description", "default") if key in value}
    inner = {key: item for key, item in value.items() if key not in outer}
    alternatives = [inner, {"type": "array", "items": inner}]
    if per_adaptation:
        alternatives.append(_per_adaptation({"anyOf": list(alternatives)}))
    return {**outer, "anyOf": alternatives}


def _replace(properties: dict[str, Any], key: str, value: dict[str, Any]) -> None:
    kept = {name: properties[key][name] for name in ("title", "description") if name in properties[key]}
    properties[key] = {**kept, **value}
