"""What people said, as tables: scores like those of measures and judges, comparisons of pairs, and all history."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from crosstune.annotation.criteria import FACETS, FLUENCY
from crosstune.annotation.database import Database
from crosstune.annotation.standing import spans_of
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import table_schema

RATER_PREFIX = "person:"
SKIPPED = "skipped"
"""The reason of a score without a value; its detail says why."""
FORMULA = r"[=+\-@＝＋－＠\t\r\n']"
"""What a text begins with that spreadsheets take for a formula, some also in full width."""
WRONG = "wrong"
"""The note of marked words."""

SCORES_SCHEMA = pl.Schema({**table_schema(Score), "seconds": pl.Float64()})
"""Scores, and the seconds that the rater spent on the answer as a whole."""

COMPARISONS_SCHEMA = pl.Schema(
    {
        "run_a": pl.String(),
        "run_b": pl.String(),
        "prompt_id": pl.String(),
        "language": pl.String(),
        "requested_language": pl.String(),
        "rater": pl.String(),
        "facet": pl.String(),
        "value": pl.Float64(),
        "reason": pl.String(),
        "detail": pl.String(),
        "seconds": pl.Float64(),
    }
)
"""One row a criterion of a pair; `value` is 1 where A is better, 0 where B is, 0.5 where they are alike."""

HISTORY_SCHEMA = pl.Schema(
    {
        "run": pl.String(),
        "second_run": pl.String(),
        "prompt_id": pl.String(),
        "language": pl.String(),
        "withdrawn": pl.Boolean(),
        "rater": pl.String(),
        "kind": pl.String(),
        "facet": pl.String(),
        "value": pl.Int64(),
        "text": pl.String(),
        "seconds": pl.Float64(),
        "saved": pl.String(),
    }
)
"""Everything that ever arrived, in its order; `text` is a reason for skipping, a note, or marked words as JSON."""

_NEWEST = """
WITH newest AS (SELECT MAX(id) AS id, SUM(seconds) AS seconds FROM marks GROUP BY item, annotator, facet)
SELECT marks.item, marks.annotator, pseudonym, facet, value, skip_reason, detail, newest.seconds,
       run, second_run, prompt_id, language, requested_language
