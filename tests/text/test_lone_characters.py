import unicodedata

import regex
from hypothesis import given
from hypothesis import strategies as st

from crosstune.text.lone_characters import are_lone

LONE = [character for code in range(0x11000) if are_lone(character := chr(code))]


def test_what_stands_alone() -> None:
    assert are_lone("") and are_lone("Ça va ?\t“Да” – 東京ｶ, 한국. ٣ كتاب…")
    for other in (
        "e\u0301",
        "soft\u00adhyphen",
        "\u200b",
        "हिन्दी",
        "كتابٌ",
        "\u1112\u1161",
        "👍🏽",
        "\ud800",
        "ｶ\uff9e",
    ):
        assert not are_lone(other), other


def test_the_ranges_have_no_marks_and_no_formats() -> None:
    # Cs, Co and Cn: halves of characters, private and unassigned ones.
    assert len(LONE) > 33_000
    assert {unicodedata.category(character) for character in LONE}.isdisjoint(
        {"Mn", "Mc", "Me", "Cf", "Cs", "Co", "Cn"}
    )


@given(st.text(st.sampled_from(LONE), max_size=20))
def test_every_character_is_a_cluster(text: str) -> None:
    assert "".join(regex.findall(r"\X", text.replace("\r", " "))) == text.replace("\r", " ")
    assert len(regex.findall(r"\X", text.replace("\r", " "))) == len(text)
