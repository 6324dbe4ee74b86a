"""How a model is tuned: the adaptation and the training settings. Imports no torch."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crosstune.errors import did_you_mean

TRACKERS = (
    "azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "kubeflow", "mlflow", "neptune",
    "swanlab", "tensorboard", "trackio", "wandb",
)  # fmt: skip
"""The experiment trackers that transformers can report to (`transformers.integrations`)."""

Precision = Literal["auto", "bf16", "fp32"]
Sharding = Literal["auto", "none", "fsdp"]


class Lora(BaseModel):
    """Low-rank adapters beside frozen weights (Hu et al., arXiv 2106.09685)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rank: Annotated[int, Field(ge=1)] = 16
    """Inner dimension of the two added matrices."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """The adapter's output is multiplied by alpha / rank. None: twice the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of an adapter's inputs that are zeroed while training."""
    target_modules: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = "all-linear"
    """Names of the layers to adapt, as PEFT takes them. `all-linear`: every linear layer except the output layer."""

    @field_validator("target_modules", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) and value != "all-linear" else value


class Full(BaseModel):
    """All weights are trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Adaptation(BaseModel):
    """Which weights are trained: exactly one of `full` and `lora`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    full: Full | None = None
    """Train all weights: `{full: {}}`."""
    lora: Lora | None = None
    """Train low-rank adapters: `{lora: {rank: 16}}`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.full is None) == (self.lora is None):
            raise ValueError("give exactly one of full: {} and lora: {rank: 16}")
        return self

    @property
    def kind(self) -> Literal["full", "lora"]:
        """Which of the two."""
        return "full" if self.full is not None else "lora"

    @property
    def name(self) -> str:
        """A short name for tables and folders: `full`, `lora r16`, `lora r16 alpha 8` with what is not the default."""
        if self.lora is None:
            return "full"
        name = f"lora r{self.lora.rank}"
        if self.lora.alpha is not None:
            name += f" alpha {self.lora.alpha:g}"
        if self.lora.dropout:
            name += f" dropout {self.lora.dropout:g}"
        if self.lora.target_modules != "all-linear":
            name += f" on {'+'.join(self.lora.target_modules)}"
        return name


class TrainingConfig(BaseModel):
    """Settings of one training besides its data, adaptation, learning rate and seed.

    The defaults are those of Chirkova and Nikoulina (arXiv 2402.14778): AdamW, no warmup, linear decay to a tenth,
    at most 1,000 updates, batches counted in tokens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1)] = 1000
    """Number of optimizer updates; the data is repeated as often as they need."""
    tokens_per_step: Annotated[int, Field(ge=1)] | None = None
    """Tokens of one optimizer update, prompts included, padding not; updates come as close below it as whole examples
    allow. None: as many as `tokens_per_device_batch`, however many processes share them."""
    tokens_per_device_batch: Annotated[int, Field(ge=1)] = 8192
    """Most tokens, padding included, that pass through the model at once on one device: what memory must hold. It
    changes how an update is computed, never its gradients."""
    processes: Annotated[int, Field(ge=1)] = 1
    """Processes that share every update, each on a GPU of its own, all on one machine; without GPUs, on its cores. They
    change how long a training takes, and not what it learns."""
    sharding: Sharding = "auto"
    """What several processes hold of the model. `none`: each all of it (data parallel). `fsdp`: each a part of its
    weights, gradients and optimizer, put together layer by layer where they are used (FSDP2): slower, for models that
    do not fit on one GPU. `auto`: `fsdp` where all weights are trained on several GPUs, else `none`."""
    max_length: Annotated[int, Field(ge=2)] = 2048
    """Tokens of one conversation beyond which it is cut."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Updates over which the learning rate rises linearly from zero."""
    final_learning_rate_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The learning rate falls linearly to this share of its start. 1: constant."""
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """AdamW's decay of the gradient's running mean."""
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """AdamW's decay of the squared gradient's running mean."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """AdamW's weight decay; norms and biases are spared."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients of an update longer than this (L2) are scaled down to it."""
    save_every: Annotated[int, Field(ge=1)] = 200
    """Updates between two checkpoints, from which an interrupted training goes on."""
    packing: bool = True
    """Put several examples in one sequence, none of which sees another, so that nothing is padded. It changes speed,
    never the gradients. Models whose attention cannot be kept apart are padded instead."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: about a third slower, much less memory."""
    precision: Precision = "auto"
    """Number format of matrix products. `auto`: bf16 where the device multiplies it natively (GPUs since Ampere, CPUs
    with AVX512-BF16 or AMX), else fp32. Weights that are trained stay in fp32 in both."""
    report_to: tuple[str, ...] = ()
    """Experiment trackers to report to, such as `wandb`, `tensorboard` or `mlflow`; they must be installed."""

    @field_validator("report_to", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("report_to")
    @classmethod
    def _known_trackers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in TRACKERS:
                raise ValueError(f"'{name}' is not a tracker crosstune knows; {did_you_mean(name, TRACKERS)}")
        return names

    @model_validator(mode="after")
    def _longest_fits(self) -> Self:
        if self.max_length > self.tokens_per_device_batch:
            raise ValueError(
                f"max_length ({self.max_length}) must not exceed tokens_per_device_batch "
                f"({self.tokens_per_device_batch}): an example has to fit on a device"
            )
        return self
