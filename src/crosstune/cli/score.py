"""`crosstune score`: every measure that needs no rater, of answers of any system."""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.console import counted, error_console, plain, show_error
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    import polars as pl

    from crosstune.errors import InvalidData
    from crosstune.scoring.answer_row import AnswerRow
    from crosstune.scoring.answers_file import AnswersFile
    from crosstune.scoring.score_parts import Part, Task

_NAMED = 10
"""Unreadable rows that are named."""
_SUFFIXES = (".parquet", ".csv", ".jsonl")


class Segmenter(StrEnum):
    """A column of `text/segmenters.tsv`."""

    ICU = "icu"
    ORIGINAL = "original"


def score(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Answers: .jsonl, .json, .csv, .tsv or .parquet.", show_default=False),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=THEIRS",
            help="Which column is which, as in response=completion; repeatable. Ours are prompt, response, language, "
            "requested_language, model, id, task, modifiers, answers, finish_reason.",
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", metavar="LANGUAGE", help="Language of answers whose row has none.")
    ] = None,
    facets: Annotated[
        str, typer.Option("--facets", metavar="NAMES", help="Facets, with commas between; or cheap, or all.")
    ] = "cheap",
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMNS",
            help="What the summary is by, with commas between: any column of the file, requested_language, task, "
            "modifiers, file. Default: model,language.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for all scores: .parquet, .csv or .jsonl.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.", show_default=False)
    ] = None,
    segmenter: Annotated[
        Segmenter,
        typer.Option(
            "--segmenter",
            help="How pass rates cut lines: by ICU; or original: by the segmenters of Marchisio et al. 2024, "
            "and of foreign words English ones alone count, as published.",
        ),
    ] = Segmenter.ICU,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many answers, for a try.")] = None,
) -> None:
    """Measure answers of any system: right language, foreign words, degeneration, facts, length and more.

    Ends with status 1 if rows could not be read; the others are scored all the same.
    """
    from crosstune.analysis.fallback_languages import fallback_languages
    from crosstune.analysis.summary import summary
    from crosstune.errors import InvalidData
    from crosstune.scoring.answer_columns import told_columns
    from crosstune.scoring.answers_file import AnswersFile
    from crosstune.scoring.facet_choice import chosen_facets, chosen_scorers
    from crosstune.scoring.score_parts import Task

    if out is not None:
        _check_out(out, files)
    chosen, notes = chosen_facets([name.strip() for name in facets.split(",") if name.strip()])
    if not chosen:
        raise InvalidData("no facet is named", where="--facets", hint="see: crosstune facets")
    chosen_scorers(chosen, segmenter.value)
    wanted = None if by is None else [name.strip() for name in by.split(",") if name.strip()]
    answers = AnswersFile(files, columns=told_columns(column or ()), language=language, keep=wanted or ())
    if wanted is None:
        wanted = ["model", "language"] if "model" in answers.columns or len(files) > 1 else ["language"]
    for note in (*answers.notes, *notes):
        error_console.print(f"[yellow]note:[/yellow] {plain(note)}", soft_wrap=True)
    reading = _Reading(answers, limit)
    try:
        with _folder(out) as folder, ProgressBar("scoring") as bar:
            task = Task(chosen, tuple(answers.keep), folder, segmenter.value)
            scores = _scores(reading, task, workers or _cores(), bar)
            levels = summary(scores, wanted)
            fallen = fallback_languages(scores, wanted)
            if out is not None:
                _write(scores, out)
    except KeyboardInterrupt:
        error_console.print("\n[yellow bold]Interrupted.[/yellow bold] Nothing is kept.")
        sys.exit(130)
    result = _result(files, reading, chosen, levels, fallen)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        from crosstune.cli.score_tables import show_scores

        show_scores(result, out)
    _show_unreadable(reading)
    if reading.unreadable:
        sys.exit(1)


def _check_out(out: Path, files: list[Path]) -> None:
    """Refuses a file of scores that cannot be written, or that would take the place of answers."""
    from crosstune.errors import InvalidData

    if out.suffix.lower() not in _SUFFIXES:
        raise InvalidData(f"'{out}' ends in none of {', '.join(_SUFFIXES)}", where="--out")
    if out.is_dir():
        raise InvalidData(f"'{out}' is a folder", where="--out", hint=f"name a file in it: {out / 'scores.parquet'}")
    if out.exists() and any(path.exists() and path.samefile(out) for path in files):
        raise InvalidData(f"'{out}' holds the answers, which the scores would replace", where="--out")


