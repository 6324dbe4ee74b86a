"""How a model behind an API generates."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from crosstune.generation.config import GenerationConfig

SENT = ("max_new_tokens", "temperature", "top_p")
"""Settings of generation that an API is told too."""


class ApiConfig(BaseModel):
    """Settings of generation by a model behind an API."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_new_tokens: int = Field(default=512, ge=1)
    """Tokens after which an answer is cut off; of models that think, what they think counts too."""
    temperature: float | None = Field(default=0.0, ge=0)
    """Sampling temperature; 0: the most likely token each time, as far as the server keeps to it. None: the server's
    own choice, for models that refuse to be told."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Samples from the fewest most likely tokens with at least this probability together; None: the server's choice."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """What else the server takes in a request, such as `{repetition_penalty: 1.2}` of vLLM."""

    def identity(self) -> dict[str, Any]:
        """What decides the answers, for fingerprints."""
        return self.model_dump()


def api_config(config: GenerationConfig) -> ApiConfig:
    """The settings for a model behind an API that come nearest to those for a model here."""
    return ApiConfig(max_new_tokens=config.max_new_tokens, temperature=config.temperature or 0.0, top_p=config.top_p)


def not_sent(config: GenerationConfig) -> dict[str, Any]:
    """The settings that would change answers, and that APIs are not told because few of them know them."""
    neutral = {"repetition_penalty": 1.0, "top_k": None, "dtype": "auto"}
    return {name: getattr(config, name) for name, value in neutral.items() if getattr(config, name) != value}
