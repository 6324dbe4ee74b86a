"""Files from outside: whole or an error with file and line."""

from pathlib import Path

import pytest

from crosstune.errors import InvalidData
from crosstune.text.json_lines import read_json_lines


def test_values_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    # U+2028 is a line break to str.splitlines(), and may stand in JSON text as it is.
    path.write_bytes('\ufeff{"a": "x\u2028y"}\r\n\n[1]\n'.encode())
    assert read_json_lines(path) == [(1, {"a": "x\u2028y"}), (3, [1])]


@pytest.mark.parametrize(
    ("content", "message", "where", "hint"),
    [
        (b'{"a": 1}\n{"a": \n{"a": 2}\n', "not JSON (Expecting value, column 7)", "line 2", None),
        (b'{"a": 1}\n{"a": "cut of', "not JSON", "line 2", "cut off"),
        (b'[\n{"a": 1}\n]\n', "not JSON", "line 1", ".json"),
        (b"", "empty", "a.jsonl", None),
        (b" \n\n", "empty", "a.jsonl", None),
        ('{"a": 1}\n'.encode("utf-16"), "UTF-16", "a.jsonl", "iconv"),
        ('{"a": 1}\n'.encode("utf-16-le"), "UTF-16", "a.jsonl", "iconv"),
        ('{"a": 1}\n{"a": "é"}\n'.encode("latin-1"), "not UTF-8 (byte 0xe9)", "line 2", "Latin-1"),
        (b'{"a": 1}\n{"a": "b\0cdefghijklmnopqrst"}\n', "NUL byte", "line 2", "delete it"),
        (b"[" * 100_000, "nested too deep", "line 1", None),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str, where: str, hint: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidData) as caught:
        read_json_lines(path)
    assert message in caught.value.message
    assert caught.value.where is not None and caught.value.where.endswith(where)
    assert hint is None or hint in (caught.value.hint or "")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text("1")
    with pytest.raises(InvalidData, match=r"beside it there is b\.jsonl"):
        read_json_lines(tmp_path / "a.jsonl")
    (tmp_path / "questions.jsonl").write_text("1")
    with pytest.raises(InvalidData, match=r"did you mean 'questions\.jsonl'"):
        read_json_lines(tmp_path / "question.jsonl")
    with pytest.raises(InvalidData, match=r"no file that ends in \.txt"):
        read_json_lines(tmp_path / "a.txt")
    with pytest.raises(InvalidData, match="nor is there a folder"):
        read_json_lines(tmp_path / "none" / "a.jsonl")
    with pytest.raises(InvalidData, match="folder"):
        read_json_lines(tmp_path)


def test_lines_that_are_not_json_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a"\n[2]\n')
    refused: list[InvalidData] = []
    assert read_json_lines(tmp_path / "a.jsonl", refused.append) == [(2, [2])]
    assert [error.where for error in refused] == [f"{tmp_path / 'a.jsonl'}, line 1"]
