"""Rows of files that need be neither small nor in good order: one after the other, and what cannot be read is told.

The files are those of `text.rows`, and two things differ. A file is never held in memory. And a row that cannot be
read does not keep the others from being read: each is refused with its number. Where nothing after a fault can be
told apart any more (a quotation mark left open in CSV, a broken JSON list), that is refused too, and reading ends.

Text is UTF-8, or UTF-16 or UTF-32 with a byte order mark, as spreadsheets write it.
"""

import codecs
import json
import os
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.text.json_lines import Refuse, reading_errors
from crosstune.text.json_list import list_entries
from crosstune.text.not_utf8 import not_utf8
from crosstune.text.rows import SourceRow, file_suffix
from crosstune.text.separated import separated_rows

ROWS_AT_ONCE = 500
"""Rows of a Parquet file that are in memory as Python objects."""

_BYTE_ORDER_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class RowStream:
    """The rows of a file. Iterate over it once."""

    def __init__(self, path: Path, refuse: Refuse) -> None:
        """Looks at the start of the file.

        Args:
            path: with one of `text.rows.FILE_SUFFIXES`.
            refuse: told of each row that cannot be read.

        Raises:
            InvalidData: there is no such file, it is of another kind, or it is not text.
        """
        self.share = 0.0
        """How much of the file is read, from 0 to 1."""
        self._path = path
        self._refuse = refuse
        self._suffix = file_suffix(path)
        with reading_errors(path):
            self._bytes = max(path.stat().st_size, 1)
            with path.open("rb") as file:
                start = file.read(1000)
        self._encoding = "utf-8" if self._suffix == ".parquet" else _encoding(start, path)

    def __iter__(self) -> Iterator[SourceRow]:
        """The rows that can be read, in their order.

        Raises:
            InvalidData: nothing of the file can be read, such as the names of its columns.
        """
        with reading_errors(self._path):
            if self._suffix == ".parquet":
                yield from self._parquet()
            elif self._suffix in (".csv", ".tsv"):
                with self._text() as file:
                    separator = "\t" if self._suffix == ".tsv" else ","
                    for row in separated_rows(file, self._path, separator, self._refuse):
                        self._note_share(file)
                        yield row
            elif self._first_letter() == "[":
                with self._text() as file:
                    for row in list_entries(file, self._path, self._refuse):
                        self._note_share(file)
                        yield row
            else:
                yield from self._json_lines()
        self.share = 1.0

    def _text(self, newline: str = "") -> TextIOWrapper:
        """The file as text, in which bytes that are not UTF-8 become half characters (see `text.not_utf8`)."""
        utf8 = self._encoding == "utf-8"
        return self._path.open(
            encoding="utf-8-sig" if utf8 else self._encoding,
            errors="surrogateescape" if utf8 else "replace",
            newline=newline,
        )

    def _note_share(self, file: TextIOWrapper) -> None:
        self.share = min(os.lseek(file.fileno(), 0, os.SEEK_CUR) / self._bytes, 1.0)

    def _first_letter(self) -> str:
        with self._text() as file:
            while chunk := file.read(1000):
                if chunk.strip():
                    return chunk.strip()[0]
        return ""

    def _json_lines(self) -> Iterator[SourceRow]:
        seen = False
        with self._text(newline="\n") as file:  # not splitlines(): JSON strings may hold U+2028 and the like
            for number, line in enumerate(file, start=1):
                self._note_share(file)
                if not line.strip():
                    continue
                where = f"{self._path}, line {number}"
                if not seen and line.strip() == "{":
                    raise InvalidData(
                        "not JSON Lines: the object that begins here is longer than a line",
                        where=where,
                        hint="write one object a line, or a JSON list of objects",
                    )
                seen = True
                if problem := not_utf8(line, where):
                    self._refuse(problem)
                    continue
                try:
                    yield SourceRow(number, where, json.loads(line, strict=False))
                except json.JSONDecodeError as error:
                    self._refuse(InvalidData(f"not JSON ({error.msg}, column {error.colno})", where=where))
                except ValueError as error:  # such as a number of 5,000 digits
                    self._refuse(InvalidData(f"not usable as JSON ({error})", where=where))
                except RecursionError:
                    self._refuse(InvalidData("not usable as JSON (nested too deep)", where=where))
        if not seen:
            raise InvalidData("the file is empty", where=str(self._path))

    def _parquet(self) -> Iterator[SourceRow]:
        import polars as pl

        number = 0
        try:
            rows = pl.scan_parquet(self._path).select(pl.len()).collect().item()
            for batch in pl.scan_parquet(self._path).collect_batches(chunk_size=ROWS_AT_ONCE):
                for part in batch.iter_slices(ROWS_AT_ONCE):
                    for row in part.iter_rows(named=True):
                        number += 1
                        self.share = number / rows
                        yield SourceRow(number, f"{self._path}, row {number}", row)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # panics at some broken files
            problem = InvalidData(
                f"not a whole Parquet file ({error})",
                where=f"{self._path}, after row {number}" if number else str(self._path),
                hint="fetch or write it again",
            )
            if not number:
                raise problem from error
            self._refuse(problem)


def _encoding(start: bytes, path: Path) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if start.count(b"\0") > len(start) // 10:  # every Latin letter of UTF-16 has a zero byte beside it
        raise InvalidData(
            "the file is in UTF-16 without a byte order mark, or not text at all",
            where=str(path),
            hint="convert it to UTF-8, for example: iconv -f UTF-16LE -t UTF-8",
        )
    return "utf-8"