@dataclass
class _Reading:
    """The answers of the files, and what was seen while they were read."""

    answers: "AnswersFile"
    limit: int | None
    unreadable: int = 0
    named: "list[InvalidData]" = field(default_factory=list)
    unknown_languages: Counter[str] = field(default_factory=Counter)
    scored: int = 0

    def rows(self) -> "Iterator[AnswerRow]":
        from itertools import islice

        from crosstune.scoring.answers_file import unknown_languages

        self.unreadable = 0
        self.named.clear()
        self.unknown_languages.clear()
        return islice(unknown_languages(self.answers.read(self._refuse), self.unknown_languages), self.limit)

    def _refuse(self, error: "InvalidData") -> None:
        self.unreadable += 1
        if len(self.named) < _NAMED:
            self.named.append(error)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """A folder for parts of scores, beside the file that they become; gone afterwards, also when ended from outside."""
    from crosstune.errors import StorageFailure
    from crosstune.storage.atomic import make_folder, storage_errors

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        if out is not None:
            make_folder(out.parent)
        with storage_errors(out or Path()):
            try:
                folder = TemporaryDirectory(prefix=".crosstune-scores-", dir=None if out is None else out.parent)
            except FileNotFoundError as error:  # a file system that takes no files, such as /proc
                where = str(out.parent) if out else tempfile.gettempdir()
                raise StorageFailure(
                    "no file can be written there", where=where, hint="choose another folder"
                ) from error
            with folder as name:
                yield Path(name)
    finally:
        signal.signal(signal.SIGTERM, before)


def _scores(reading: _Reading, task: "Task", workers: int, bar: ProgressBar) -> "pl.LazyFrame":
    import polars as pl

    from crosstune.progress import Progress
    from crosstune.scoring.score_parts import score_in_parts, scores_schema

    def on_part(part: "Part") -> None:
        reading.scored += part.answers
        note = f"{reading.answers.share:.0%} read" if reading.limit is None else ""
        bar.on_progress(Progress(reading.scored, reading.limit, "answers", note=note))

    parts = score_in_parts(reading.rows, task, workers=workers, on_part=on_part)
    return pl.scan_parquet(parts) if parts else pl.LazyFrame(schema=scores_schema(task.keep))


def _write(scores: "pl.LazyFrame", out: Path) -> None:
    import polars as pl

    from crosstune.storage.atomic import atomic_path

    with atomic_path(out) as temporary:
        if out.suffix.lower() == ".parquet":
            scores.sink_parquet(temporary)
        elif out.suffix.lower() == ".jsonl":
            scores.sink_ndjson(temporary)
        else:
            spans = pl.col("spans").list.eval(pl.element().struct.json_encode()).list.join(",")
            scores.with_columns(pl.format("[{}]", spans).alias("spans")).sink_csv(temporary)


def _result(
    files: list[Path],
    reading: _Reading,
    facets: tuple[str, ...],
    levels: "pl.DataFrame",
    fallen: "pl.DataFrame",
) -> dict[str, Any]:
    from crosstune.scoring.language_names import nearest_language

    return {
        "files": [str(path) for path in files],
        "columns": reading.answers.columns,
        "answers": reading.scored,
        "unreadable": {
            "count": reading.unreadable,
            "first": [{"where": error.where, "problem": error.message, "hint": error.hint} for error in reading.named],
        },
        "unknown_languages": [
            {"language": name, "answers": count, "nearest": nearest_language(name)}
            for name, count in reading.unknown_languages.most_common()
        ],
        "by": levels.columns[: levels.columns.index("facet")],
        "facets": list(facets),
        "levels": [
            {**row, "reasons": {item["reason"]: item["count"] for item in row["reasons"]}} for row in levels.to_dicts()
        ],
        "fallback_languages": fallen.to_dicts(),
    }


def _show_unreadable(reading: _Reading) -> None:
    from crosstune.errors import InvalidData

    hints: set[str | None] = set()
    for error in reading.named:  # one fault often has many rows: what to do about it is said once
        show_error(InvalidData(error.message, where=error.where, hint=None if error.hint in hints else error.hint))
        hints.add(error.hint)
    if reading.unreadable:
        more = f", of which the first {_NAMED} are named" if reading.unreadable > _NAMED else ""
        error_console.print(
            f"[red]{counted(reading.unreadable, 'row')} could not be read[/red]{more}; those that could are scored.",
            soft_wrap=True,
        )
