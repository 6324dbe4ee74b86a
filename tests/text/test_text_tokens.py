"""Tokens keep their places in the original text, and what they are."""

import csv
from importlib.resources import files

from crosstune.text.tokens import tokens


def test_places() -> None:
    # The e and its accent are two characters, the ligature is one that becomes two.
    text = "😀 Cafe\u0301 ﬁn: 1 234,5 km² 東京"
    found = [(token.text, text[token.start : token.end]) for token in tokens(text, "fr")]
    assert found == [
        ("café", "Cafe\u0301"),
        ("fin", "ﬁn"),
        ("1234.5", "1 234,5"),
        ("km", "km"),
        ("2", "²"),
        ("東", "東"),
        ("京", "京"),
    ]


def test_what_can_be_made_longer() -> None:
    assert [(token.text, token.is_word) for token in tokens("Ankara 8 東ไท", "tr")] == [
        ("ankara", True),
        ("8", False),
        ("東", False),
        ("ไ", False),
        ("ท", False),
    ]


def test_behind_an_apostrophe() -> None:
    found = {
        token.text: token.after_apostrophe for token in tokens("Ankara'da Ankara’dan 'tek' Rio ' su 8'i x’ y", "tr")
    }
    assert found == {
        "ankara": False,
        "da": True,
        "dan": True,
        "tek": False,
        "rio": False,
        "su": False,
        "8": False,
        "i": True,
        "x": False,
        "y": False,
    }


def test_every_spelling_is_of_one_letter_with_a_reason() -> None:
    rows = files("crosstune").joinpath("text/spellings.tsv").read_text("utf-8").splitlines()
    for row in csv.DictReader(rows, delimiter="\t"):
        assert len(row["from"]) == 1 and row["from"] != row["to"]
        assert row["why"]
