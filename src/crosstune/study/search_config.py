"""How the grid is searched, as written in the study file."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class ProbeConfig(BaseModel):
    """The few prompts that decide who goes on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompts: Annotated[int, Field(ge=1)] = 8
    """Instructions of the study's own prompts, without modifiers; each is asked in all languages. Fewer than five give
    no interval."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 32
    """Tokens after which an answer is cut off, which is no fault here."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws the instructions."""


class SearchConfig(BaseModel):
    """Whether every configuration is tuned to the end, or only those that do well early."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    strategy: Literal["grid", "halving"] = "grid"
    """`grid`: all configurations are tuned to the end. `halving`: at each rung the worse ones are left out."""
    rungs: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(0.25, 0.5), min_length=1)
    """Shares of `training.max_steps` after which configurations are compared, each larger than the one before."""
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The share of the configurations that goes on at each rung; equal ones go on together."""
    at_least: Annotated[int, Field(ge=1)] = 1
    """How many configurations go on at least."""
    by: Literal["usable", "correct_language"] = "usable"
    """What the probe's answers are compared by: the share that is in the right language and not broken as text
    (`usable`), or the right language alone."""
    probe: ProbeConfig = ProbeConfig()
    """The prompts that decide."""

    @field_validator("rungs", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, int | float) else value

    @field_validator("rungs")
    @classmethod
    def _increasing(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        for before, after in pairwise(rungs):
            if after <= before:
                raise ValueError(f"{after:g} comes after {before:g}: each rung has to be larger than the one before")
        return rungs

    @model_validator(mode="after")
    def _settings_are_used(self) -> Self:
        unused = sorted(self.model_fields_set - {"strategy"})
        if self.strategy == "grid" and unused:
            raise ValueError(f"{', '.join(unused)} would do nothing with strategy: grid; set strategy: halving")
        return self

    @property
    def is_race(self) -> bool:
        """Whether configurations may be left out."""
        return self.strategy == "halving"

    def updates(self, max_steps: int) -> tuple[int, ...]:
        """The updates after which the rungs are, of a training of `max_steps`."""
        return tuple(round(share * max_steps) for share in self.rungs)
