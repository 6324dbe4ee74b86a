"""Rows of instruction data as their source has them, each with the place to name in errors."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.instructions.config import FILE_SUFFIXES, InstructionsConfig
from crosstune.text.json_lines import parse_json, read_json_lines, read_text


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row and where it stands."""

    number: int
    """Line, row or entry, counted from 1."""
    where: str
    value: Any


def read_file(path: Path) -> list[SourceRow]:
    """All rows of a file.

    Args:
        path: `.jsonl`; `.json` (a list of objects, or JSON Lines); `.parquet`.

    Raises:
        InvalidData: it cannot be read whole.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or suffix not in FILE_SUFFIXES:
        what = (
            "this is a folder" if path.is_dir() else f"'{suffix or path.name}' is not a kind of file that can be read"
        )
        raise InvalidData(what, where=str(path), hint="instructions are read from " + ", ".join(FILE_SUFFIXES))
    if suffix == ".parquet":
        return _read_parquet(path)
    if suffix == ".json":
        text = read_text(path)
        if text.lstrip().startswith("["):
            rows = parse_json(text, str(path), hint="the file may be cut off: fetch or write it again")
            return [SourceRow(number, f"{path}, entry {number}", row) for number, row in enumerate(rows, start=1)]
    return [SourceRow(number, f"{path}, line {number}", row) for number, row in read_json_lines(path)]


def _read_parquet(path: Path) -> list[SourceRow]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise InvalidData("no such file", where=str(path)) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidData(
            f"not a whole Parquet file ({error})", where=str(path), hint="fetch or write it again"
        ) from error
    return [
        SourceRow(number, f"{path}, row {number}", row)
        for number, row in enumerate(frame.iter_rows(named=True), start=1)
    ]


def read_hub(config: InstructionsConfig) -> list[SourceRow]:
    """The rows of a hub data set for which `config.where` holds; fetched into the hub's own cache when not there.

    No code of the data set is run: only its data files are read.

    Raises:
        InvalidData: it cannot be reached, does not exist, needs access rights, or has no such configuration or split.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    split = config.split or "train"
    try:
        data = load_dataset(config.hub_id, config.config, split=split, revision=config.revision)
    except DatasetNotFoundError as error:
        raise InvalidData(
            f"no such data set on the hub, or it is not open to you ({error})",
            where=config.source,
            hint="check the name; for a gated set accept its terms on its page and run: hf auth login",
        ) from error
    except ConnectionError as error:
        raise InvalidData(
            f"the hub cannot be reached, and the data set is not in the local cache ({error})",
            where=config.source,
            hint="run where there is a network once, or fetch the data set as a file and name its path",
        ) from error
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        raise InvalidData(
            f"the data set cannot be loaded ({error})", where=config.source, hint="check config, split and revision"
        ) from error
    kept = list(range(len(data)))
    for column, wanted in config.where.items():
        if column not in data.column_names:
            raise _no_such_column(column, data.column_names, config.source)
        values = list(data[column])
        kept = [index for index in kept if values[index] == wanted]
        if not kept:
            raise _no_such_value(column, wanted, values, config.source)
    return [
        SourceRow(index + 1, f"{config.source}, row {index + 1}", row)
        for index, row in zip(kept, data.select(kept), strict=True)
    ]


def _no_such_column(column: str, columns: list[str], where: str) -> InvalidData:
    return InvalidData(
        f"'where' names the column '{column}', which is not there", where=where, hint=did_you_mean(column, columns)
    )


def _no_such_value(column: str, wanted: object, values: list[Any], where: str) -> InvalidData:
    common = ", ".join(repr(value) for value, _ in Counter(map(str, values)).most_common(10))
    return InvalidData(
        f"no row has {wanted!r} in the column '{column}'", where=where, hint=f"its most common values: {common}"
    )


def rows_where(rows: list[SourceRow], wanted: Mapping[str, object], where: str) -> list[SourceRow]:
    """The rows in which each column has its wanted value.

    Args:
        rows: all rows.
        wanted: values by column.
        where: the source, for errors.

    Raises:
        InvalidData: a row lacks the column, or no row has the value.
    """
    for column, value in wanted.items():
        for row in rows:
            if not isinstance(row.value, Mapping) or column not in row.value:
                raise _no_such_column(column, list(row.value) if isinstance(row.value, Mapping) else [], row.where)
        kept = [row for row in rows if row.value[column] == value]
        if not kept:
            raise _no_such_value(column, value, [row.value[column] for row in rows], where)
        rows = kept
    return rows
