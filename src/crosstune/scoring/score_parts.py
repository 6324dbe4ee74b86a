"""Scoring any number of answers with little memory: in pieces, by several processes, each piece a table on disk.

    <folder>/00000.parquet   the scores of the first answers: the columns of `records.Score`, `row`, and those kept
    <folder>/00001.parquet   of the next

Answers are compared with others (other prompts, English answers) only by some facets; for these they are read twice.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import polars as pl

from crosstune.errors import CrosstuneError
from crosstune.records import Score
from crosstune.scoring.answer_row import AnswerRow
from crosstune.scoring.context import NO_CONTEXT, Context, ContextBuilder
from crosstune.scoring.facet_choice import chosen_scorers
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import RATER_PREFIX, measure_by
from crosstune.scoring.scorer import Scorer
from crosstune.scoring.worker_pool import WorkerPool
from crosstune.storage.tables import table_schema
from crosstune.text.segmenters import Segmenters

ANSWERS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 4_000_000
"""Answers of a piece have no more than so many characters together, but there is at least one."""
FEW_PIECES = 4
"""So few are scored without starting processes, which takes some seconds."""

COMPARING_FACETS = frozenset({"facts", "length_ratio", "relevance", "consistency"})
"""What looks at the context (see `context`)."""
_MEANING_FACET = "consistency"
"""What looks at the texts in it; for others they need not be kept."""

ROW = "row"


@dataclass(frozen=True)
class Task:
    """What is done with every piece."""

    facets: tuple[str, ...]
    keep: tuple[str, ...]
    """Names of the columns that are kept."""
    folder: Path
    segmenters: Segmenters = "icu"
    """How pass rates cut lines; see `facet_choice.chosen_scorers`."""
    context: Context = NO_CONTEXT


@dataclass(frozen=True, slots=True)
class Part:
    """A finished piece."""

    path: Path
    answers: int
    scores: int


def scores_schema(keep: Sequence[str]) -> pl.Schema:
    """The columns of scores of answers from files: those of `records.Score`, `row`, and those kept that are new."""
    schema = table_schema(Score)
    return pl.Schema({**schema, ROW: pl.Int64(), **{name: pl.String() for name in keep if name not in schema}})


def score_in_parts(
    read: Callable[[], Iterable[AnswerRow]],
    task: Task,
    *,
    workers: int,
    on_part: Callable[[Part], None] = lambda part: None,
) -> list[Path]:
    """Scores all answers.

    Args:
        read: gives the answers; called twice where a facet compares answers.
        task: the folder must be there; its context is gathered here.
        workers: processes; one scores here. Few answers are always scored here.
        on_part: told of each finished piece.

    Returns:
        The tables in the order of the answers; none without answers.

    Raises:
        ModelUnavailable: what a facet needs is not installed.
        OutOfMemory, StepFailed: a process died.
    """
    if COMPARING_FACETS & set(task.facets):
        task = replace(task, context=_context(read(), task.facets))
    pieces = enumerate(_pieces(read()))
    first = list(islice(pieces, FEW_PIECES))
    parts = []
    work = partial(_score_piece, task)
    if workers == 1 or len(first) < FEW_PIECES:
        for piece in chain(first, pieces):
            parts.append(work(piece))
            on_part(parts[-1])
    else:
        with WorkerPool(workers, work) as pool:
            for part in pool.unordered(chain(first, pieces)):
                parts.append(part)
                on_part(part)
    return sorted(part.path for part in parts)


def _context(rows: Iterable[AnswerRow], facets: Sequence[str]) -> Context:
    builder = ContextBuilder()
    for row in rows:
        builder.add(row.answer)
    context = builder.build()
    if _MEANING_FACET in facets:
        return context
    return replace(context, english={key: replace(found, start="") for key, found in context.english.items()})


def _pieces(rows: Iterable[AnswerRow]) -> Iterator[list[AnswerRow]]:
    piece: list[AnswerRow] = []
    characters = 0
    for row in rows:
        more = len(row.answer.text or "") + len(row.answer.prompt)
        if piece and (len(piece) == ANSWERS_AT_ONCE or characters + more > CHARACTERS_AT_ONCE):
            yield piece
            piece, characters = [], 0
        piece.append(row)
        characters += more
    if piece:
        yield piece


def _score_piece(task: Task, piece: tuple[int, list[AnswerRow]]) -> Part:
    number, rows = piece
    scores = score_frame(rows, task)
    path = task.folder / f"{number:08}.parquet"
    scores.write_parquet(path, statistics=False)
    return Part(path, len(rows), scores.height)


def score_frame(rows: Sequence[AnswerRow], task: Task) -> pl.DataFrame:
    """The scores of some answers, in their order, then in that of the facets; see `scores_schema`."""
    scorers = chosen_scorers(task.facets, task.segmenters)
    measures = [_measured(rows, scorer, task.context) for scorer in scorers]
    found = [
        (place, RATER_PREFIX + facet, facet, one)
        for place in range(len(rows))
        for facet, column in zip(task.facets, measures, strict=True)
        if (one := column[place]) is not None
    ]
    schema = scores_schema(task.keep)
    answers = pl.DataFrame(
        {
            "run": [row.answer.run for row in rows],
            "prompt_id": [row.answer.prompt_id for row in rows],
            "language": [row.answer.language for row in rows],
            "requested_language": [row.answer.requested_language for row in rows],
            ROW: [row.row for row in rows],
            **{
                name: [row.kept[place] for row in rows]
                for place, name in enumerate(task.keep)
                if name not in table_schema(Score)
            },
        },
        schema_overrides={name: schema[name] for name in schema if name in (ROW, *task.keep)},
    )
    scores = pl.DataFrame(
        {
            "place": [place for place, *_ in found],
            "rater": [rater for _, rater, _, _ in found],
            "facet": [facet for _, _, facet, _ in found],
            "value": [one.value for *_, one in found],
            "reason": [None if one.reason is None else one.reason.value for *_, one in found],
            "detail": [one.detail if one.detail.isascii() else _whole(one.detail) for *_, one in found],
        },
        schema={"place": pl.UInt32(), **{name: schema[name] for name in _MEASURED}},
    )
    spans = _spans([one for *_, one in found], schema["spans"])
    return (
        pl.concat([answers[scores["place"]], scores.drop("place"), spans], how="horizontal")
        .with_columns(pl.lit(Score.SCHEMA_VERSION, dtype=pl.Int32()).alias("schema_version"))
        .select(schema.names())
    )


_MEASURED = ("rater", "facet", "value", "reason", "detail")


def _spans(measures: Sequence[Measure], kind: pl.DataType) -> pl.DataFrame:
    """The column of spans; made of one flat table, which is far faster than a list of objects for each measure."""
    flat = [
        (place, span.start, span.end, _whole(span.note)) for place, one in enumerate(measures) for span in one.spans
    ]
    schema = {"place": pl.UInt32(), "start": pl.Int64(), "end": pl.Int64(), "note": pl.String()}
    columns = zip(*flat, strict=True) if flat else ([], [], [], [])
    lists = (
        pl.DataFrame(dict(zip(schema, map(list, columns), strict=True)), schema=schema)
        .group_by("place", maintain_order=True)
        .agg(pl.struct("start", "end", "note").alias("spans"))
    )
    places = pl.DataFrame({"place": range(len(measures))}, schema={"place": pl.UInt32()})
    return places.join(lists, on="place", how="left", maintain_order="left").select(
        pl.col("spans").fill_null(pl.lit([], dtype=kind)).cast(kind)
    )


def _whole(text: str) -> str:
    """Text without half characters, which no table holds."""
    return text.encode("utf-8", "replace").decode()


def _measured(rows: Sequence[AnswerRow], scorer: Scorer, context: Context) -> list[Measure | None]:
    try:
        return measure_by([row.answer for row in rows], scorer, context)
    except CrosstuneError:
        raise
    except Exception as error:  # a fault of the scorer: it is found again only where one knows the answer
        for row in rows:
            try:
                measure_by([row.answer], scorer, context)
            except Exception:  # noqa: BLE001
                error.add_note(f"while measuring '{scorer.facet}' of the answer at {row.where}")
                break
        raise
