"""Which prompts to answer, as written in a study file."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crosstune.errors import InvalidStudy, did_you_mean
from crosstune.languages import language
from crosstune.prompts.modifiers import modifiers

LANGUAGE_PLACE = "{language}"


def is_path(name: str) -> bool:
    """Whether a set is named by a path (`../prompts.{language}.jsonl`), not by the name of a packaged one."""
    return LANGUAGE_PLACE in name or "/" in name or "\\" in name or name.lower().endswith((".jsonl", ".json"))


class PromptsConfig(BaseModel):
    """Prompt sets in some languages, with some modifiers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sets: list[str] = Field(min_length=1)
    """Sets that ship with crosstune (`everyday`), or JSON Lines files with `{language}` for the code in their path,
    relative to the study file. A line is an object like those of the packaged sets, or a list of chat messages;
    beside such a file, one with the ending `.types` may name a modifier that each line already has."""
    languages: list[str] = Field(min_length=1)
    """Codes of the languages that the prompts are written in."""
    modifiers: list[str] = Field(default=["none"], min_length=1)
    """What is added to the prompts: each set is asked once for each modifier (`none`: as it is)."""
    limit: int | None = Field(default=None, ge=1)
    """So many prompts a set, language and modifier, taken from all tasks in turn. None: all."""

    @field_validator("sets", "languages", "modifiers", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("sets", "languages", "modifiers")
    @classmethod
    def _no_duplicates(cls, value: list[str]) -> list[str]:
        for item in value:
            if value.count(item) > 1:
                raise ValueError(f"'{item}' is named twice")
        return value

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: list[str]) -> list[str]:
        for code in value:
            try:
                language(code)
            except InvalidStudy as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("modifiers")
    @classmethod
    def _known_modifiers(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in modifiers():
                raise ValueError(f"'{name}' is not a modifier; {did_you_mean(name, modifiers())}")
        return value

    @model_validator(mode="after")
    def _paths_have_a_language(self) -> Self:
        for name in self.sets:
            if is_path(name) and LANGUAGE_PLACE not in name:
                raise ValueError(
                    f"the path '{name}' has no {LANGUAGE_PLACE} in it; write it where the language's code stands, "
                    f"such as prompts.{LANGUAGE_PLACE}.jsonl"
                )
        return self
