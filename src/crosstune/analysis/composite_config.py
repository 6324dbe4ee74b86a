"""What a composite facet is made of, as data: read from a study file, and quick to load."""

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crosstune.analysis.facets import COMPOSITE_PREFIX, Facet

USABLE = "usable"
"""The composite that there is without being asked for, see `composite.default_composite`."""
_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class Term(BaseModel):
    """A condition on one facet."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    facet: str
    """What must be high or low enough, such as `correct_language`."""
    rater: str | None = None
    """Whose scores, such as `judge:openai/gpt-5-mini`; None: the facet's measure, or else the first rater by name."""
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    """The lowest value that is enough; None: no lower limit."""
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    """The highest value that is allowed; None: no upper limit."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most, so nothing could meet both")
        return self

    def __str__(self) -> str:
        low = f" >= {self.at_least:g}" if self.at_least is not None else ""
        high = f" <= {self.at_most:g}" if self.at_most is not None else ""
        return f"{self.facet}{low}{high}"


class Composite(BaseModel):
    """A facet made of others."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(json_schema_extra={"pattern": _NAME})
    """Of the facet that comes out, such as `servable`: small letters, digits and `_`. One called `usable` takes the
    place of the default."""
    all: tuple[Term, ...] = ()
    """What must hold without exception."""
    any: tuple[Term, ...] = ()
    """Of which one must hold, beside all of `all`; empty: nothing more must."""

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"should be small letters, digits and _, a letter first, and short, not {name[:60]!r}")
        return name

    @model_validator(mode="after")
    def _has_terms(self) -> Self:
        if not self.all and not self.any:
            raise ValueError("give at least one condition in all or any")
        if any(term.facet == self.name for term in (*self.all, *self.any)):
            raise ValueError(f"{self.name} cannot be a part of itself")
        return self

    @property
    def rater(self) -> str:
        """Whose scores the facet's are."""
        return COMPOSITE_PREFIX + self.name

    @property
    def described(self) -> Facet:
        """The facet that comes out, with its conditions in words."""
        title = self.name.replace("_", " ").capitalize()
        return Facet(self.name, title, f"the share of answers with {self}", 0.0, 1.0, True)

    def __str__(self) -> str:
        parts = [str(term) for term in self.all]
        if self.any:
            parts.append(" or ".join(str(term) for term in self.any))
        if len(parts) == 1:
            return parts[0]
        return f"{', '.join(parts[:-1])}{',' if len(self.any) > 1 else ''} and {parts[-1]}"