FROM newest JOIN marks ON marks.id = newest.id
JOIN items ON items.id = marks.item JOIN annotators ON annotators.id = marks.annotator
WHERE withdrawn = 0 AND (second_run != '') = ?
ORDER BY annotators.id, items.id
"""


def scores(database: Database) -> pl.DataFrame:
    """All marks of single answers that hold, as `SCORES_SCHEMA`: annotator after annotator, criteria in their order.

    The note stands in the detail of each criterion, words marked as wrong with fluency. Answers that were withdrawn
    are not there (see `history`).
    """
    rows: list[dict[str, Any]] = []
    with database.reading() as connection:
        notes = _newest_by_item(connection, "notes", "text")
        words = _newest_by_item(connection, "spans", "spans")
        for answer in _answers(connection, pairs=False):
            first = answer[0]
            key = (first["annotator"], first["item"])
            spans = [{"start": span.start, "end": span.end, "note": WRONG} for span in spans_of(words.get(key, "[]"))]
            seconds = sum(row["seconds"] for row in answer)
            rows += [
                {
                    "run": row["run"],
                    **_common(row, notes.get(key, "")),
                    "value": None if row["value"] is None else float(row["value"]),
                    "spans": spans if row["facet"] == FLUENCY else [],
                    "schema_version": Score.SCHEMA_VERSION,
                    "seconds": seconds,
                }
                for row in answer
            ]
    return pl.DataFrame(rows, schema=SCORES_SCHEMA, orient="row")


def scores_in(path: Path) -> pl.DataFrame:
    """The scores in a database file, also while a server has it open.

    Args:
        path: see `database.database_of_study`.

    Raises:
        InvalidData: there is no such file, or it is something else.
    """
    if not path.is_file():
        raise InvalidData("nobody has rated anything there", where=str(path), hint="start with: crosstune annotate")
    with closing(Database(path)) as database:
        return scores(database)


def comparisons(database: Database) -> pl.DataFrame:
    """All marks of pairs that hold, as `COMPARISONS_SCHEMA`."""
    rows: list[dict[str, Any]] = []
    with database.reading() as connection:
        notes = _newest_by_item(connection, "notes", "text")
        for answer in _answers(connection, pairs=True):
            seconds = sum(row["seconds"] for row in answer)
            rows += [
                {
                    "run_a": row["run"],
                    "run_b": row["second_run"],
                    **_common(row, notes.get((row["annotator"], row["item"]), "")),
                    "value": None if row["value"] is None else 1 - row["value"] / 2,
                    "seconds": seconds,
                }
                for row in answer
            ]
    return pl.DataFrame(rows, schema=COMPARISONS_SCHEMA, orient="row")


def _common(row: sqlite3.Row, note: str) -> dict[str, Any]:
    is_skipped = row["value"] is None
    why = f"{row['skip_reason']}: {row['detail']}" if row["detail"] else row["skip_reason"]
    return {
        "prompt_id": row["prompt_id"],
        "language": row["language"],
        "requested_language": row["requested_language"],
        "rater": RATER_PREFIX + row["pseudonym"],
        "facet": row["facet"],
        "reason": SKIPPED if is_skipped else None,
        "detail": why if is_skipped else note,
    }


def _answers(connection: sqlite3.Connection, *, pairs: bool) -> Iterator[list[sqlite3.Row]]:
    """The marks that hold, those of one annotator and answer together, in the order of the criteria."""
    together: list[sqlite3.Row] = []
    for row in connection.execute(_NEWEST, [pairs]):
        if together and (row["annotator"], row["item"]) != (together[0]["annotator"], together[0]["item"]):
            yield sorted(together, key=lambda each: FACETS.index(each["facet"]))
            together = []
        together.append(row)
    if together:
        yield sorted(together, key=lambda each: FACETS.index(each["facet"]))


def _newest_by_item(connection: sqlite3.Connection, table: str, column: str) -> dict[tuple[int, int], str]:
    rows = connection.execute(
        f"SELECT annotator, item, {column} FROM {table} "
        f"WHERE id IN (SELECT MAX(id) FROM {table} GROUP BY item, annotator)"
    )
    return {(row["annotator"], row["item"]): row[column] for row in rows}


def history(database: Database) -> pl.DataFrame:
    """Everything that arrived, as `HISTORY_SCHEMA`."""
    names = "run, second_run, prompt_id, language, withdrawn = 1 AS withdrawn, pseudonym"
    joined = "JOIN items ON items.id = item JOIN annotators ON annotators.id = annotator"
    with database.reading() as connection:
        rows = connection.execute(
            f"SELECT {names}, 'mark' AS kind, facet, value, "
            "CASE WHEN detail != '' THEN skip_reason || ': ' || detail ELSE COALESCE(skip_reason, '') END AS text, "
            f"seconds, saved, marks.id AS number FROM marks {joined} UNION ALL "
            f"SELECT {names}, 'note', '', NULL, text, 0.0, saved, notes.id FROM notes {joined} UNION ALL "
            f"SELECT {names}, 'spans', '', NULL, spans, 0.0, saved, spans.id FROM spans {joined} "
            "ORDER BY saved, kind, number"
        ).fetchall()
    return pl.DataFrame(
        [
            {
                **{key: row[key] for key in HISTORY_SCHEMA if key not in ("rater", "withdrawn")},
                "withdrawn": bool(row["withdrawn"]),
                "rater": RATER_PREFIX + row["pseudonym"],
            }
            for row in rows
        ],
        schema=HISTORY_SCHEMA,
        orient="row",
    )


def as_csv(frame: pl.DataFrame) -> bytes:
    """A table as CSV; marked words are JSON.

    Text that a spreadsheet would take for a formula stands behind an apostrophe, which `importing` takes away again.
    """
    if "spans" in frame.columns:
        spans = pl.Series("spans", [_json(value) for value in frame["spans"].to_list()], dtype=pl.String)
        frame = frame.with_columns(spans)
    texts = [name for name, kind in frame.schema.items() if kind == pl.String()]
    guarded = frame.with_columns(
        pl.when(pl.col(name).str.contains(f"^{FORMULA}")).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    )
    return guarded.write_csv().encode("utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
