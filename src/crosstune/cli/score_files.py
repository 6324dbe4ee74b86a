"""Scores from files, whoever gave them, and answers that are measured on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crosstune.cli.console import error_console, plain
from crosstune.errors import InvalidData, did_you_mean

if TYPE_CHECKING:
    import polars as pl

SCORE_SUFFIXES = (".parquet", ".csv", ".jsonl")
ANSWER_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_CALLED = {"model": "run", "id": "prompt_id"}
_NO_VALUE = "no_value"
"""The reason of a row of a file that has neither a value nor a reason."""
_REPEAT = "\u2060"
"""A character without width: stands between a run's name and the number of a repetition."""


def holds_scores(path: Path) -> bool:
    """Whether a file is a table of scores, and not of answers.

    Raises:
        InvalidData: it is missing or cannot be read.
    """
    _require_file(path)
    if path.suffix.lower() not in ANSWER_SUFFIXES:
        raise InvalidData(
            f"its name ends in none of {', '.join(ANSWER_SUFFIXES)}",
            where=str(path),
            hint="or give a study file, .yaml",
        )
    if path.suffix.lower() not in SCORE_SUFFIXES:
        return False
    return {"facet", "value"} <= set(_columns(path))


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise InvalidData("this is a folder", where=str(path), hint="name a file in it")
    if not path.exists():
        folder = path.parent
        endings = (*ANSWER_SUFFIXES, ".yaml", ".yml")
        there = [str(each) for each in sorted(folder.iterdir()) if each.suffix in endings] if folder.is_dir() else []
        raise InvalidData("no such file", where=str(path), hint=did_you_mean(str(path), there) if there else None)


def _columns(path: Path) -> list[str]:
    import json

    import polars as pl

    try:
        if path.suffix.lower() == ".parquet":
            return list(pl.read_parquet_schema(path))
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = next((line for line in file if line.strip()), "")
        if path.suffix.lower() == ".csv":
            return pl.read_csv(first.encode("utf-8"), infer_schema=False).columns if first else []
        row = json.loads(first) if first else {}
        return list(row) if isinstance(row, dict) else []
    except (OSError, ValueError, RecursionError, pl.exceptions.PolarsError):
        return []  # whoever reads it as answers says what is wrong with it


def read_scores(path: Path, *, run: str | None = None) -> "pl.DataFrame":
    """The scores of a file, with the columns of `records.Score` and whatever else it has.

    A missing `rater` is the name of the file, a missing `requested_language` the language. What stands in it several
    times, because an answer was given several times, becomes runs of their own.

    Args:
        path: of it.
        run: of scores whose file has no column `run`; None: the name of the file.

    Raises:
        InvalidData: it cannot be read, lacks a column, or has something else in it.
    """
    import polars as pl

    from crosstune.records import Score
    from crosstune.storage.tables import table_schema

    frame = _read(path)
    frame = frame.rename({theirs: ours for theirs, ours in _CALLED.items() if theirs in frame and ours not in frame})
    missing = [name for name in ("prompt_id", "language", "facet", "value") if name not in frame.columns]
    if missing:
        raise InvalidData(
            f"the scores have no column {', '.join(missing)}",
            where=str(path),
            hint=f"there are {', '.join(frame.columns)}",
        )
    _refuse_newer(frame, path)
    schema = table_schema(Score)
    defaults = {
        "run": pl.lit(path.stem if run is None else run),
        "rater": pl.lit(path.stem),
        "requested_language": pl.col("language"),
        "reason": pl.lit(None, dtype=pl.String()),
        "detail": pl.lit(""),
    }
    frame = frame.with_columns([default.alias(name) for name, default in defaults.items() if name not in frame.columns])
    texts = [name for name, kind in schema.items() if kind == pl.String()]
    frame = frame.with_columns(
        [pl.col(name).cast(pl.String()) for name in texts if not isinstance(frame.schema[name], pl.List | pl.Struct)]
    )
    frame = frame.with_columns(_values(frame, path))
    empty = frame.filter(pl.any_horizontal(pl.col("run", "prompt_id", "language", "rater", "facet").is_null()))
    if not empty.is_empty():
        raise InvalidData(
            f"{len(empty)} rows say not whose score it is: run, prompt_id, language, rater or facet is empty",
            where=str(path),
        )
    both = frame.filter(pl.col("value").is_not_null() & pl.col("reason").is_not_null())
    if not both.is_empty():
        where = f"{path}: run {both['run'][0]}, prompt {both['prompt_id'][0]}"
        raise InvalidData("a score has a value and also a reason why it has none", where=where)
    why = pl.when(pl.col("value").is_null()).then(pl.col("reason").fill_null(_NO_VALUE))
    frame = frame.with_columns(
        why.alias("reason"),
        pl.col("requested_language").fill_null(pl.col("language")),
        pl.lit([], dtype=schema["spans"]).alias("spans"),
        pl.lit(Score.SCHEMA_VERSION, dtype=schema["schema_version"]).alias("schema_version"),
    )
    further = [name for name in frame.columns if name not in schema]
    return repeats_as_runs(frame.select(*schema.names(), *further))


