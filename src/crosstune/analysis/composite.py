"""A facet made of others by plain conditions, such as: right language, not degenerate, and helpful.

A composite is data, not code: a list of conditions that must all hold, and a list of which one must hold. An answer
gets 1 where they do, 0 where they do not, and the reason `missing_part` where a value is missing and what is known does
not decide it (Kleene's logic of three values, Introduction to Metamathematics, 1952, section 64). It becomes a score
like any other, by the rater `composite:<name>`.
"""

from dataclasses import replace
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from crosstune.analysis.facets import COMPOSITE_PREFIX
from crosstune.analysis.levels import choose_rater_of
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import table_schema

MISSING_PART = "missing_part"
RELEVANT = 0.8
"""An answer to its own prompt is nearer to it than to nearly all others (0.9 to 1.0 on average by language), one to
another prompt nearer than to some two fifths (see docs/scorers.md)."""

_ANSWER = ["run", "prompt_id", "language", "requested_language"]
_ROUNDING = 1e-9


class Term(BaseModel):
    """A condition on one facet."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    facet: str
    """What must be high or low enough, such as `correct_language`."""
    rater: str | None = None
    """Whose scores, such as `judge:openai/gpt-5-mini`; None: the facet's measure, or else the first rater by name."""
    at_least: float | None = None
    """The lowest value that is enough; None: no lower limit."""
    at_most: float | None = None
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

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Of the facet that comes out; letters, digits and `_`."""
    all: tuple[Term, ...] = ()
    """What must hold without exception."""
    any: tuple[Term, ...] = ()
    """Of which one must hold, beside all of `all`; empty: nothing more must."""

    @model_validator(mode="after")
    def _has_terms(self) -> Self:
        if not self.all and not self.any:
            raise ValueError("give at least one condition in all or any")
        if any_names := [term.facet for term in (*self.all, *self.any) if term.facet == self.name]:
            raise ValueError(f"{any_names[0]} cannot be a part of itself")
        return self

    @property
    def rater(self) -> str:
        """Whose scores the facet's are."""
        return COMPOSITE_PREFIX + self.name


def default_composite(scores: pl.DataFrame, *, relevant: float = RELEVANT) -> Composite:
    """An answer one could send: in the right language, not degenerate, and helpful, or else relevant.

    Where a judge or a person rated helpfulness, at least 1 of 2 is asked for; else, where relevance was measured, at
    least `relevant`; where neither was, the first two alone.
    """
    rated = set(scores["facet"].unique())
    parts = [Term(facet="correct_language", at_least=1), Term(facet="degeneration", at_most=0)]
    if "helpfulness" in rated:
        parts.append(Term(facet="helpfulness", at_least=1))
    elif "relevance" in rated:
        parts.append(Term(facet="relevance", at_least=relevant))
    return Composite(name="usable", all=tuple(parts))


def composite_scores(scores: pl.DataFrame, composite: Composite) -> pl.DataFrame:
    """A score of the composite for each answer that has a score of any of its parts, be it a value or a reason.

    Args:
        scores: columns of `records.Score`.
        composite: what is asked for.

    Returns:
        The same columns. `detail` names the conditions that do not hold, or those that are missing with their reasons.

    Raises:
        InvalidData: the scores have a facet of this name already.
    """
    if (scores["facet"] == composite.name).any():
        raise InvalidData(f"there are scores of '{composite.name}' already", hint="give the composite another name")
    terms = [*composite.all, *composite.any]
    of_terms = [_of_term(scores, term, number) for number, term in enumerate(terms)]
    answers = pl.concat([frame.select(_ANSWER) for frame in of_terms]).unique(maintain_order=True).sort(_ANSWER)
    for frame in of_terms:
        answers = answers.join(frame, on=_ANSWER, how="left", maintain_order="left")
    holds = [pl.col(f"holds_{number}") for number in range(len(terms))]
    # Both follow Kleene: false decides `all` and true decides `any`, whatever else is null.
    every = pl.all_horizontal(holds[: len(composite.all)]) if composite.all else pl.lit(value=True)
    some = pl.any_horizontal(holds[len(composite.all) :]) if composite.any else pl.lit(value=True)
    told = [
        pl.when(held.is_null())
        .then(pl.format("{} ({})", pl.lit(str(term)), pl.col(f"reason_{number}").fill_null("not rated")))
        .when(~held)
        .then(pl.lit(str(term)))
        for number, (held, term) in enumerate(zip(holds, terms, strict=True))
    ]
    known = [pl.when(~held).then(pl.lit(str(term))) for held, term in zip(holds, terms, strict=True)]
    verdict = pl.col("_verdict")
    found = answers.with_columns((every & some).alias("_verdict")).with_columns(
        pl.lit(composite.rater).alias("rater"),
        pl.lit(composite.name).alias("facet"),
        verdict.cast(pl.Float64).alias("value"),
        pl.when(verdict.is_null()).then(pl.lit(MISSING_PART)).alias("reason"),
        pl.when(verdict.is_null())
        .then(pl.concat_str(told, separator=", ", ignore_nulls=True))
        .when(~verdict)
        .then(pl.concat_str(known, separator=", ", ignore_nulls=True))
        .otherwise(pl.lit(""))
        .alias("detail"),
    )
    schema = table_schema(Score)
    filled = {"spans": pl.lit([], dtype=schema["spans"]), "schema_version": pl.lit(Score.SCHEMA_VERSION)}
    found = found.with_columns(**filled).select(
        [pl.col(name).cast(scores.schema[name]) for name in scores.columns if name in schema]
    )
    return found


def with_composite(tables: StudyTables, composite: Composite) -> StudyTables:
    """The same study with the composite's scores beside the others.

    Raises:
        InvalidData: the scores have a facet of this name already.
    """
    return replace(
        tables,
        scores=pl.concat([tables.scores, composite_scores(tables.scores, composite)], how="diagonal"),
    )


def _of_term(scores: pl.DataFrame, term: Term, number: int) -> pl.DataFrame:
    rater = term.rater or choose_rater_of(scores, term.facet) or ""
    value = pl.col("value")
    holds = pl.lit(value=True)
    if term.at_least is not None:
        holds &= value >= term.at_least - _ROUNDING
    if term.at_most is not None:
        holds &= value <= term.at_most + _ROUNDING
    return scores.filter(pl.col("facet") == term.facet, pl.col("rater") == rater).select(
        *_ANSWER,
        pl.when(value.is_not_null()).then(holds).alias(f"holds_{number}"),
        pl.col("reason").alias(f"reason_{number}"),
    )
