"""Which instruction data to tune on, as written in a study file. Reads nothing."""

import re
from pathlib import PurePath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crosstune.errors import InvalidStudy, did_you_mean
from crosstune.languages import language

FORMATS = ("messages", "prompt_completion", "lima", "sharegpt", "dolly", "alpaca", "inputs_targets")
"""Names of the formats that `formats` reads."""

_UNFIT_FOR_NAMES = re.compile(r"[^\w.]+")
"""Names are those of folders: letters and digits of any script, `_`, `.` and `-`."""

HUB_PREFIX = "hub:"
FILE_SUFFIXES = (".jsonl", ".json", ".parquet")


class InstructionsConfig(BaseModel):
    """One set of instructions with answers, or a part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: str = Field(min_length=1)
    """A set that ships with crosstune (`starter-en`), a file (`.jsonl`, `.json`, `.parquet`; relative to the study
    file), or a data set on the Hugging Face hub (`hub:org/name`)."""
    format: str | None = None
    """One of `FORMATS`. None: recognised by the columns of the first row."""
    examples: int | None = Field(default=None, ge=1)
    """Number of conversations, drawn with `seed`; a smaller draw is part of a larger one. None: all."""
    seed: int = 0
    """Seed of the draw."""
    language: str | None = None
    """Code of the language the set is in. None: each row's `language` column, or what the answers are identified as."""
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Only rows in which these columns have these values, such as `{language: fra}`."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Columns to rename before the format is recognised, old name to new, such as
    `{question: prompt, reply: completion}`; `where` has the old names."""
    skip_incomplete: bool = False
    """Leave out rows with an empty question or answer, which some public sets have, instead of refusing the set."""
    config: str | None = None
    """Hub only: the configuration (subset) of the data set. None: its default."""
    split: str | None = None
    """Hub only: the split. None: `train`."""
    revision: str | None = None
    """Hub only: branch, tag or commit. None: the newest; name a commit for a study that others should repeat."""
    label: str | None = Field(default=None, pattern=r"^[\w.+-]{1,40}$")
    """What folders and tables call it, the number of examples added. None: made of its source and what is mixed in."""
    mixed_with: tuple["InstructionsConfig", ...] = ()
    """Further sets, each with its own settings, whose conversations are added to those of this one."""

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value not in FORMATS:
            raise ValueError(f"'{value}' is not a format of instructions; {did_you_mean(value, FORMATS)}")
        return value

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                language(value)
            except InvalidStudy as error:
                raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _hub_settings_for_hub_only(self) -> Self:
        if not self.is_hub:
            for name in ("config", "split", "revision"):
                if getattr(self, name) is not None:
                    raise ValueError(f"'{name}' is for data sets on the hub only; write the source as hub:org/name")
        elif "/" not in self.hub_id:
            raise ValueError(f"'{self.source}' does not name a data set on the hub; write it as hub:org/name")
        return self

    @property
    def is_hub(self) -> bool:
        """Whether the source is on the hub."""
        return self.source.startswith(HUB_PREFIX)

    @property
    def hub_id(self) -> str:
        """The source without `hub:`."""
        return self.source.removeprefix(HUB_PREFIX)

    @property
    def is_file(self) -> bool:
        """Whether the source is a path: it has a folder or a suffix in its name."""
        return not self.is_hub and (
            "/" in self.source or "\\" in self.source or PurePath(self.source).suffix.lower() in FILE_SUFFIXES
        )

    @property
    def set_name(self) -> str:
        """Readable name of the whole set, without its draw: `starter-en`, `lima.en`, `aya_collection-fra`."""
        if self.is_hub:
            stem = self.hub_id.rsplit("/", 1)[-1]
        elif self.is_file:
            path = PurePath(self.source)
            stem = path.stem if path.suffix.lower() in FILE_SUFFIXES else path.name
        else:
            stem = self.source
        parts = [stem, self.config, *(str(self.where[column]) for column in sorted(self.where))]
        return _UNFIT_FOR_NAMES.sub("-", "-".join(part for part in parts if part))

    @property
    def name(self) -> str:
        """Readable name for folders and tables, such as `starter-en-200`, or `starter-en-200-seed1+other-50`."""
        own = self.label or self.set_name
        if self.examples is not None:
            own += f"-{self.examples}" + (f"-seed{self.seed}" if self.seed else "")
        return own if self.label else "+".join([own, *(other.name for other in self.mixed_with)])
