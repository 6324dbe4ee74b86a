"""The study file as pydantic models. Unknown keys are errors that name the key and the nearest valid one.

A list where one value would do is an axis of the grid. `learning_rate` and every key of `training` may be given for
each kind of adaptation: `{full: [1e-5], lora: [1e-4]}`.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from crosstune.analysis.composite_config import Composite
from crosstune.generation.config import GenerationConfig
from crosstune.instructions.config import InstructionsConfig
from crosstune.judging.config import JudgeConfig
from crosstune.prompts.config import PromptsConfig
from crosstune.scoring.score import STUDY_FACETS
from crosstune.study.axes import ADAPTATION_KINDS, section_for_adaptation, variants
from crosstune.study.search_config import SearchConfig
from crosstune.training.config import Adaptation, Lora, TrainingConfig


class BaseModelConfig(BaseModel):
    """A base model to tune, and how it is spoken to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """A packaged model (`gemma-3-270m`), a folder, or a hub id (`org/name` or `org/name@revision`)."""
    chat_format: str | None = None
    """Chat format for tuning and answering; None: the one usual for this model, else chatml."""


class ApiModelConfig(BaseModel):
    """A model behind an API that answers as it is: hosted, or on a server of one's own.

    Its key is read from the environment when it is asked, and belongs in no study file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str
    """Provider and model, as Inspect names them: `openai/gpt-5-mini`, `anthropic/<model>`, or
    `openai-api/<service>/<model>` for a server that speaks OpenAI's protocol (its key is `<SERVICE>_API_KEY`)."""
    base_url: str | None = None
    """Address of the API, such as `http://127.0.0.1:8080/v1`; None: the provider's own, or `<SERVICE>_BASE_URL`."""
    name: str | None = Field(default=None, min_length=1)
    """What tables and the report call it; None: as `model`."""
    connections: int = Field(default=10, ge=1)
    """Calls under way at once. Changes speed and not results."""

    @field_validator("model")
    @classmethod
    def _has_provider(cls, model: str) -> str:
        provider, _, name = model.partition("/")
        if not provider or not name or any(character.isspace() for character in model):
            raise ValueError(f"should be provider/model, such as openai/gpt-5-mini, not {model!r}")
        return model

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, base_url: str | None) -> str | None:
        if base_url is None:
            return None
        try:
            parts = urlsplit(base_url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"should be an address such as http://127.0.0.1:8080/v1, not {base_url!r}")
        if "@" in parts.netloc or parts.query:
            raise ValueError("should hold no key or password: keys are read from the environment")
        return base_url

    @property
    def label(self) -> str:
        """What tables and the report call it."""
        return self.name or self.model


def _judge(value: Any) -> Any:
    return {"models": [value]} if isinstance(value, str) else value


def _search(value: Any) -> Any:
    return {"strategy": value} if isinstance(value, str) else value


class SelectConfig(BaseModel):
    """How the configuration to recommend is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    by: str = "correct_language"
    """The facet to compare by: one of `scorers`, `usable`, or one of `composites`."""
    over: Literal["all-languages", "english"] = "all-languages"
    """Compare by the mean over all languages, or by English alone (which the report always shows too)."""


Action = Literal["report", "remove", "refuse"]
"""What is done about instruction data that overlaps with the prompts."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _models(value: Any) -> Any:
    return [{"name": item} if isinstance(item, str) else item for item in _as_list(value)]


def _api_models(value: Any) -> Any:
    return [{"model": item} if isinstance(item, str) else item for item in _as_list(value)]


def _expanded(items: list[Any], model: type[BaseModel]) -> list[Any]:
    # What is no mapping is left for pydantic to refuse.
    return [variant for item in items for variant in (variants(item, model) if isinstance(item, dict) else [item])]


def _instructions(value: Any) -> Any:
    items = [{"source": item} if isinstance(item, str) else item for item in _as_list(value)]
    return _expanded(items, InstructionsConfig)


def _adaptations(value: Any) -> Any:
    items = [{item: {}} if isinstance(item, str) and item in ADAPTATION_KINDS else item for item in _as_list(value)]
    return _expanded(items, Adaptation)


def _by_adaptation(value: Any) -> Any:
    if isinstance(value, dict):
        return {kind: _as_list(rates) for kind, rates in value.items()}
    return {kind: _as_list(value) for kind in ADAPTATION_KINDS}


