"""Which prompts to answer, as written in a study file. Reads nothing.

sets: [everyday, facts]                               sets that ship with crosstune
sets: [../questions.{language}.jsonl]                 a file a language
sets: [questions.csv]                                 one file with a column `language`
sets:                                                 the same with settings
  - {source: "hub:org/name", columns: {question: text, lang: language}, where: {level: hard}}
"""

from pathlib import Path, PurePath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import known_code
from crosstune.prompts.language_file import language_of_path
from crosstune.prompts.modifiers import modifiers, unknown_modifier
from crosstune.text.rows import FILE_SUFFIXES, HUB_PREFIX

LANGUAGE_PLACE = "{language}"

COLUMNS = ("id", "task", "text", "prompt", "messages", "language", "tags", "answers", "gloss", "modifiers")
"""What a row of a prompt set may have; see `prompts.rows`."""


class PromptSource(BaseModel):
    """A prompt set and how its rows are read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: str = Field(min_length=1)
    """A set that ships with crosstune (`everyday`), a file (`.jsonl`, `.json`, `.csv`, `.tsv`, `.parquet`; relative to
    the study file), or a data set on the Hugging Face hub (`hub:org/name`). `{language}` in it stands for the code."""
    name: str | None = Field(default=None, pattern=r"^[\w.-]{1,40}$")
    """What ids, tables and folders call the set. None: made of its source."""
    language: str | None = None
    """Code of the language that all rows are in. None: by `{language}` in the source, or each row's `language`."""
    columns: dict[str, str | None] = Field(default_factory=dict)
    """Columns to rename, old name to new, such as `{question: text}`; `null` as new name leaves a column out."""
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Only rows in which these columns have these values; by their old names."""
    config: str | None = None
    """Hub only: the data set's configuration (subset), perhaps with `{language}`. None: its default."""
    split: str | None = None
    """Hub only: the split, perhaps with `{language}`. None: `train`."""
    revision: str | None = None
    """Hub only: branch, tag or commit. None: the newest; name a commit for a study that others should repeat."""

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str | None) -> str | None:
        return None if value is None else known_code(value)

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        new = [name for name in value.values() if name is not None]
        for name in new:
            if name not in COLUMNS:
                raise ValueError(f"'{name}' is not a column of a prompt set; {did_you_mean(name, COLUMNS)}")
            if new.count(name) > 1:
                raise ValueError(f"two columns become '{name}'")
        return value

    @model_validator(mode="after")
    def _settings_fit_the_source(self) -> Self:
        if not self.is_hub:
            for name in ("config", "split", "revision"):
                if getattr(self, name) is not None:
                    raise ValueError(f"'{name}' is for data sets on the hub only; write the source as hub:org/name")
        elif "/" not in self.source.removeprefix(HUB_PREFIX):
            raise ValueError(f"'{self.source}' does not name a data set on the hub; write it as hub:org/name")
        elif "\\" in self.source or " " in self.source:
            raise ValueError(f"'{self.source}' cannot be the name of a data set on the hub")
        if self.is_packaged:
            for name in ("name", "language", "columns", "where"):
                if getattr(self, name):
                    raise ValueError(f"'{name}' is not for a set that ships with crosstune ('{self.source}')")
        return self

    @property
    def is_hub(self) -> bool:
        """Whether it is a data set on the hub."""
        return self.source.startswith(HUB_PREFIX)

    @property
    def is_packaged(self) -> bool:
        """Whether it is the name of a set that ships with crosstune."""
        return not self.is_hub and not is_path(self.source)

    @property
    def is_by_language(self) -> bool:
        """Whether each language has a file, configuration or split of its own."""
        return any(LANGUAGE_PLACE in (text or "") for text in (self.source, self.config, self.split))

    def in_language(self, code: str) -> "PromptSource":
        """The same with the code where `{language}` stands."""
        filled = {
            name: value.replace(LANGUAGE_PLACE, code)
            for name in ("source", "config", "split")
            if (value := getattr(self, name)) is not None
        }
        return self.model_copy(update=filled)

    @property
    def set_name(self) -> str:
        """The name of the set: its own, or the file's (else its folder's) without the place of the language.

        `../reference/modifiers.{language}.jsonl` is `modifiers`, `hub:org/hard-{language}` is `hard`.
        """
        if self.name is not None:
            return self.name
        if self.is_packaged:
            return self.source
        path = PurePath(self.source.removeprefix(HUB_PREFIX))
        last = path.name
        for suffix in FILE_SUFFIXES:
            last = last.removesuffix(suffix)
        for part in (last, *reversed(path.parent.parts)):
            if name := part.replace(LANGUAGE_PLACE, "").strip("._- "):
                return name
        return "prompts"


