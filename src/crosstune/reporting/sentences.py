"""The report in words: what it opens with, in every format."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from crosstune.records import Score
from crosstune.reporting import wording
from crosstune.reporting.findings import Findings
from crosstune.reporting.text import plural


@dataclass(frozen=True, slots=True)
class Sentences:
    """What a reader reads first."""

    headline: str
    opening: list[str]
    caveats: list[str]
    """What the report cannot tell."""


def sentences(found: Findings, missing: Sequence[str] = ()) -> Sentences:
    """Words on the decision and its uncertainty.

    Args:
        found: what the report shows.
        missing: sentences on configurations that failed and are left out.
    """
    tables = found.tables
    key = ["run", "prompt_id", "language"]
    unscored = tables.responses.join(tables.scores.filter(facet=found.facet.name), on=key, how="anti")
    return Sentences(
        headline=wording.headline(found.selection, found.facet),
        opening=wording.opening(found.selection, found.grid, found.bases, found.facet, tables.pruned),
        caveats=[
            *missing,
            *_older(tables.scores),
            *wording.caveats(
                found.selection,
                found.grid,
                list(found.configurations),
                found.facet,
                unscored_answers=len(unscored),
                has_curves=not tables.curves.is_empty(),
            ),
        ],
    )


def _older(scores: pl.DataFrame) -> list[str]:
    """A sentence where scores are of another version than this crosstune writes."""
    if "schema_version" not in scores.columns:
        return []
    count = len(scores.filter(pl.col("schema_version") < Score.SCHEMA_VERSION))
    if not count:
        return []
    return [
        f"{plural(count, 'score')} of an older version: what places of an answer they are about was not kept then, so "
        "nothing is marked there. Score the answers again to have it."
    ]
