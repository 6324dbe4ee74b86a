"""Sentences, words, paragraphs and titles in many scripts."""

import time
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.languages import languages
from crosstune.text.segments import has_word, paragraphs, sentences, title_of, without_titles, words


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Dr. Smith came, e.g. for tea.", "He left at 5 p.m.", "Then it rained!"]),
        ("en", ["It was written by J. K. Rowling in the U.S. of all places.", "Was it?", "Yes"]),
        ("en", ["Version 3.5 is at example.com.", "Get it..."]),
        ("en", ['"Really?" he asked.', "(Nobody answered.)", '"No."', "So he went."]),
        ("fr", ["M. Dupont cultive des fruits, p. ex. des pommes.", "Il dit : « Bonjour ! » et s’en va."]),
        ("de", ["Das ist z. B. Quark, d. h. Käse.", "Er kam am 3. Mai an, vgl. Seite 512.", "Ende usw.", "Nun denn."]),
        ("es", ["¿Vive la Sra. García aquí?", "¡Sí!", "Pregunte Ud. mañana."]),
        ("it", ["Il Sig. Rossi compra frutta, p. es. mele.", "Va bene?"]),
        ("pt", ["O Dr. Silva chegou.", "Trouxe frutas, p. ex. Maçãs argentinas."]),
        ("ru", ["Писал А. С. Пушкин, т. е. Поэт.", "Потом были стихи и т. д.", "Всё…", "Или нет?"]),
        ("tr", ["Prof. Dr. Ayşe Hanım 3. Mayıs gününde geldi.", "İyi mi?", "Evet."]),
        ("ar", ["هل أنت بخير؟", "نعم، جاء د. محمد أمس.", "شكرا!"]),
        ("hi", ["डॉ. शर्मा आए।", "क्या वह ठीक है?", "हाँ॥", "बस"]),
        ("el", ["Τι κάνεις;", "Καλά."]),
        ("ur", ["یہ پہلا جملہ ہے۔", "یہ دوسرا ہے۔"]),
        ("en", ["😀 Great!", "🎉 Let us go 😀."]),
        ("vi", ["Xin chào.", "Tôi là Minh."]),
    ],
)
def test_sentences(language: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), language) == expected
    assert sentences("\n\n".join(expected), language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh", ["今天天气很好。", "我们去公园吧！", "你去吗？", "价格是1.5元"]),
        ("ja", ["東京に行きたいです。", "はい！", "「行く。」と言った。", "次は？"]),
    ],
)
def test_sentences_without_spaces(language: str, expected: list[str]) -> None:
    assert sentences("".join(expected), language) == expected


def test_an_opening_quotation_mark_begins_a_sentence() -> None:
    assert sentences("你好。“走吧！”", "zh") == ["你好。", "“走吧！”"]


def test_a_short_number_before_a_full_stop_is_taken_for_an_ordinal_where_there_are_such() -> None:
    assert sentences("Er ist 30. Sie ist 31.", "de") == ["Er ist 30. Sie ist 31."]  # known, and rarer than dates
    assert sentences("He is 30. She is 31.", "en") == ["He is 30.", "She is 31."]


def test_sentences_without_capitals() -> None:
    assert sentences("boil the eggs. then eat, e.g. now! ok", "en") == ["boil the eggs.", "then eat, e.g. now!", "ok"]


def test_a_number_begins_a_sentence_but_behind_some_words() -> None:
    text = (
        "Heat the oven. 200 g of flour are enough. See No. 5 or p. 7, from Jan. 3 to ca. 9 p.m. on Monday. No. Three."
    )
    assert sentences(text, "en") == [
        "Heat the oven.",
        "200 g of flour are enough.",
        "See No. 5 or p. 7, from Jan. 3 to ca. 9 p.m. on Monday.",
        "No.",
        "Three.",
    ]


def test_signs_of_lines_are_no_sentences() -> None:
    text = "# Title\n1. Do this. Then that.\n2) More\n- **bold** point\n> quoted\n---\n***\n😀\n١. تفاح"
    assert sentences(text, "en") == ["Title", "Do this.", "Then that.", "More", "**bold** point", "quoted", "تفاح"]


def test_words() -> None:
    assert words("L’état, c’est moi: 3.5 € (well-known) 😀!", "fr") == [
        "L’état",
        "c’est",
        "moi",
        "3.5",
        "well",
        "known",
    ]
    assert words("今天天气很好。", "zh") == ["今天", "天气", "很好"]
    assert words("東京に行きたい", "ja") == ["東京", "に", "行き", "たい"]
    assert words("ภาษาไทย", "th") == ["ภาษา", "ไทย"]
    assert words("हिन्दी में لغة", "hi") == ["हिन्दी", "में", "لغة"]
    # A character beyond U+FFFF takes two units of ICU's: places behind it must not move.
    assert words("😀😀 one 𝒳 two", "en") == ["one", "𝒳", "two"]
    assert words("cafe\u0301 a\ud800b", "fr") == ["café", "a", "b"]
    assert words(" \n—😀", "en") == []


def test_paragraphs() -> None:
    text = "# Title\n\nOne.\nStill one.\n \nTwo.\r\n\r\n---\n\n## Next\n\n\nالثالثة\n\n😀"
    assert paragraphs(text) == ["One.\nStill one.", "Two.", "الثالثة"]
    assert paragraphs("## A heading\nwith its text") == ["with its text"]
    assert paragraphs("\n\n") == []


def test_titles() -> None:
    assert title_of("### A walk") == "###"
    assert title_of("**A walk**") == title_of("  __A walk__: ") == title_of("**Why?**") == "**"
    for text in ("A walk", "**A** walk", "**A** **walk**", "**A walk.**", "****", "#walk", "- **A walk**"):
        assert title_of(text) is None
    assert without_titles("# One\ntwo\n**Three**\nfour") == "\ntwo\n\nfour"


def test_the_table_of_abbreviations() -> None:
    text = files("crosstune").joinpath("text/abbreviations.tsv").read_text("utf-8")
    rows = [tuple(line.split("\t")) for line in text.splitlines()]
    assert rows[0] == ("language", "kind", "text")
    assert len(set(rows)) == len(rows)
    for code, kind, word in rows[1:]:
        assert code in languages()
        assert kind in ("abbreviation", "before_number", "continuation")
        assert word == word.strip() != "" and not word.endswith("."), "the full stop is understood"


@settings(max_examples=300)
@given(
    st.text(alphabet=st.characters(), max_size=200), st.sampled_from(["en", "de", "tr", "zh", "ja", "ar", "hi", "th"])
)
def test_any_text(text: str, language: str) -> None:
    for found in (sentences(text, language), words(text, language), paragraphs(text)):
        assert all(has_word(piece) and piece == piece.strip() for piece in found)


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["the cat sat", "it is 5", "мир", "où"]), min_size=1, max_size=12), st.sampled_from("!?")
)
def test_as_many_sentences_as_were_put_together(parts: list[str], mark: str) -> None:
    assert len(sentences(" ".join(f"X{part}{mark}" for part in parts), "en")) == len(parts)


@pytest.mark.parametrize("unit", ["J. ", "z. B. ", "1. ", "> ", "- ", "# ", "“", "。", "\u0301", "  ", "…", "a.\n"])
def test_long_text_takes_no_time(unit: str) -> None:
    start = time.perf_counter()
    sentences(unit * 20_000, "de")
    paragraphs(unit * 20_000)
    assert time.perf_counter() - start < 5
