"""Rows of files that others wrote, with the place of each; hub data sets are in tests/instructions."""

from pathlib import Path

import pytest

from crosstune.errors import InvalidData
from crosstune.text.rows import SourceRow, read_file, renamed, rows_where


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    text = '\ufeffid,text\r\n1,"a, ""b""\nnext line"\r\n\r\n2,Привет\r\n'
    rows = read_file(write(tmp_path / "a.csv", text))
    assert [row.value for row in rows] == [{"id": "1", "text": 'a, "b"\nnext line'}, {"id": "2", "text": "Привет"}]
    # Line 1 has the names; the first row stands in lines 2 and 3, line 4 is empty.
    assert [row.number for row in rows] == [2, 5]
    assert rows[1].where == f"{tmp_path / 'a.csv'}, line 5"


def test_tsv_and_values_that_are_empty(tmp_path: Path) -> None:
    rows = read_file(write(tmp_path / "a.TSV", "id\ttext\tgloss\nx\ta, b\t\n"))
    assert rows[0].value == {"id": "x", "text": "a, b", "gloss": ""}


def test_a_long_cell(tmp_path: Path) -> None:
    # More than the csv module takes by itself (131,072 characters).
    assert len(read_file(write(tmp_path / "a.csv", "text\n" + "x" * 200_000 + "\n"))[0].value["text"]) == 200_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,text\n1,a\n2,b,c\n", r"line 3: 3 cells, and there are 2 columns \(id, text\).*comma"),
        ("a.tsv", "id\ttext\n1\n", r"line 2: 1 cell, and there are 2 columns.*tab"),
        ("a.csv", 'id,text\n1,"open\n2,b\n', r"line 2: not readable as columns.*left open"),
        ("a.csv", "id,text,id\n", "line 1: two columns have the name 'id'"),
        ("a.csv", "id,,x\n", "line 1: column 2 has no name"),
        ("a.csv", "", "the file is empty"),
        ("a.csv", "id;text\n1;a, b\n", "line 1: the columns seem to be separated by ';'; write .csv with commas"),
        ("a.csv", "id\ttext\n1\ta\n", "line 1: the columns seem to be separated by a tab"),
        ("a.tsv", "id,text\n1,a\n", "line 1: the columns seem to be separated by ','"),
        ("a.csv", "id,text\n1,abcdefghijklmnopq\n2,a\0b\n", "line 3: there is a NUL byte"),
        ("a.csv", "id,text\n1,é\n".encode("latin-1"), r"line 2: not UTF-8 \(byte 0xe9\)"),
        ("a.csv", "id,text\n".encode("utf-16"), "UTF-16"),
        ("a.xlsx", b"PK", r"'.xlsx' is not a kind of file.*\.csv"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        read_file(write(tmp_path / name, content))


def test_text_stands_for_numbers_and_truth_values_in_where() -> None:
    rows = [SourceRow(n, f"line {n}", {"a": a}) for n, a in enumerate(["3", 3, "True", "true ", "4"], start=1)]
    assert [row.number for row in rows_where(rows, {"a": 3}, "x")] == [1, 2]
    assert [row.number for row in rows_where(rows, {"a": True}, "x")] == [3, 4]
    # What is wanted as text is compared as it is.
    assert [row.number for row in rows_where(rows, {"a": "3"}, "x")] == [1]


def test_renamed() -> None:
    row = SourceRow(1, "line 1", {"q": "a", "text": "b", "c": 1})
    assert renamed(row, {"q": "text"}).value == {"text": "a", "c": 1}
    assert renamed(row, {"q": "text", "text": "q"}).value == {"text": "a", "q": "b", "c": 1}
    with pytest.raises(InvalidData, match="renames 'texts', which is not there; did you mean 'text'"):
        renamed(row, {"texts": "x"})
    assert renamed(SourceRow(1, "x", ["a"]), {"q": "b"}).value == ["a"], "refused later, with the reason"


def test_lines_that_cannot_be_read_may_be_left_out(tmp_path: Path) -> None:
    refused: list[InvalidData] = []
    rows = read_file(write(tmp_path / "a.csv", "id,text\n1,a\n2,b,c\n3,d\n"), refused.append)
    assert [row.number for row in rows] == [2, 4] and refused[0].where == f"{tmp_path / 'a.csv'}, line 3"
    rows = read_file(write(tmp_path / "a.jsonl", '{"a": 1}\n{"a"\n{"a": 2}\n'), refused.append)
    assert [row.number for row in rows] == [1, 3] and refused[1].where == f"{tmp_path / 'a.jsonl'}, line 2"
