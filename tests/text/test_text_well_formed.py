import pytest

from crosstune.text.well_formed import LONGEST_TEXT, control_character, is_blank, text_problem

RLO, RLI, PDI, RLE, PDF = "\u202e", "\u2067", "\u2069", "\u202b", "\u202c"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        "استخدم Python 3 في المثال",
        f"The word {RLI}שלום{PDI} means peace",
        f"{RLE}{RLI}a{PDI}{PDF}",
        "a mark of direction \u200f alone",
        "x" * LONGEST_TEXT,
        "👩🏽‍🚀",
    ],
)
def test_fine(text: str) -> None:
    assert text_problem(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (1 << 20), "1,048,576 characters; at most 100,000"),
        ("half \ud83d", "half a character"),
        (f"abc{RLO}txt", r"overrides the direction of writing \(U\+202E\)"),
        (f"{RLI}abc", r"not back \(U\+2067"),
        (f"{RLI}abc\n{PDI}", r"not back \(U\+2067"),
        (f"abc{PDI}", r"did not begin \(U\+2069\)"),
        (f"{RLE}{RLI}abc{PDF}{PDI}", r"did not begin \(U\+202C\)"),
    ],
)
def test_refused(text: str, message: str) -> None:
    import re

    assert re.search(message, text_problem(text) or "")


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u00a0\u3000", " \u200b\ufeff\u2060 ", "\u200d\ufe0f", "\u3164\u2800", "\x00\x1b"]
)
def test_nothing_to_see(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["x", "?", "…", "👩🏽‍🚀", "\u200bक", "\ud800", "١", "\u0301"])
def test_something_to_see(text):
    assert not is_blank(text)


def test_control_characters():
    assert control_character("q/1 é-می\u200cخواهم") is None
    assert control_character("a\u001b[31m") == "U+001B"
    assert control_character("a\u2028b") == "U+2028"
