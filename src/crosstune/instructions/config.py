"""Which instruction data to tune on, as written in a study file. Reads nothing.

starter-en                                                        a set, whole
{source: starter-multi, languages: [fr]}                          a part of a set
{mixture: [{source: starter-en, weight: 0.9},                     several in given shares
           {source: starter-multi, languages: [fr, ru], weight: 0.1}], examples: 200}
"""

import re
from pathlib import PurePath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crosstune.errors import did_you_mean
from crosstune.languages import known_code
from crosstune.text.rows import FILE_SUFFIXES, HUB_PREFIX

FORMATS = ("messages", "prompt_completion", "lima", "sharegpt", "dolly", "alpaca", "inputs_targets")
"""Names of the formats that `formats` reads."""

_LANGUAGES_NAMED = 4
"""More languages than these are counted in a name."""

_UNFIT_FOR_NAMES = re.compile(r"[^\w.]+")
"""Names are those of folders: letters and digits of any script, `_`, `.` and `-`."""


class SourceSettings(BaseModel):
    """How a source is read, and which of its rows are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: str | None = None
    """One of `FORMATS`. None: recognised by the columns of the first row."""
    language: str | None = None
    """Code of the language that all rows are in. None: each row's `language` column, or what the answers are identified
    as. To take the rows in a language, see `languages`."""
    languages: tuple[str, ...] = ()
    """Only rows in these languages; a draw then has the same number of each, as long as each has enough. Empty: all."""
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Only rows in which these columns have these values, such as `{category: summary}`."""
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

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value not in FORMATS:
            raise ValueError(f"'{value}' is not a format of instructions; {did_you_mean(value, FORMATS)}")
        return value

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str | None) -> str | None:
        return None if value is None else known_code(value)

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            known_code(code)
            if value.count(code) > 1:
                raise ValueError(f"'{code}' is named twice")
        return value

    @model_validator(mode="after")
    def _one_way_to_say_the_language(self) -> Self:
        if self.language is not None and self.languages and self.languages != (self.language,):
            raise ValueError(f"'language: {self.language}' says that all rows are in it; 'languages' asks for others")
        return self


def _check_hub_settings(source: str, settings: SourceSettings) -> None:
    if not source.startswith(HUB_PREFIX):
        for name in ("config", "split", "revision"):
            if getattr(settings, name) is not None:
                raise ValueError(f"'{name}' is for data sets on the hub only; write the source as hub:org/name")
    elif "/" not in source.removeprefix(HUB_PREFIX):
        raise ValueError(f"'{source}' does not name a data set on the hub; write it as hub:org/name")


class MixturePart(SourceSettings):
    """One source of a mixture, and how much of it is taken."""

    source: str = Field(min_length=1)
    """A set that ships with crosstune (`starter-en`), a file (`.jsonl`, `.json`, `.csv`, `.tsv`, `.parquet`;
    relative to the study file), or a data set on the Hugging Face hub (`hub:org/name`)."""
    examples: int | None = Field(default=None, ge=1)
    """So many conversations of this part. None: by `weight`, or all."""
    weight: float | None = Field(default=None, gt=0, lt=1e9, allow_inf_nan=False)
    """Its share of the examples, relative to the other parts' weights: 0.9 and 0.1 is the same as 9 and 1."""

    @model_validator(mode="before")
    @classmethod
    def _no_mixture_of_mixtures(cls, data: object) -> object:
        if isinstance(data, dict) and "mixture" in data:
            raise ValueError("a part of a mixture is a source, not another mixture; list its parts here")
        return data

    @model_validator(mode="after")
    def _examples_or_weight(self) -> Self:
        if self.examples is not None and self.weight is not None:
            raise ValueError("has both 'examples' and 'weight'; give the number or the share")
        return self

    @model_validator(mode="after")
    def _hub_settings_for_hub_only(self) -> Self:
        _check_hub_settings(self.source, self)
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
        """Readable name of the set, without its languages and draw: `starter-en`, `lima.en`, `aya_collection-fra`."""
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
        """Readable name with what is taken: `starter-multi-fr-ru-36`, `starter-en-w0.9`."""
        name = self.set_name
        if len(self.languages) > _LANGUAGES_NAMED:
            name += f"-{len(self.languages)}-languages"
        elif self.languages:
            name += "-" + "-".join(self.languages)
        if self.weight is not None:
            name += f"-w{self.weight:g}"
        return name if self.examples is None else f"{name}-{self.examples}"


