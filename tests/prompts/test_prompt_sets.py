"""Sets of every format, with settings: the same prompts whichever file they come from, or an error with its line."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from crosstune.errors import InvalidData
from crosstune.prompts import sets
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.records import Check, Message, Prompt
from crosstune.text.rows import SourceRow

ROWS: list[dict[str, Any]] = [
    {
        "id": "q/1",
        "language": "en",
        "task": "fact",
        "text": "Capital of France?",
        "tags": ["a", "b"],
        "answers": ["Paris"],
    },
    {
        "id": "q/1",
        "language": "fr",
        "task": "fact",
        "text": "Capitale de la France ?",
        "tags": ["a", "b"],
        "answers": ["Paris"],
    },
    {
        "id": "q/2",
        "language": "en",
        "task": "chat",
        "text": "List 3 fruits, please",
        "tags": [],
        "modifiers": ["num_items_3"],
    },
    {"id": "q/2", "language": "fr", "task": "chat", "text": "Cite 3 fruits", "tags": [], "modifiers": ["num_items_3"]},
]
EXPECTED = [
    Prompt("q/1", "q", "fact", "en", "en", (Message("user", "Capital of France?"),), (), ("a", "b"), (), ("Paris",)),
    Prompt(
        "q/2+num_items_3",
        "q",
        "chat",
        "en",
        "en",
        (Message("user", "List 3 fruits, please"),),
        ("num_items_3",),
        (),
        (Check("items", '{"count": 3}'),),
    ),
]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    columns = ["id", "language", "task", "text", "tags", "answers", "modifiers"]
    if path.suffix == ".parquet":
        pl.DataFrame([{column: row.get(column) for column in columns} | {"extra": 1} for row in rows]).write_parquet(
            path
        )
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [separator.join(columns)]
        for row in rows:
            cells = [row.get(column, "") for column in columns]
            texts = [" | ".join(cell) if isinstance(cell, list) else cell for cell in cells]
            lines.append(separator.join(f'"{text}"' for text in texts))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(base: Path, source: Any, languages: str = "en") -> list[Prompt]:
    return load_prompts(PromptsConfig.model_validate({"sets": [source], "languages": languages.split()}), base)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_one_file_with_a_column_of_languages(tmp_path: Path, suffix: str) -> None:
    write_rows(tmp_path / f"q{suffix}", ROWS)
    assert load(tmp_path, f"q{suffix}") == EXPECTED
    assert [prompt.language for prompt in load(tmp_path, f"q{suffix}", "fr en")] == ["fr", "fr", "en", "en"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_file_a_language(tmp_path: Path, suffix: str) -> None:
    for code in ("en", "fr"):
        write_rows(tmp_path / f"q.{code}{suffix}", [row for row in ROWS if row["language"] == code])
    assert load(tmp_path, "q.{language}" + suffix, "en fr")[:2] == EXPECTED


def test_settings(tmp_path: Path) -> None:
    rows = [
        {"question": "one", "lang": "en", "level": 1, "note": "x"},
        {"question": "two", "lang": "en", "level": 2, "note": "y"},
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"question": "prompt", "lang": "language", "level": None, "note": None}
    (prompt,) = load(tmp_path, {"source": "q.jsonl", "name": "mine", "columns": columns, "where": {"level": 2}})
    assert (prompt.id, prompt.set, prompt.task, prompt.messages[0].content) == ("mine/001", "mine", "mine", "two")
    columns["lang"] = None
    assert len(load(tmp_path, {"source": "q.jsonl", "columns": columns, "language": "en"})) == 2


def test_messages_in_a_cell(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text('language\tmessages\nen\t"[{""role"": ""user"", ""content"": ""Hi""}]"\n')
    assert load(tmp_path, "q.tsv")[0].messages == (Message("user", "Hi"),)


def test_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read_hub(hub_id: str, **settings: Any) -> list[SourceRow]:
        asked.append((hub_id, settings["config"], settings["split"]))
        return [SourceRow(1, "hub:org/q, row 1", {"text": "Hi", "other": 1})]

    monkeypatch.setattr(sets, "read_hub", read_hub)
    prompts = load(tmp_path, {"source": "hub:org/q", "config": "{language}", "split": "test"}, "en fr")
    assert asked == [("org/q", "en", "test"), ("org/q", "fr", "test")]
    assert [(prompt.id, prompt.set, prompt.language) for prompt in prompts] == [
        ("q/001", "q", "en"),
        ("q/001", "q", "fr"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x"}, "line 2: a row without a language; give each row a column 'language'"),
        ({"text": "x", "language": ""}, "line 2: a row without a language"),
        ({"text": "x", "language": "xx"}, "line 2: the row's language 'xx' is not one that crosstune knows"),
        ({"text": "x", "prompt": "y", "language": "en"}, "line 2: .*not text and prompt"),
        ({"text": "x", "answers": ["..."], "language": "en"}, "line 2: the answer '...' could never be found"),
        ({"text": "x" * (1 << 20), "language": "en"}, "line 2: .*1,048,576 characters"),
        ({"text": "x\u202ey", "language": "en"}, "line 2: .*direction"),
        ({"text": "x", "modifiers": ["lang_zz"], "language": "en"}, "line 2: 'zz' is not a language"),
        ({"text": "x", "notes": 1, "language": "en"}, r"line 2: 'notes' is not a key .*columns: \{notes: null\}"),
        ({"text": "x", "task": 7, "language": "en"}, "line 2: 'task' is not text"),
        ({"id": "q/1", "text": "x", "language": "en"}, "line 2: the id 'q/1' is also that of line 1"),
        ({"text": " \u200b\u200d", "language": "en"}, "line 2: 'text' is empty"),
        ({"id": "q\u001b[31m", "text": "x", "language": "en"}, "line 2: there is a control character in the 'id'"),
        (["a"], "line 2: a row is not an object"),
        (3, "line 2: a row is not an object"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: Any, message: str) -> None:
    first = {"id": "q/1", "text": "fine", "language": "en"}
    (tmp_path / "q.jsonl").write_text(json.dumps(first) + "\n" + json.dumps(row), encoding="utf-8")
    with pytest.raises(InvalidData, match=message):
        load(tmp_path, "q.jsonl")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    write_rows(tmp_path / "q.jsonl", ROWS)
    with pytest.raises(InvalidData, match="no prompt in 'de'; it has en, fr"):
        load(tmp_path, "q.jsonl", "en de")
    write_rows(tmp_path / "half.jsonl", ROWS[:3])
    with pytest.raises(InvalidData, match=r"half.jsonl: 'q/2' of the set 'half' is there in 'en' and missing in 'fr'"):
        load(tmp_path, "half.jsonl", "en fr")
    (tmp_path / "q.types").write_text("short\n" * 4)
    with pytest.raises(InvalidData, match="cannot be told apart"):
        load(tmp_path, "q.jsonl")
    write_rows(tmp_path / "en.csv", ROWS)
    with pytest.raises(InvalidData, match="a row in 'fr' in the file of 'en'"):
        load(tmp_path, "{language}.csv")
    (tmp_path / "latin.csv").write_bytes("language,text\nfr,été\n".encode("latin-1"))
    with pytest.raises(InvalidData, match="line 2: not UTF-8"):
        load(tmp_path, "latin.csv", "fr")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"source": "q.csv", "split": "test"}, "hub only"),
        ("hub:name", "hub:org/name"),
        ({"source": "everyday", "name": "mine"}, "ships with crosstune"),
        ({"source": "q.csv", "columns": {"a": "txt"}}, "did you mean 'text'"),
        ({"source": "q.csv", "columns": {"a": "text", "b": "text"}}, "two columns become 'text'"),
        ({"source": "q.csv", "language": "xx"}, "not a language"),
        ({"source": "q.csv", "colums": {}}, "colums"),
    ],
)
def test_refused_settings(source: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PromptsConfig.model_validate({"sets": [source], "languages": ["en"]})


def test_rows_in_other_languages_are_passed_over(tmp_path: Path) -> None:
    rows = [
        {"text": "Hi", "language": "English"},
        {"text": "Hej", "language": "sv"},
        {"text": "Salut", "language": "FRENCH"},
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [(p.language, p.messages[0].content) for p in load(tmp_path, "q.jsonl", "fr")] == [("fr", "Salut")]
    assert [(p.language, p.messages[0].content) for p in load(tmp_path, "q.jsonl", "en")] == [("en", "Hi")]
    (tmp_path / "q.en.jsonl").write_text(json.dumps(rows[0]))
    assert load(tmp_path, "q.{language}.jsonl")[0].language == "en"
    with pytest.raises(InvalidData, match="a row in 'en' in the file of 'sv'"):
        (tmp_path / "q.sv.jsonl").write_text(json.dumps(rows[0]))
        load(tmp_path, "q.{language}.jsonl", "sv")


def test_names_that_are_no_set(tmp_path: Path) -> None:
    (tmp_path / "foo.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidData, match=r"foo.txt: '.txt' is not a kind of file.*\.jsonl"):
        load(tmp_path, "foo.txt")
    with pytest.raises(InvalidData, match="folder: this is a folder"):
        load(tmp_path, "folder")
    with pytest.raises(InvalidData, match=r"no such file; write \{language\} where"):
        load(tmp_path, "questions.{lang}.jsonl")
    (tmp_path / "q.csv").write_text("text;language\nHi;en\n")
    with pytest.raises(InvalidData, match="line 1: the columns seem to be separated by ';'"):
        load(tmp_path, "q.csv")
