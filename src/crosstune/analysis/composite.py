"""A facet made of others by plain conditions, such as: right language, not degenerate, and helpful.

A composite is data, not code: a list of conditions that must all hold, and a list of which one must hold. An answer
gets 1 where they do, 0 where they do not, and the reason `missing_part` where a value is missing and what is known does
not decide it (Kleene's logic of three values, Introduction to Metamathematics, 1952, section 64). It becomes a score
like any other, by the rater `composite:<name>`.

It is made of whatever scores there are when they are read, and stands in no table of a study on the disk: what people
say later counts, and nothing is rated twice.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from crosstune.analysis.composite_config import USABLE, Composite, Term
from crosstune.analysis.facets import COMPOSITE_PREFIX
from crosstune.analysis.levels import choose_rater_of
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData
from crosstune.records import Reason, Score
from crosstune.storage.tables import table_schema

__all__ = ["USABLE", "Composite", "Term", "composite_scores", "default_composite", "with_composite", "with_composites"]

RELEVANT = 0.8
"""An answer to its own prompt is nearer to it than to nearly all others (0.9 to 1.0 on average by language), one to
another prompt nearer than to some two fifths (see docs/scorers.md)."""
NEARLY_ALL = 0.9
"""The share of answers that must have a score of a facet for the default to ask for it. An answer that fails another
condition is decided without, one that meets all others is not; where few were rated the level would be far too low."""

_ANSWER = ["run", "prompt_id", "language", "requested_language"]
_ROUNDING = 1e-9


def default_composite(scores: pl.DataFrame, *, relevant: float = RELEVANT) -> Composite:
    """An answer one could send: in the right language, not degenerate, and helpful, or else relevant.

    Where one judge or person rated the helpfulness of nearly all answers, at least 1 of 2 is asked for; else, where the
    relevance of nearly all was measured, at least `relevant`; where neither was, the first two alone.
    """
    parts = [Term(facet="correct_language", at_least=1), Term(facet="degeneration", at_most=0)]
    if _is_of_nearly_all(scores, "helpfulness"):
        parts.append(Term(facet="helpfulness", at_least=1))
    elif _is_of_nearly_all(scores, "relevance"):
        parts.append(Term(facet="relevance", at_least=relevant))
    return Composite(name=USABLE, all=tuple(parts))


def _is_of_nearly_all(scores: pl.DataFrame, facet: str) -> bool:
    """Whether the rater whose scores are used gave nearly every answer a value, or a reason why there is none."""
    mine = scores.filter(pl.col("facet") == facet, pl.col("rater") == (choose_rater_of(scores, facet) or ""))
    return not mine.is_empty() and len(mine) >= NEARLY_ALL * scores.select(_ANSWER).n_unique()


def composite_scores(scores: pl.DataFrame, composite: Composite) -> pl.DataFrame:
    """A score of the composite for each answer that has a score of any of its parts, be it a value or a reason.

    Args:
        scores: columns of `records.Score`. Those of the composite itself among them are not looked at.
        composite: what is asked for.

    Returns:
        The same columns. `detail` names the conditions that do not hold, or those that are missing with their reasons.

    Raises:
        InvalidData: a rater gave scores of a facet of this name.
    """
    if (scores.filter(pl.col("facet") == composite.name)["rater"] != composite.rater).any():
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
        pl.when(verdict.is_null()).then(pl.lit(Reason.MISSING_PART.value)).alias("reason"),
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
    """The same study with the composite's scores beside the others, in place of those that it may have already.

    Raises:
        InvalidData: a rater gave scores of a facet of this name.
    """
    made = composite_scores(tables.scores, composite)
    others = tables.scores.filter(pl.col("facet") != composite.name)
    return replace(
        tables,
        scores=pl.concat([others, made], how="diagonal"),
        facets={**tables.facets, composite.name: composite.described},
    )


def with_composites(tables: StudyTables, composites: Sequence[Composite] = ()) -> StudyTables:
    """The same study with `usable` and composites of its own.

    Args:
        tables: the study.
        composites: in an order in which each may ask for those before it. One called `usable` takes the place of the
            default, which else is there where right language and degeneration were rated.

    Raises:
        InvalidData: a rater gave scores of a facet with the name of a composite.
    """
    rated = set(tables.scores.filter(~pl.col("rater").str.starts_with(COMPOSITE_PREFIX))["facet"])
    is_own = any(composite.name == USABLE for composite in composites)
    if not is_own and {"correct_language", "degeneration"} <= rated and USABLE not in rated:
        tables = with_composite(tables, default_composite(tables.scores))
    for composite in composites:
        tables = with_composite(tables, composite)
    return tables


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
