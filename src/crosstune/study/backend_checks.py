"""Which models a backend of generation cannot answer with; said when a study is read, not once it has trained."""

from crosstune.errors import InvalidStudy
from crosstune.generation.config import GenerationConfig
from crosstune.models.base import BaseModel
from crosstune.models.packaged import PACKAGED_MODELS
from crosstune.training.config import Adaptation


def require_answers(
    base: BaseModel, adaptation: Adaptation | None, config: GenerationConfig, *, where: str | None
) -> None:
    """Makes sure that the backend that is configured can answer with a model.

    Args:
        base: the base model.
        adaptation: how it is tuned; None: not.
        config: how answers are generated.
        where: place of the setting in the study file.

    Raises:
        InvalidStudy: it cannot.
    """
    if config.backend != "llama.cpp":
        return
    if base.kind != "packaged":
        raise InvalidStudy(
            f"generation.backend: llama.cpp answers with packaged base models, and '{base.name}' is none",
            where=where,
            hint=f"set backend: transformers, or use one of: {', '.join(PACKAGED_MODELS)}",
        )
    if adaptation is not None and adaptation.kind != "lora":
        raise InvalidStudy(
            f"generation.backend: llama.cpp answers with LoRA adapters, and adaptation '{adaptation.kind}' makes none",
            where=where,
            hint="set backend: transformers, or adaptation to lora",
        )
