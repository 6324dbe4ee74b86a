"""Studies of which little or nothing can be said."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
from study_tables import cells, study_tables

from crosstune.analysis.tables import StudyTables

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> </details></article><!-- &amp; "
    "{{ title }} <!--pieces--> | a | b | \u202egnp.exe\u2066 \x00\x1b[31m"
)


def older_scores() -> StudyTables:
    """Scores of version 1, which had no places that they are about."""
    tables = study_tables(prompts=6)
    return replace(tables, scores=tables.scores.drop("spans").with_columns(schema_version=pl.lit(1)))


def nothing_at_all() -> StudyTables:
    empty = pl.DataFrame()
    return StudyTables(empty, empty, empty, empty, empty)


STUDIES: dict[str, Callable[[], StudyTables]] = {
    "one configuration": lambda: study_tables(prompts=6, cells_frame=cells((5e-4,), base=False)),
    "one language": lambda: study_tables(("fr",), prompts=6),
    "English alone": lambda: study_tables(("en",), prompts=6),
    "only the base model": lambda: study_tables(prompts=6, cells_frame=cells(())),
    "all answers empty": lambda: study_tables(prompts=6, empty_share=1.1),
    "three prompts": lambda: study_tables(prompts=3),
    "one prompt": lambda: study_tables(prompts=1, modifiers=("none",)),
    "no scores": lambda: replace(study_tables(prompts=6), scores=pl.DataFrame()),
    "no answers": lambda: replace(study_tables(prompts=6), scores=pl.DataFrame(), responses=pl.DataFrame()),
    "no prompts": lambda: replace(study_tables(prompts=6), prompts=pl.DataFrame()),
    "no curves": lambda: study_tables(prompts=6, with_curves=False),
    "older scores": older_scores,
    "hostile answers": lambda: study_tables(("en", "ar"), prompts=3, text=lambda *_: HOSTILE),
    "huge answers": lambda: study_tables(
        ("en", "fr"), prompts=1, modifiers=("none",), text=lambda *_: "word " * 200_000
    ),
    "nothing at all": nothing_at_all,
}
