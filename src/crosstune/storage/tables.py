"""Tables of records on disk: Parquet when finished, JSON Lines while they grow.

<name>.parquet   one row a record, with a column `schema_version`
<name>.jsonl     one JSON object a line, appended and flushed; the last line may be torn by a crash
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import polars as pl

from crosstune.errors import InvalidData, StorageFailure
from crosstune.storage.atomic import atomic_path, make_folder, storage_errors


class Record(Protocol):
    """A frozen dataclass with a schema version, such as those of `crosstune.records`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    SCHEMA_VERSION: ClassVar[int]


R = TypeVar("R", bound=Record)

_SCALARS: dict[type, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
}


def _column_type(annotation: Any) -> pl.DataType:
    origin = get_origin(annotation)
    if origin in (UnionType, Union):
        (inner,) = [part for part in get_args(annotation) if part is not NoneType]
        return _column_type(inner)
    if origin is tuple:
        return pl.List(_column_type(get_args(annotation)[0]))
    if isinstance(annotation, type):
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        if issubclass(annotation, Enum):
            return pl.String()
        if dataclasses.is_dataclass(annotation):
            hints = get_type_hints(annotation)
            return pl.Struct({f.name: _column_type(hints[f.name]) for f in dataclasses.fields(annotation)})
    if all(isinstance(value, str) for value in get_args(annotation)):  # Literal["a", "b"]
        return pl.String()
    raise TypeError(f"no column type for {annotation!r}")


def table_schema(record: type[R]) -> pl.Schema:
    """The columns of a table of `record`, in the order of its fields, then `schema_version`."""
    hints = get_type_hints(record)
    columns = {f.name: _column_type(hints[f.name]) for f in dataclasses.fields(record)}
    return pl.Schema({**columns, "schema_version": pl.Int32()})


def to_row(record: Record) -> dict[str, Any]:
    """A record as plain lists, strings and numbers, with its schema version."""
    return {**dataclasses.asdict(record), "schema_version": record.SCHEMA_VERSION}


def _build(annotation: Any, value: Any) -> Any:
    origin = get_origin(annotation)
    if value is None:
        return () if origin is tuple else None  # a list that nobody wrote down, see `in_current_form`
    if origin in (UnionType, Union):
        (inner,) = [part for part in get_args(annotation) if part is not NoneType]
        return _build(inner, value)
    if origin is tuple:
        return tuple(_build(get_args(annotation)[0], item) for item in value)
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation)
        return annotation(**{name: _build(hints[name], item) for name, item in value.items()})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation(value)
    return value


def from_rows(record: type[R], rows: Iterable[dict[str, Any]], where: str) -> list[R]:
    """Rows as records.

    Args:
        record: the record type.
        rows: as `to_row` makes them.
        where: named in errors.

    Raises:
        InvalidData: a schema version that cannot be read, or a missing or unknown column.
    """
    hints = get_type_hints(record)
    names = {f.name for f in dataclasses.fields(record)}
    records = []
    for number, row in enumerate(rows, start=1):
        version = row.get("schema_version")
        _refuse_version(record, version, f"{where}, row {number}")
        there = set(row) - {"schema_version"}
        added = _with_default(record) if version != record.SCHEMA_VERSION else set()
        if there - names or names - there - added:
            raise InvalidData(
                f"columns differ from {record.__name__}: {', '.join(sorted(there - names | names - there - added))}",
                where=f"{where}, row {number}",
            )
        records.append(record(**{name: _build(hints[name], row[name]) for name in names & there}))
    return records


def _versions(record: type[R]) -> range:
    """The schema versions that can be read."""
    return range(getattr(record, "OLDEST_SCHEMA_VERSION", record.SCHEMA_VERSION), record.SCHEMA_VERSION + 1)


def _refuse_version(record: type[R], version: Any, where: str) -> None:
    current, oldest = record.SCHEMA_VERSION, _versions(record).start
    if version in _versions(record):
        return
    is_newer = isinstance(version, int) and version > current
    reads = f"{current}" if oldest == current else f"{oldest} to {current}"
    raise InvalidData(
        f"{record.__name__} rows have schema version {version}; this crosstune reads {reads}",
        where=where,
        hint="use the crosstune that wrote them, or a newer one" if is_newer else "run the step that writes it again",
    )


def _with_default(record: type[R]) -> set[str]:
    """Fields that a record may lack; later versions may have added these alone."""
    return {f.name for f in dataclasses.fields(record) if f.default is not dataclasses.MISSING}


