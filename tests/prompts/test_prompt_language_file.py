"""A language's file: read whole, or an error that names the line."""

import json
from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import language_file, language_of_path, read_language_file
from crosstune.prompts.load import load_prompts
from crosstune.prompts.packaged import packaged_languages, set_rows


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def swahili(base: Path, sets: str = "native") -> Path:
    rows: list[Any] = [
        {"id": row.id, "text": f"Swali la {row.id}", "gloss": "A question"}
        for name in sets.split()
        for row in set_rows(name)
    ]
    return write(base / "sw.jsonl", [*rows, {"modifier": "short", "text": "Jibu kwa ufupi."}])


def test_rows_by_id_and_modifiers_by_name(tmp_path: Path) -> None:
    rows = [
        {"id": "a/1", "text": "x", "answers": ["y"]},
        {"modifier": "json", "text": "m", "parameters": {"keys": ["k"]}, "right": "r", "wrong": "w"},
    ]
    file = read_language_file(write(tmp_path / "mine.sw.jsonl", rows))
    assert file.language == "sw"
    assert file.texts == {"a/1": {"text": "x", "answers": ["y"]}}
    assert file.modifiers == {"json": {"text": "m", "parameters": {"keys": ["k"]}, "right": "r", "wrong": "w"}}
    assert file.where("json") == f"{tmp_path / 'mine.sw.jsonl'}, line 2"
    assert file.where("none") == str(tmp_path / "mine.sw.jsonl")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x"}, "either 'id' or 'modifier'"),
        ({"id": "a", "modifier": "b", "text": "x"}, "either 'id' or 'modifier'"),
        (["a"], "either 'id' or 'modifier'"),
        ({"id": "a", "txt": "x"}, "'txt' is not a key.*did you mean 'text'"),
        ({"id": "a", "text": "x", "right": "y"}, "'right' is not a key"),
        ({"id": "a+b", "text": "x"}, "cannot be the 'id'"),
        ({"id": "first", "text": "x"}, "'first' is also that of line 1"),
        ({"id": "a"}, "there is no 'text'"),
        ({"id": "a", "text": 5}, "not text"),
        ({"id": "a", "text": " "}, "'text' is empty"),
        ({"id": "a", "text": "   \u200b\u2060\u3164 "}, r"'text' is empty \(only invisible characters\)"),
        ({"id": "a\u0007", "text": "x"}, r"control character in the 'id' \(U\+0007\)"),
        ({"id": "a\nb", "text": "x"}, "control character"),
        ({"id": "\u200b", "text": "x"}, "cannot be the 'id'"),
        ({"id": "a", "text": "x" * 100_001}, "100,001 characters; at most 100,000"),
        ({"id": "a", "text": "x \u202e y"}, r"overrides the direction of writing \(U\+202E\)"),
        ({"id": "a", "text": "x", "gloss": "\u2067"}, "'gloss' cannot be used: it turns the direction"),
        ({"id": "a", "text": "x", "answers": []}, "at least one"),
        ({"id": "a", "text": "x", "answers": "y"}, "not a list"),
        ({"id": "a", "text": "x", "answers": ["y", "y"]}, "there twice"),
        ({"id": "a", "text": "x", "answers": ["Paris", "«!»"]}, "'«!»' could never be found"),
        ({"modifier": "short", "text": ""}, "empty"),
        ({"modifier": "short", "text": "x", "parameters": []}, "not an object"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: Any, message: str) -> None:
    path = write(tmp_path / "sw.jsonl", [{"id": "first", "text": "fine"}, row])
    with pytest.raises(InvalidData, match=message) as caught:
        read_language_file(path)
    assert caught.value.where == f"{path}, line 2"
    refused: list[InvalidData] = []
    assert list(read_language_file(path, refused.append).texts) == ["first"] and len(refused) == 1


def test_wrong_encoding(tmp_path: Path) -> None:
    (tmp_path / "fr.jsonl").write_bytes('{"id": "a", "text": "b"}\n{"id": "c", "text": "é"}'.encode("latin-1"))
    with pytest.raises(InvalidData, match=r"fr.jsonl, line 2: not UTF-8.*iconv"):
        read_language_file(tmp_path / "fr.jsonl")


def test_names_of_files() -> None:
    assert language_of_path(Path("a/my.words.sw.jsonl")) == "sw"
    with pytest.raises(InvalidData, match="did you mean"):
        language_of_path(Path("swa.jsonl"))
    with pytest.raises(InvalidData, match=r"is its code and .jsonl"):
        language_of_path(Path("sw.csv"))


def test_a_language_of_ones_own(tmp_path: Path) -> None:
    path = swahili(tmp_path)
    config = PromptsConfig(
        sets=["native"], languages=["en", "sw"], modifiers=["none", "short"], language_files=["sw.jsonl"]
    )
    prompts = [prompt for prompt in load_prompts(config, tmp_path) if prompt.language == "sw"]
    assert len(prompts) == 2 * len(set_rows("native"))
    assert prompts[0].gloss == "A question"
    assert prompts[-1].messages[0].content.endswith("\nJibu kwa ufupi.")
    assert prompts[-1].checks[0].kind == "sentences"
    assert "sw" in packaged_languages("native", [path]) and "sw" not in packaged_languages("everyday", [path])


def test_it_takes_the_place_of_the_packaged_file(tmp_path: Path) -> None:
    own = write(tmp_path / "mine.fr.jsonl", [{"id": "native/festival", "text": "Autre question"}])
    assert language_file("fr", [own]).texts["native/festival"]["text"] == "Autre question"
    assert len(language_file("fr").texts) > 1
    write(own, [{"id": "native/festival", "text": "Encore une autre, plus longue"}])
    assert language_file("fr", [own]).texts["native/festival"]["text"].startswith("Encore")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    swahili(tmp_path)

    def load(sets: str, languages: str, **settings: Any) -> None:
        config = PromptsConfig(sets=[sets], languages=languages.split(), language_files=["sw.jsonl"], **settings)
        load_prompts(config, tmp_path)

    with pytest.raises(InvalidData, match=r"'everyday' is not whole in 'sw': 120 of 120 .*explain-sport-1, ") as caught:
        load("everyday", "en sw")
    assert caught.value.where == str(tmp_path / "sw.jsonl")
    with pytest.raises(InvalidData, match="no prompts ship with crosstune in 'yo'"):
        load("native", "yo")
    with pytest.raises(InvalidData, match="'long' has no wording in 'sw'"):
        load("native", "sw", modifiers=["long"])
    with pytest.raises(InvalidData, match="no such file"):
        config = PromptsConfig(sets=["native"], languages=["en"], language_files=["yo.jsonl"])
        load_prompts(config, tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["sw.jsonl", "mine.sw.jsonl"], "both of 'sw'"),
        (["swahili.jsonl"], "is its code"),
        (["sw.jsonl", "sw.jsonl"], "named twice"),
    ],
)
def test_refused_file_lists(files: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PromptsConfig(sets=["native"], languages=["sw"], language_files=files)
