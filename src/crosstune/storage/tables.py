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
        return None
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
        InvalidData: another schema version, or a missing or unknown column.
    """
    hints = get_type_hints(record)
    names = {f.name for f in dataclasses.fields(record)}
    records = []
    for number, row in enumerate(rows, start=1):
        version = row.get("schema_version")
        if version != record.SCHEMA_VERSION:
            raise InvalidData(
                f"{record.__name__} rows have schema version {version}; this crosstune reads {record.SCHEMA_VERSION}",
                where=f"{where}, row {number}",
                hint="run the step that writes it again",
            )
        if set(row) - {"schema_version"} != names:
            difference = sorted((set(row) - {"schema_version"}) ^ names)
            raise InvalidData(
                f"columns differ from {record.__name__}: {', '.join(difference)}",
                where=f"{where}, row {number}",
            )
        records.append(record(**{name: _build(hints[name], row[name]) for name in names}))
    return records


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
