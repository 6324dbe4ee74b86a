"""What comes from elsewhere and is no good: a reason for each answer, a place for each row, and no traceback."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.errors import CrosstuneError, InvalidData, StorageFailure

FRENCH = "La mer est salée parce que les fleuves y portent depuis toujours le sel des roches."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["score", *arguments])
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def write(name: str, texts: list[Any]) -> None:
    rows = [{"prompt": "Pourquoi ?", "response": text, "language": "fr"} for text in texts]
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def scores(*texts: Any) -> list[dict[str, tuple[float | None, str | None]]]:
    """Value and reason of each cheap facet of each text."""
    write("answers.jsonl", list(texts))
    result = run("answers.jsonl", "--out", "scores.parquet")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, tuple[float | None, str | None]]] = [{} for _ in texts]
    for row in pl.read_parquet("scores.parquet").iter_rows(named=True):
        found[row["row"] - 1][row["facet"]] = row["value"], row["reason"]
        assert (row["value"] is None) == (row["reason"] is not None)
        start_ends = [(span["start"], span["end"]) for span in row["spans"]]
        assert all(0 <= start < end <= len(texts[row["row"] - 1] or "") for start, end in start_ends)
    return found


def test_answers_with_nothing_to_see() -> None:
    for none, blank in ((None, ""), (None, "   \n\t "), (None, "\n" * 100_000)):
        first, second = scores(none, blank)
        assert set(first.values()) == {(None, "no_answer")}
        assert second.pop("degeneration") == (1.0, None)
        assert set(second.values()) == {(None, "empty")}


def test_text_that_is_no_language() -> None:
    for text in ("1234567890 " * 90, "😀" * 500, "́" * 5_000, "\x00\x07" * 20, "?!" * 30):
        (found,) = scores(text)
        assert found["correct_language"][0] is None
        assert found["correct_language"][1] in ("too_short", "undetermined", "empty")


@pytest.mark.parametrize(
    "text",
    [
        FRENCH * 12_000,
        "\ud800 " + FRENCH + " \udfff",
        "\x00\x01\x1b[31m" + FRENCH,
        "<script>alert(1)</script><b>" + FRENCH + "</b>",
        "\u202e\u200f" + FRENCH + "\u202c",
        "\n" * 9_000 + FRENCH,
    ],
    ids=["1 MB", "lone surrogates", "control characters", "HTML", "marks of direction", "blank lines"],
)
def test_odd_answers_are_seen_for_what_they_are(text: str) -> None:
    (found,) = scores(text)
    assert found["correct_language"] == (1.0, None)
    assert found["line_pass"] == (1.0, None)


def test_rows_that_are_none_are_named_and_counted() -> None:
    lines = ['{"response": ["x"]}', '{"response": {"a": 1}}', '{"response": 5}', "[1]", '"x"', "null", '{"response": "']
    good = json.dumps({"response": FRENCH, "language": "fr"})
    Path("rows.jsonl").write_text("\n".join([good, *lines, good]), "utf-8")
    result = run("rows.jsonl", "--json", "--facets", "length")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["answers"], found["unreadable"]["count"]) == (2, len(lines))
    assert [one["where"] for one in found["unreadable"]["first"]] == [
        f"rows.jsonl, line {number}" for number in range(2, len(lines) + 2)
    ]


def test_rows_in_another_encoding() -> None:
    row = json.dumps({"response": FRENCH, "language": "fr"}, ensure_ascii=False)
    Path("both.jsonl").write_bytes(row.encode("latin-1") + b"\n" + row.encode())
    result = run("both.jsonl", "--facets", "length")
    assert result.exit_code == 1 and "both.jsonl, line 1: not UTF-8 (byte 0xe9)" in result.stderr
    Path("marked.jsonl").write_bytes(row.encode("utf-16"))
    assert run("marked.jsonl", "--facets", "length").exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.jsonl", b"", "the file is empty"),
        ("blank.jsonl", b"\n\n  \n", "the file is empty"),
        ("no.parquet", b"hello" * 99, "not a whole Parquet file"),
        ("cut.parquet", b"PAR1" + b"x" * 50, "not a whole Parquet file"),
        ("text.txt", b"hello", "'.txt' is not a kind of file"),
        ("quote.csv", b'prompt,response,language\nA,"open,fr\nB,x,fr\n', "line 2: .*a quotation mark is opened"),
        ("head.csv", b"prompt,response,language\n", "there is no row in it"),
        ("other.csv", b"a,b\n1,2\n", "there is no column 'response'; there are 'a', 'b'"),
        ("wide.csv", b"prompt,response,language\nA,b,fr,zz\n", "line 2: .*4 cells, and there are 3 columns"),
        ("cut.json", b"{", "line 1: not JSON Lines"),
    ],
)
def test_files_that_hold_no_answers(name: str, content: bytes, problem: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(InvalidData, match=problem):
        run(name)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a folder that nothing can be made in")
def test_a_place_where_nothing_can_be_written() -> None:
    write("a.jsonl", [FRENCH])
    with pytest.raises(StorageFailure, match="no file can be written there; choose another folder"):
        run("a.jsonl", "--out", "/proc/scores.parquet")
    with pytest.raises(InvalidData, match="holds the answers, which the scores would replace"):
        run("a.jsonl", "--out", "a.jsonl")