def _training(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("should be a mapping such as {max_steps: 100}; a list for one of its keys is an axis")
    return {kind: list(variants(section_for_adaptation(value, kind), TrainingConfig)) for kind in ADAPTATION_KINDS}


def _generation(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("should be a mapping such as {max_new_tokens: 100}; a list for one of its keys is an axis")
    return list(variants(value, GenerationConfig))


LearningRate = Annotated[float, Field(gt=0, lt=10)]


class LearningRates(BaseModel):
    """The learning rates for each kind of adaptation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    full: list[LearningRate] = []
    """Learning rates of full fine-tuning."""
    lora: list[LearningRate] = []
    """Learning rates of LoRA."""


class TrainingVariants(BaseModel):
    """The training settings for each kind of adaptation, one for each combination of the lists in the section."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    full: list[TrainingConfig] = [TrainingConfig()]
    """Settings of full fine-tuning."""
    lora: list[TrainingConfig] = [TrainingConfig()]
    """Settings of LoRA."""


class StudyConfig(BaseModel):
    """A whole study: what is tuned, on what, how, what it is asked and how it is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    """Names the study's folder of results; letters, digits, and `. _ -`."""
    base_models: Annotated[list[BaseModelConfig], BeforeValidator(_models)] = []
    """Axis: the pretrained models to tune. Each is also answered untuned, as the row to compare with. May be empty
    where there are `api_models`."""
    api_models: Annotated[list[ApiModelConfig], BeforeValidator(_api_models)] = []
    """Axis: models behind an API, which answer the same prompts and are not tuned."""
    instructions: Annotated[list[InstructionsConfig], BeforeValidator(_instructions)] = []
    """Axis: the data to tune on. Empty: only the untuned base models and the API models are evaluated."""
    adaptation: Annotated[list[Adaptation], BeforeValidator(_adaptations), Field(min_length=1)] = [
        Adaptation(lora=Lora())
    ]
    """Axis: `full: {}` or `lora: {rank: 16}`."""
    learning_rate: Annotated[LearningRates, BeforeValidator(_by_adaptation)] = LearningRates(full=[1e-5], lora=[1e-4])
    """Axis: peak learning rates, for all kinds of adaptation or for each."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], BeforeValidator(_as_list), Field(min_length=1)] = [0]
    """Axis: seeds of the order of examples and of the LoRA weights' start."""
    training: Annotated[TrainingVariants, BeforeValidator(_training)] = TrainingVariants()
    """How to tune; see the keys of TrainingConfig. Lists are axes."""
    prompts: PromptsConfig
    """What the models are asked."""
    contamination: Action = "report"
    """What to do about conversations of the instructions that overlap with prompts: `report` lists them in the plan and
    the report, `remove` leaves them out (where a number of examples is given, others take their places), `refuse` ends
    with an error."""
    generation: Annotated[list[GenerationConfig], BeforeValidator(_generation)] = [GenerationConfig()]
    """How answers are generated; see the keys of GenerationConfig. Lists are axes."""
    scorers: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)] = list(STUDY_FACETS)
    """The facets that measures rate in every answer (`crosstune facets` lists them). Default: all that need no optional
    extra."""
    judge: Annotated[JudgeConfig | None, BeforeValidator(_judge)] = None
    """An LLM judge, or several, that marks every answer by six criteria; a name alone, such as `openai/gpt-5-mini`,
    takes the defaults. None: no judge."""
    search: Annotated[SearchConfig, BeforeValidator(_search)] = SearchConfig()
    """Whether the whole grid is tuned to the end (`grid`), or configurations that do badly early are left out
    (`halving`)."""
    composites: Annotated[list[Composite], BeforeValidator(_as_list)] = []
    """Facets made of others by conditions, such as `{name: servable, all: [{facet: correct_language, at_least: 1}]}`.
    Each may ask for those before it. Beside them there is `usable`: in the right language, not degenerate, and helpful
    where a judge or a person rated that of nearly all answers, else relevant; one of that name takes its place. They
    are made of finished scores, so that adding one runs nothing but the report again."""
    select: SelectConfig = SelectConfig()
    """How the configuration to recommend is chosen."""
