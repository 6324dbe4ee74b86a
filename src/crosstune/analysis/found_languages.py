"""Which languages the answers are in, from the detail of the language measure."""

import polars as pl

from crosstune.analysis.levels import facet_scores
from crosstune.analysis.tables import StudyTables

FACET = "correct_language"


def found_languages(tables: StudyTables, *, facet: str = FACET) -> pl.DataFrame:
    """Counts of answers by configuration, requested language and the language found.

    Answers to prompts that want their own language; seeds together.

    Returns:
        configuration, language (requested), found (the code that the measure gives as detail; null where it gives no
        verdict, empty where it gives none of the language), right (all of these answers have value 1), count.
        Most frequent first within a configuration and language.
    """
    found = pl.when(pl.col("value").is_not_null()).then(pl.col("detail")).alias("found")
    return (
        facet_scores(tables, facet)
        .with_columns(found, (pl.col("value") == 1.0).fill_null(value=False).alias("right"))
        .group_by("configuration", "language", "found", "right")
        .agg(pl.len().alias("count"))
        .sort(["configuration", "language", "count", "found"], descending=[False, False, True, False])
    )
