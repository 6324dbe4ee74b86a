"""A study file with its defaults written out, so that a reader of results need not know them."""

from typing import Any

from crosstune.generation.config import GenerationConfig
from crosstune.study.config import SelectConfig, StudyConfig
from crosstune.study.document import dump_yaml
from crosstune.training.config import TrainingConfig


def resolved_yaml(data: dict[str, Any]) -> str:
    """YAML of `data` with the defaults of every section that has some.

    Args:
        data: a valid study as plain data.
    """
    config = StudyConfig.model_validate(data)
    resolved: dict[str, Any] = {}
    for name in StudyConfig.model_fields:
        if name == "api_models" and not config.api_models:
            continue  # such studies mean what they meant before there was this key, and keep their identity
        if name == "search":
            if config.search.is_race:  # without, such studies mean what they meant before there was this key
                resolved[name] = config.search.model_dump(mode="json")
            continue
        if name == "composites":
            if config.composites:
                resolved[name] = [item.model_dump(mode="json", exclude_defaults=True) for item in config.composites]
            continue
        if name == "judge":
            if config.judge is not None:
                resolved[name] = config.judge.model_dump(mode="json")
            continue
        if name in data:
            resolved[name] = data[name]
        elif name not in ("training", "generation", "learning_rate", "adaptation"):
            resolved[name] = config.model_dump(mode="json")[name]
    if config.instructions:
        adaptations = [item.model_dump(mode="json", exclude_none=True) for item in config.adaptation]
        resolved.setdefault("adaptation", adaptations)
        resolved.setdefault("learning_rate", config.learning_rate.model_dump(mode="json"))
        defaults = TrainingConfig().model_dump(mode="json")
        resolved["training"] = {**defaults, **data.get("training", {})}
    # Not how many share a batch: studies that do not say so keep the identity that they had before there was this key.
    generation = GenerationConfig().model_dump(mode="json", exclude={"models_at_once"})
    resolved["generation"] = {**generation, **data.get("generation", {})}
    resolved["select"] = {**SelectConfig().model_dump(mode="json"), **data.get("select", {})}
    resolved["prompts"] = {**config.prompts.model_dump(mode="json"), **data["prompts"]}
    return dump_yaml({name: resolved[name] for name in StudyConfig.model_fields if name in resolved})
