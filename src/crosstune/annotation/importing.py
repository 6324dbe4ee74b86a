"""Marks from elsewhere: tables that `export` wrote, or that have the same columns.

Who rated is known by name and gets no link. What was imported before is not doubled.
"""

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from crosstune.annotation.annotators import LONGEST_NAME, annotator_without_link
from crosstune.annotation.criteria import FACETS, FLUENCY, MARKS, SKIP_REASONS
from crosstune.annotation.database import Database
from crosstune.annotation.entries import LONGEST_NOTE, MOST_SECONDS, merged_spans
from crosstune.annotation.export import FORMULA, RATER_PREFIX, SKIPPED, WRONG
from crosstune.annotation.records import Annotator, Mark
from crosstune.annotation.rows import as_text, now
from crosstune.annotation.saving import Origin, insert_mark, insert_note, insert_spans, update_state
from crosstune.errors import InvalidData

_NEEDED = ("run", "prompt_id", "language", "rater", "facet", "value")
_TEXTS = ("run", "prompt_id", "language", "rater", "facet", "reason", "detail")
_NUMBERS = ("value", "seconds")
_MOST_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody said elsewhere of one answer."""

    rater: str
    """The pseudonym."""
    marks: Mapping[str, Mark]
    note: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    seconds: float = 0.0


@dataclass
class Imported:
    """What became of marks that were imported."""

    added: int = 0
    known: int = 0
    """They were there already."""
    unknown_answers: int = 0
    """Marks of answers that are not in the study."""
    problems: list[str] = field(default_factory=list)
    """Of what could not be used, the first few."""
    refused: int = 0

    def refuse(self, problem: str) -> None:
        """Counts what cannot be used."""
        self.refused += 1
        if len(self.problems) < 10:
            self.problems.append(problem)


def read_table(content: bytes, name: str) -> pl.DataFrame:
    """A table that was exported.

    Args:
        content: of the file.
        name: of the file; its ending says what it is.

    Raises:
        InvalidData: it is no table, or lacks a column.
    """
    ending = name.rpartition(".")[2].lower()
    try:
        if ending == "parquet":
            rows = pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()
            if rows > _MOST_ROWS:  # a small file can hold very many
                raise InvalidData(f"it has {rows} rows, more than {_MOST_ROWS}", where=name)
            frame = pl.read_parquet(io.BytesIO(content))
        elif ending == "csv":
            frame = pl.read_csv(io.BytesIO(content), infer_schema=False)
        else:
            raise InvalidData("its name ends in neither .parquet nor .csv", where=name)
    except pl.exceptions.PolarsError as error:
        raise InvalidData(f"cannot be read ({str(error).splitlines()[0]})", where=name) from error
    missing = [column for column in _NEEDED if column not in frame.columns]
    if missing:
        raise InvalidData(f"there is no column {', '.join(missing)}", where=name, hint=f"it has {frame.columns}")
    if ending == "csv":
        frame = frame.with_columns(pl.col(pl.String()).str.replace(f"^'({FORMULA})", "$1"))
    return frame


def import_scores(database: Database, frame: pl.DataFrame) -> Imported:
    """Takes marks from a table of scores of people.

    Args:
        database: of the study.
        frame: with columns as `export.SCORES_SCHEMA`; those after `value` may be missing.

    Raises:
        InvalidData: a column holds neither texts nor numbers.
    """
    for column in (*_TEXTS, *_NUMBERS):
        kind = frame.schema.get(column, pl.String())
        if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Null) or isinstance(kind, pl.Enum)):
            raise InvalidData(f"it holds {kind}, no texts or numbers", where=f"column {column}")
    frame = frame.with_columns(pl.col(each).cast(pl.String) for each in _TEXTS if each in frame.columns)
    result = Imported()
    together: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        together.setdefault((row["run"], row["prompt_id"], row["language"], row["rater"]), []).append(row)
    moment = as_text(now())
    with database.writing() as connection:
        for (run, prompt_id, language, rater), rows in together.items():
            item = connection.execute(
                "SELECT id FROM items WHERE run = ? AND prompt_id = ? AND language = ? AND second_run = '' "
                "AND withdrawn = 0",
                [run, prompt_id, language],
            ).fetchone()
            if item is None:
                result.unknown_answers += len(rows)
                continue
            rating = _rating(str(rater), rows, result)
            if rating is not None:
                add_rating(connection, item["id"], rating, result, moment)
    return result


def _rating(rater: str, rows: Iterable[dict[str, Any]], result: Imported) -> Rating | None:
    name = rater.removeprefix(RATER_PREFIX)
    if name == rater or not 0 < len(name) <= LONGEST_NAME or name != " ".join(name.split()) or not name.isprintable():
        result.refuse(f"'{rater[:80]}' is no person (such as {RATER_PREFIX}ada)")
        return None
    marks: dict[str, Mark] = {}
    spans: tuple[tuple[int, int], ...] = ()
    note, seconds = "", 0.0
    for row in rows:
        mark = _mark(row)
        if mark is None or row["facet"] not in FACETS:
            result.refuse(f"{row['facet']} of {row['prompt_id']}: '{row['value']}' is no mark")
            continue
        marks[row["facet"]] = mark
        if mark.value is not None:
            note = row.get("detail") or note
        seconds = max(seconds, _number(row.get("seconds")) or 0.0)
        if row["facet"] == FLUENCY:
            spans = _spans(row.get("spans"))
    return Rating(name, marks, note[:LONGEST_NOTE], spans, min(seconds, MOST_SECONDS))


def _mark(row: Mapping[str, Any]) -> Mark | None:
    value = _number(row["value"])
    if value is not None:
        return Mark(int(value), None, "") if value in MARKS else None
    if row["value"] not in (None, "") or row.get("reason") not in (SKIPPED, None, ""):
        return None
    reason, _, detail = (row.get("detail") or "").partition(": ")
    return Mark(None, reason, detail) if reason in SKIP_REASONS else Mark(None, "other", row.get("detail") or "")


def _number(value: object) -> float | None:
    try:
        return None if value is None or value == "" else float(str(value))
    except ValueError:
        return None


def _spans(value: Any) -> tuple[tuple[int, int], ...]:
    try:
        found = json.loads(value) if isinstance(value, str) else value or ()
        return tuple((int(span["start"]), int(span["end"])) for span in found if span["note"] == WRONG)
    except (ValueError, KeyError, TypeError):
        return ()


def add_rating(connection: sqlite3.Connection, item: int, rating: Rating, result: Imported, moment: str) -> None:
    """Appends what somebody said of an answer, inside a transaction; counts what was new."""
    annotator = annotator_without_link(connection, rating.rater)
    assign(connection, annotator, item)
    seconds = rating.seconds
    for facet, mark in rating.marks.items():
        origin = Origin(annotator.id, item, _key("mark", item, facet, mark), moment)
        is_new = insert_mark(connection, origin, facet, mark, seconds)
        result.added += is_new
        result.known += not is_new
        seconds = 0.0  # they are of the answer as a whole
    if rating.note:
        insert_note(connection, Origin(annotator.id, item, _key("note", item, rating.note), moment), rating.note)
    if rating.spans:
        answer = connection.execute("SELECT answer FROM items WHERE id = ?", [item]).fetchone()["answer"]
        spans = merged_spans([(start, end, 0) for start, end in rating.spans], [len(answer)])
        if spans is None:
            result.refuse("marked words are outside of their answer")
        else:
            insert_spans(connection, Origin(annotator.id, item, _key("spans", item, spans), moment), spans)
    update_state(connection, annotator.id, item)


def assign(connection: sqlite3.Connection, annotator: Annotator, item: int) -> None:
    """Gives an item to an annotator who does not have it, inside a transaction."""
    cursor = connection.execute(
        "INSERT INTO assignments (annotator, item, position, flipped) "
        "SELECT ?1, ?2, COALESCE(MAX(position), 0) + 1, 0 FROM assignments WHERE annotator = ?1 "
        "ON CONFLICT (annotator, item) DO NOTHING",
        [annotator.id, item],
    )
    if cursor.rowcount > 0:
        connection.execute("UPDATE items SET allotted = allotted + 1 WHERE id = ?", [item])


def _key(*parts: object) -> str:
    return "import-" + hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:40]
