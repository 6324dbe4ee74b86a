"""Tables of other schema versions than the one that is written now."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_tables import hand_tables, run

from crosstune.analysis.levels import levels
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import from_rows, read_current, read_table

OLD = {
    "run": ["a", "a"],
    "prompt_id": ["set/0", "set/1"],
    "language": ["fr", "fr"],
    "requested_language": ["fr", "fr"],
    "rater": ["scorer:correct_language"] * 2,
    "facet": ["correct_language"] * 2,
    "value": [1.0, None],
    "reason": [None, "empty"],
    "detail": ["fr", ""],
    "schema_version": [1, 1],
}
"""A table of scores as version 1 had it, written by hand."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "scores.parquet"
    pl.DataFrame(OLD, schema_overrides={"schema_version": pl.Int32()}).write_parquet(path)
    return path


def test_scores_of_version_1_are_read_without_places(old):
    assert read_table(old, Score) == [
        Score("a", "set/0", "fr", "fr", "scorer:correct_language", "correct_language", 1.0, None, "fr"),
        Score("a", "set/1", "fr", "fr", "scorer:correct_language", "correct_language", None, "empty"),
    ]
    frame = read_current(old, Score)
    assert frame["spans"].to_list() == [None, None] and frame["schema_version"].to_list() == [1, 1]
    assert from_rows(Score, frame.to_dicts(), "here") == read_table(old, Score)
    # They can stand in one table with those of today.
    assert len(pl.concat([frame, hand_tables([run("a", 1e-4)], {"a": {"fr": [1]}}).scores])) == 3


def test_a_study_with_old_scores(old):
    tables = replace(hand_tables([run("a", 1e-4)], {}), scores=pl.read_parquet(old))
    (level,) = levels(tables, "correct_language").to_dicts()
    assert (level["level"], level["n"], level["n_scored"]) == (1.0, 2, 1)
    assert tables.scores["spans"].to_list() == [None, None]


def test_what_else_an_old_table_lacks_is_an_error(old):
    frame = pl.read_parquet(old).drop("facet")
    with pytest.raises(InvalidData, match="no column facet"):
        replace(hand_tables([run("a", 1e-4)], {}), scores=frame)
    with pytest.raises(InvalidData, match=r"columns differ from Score: facet$"):
        from_rows(Score, frame.to_dicts(), "here")
    with pytest.raises(InvalidData, match=r"columns differ from Score: spans$"):
        from_rows(Score, pl.DataFrame({**OLD, "schema_version": [2, 2]}).to_dicts(), "here")


@pytest.mark.parametrize("name", ["scores", "responses", "prompts"])
def test_a_newer_table_is_refused_with_what_to_do(name, old):
    newer = pl.read_parquet(old).with_columns(schema_version=pl.lit(3))
    told = (
        rf"the table of {name}: \w+ rows have schema version 3; this crosstune reads .*; use the crosstune that wrote"
    )
    with pytest.raises(InvalidData, match=told):
        replace(hand_tables([run("a", 1e-4)], {}), **{name: newer})
    newer.write_parquet(old)
    with pytest.raises(InvalidData, match=r"scores\.parquet: .* a newer one"):
        read_current(old, Score)
    with pytest.raises(InvalidData, match=r"row 1: .*reads 1 to 2; use the crosstune that wrote them"):
        read_table(old, Score)
