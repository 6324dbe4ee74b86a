"""How answers are judged: by which models, by which rubric, and for how much."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

DEFAULT_RUBRIC = "english-1"
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]*/\S+")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Price(_Strict):
    """What a model's tokens cost, in US dollars a million."""

    input: float = Field(ge=0)
    """Tokens of requests."""
    output: float = Field(ge=0)
    """Tokens of replies, thoughts included."""


class JudgeModel(_Strict):
    """A model that judges, by any provider of Inspect AI."""

    model: str
    """As Inspect names it: `openai/gpt-5-mini`, `anthropic/claude-sonnet-5`, `vllm/…`, `hf/…`; for any endpoint that
    speaks OpenAI's protocol `openai-api/<service>/<model>`, with `base_url`."""
    base_url: str | None = None
    """Where requests go, such as `http://127.0.0.1:8080/v1`; None: the provider's own."""
    connections: int | None = Field(default=None, ge=1, le=10_000)
    """Calls under way at once; None: Inspect finds out what the endpoint allows."""
    batch: bool = False
    """Whether the provider's batch interface is used: half the price at most of them, and hours to wait."""
    max_tokens: int = Field(default=1024, ge=16)
    """Of a reply. A model that thinks needs more."""
    temperature: float | None = Field(default=0.0, ge=0)
    """None: the provider's default, which models that think insist on."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """For models that think; None: the provider's default."""
    structured: bool = True
    """Whether the endpoint is sent the JSON schema of a reply. One that refuses it is asked without."""
    timeout: float = Field(default=180.0, gt=0)
    """Seconds after which a call without a reply is tried again."""
    price: Price | None = None
    """What it costs; None: not known, and no budget in dollars can be kept."""
    args: dict[str, Any] = {}
    """More arguments of Inspect's provider (`-M` of `inspect eval`)."""

    @model_validator(mode="after")
    def _names_a_provider(self) -> "JudgeModel":
        if not _PROVIDER.fullmatch(self.model):
            raise ValueError(
                f"'{self.model}' does not name a provider: write it as Inspect does, such as openai/gpt-5-mini, or "
                "openai-api/local/NAME with a base_url"
            )
        if self.base_url is not None and not re.match(r"https?://[^/\s]", self.base_url):
            raise ValueError("base_url needs http:// or https:// before its name, such as http://127.0.0.1:8080/v1")
        return self

    @property
    def name(self) -> str:
        """What raters are called by: the model without the word for the protocol."""
        return self.model.removeprefix("openai-api/")

    def identity(self) -> dict[str, Any]:
        """What decides its replies; not how fast they come, nor what they cost."""
        return self.model_dump(mode="json", exclude={"connections", "batch", "timeout", "price", "structured"})


def _judge_model(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class Budget(_Strict):
    """What judging may take; it stops when one of these is reached, and goes on when more is allowed."""

    calls: int | None = Field(default=None, ge=0)
    """Calls that got a reply."""
    tokens: int | None = Field(default=None, ge=0)
    """Of requests and replies."""
    dollars: float | None = Field(default=None, ge=0)
    """By the prices that are given with the models."""


def _judge_models(value: Any) -> Any:
    return [_judge_model(item) for item in (value if isinstance(value, list) else [value])]


class JudgeConfig(_Strict):
    """How the answers of a study, or of a file, are judged."""

    models: Annotated[list[JudgeModel], BeforeValidator(_judge_models)] = Field(min_length=1)
    """The judges; each marks every answer."""
    rubric: str = DEFAULT_RUBRIC
    """A packaged rubric, or a folder of your own, see `judging.rubric`."""
    prompts: int | None = Field(default=None, ge=1)
    """Instructions whose answers are judged, drawn by `seed`, the same ones for every configuration and language; None:
    all."""
    panel: Literal["median", "majority"] | None = "median"
    """How several judges become one mark (rater `judge:panel`); of one judge there is none."""
    repeat: float = Field(default=0.0, ge=0, le=1)
    """The share of answers that each judge marks a second time, to show how far it agrees with itself."""
    translated: bool = False
    """Whether each judge also marks an English translation that it makes of every answer that is not English."""
    compare: tuple[str, str] | None = None
    """Two configurations by name: each judge says which of their answers to a prompt is better, in both orders."""
    budget: Budget = Budget()
    """When to stop."""
    failure_limit: float = Field(default=0.05, ge=0, le=1)
    """A larger share of answers without a mark is said loudly."""
    seed: int = 0
    """Of the order in which answers are judged, and of what is drawn."""

    @model_validator(mode="after")
    def _fits_together(self) -> "JudgeConfig":
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("a judge is named twice")
        if self.compare is not None and self.compare[0] == self.compare[1]:
            raise ValueError(f"'{self.compare[0]}' cannot be compared with itself")
        if self.budget.dollars is not None and any(model.price is None for model in self.models):
            raise ValueError("a budget in dollars needs the price of every judge: price: {input: …, output: …}")
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the marks; the budget and what is said loudly do not."""
        own = self.model_dump(mode="json", exclude={"models", "budget", "failure_limit"})
        return own | {"models": [model.identity() for model in self.models]}
