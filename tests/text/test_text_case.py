"""Capitals, as each language has them."""

import pytest

from crosstune.languages import languages
from crosstune.text.case import fold, has_case, is_capital, is_cased


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Straße", "de", "strasse"),
        ("ΟΔΟΣ", "el", "οδοσ"),  # one sigma for both forms of the letter
        ("İstanbul ISI", "tr", "istanbul ısı"),
        ("İstanbul ISI", "az", "istanbul ısı"),
        ("İstanbul ISI", "en", "istanbul isi"),
        ("Привет", "ru", "привет"),
        ("你好 مرحبا", "zh", "你好 مرحبا"),
    ],
)
def test_fold(text: str, language: str, expected: str) -> None:
    assert fold(text, language) == expected


def test_has_case() -> None:
    assert [code for code in ("en", "ru", "el", "hy", "tr", "vi") if not has_case(code)] == []
    assert [code for code in ("ar", "hi", "zh", "ja", "ko", "he", "th", "ka", "am") if has_case(code)] == []
    assert has_case("xx"), "of a language that is not known nothing is ruled out"


def test_the_column_agrees_with_the_endonyms() -> None:
    # An endonym that changes when capitalised is in a script with case. Georgian capitals never begin words.
    for entry in languages().values():
        assert any(map(is_cased, entry.endonym)) == (entry.case != "none"), entry.code
    assert {code for code, entry in languages().items() if entry.case == "dotted"} == {"tr", "az"}


def test_letters() -> None:
    assert [letter for letter in "aÀжǅßıİ" if not is_cased(letter)] == []
    assert [letter for letter in "1你ابაª١ⓐ😀\u0301" if is_cased(letter)] == []
    assert [letter for letter in "AaÀàЖжǅǆİi" if is_capital(letter)] == ["A", "À", "Ж", "ǅ", "İ"]