class InstructionsConfig(SourceSettings):
    """Instructions with answers: one set, a part of it, or a mixture of several."""

    source: str | None = Field(default=None, min_length=1)
    """A set that ships with crosstune (`starter-en`), a file (`.jsonl`, `.json`, `.csv`, `.tsv`, `.parquet`;
    relative to the study file), or a data set on the Hugging Face hub (`hub:org/name`). Or give `mixture`."""
    mixture: tuple[MixturePart, ...] = ()
    """Several sources instead of one, each with its settings and either `examples`, a `weight`, or neither: then all
    parts without `examples` are taken whole."""
    examples: int | None = Field(default=None, ge=1)
    """Number of conversations, drawn with `seed`; a smaller draw is part of a larger one. None: all; of a mixture with
    weights as many as there are before a part runs out."""
    seed: int = 0
    """Seed of the draw."""
    label: str | None = Field(default=None, pattern=r"^[\w.+-]{1,40}$")
    """What folders and tables call it, the number of examples added. None: made of its sources."""

    @model_validator(mode="after")
    def _source_or_mixture(self) -> Self:
        if (self.source is None) == (not self.mixture):
            raise ValueError("needs either 'source' or 'mixture'" + (", not both" if self.mixture else ""))
        if self.source is not None:
            _check_hub_settings(self.source, self)
            return self
        for name, field in SourceSettings.model_fields.items():
            if getattr(self, name) != field.get_default(call_default_factory=True):
                raise ValueError(f"'{name}' belongs into a part of the mixture")
        check_parts(self.mixture, self.examples)
        return self

    @property
    def parts(self) -> tuple[MixturePart, ...]:
        """The parts of the mixture; a single source is a mixture of one."""
        if self.mixture:
            return self.mixture
        settings = {name: getattr(self, name) for name in SourceSettings.model_fields}
        return (MixturePart(source=str(self.source), **settings),)

    @property
    def uses_hub(self) -> bool:
        """Whether any of it is on the hub."""
        return any(part.is_hub for part in self.parts)

    @property
    def name(self) -> str:
        """Readable name for folders and tables.

        Such as `starter-en-200`, or `starter-en-w0.9+starter-multi-fr-ru-w0.1-total200-seed1`.
        """
        name = self.label or "+".join(part.name for part in self.parts)
        if self.examples is not None:
            name += f"-total{self.examples}" if self.mixture and not self.label else f"-{self.examples}"
        drawn = self.examples is not None or any(part.examples or part.weight for part in self.parts)
        return f"{name}-seed{self.seed}" if self.seed and drawn else name


def check_parts(parts: tuple[MixturePart, ...], examples: int | None) -> None:
    """Refuses a mixture whose numbers contradict each other, whatever its sources hold.

    Raises:
        ValueError: says which.
    """
    fixed = sum(part.examples or 0 for part in parts)
    open_parts = [part for part in parts if part.examples is None]
    weighted = [part for part in open_parts if part.weight is not None]
    if weighted and len(weighted) < len(open_parts):
        bare = next(part for part in open_parts if part.weight is None)
        raise ValueError(f"other parts of the mixture have a weight; give '{bare.source}' a weight or examples too")
    if examples is None:
        return
    if not open_parts and examples != fixed:
        raise ValueError(f"the parts have {fixed} examples in all, and 'examples' is {examples}; leave one out")
    if open_parts and examples < fixed + len(open_parts):
        raise ValueError(
            f"{examples} examples are too few: parts ask for {fixed}, and {len(open_parts)} more share what is left"
        )
