"""The finished tables of a study, as polars frames: those on the disk, and what people have said since."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from crosstune.analysis.tables import StudyTables
from crosstune.records import Score
from crosstune.storage.tables import in_current_form, read_frame


def with_people(tables: StudyTables, database: Path) -> StudyTables:
    """The same tables with what people have said of the answers so far.

    Args:
        tables: of a finished study.
        database: of its annotation; need not be there. Marks of answers that the study no longer has are left out.
    """
    if not database.is_file():
        return tables
    from crosstune.annotation.export import scores_in

    marks = scores_in(database).select(tables.scores.columns)
    answers = tables.scores if tables.responses.is_empty() else tables.responses
    marks = marks.join(answers, on=["run", "prompt_id", "language"], how="semi")
    return replace(tables, scores=pl.concat([tables.scores, marks], how="vertical_relaxed"))


def read_results(folder: Path) -> StudyTables:
    """The tables that a results step wrote.

    Raises:
        StorageFailure: a table is missing or damaged.
        InvalidData: a table is of a newer crosstune. Scores of an older one get what they lack.
    """
    names = ("cells", "prompts", "responses", "scores", "curves")
    frames: dict[str, Any] = {name: read_frame(folder / f"{name}.parquet") for name in names}
    if (folder / "pruned.parquet").is_file():
        frames["pruned"] = read_frame(folder / "pruned.parquet")
    facts = folder / "judging.json"
    if not facts.is_file():
        return StudyTables(**frames)
    checks = folder / "checks.parquet"
    frames["checks"] = in_current_form(Score, read_frame(checks), str(checks))
    frames["comparisons"] = read_frame(folder / "comparisons.parquet")
    return StudyTables(**frames, judging=json.loads(facts.read_text("utf-8")))
