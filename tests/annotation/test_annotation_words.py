"""Files of words, as the pages read them."""

import json
from pathlib import Path

import pytest

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.texts import TextLibrary
from crosstune.errors import InvalidData

MARKS = json.dumps(dict.fromkeys(FACETS, 1))


def write(folder: Path, code: str, **texts: str) -> None:
    rows = [json.dumps({"key": key.replace("__", "."), "text": text}) for key, text in texts.items()]
    (folder / f"{code}.jsonl").write_text("\n".join(rows), "utf-8")


def test_what_a_language_lacks_is_english(tmp_path: Path) -> None:
    write(tmp_path, "en", ui__next="Next", ui__hello="Hello {name}, {x}", criterion__fluency__title="Fluency")
    write(tmp_path, "ar", ui__next="التالي")
    library = TextLibrary(tmp_path)
    arabic = library.best("xx", "ar")
    assert (arabic.code, arabic.direction) == ("ar", "rtl")
    assert arabic("next") == "التالي"
    assert arabic("hello", name="{x}") == "Hello {x}, {x}"  # what is put in is not looked at again
    assert arabic("nowhere") == "nowhere"
    assert arabic.criteria[1].title == "Fluency"
    assert [criterion.facet for criterion in arabic.criteria] == list(FACETS)
    assert library.best("xx").code == "en"


def test_paragraphs_and_training_are_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        "en",
        guideline__10="ten",
        guideline__2="two",
        training__1__prompt="P",
        training__1__answer="A",
        training__1__why="W",
        training__1__marks=MARKS,
    )
    words = TextLibrary(tmp_path).best("en")
    assert words.guidelines == ("two", "ten")
    (item,) = words.training
    assert (item.prompt, item.answer, item.why, item.marks) == ("P", "A", "W", dict.fromkeys(FACETS, 1))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "not JSON"),
        ('{"key": "x"}', "not an object with a key and a text"),
        ('{"key": "ui.next", "text": "twice"}', "'ui.next' stands twice"),
        ('{"key": "training.1.marks", "text": "{"}', "not JSON"),
        ('{"key": "training.1.marks", "text": "{\\"fluency\\": 1}"}', "not a mark of 0, 1 or 2 for each"),
        (json.dumps({"key": "training.1.marks", "text": MARKS.replace("1", "3")}), "not a mark of 0, 1 or 2"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "en.jsonl").write_text('{"key": "ui.next", "text": "Next"}\n' + line, "utf-8")
    with pytest.raises(InvalidData, match=rf"line 2.*{problem}"):
        TextLibrary(tmp_path)
    (tmp_path / "en.jsonl").rename(tmp_path / "klingon.jsonl")
    with pytest.raises(InvalidData, match="not named after a language"):
        TextLibrary(tmp_path)