def _read(path: Path) -> "pl.DataFrame":
    import polars as pl

    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            return pl.read_parquet(path)
        if ending == ".jsonl":
            return pl.read_ndjson(path, infer_schema_length=None)
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidData(f"cannot be read ({first})", where=str(path)) from error
    # Tables of people's marks have an apostrophe before what a spreadsheet would take for a formula.
    return frame.with_columns(pl.col(pl.String()).str.replace(r"^'([=+\-@\t\r'])", "$1"))


def _values(frame: "pl.DataFrame", path: Path) -> "pl.Series":
    import polars as pl

    values = frame["value"]
    if isinstance(values.dtype, pl.List | pl.Struct):
        raise InvalidData("the column 'value' holds no numbers", where=str(path))
    if values.dtype == pl.String():
        values = values.str.strip_chars().replace("", None)
    numbers = values.cast(pl.Float64(), strict=False)
    wrong = frame.filter(numbers.is_null() & values.is_not_null())
    if not wrong.is_empty():
        raise InvalidData(
            f"the value '{wrong['value'][0]}' is no number",
            where=f"{path}: run {wrong['run'][0]}, prompt {wrong['prompt_id'][0]}",
            hint="leave it empty and give a reason where there is none",
        )
    infinite = numbers.is_nan() | numbers.is_infinite()  # as pandas writes what is missing
    return numbers.set(infinite.fill_null(value=False), None).alias("value")


def _refuse_newer(frame: "pl.DataFrame", path: Path) -> None:
    import polars as pl

    from crosstune.records import Score

    if "schema_version" not in frame.columns:
        return
    newest = frame["schema_version"].cast(pl.Int64(), strict=False).max()
    if isinstance(newest, int) and newest > Score.SCHEMA_VERSION:
        raise InvalidData(
            f"the scores have schema version {newest}; this crosstune reads up to {Score.SCHEMA_VERSION}",
            where=str(path),
            hint="use the crosstune that wrote them, or a newer one",
        )


def repeats_as_runs(scores: "pl.DataFrame") -> "pl.DataFrame":
    """The same scores; of repeated answers to a prompt, those after the first become runs of their own.

    Otherwise they would be refused as scores that stand twice. `first_run` gives the name of the run back.
    """
    import polars as pl

    key = ["run", "prompt_id", "language", "requested_language", "rater", "facet"]
    number = pl.int_range(pl.len()).over(key) + 1
    name = pl.when(number > 1).then(pl.format("{}{}{}", "run", pl.lit(_REPEAT), number)).otherwise(pl.col("run"))
    return scores.with_columns(name.alias("run"))


def first_run(name: str) -> str:
    """The run that a repetition is of."""
    return name.partition(_REPEAT)[0]


def measured(path: Path, facets: Sequence[str] | None, keep: Sequence[str]) -> "pl.DataFrame":
    """Scores of a file of answers, by the measures that cost little, or by those that are asked for.

    Raises:
        InvalidData: a row cannot be read: what is compared or judged by rules must be whole.
    """
    from tempfile import TemporaryDirectory

    import polars as pl

    from crosstune.cli.progress_bar import ProgressBar
    from crosstune.progress import Progress
    from crosstune.scoring.answers_file import AnswersFile
    from crosstune.scoring.facet_choice import CHEAP, chosen_facets
    from crosstune.scoring.score_parts import Part, Task, score_in_parts, scores_schema

    chosen, notes = chosen_facets(list(facets) if facets else [CHEAP])
    answers = AnswersFile([path], keep=keep)
    for note in (*answers.notes, *notes):
        error_console.print(f"[yellow]note:[/yellow] {plain(str(path))}: {plain(note)}", soft_wrap=True)
    problems: list[InvalidData] = []
    done = 0
    with TemporaryDirectory(prefix="crosstune-scores-") as folder, ProgressBar("scoring") as bar:

        def on_part(part: Part) -> None:
            nonlocal done
            done += part.answers
            bar.on_progress(Progress(done, None, "answers"))

        task = Task(chosen, tuple(answers.keep), Path(folder))
        parts = score_in_parts(lambda: answers.read(problems.append), task, workers=1, on_part=on_part)
        if problems:
            raise InvalidData(problems[0].message, where=problems[0].where, hint=problems[0].hint)
        found = [pl.read_parquet(part) for part in parts]
    return repeats_as_runs(pl.concat(found) if found else pl.DataFrame(schema=scores_schema(answers.keep)))
