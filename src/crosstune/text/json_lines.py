"""Reading text and JSON Lines that others wrote: what is wrong is said with file and line, and nothing is half read."""

import json
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path) -> str:
    """The content of a UTF-8 file; a byte order mark is dropped.

    Raises:
        InvalidData: no such file, not readable, or in another encoding.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidData("no such file", where=str(path), hint=_files_beside(path)) from error
    except IsADirectoryError as error:
        raise InvalidData("this is a folder", where=str(path), hint="name a file in it") from error
    except OSError as error:
        raise InvalidData(f"cannot be read ({error.strerror})", where=str(path)) from error
    if content.startswith(_UTF16_BOMS) or b"\0" in content[:1000]:
        raise InvalidData(
            "the file is in UTF-16 or not text at all",
            where=str(path),
            hint="convert it to UTF-8, for example: iconv -f UTF-16 -t UTF-8",
        )
    try:
        return content.removeprefix(_UTF8_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidData(
            f"not UTF-8 (byte 0x{error.object[error.start]:02x})",
            where=f"{path}, line {line}",
            hint="the file may be in Latin-1 or Windows-1252: convert it, for example: iconv -f WINDOWS-1252 -t UTF-8",
        ) from error


def _files_beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f"nor is there a folder {path.parent}"
    names = sorted(file.name for file in path.parent.iterdir() if file.suffix == path.suffix)
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"beside it there is {shown}" if names else f"its folder has no {path.suffix} file"


def parse_json(text: str, where: str, *, hint: str | None = None) -> Any:
    """JSON as Python objects.

    Raises:
        InvalidData: it is not JSON, or nested too deep.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidData(f"not JSON ({error})", where=where, hint=hint) from error
    except RecursionError as error:
        raise InvalidData("not usable as JSON (nested too deep)", where=where, hint=hint) from error


def read_json_lines(path: Path) -> list[tuple[int, Any]]:
    """The values of a JSON Lines file with their line numbers, counted from 1; blank lines are passed over.

    Raises:
        InvalidData: the file cannot be read, a line is not JSON, or there is no value in it.
    """
    lines = read_text(path).split("\n")  # not splitlines(): JSON strings may hold U+2028 and the like as they are
    values = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            hint = None
            if number == 1 and line.strip() in ("[", "{"):
                hint = "JSON Lines have one value a line; a JSON list of rows is named .json"
            elif number == len(lines):
                hint = "the file seems to be cut off: fetch or write it again"
            values.append((number, parse_json(line, f"{path}, line {number}", hint=hint)))
    if not values:
        raise InvalidData("the file is empty", where=str(path))
    return values