def is_path(name: str) -> bool:
    """Whether a set is named by a path (`../prompts.{language}.jsonl`), not by the name of a packaged one."""
    return LANGUAGE_PLACE in name or "/" in name or "\\" in name or name.lower().endswith(FILE_SUFFIXES)


class PromptsConfig(BaseModel):
    """Prompt sets in some languages, with some modifiers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sets: list[str | PromptSource] = Field(min_length=1)
    """Sets that ship with crosstune (`everyday`, `native`, `facts`), files (with `{language}` for the code in their
    path, or with a column `language`), or data sets on the hub (`hub:org/name`); a mapping gives settings beside the
    source. Beside a JSON Lines file, one with the ending `.types` may name a modifier that each line already has."""
    languages: list[str] = Field(min_length=1)
    """Codes of the languages that the prompts are written in."""
    modifiers: list[str] = Field(default=["none"], min_length=1)
    """What is added to the prompts: each set is asked once for each modifier (`none`: as it is)."""
    limit: int | None = Field(default=None, ge=1)
    """So many prompts a set, language and modifier, taken from all tasks in turn. None: all."""
    language_files: list[str] = Field(default_factory=list)
    """Files with the packaged sets and modifiers in a language of one's own, such as `sw.jsonl`: the last part of the
    name is the code. A file takes the place of the packaged one of its language."""

    @field_validator("sets", "languages", "modifiers", "language_files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str | dict) else value

    @field_validator("sets")
    @classmethod
    def _no_set_twice(cls, value: list[str | PromptSource]) -> list[str | PromptSource]:
        for item in value:
            try:
                source = prompt_source(item).source
            except ValidationError as error:
                raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
            if value.count(item) > 1:
                raise ValueError(f"'{source}' is named twice")
        return value

    @field_validator("languages", "modifiers", "language_files")
    @classmethod
    def _no_duplicates(cls, value: list[str]) -> list[str]:
        for item in value:
            if value.count(item) > 1:
                raise ValueError(f"'{item}' is named twice")
        return value

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: list[str]) -> list[str]:
        return [known_code(code) for code in value]

    @field_validator("language_files")
    @classmethod
    def _files_of_different_languages(cls, value: list[str]) -> list[str]:
        codes: dict[str, str] = {}
        for name in value:
            try:
                code = language_of_path(Path(name))
            except InvalidData as error:
                raise ValueError(str(error)) from error
            if code in codes:
                raise ValueError(f"'{codes[code]}' and '{name}' are both of '{code}'")
            codes[code] = name
        return value

    @field_validator("modifiers")
    @classmethod
    def _known_modifiers(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in modifiers():
                raise ValueError(unknown_modifier(name))
        return value

    @property
    def sources(self) -> list[PromptSource]:
        """The sets, each with its settings."""
        return [prompt_source(item) for item in self.sets]


def prompt_source(item: str | PromptSource) -> PromptSource:
    """An entry of `sets` with its settings.

    Raises:
        pydantic.ValidationError: it names no set, file or data set.
    """
    return PromptSource(source=item) if isinstance(item, str) else item