def in_current_form(record: type[R], frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """A table with the columns of this version: what an older one lacks is null, which is to say not known.

    Args:
        record: the record type.
        frame: its rows; further columns stay. Without a column `schema_version` it is taken to be current.
        where: named in errors.

    Returns:
        The same rows. A table of a version too old to be filled up stays as it is.

    Raises:
        InvalidData: a row has a newer schema version.
    """
    if "schema_version" not in frame.columns or frame.is_empty():
        return frame
    versions = frame["schema_version"].unique().to_list()
    for version in versions:
        if version is not None and version > record.SCHEMA_VERSION:
            _refuse_version(record, version, where)
    if versions == [record.SCHEMA_VERSION] or not set(versions) <= set(_versions(record)):
        return frame
    schema = table_schema(record)
    lacking = [name for name in schema.names() if name in _with_default(record) and name not in frame.columns]
    added = [pl.lit(None, dtype=schema[name]).alias(name) for name in lacking]
    return frame.with_columns(added)


def to_frame(record: type[R], records: Sequence[R]) -> pl.DataFrame:
    """Records as a polars frame with the columns of `table_schema`."""
    return pl.DataFrame([to_row(item) for item in records], schema=table_schema(record))


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Writes a frame, whole or not at all.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary)


def write_table(path: Path, record: type[R], records: Sequence[R]) -> None:
    """Writes records as Parquet, whole or not at all.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    write_parquet(path, to_frame(record, records))


def read_frame(path: Path) -> pl.DataFrame:
    """Reads a Parquet file.

    Raises:
        StorageFailure: it is missing or damaged.
    """
    try:
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise StorageFailure("no such table", where=str(path)) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageFailure(
            f"damaged table ({error})", where=str(path), hint="delete its folder and run the study again"
        ) from error


def read_current(path: Path, record: type[R]) -> pl.DataFrame:
    """Reads a Parquet file of records as this version has them, see `in_current_form`.

    Raises:
        StorageFailure: the file is missing or damaged.
        InvalidData: it has a newer schema version.
    """
    frame = in_current_form(record, read_frame(path), str(path))
    names = table_schema(record).names()
    # In one order, so that tables of several versions can be joined.
    return frame.select(names) if set(frame.columns) == set(names) else frame


def read_table(path: Path, record: type[R]) -> list[R]:
    """Reads records from Parquet.

    Raises:
        StorageFailure: the file is missing or damaged.
        InvalidData: it holds something else, or another schema version.
    """
    return from_rows(record, read_frame(path).iter_rows(named=True), str(path))


class RecordLog(Generic[R]):
    """A table that grows by appending: every `append` is on the disk when it returns.

    A process killed in the middle of a write leaves a torn last line; opening the log again cuts it off, so a
    record is either whole or absent.
    """

    def __init__(self, path: Path, record: type[R]) -> None:
        self.path = path
        self._record = record
        with storage_errors(path):
            make_folder(path.parent)
            path.touch()
            self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        with self.path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)

    def append(self, records: Iterable[R], *, sync: bool = True) -> None:
        """Adds records.

        Args:
            records: the next ones.
            sync: whether to wait until they are on the disk. Without, they outlive this process however it ends, but
                not a power cut before `sync` is called.

        Raises:
            StorageFailure: they cannot be written; the log is as before.
        """
        lines = "".join(json.dumps(to_row(item), ensure_ascii=False) + "\n" for item in records)
        with storage_errors(self.path), self.path.open("ab") as file:
            before = file.tell()
            try:
                file.write(lines.encode("utf-8", errors="surrogatepass"))
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(self.path, before)
                raise

    def sync(self) -> None:
        """Waits until all that was appended is on the disk.

        Raises:
            StorageFailure: it cannot be written.
        """
        with storage_errors(self.path), self.path.open("ab") as file:
            os.fsync(file.fileno())

    def read(self) -> list[R]:
        """All records, in the order in which they were appended.

        Raises:
            InvalidData: a line is not a record of this log.
        """
        rows = []
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    rows.append(json.loads(line.decode("utf-8", errors="surrogatepass")))
                except ValueError as error:
                    raise InvalidData(
                        f"not JSON ({error})",
                        where=f"{self.path}, line {number}",
                        hint="delete the line, or the file",
                    ) from error
        return from_rows(self._record, rows, str(self.path))
