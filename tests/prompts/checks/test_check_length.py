"""Sentences, words, paragraphs."""

import pytest
from checking import outcome


@pytest.mark.parametrize(
    ("language", "two"),
    [
        ("en", "Penguins cannot fly, e.g. over ice. Dr. Brown says so."),
        ("fr", "Les manchots ne volent pas. M. Brun le dit."),
        ("tr", "Penguenler uçamaz. Prof. Dr. Ali öyle diyor."),
        ("ar", "البطريق لا يطير. هل تعرف ذلك؟"),
        ("hi", "पेंगुइन उड़ नहीं सकते। वे तैरते हैं।"),
        ("zh", "企鹅不会飞。它们会游泳。"),
        ("ja", "ペンギンは飛べません。でも泳げます。"),
        ("en", "Penguins swim 😀! They cannot fly 🐧"),
    ],
)
def test_sentences(language: str, two: str) -> None:
    found = {count: outcome("sentences", two, language, count=count) for count in (1, 2, 3)}
    assert found == {1: False, 2: True, 3: False}
    assert outcome("sentences", two, language, at_most=2) is True
    assert outcome("sentences", two, language, at_most=1) is False
    assert outcome("sentences", two, language, at_least=3) is False
    assert outcome("sentences", two, language, at_least=1, at_most=2) is True


def test_code_is_no_sentence() -> None:
    assert outcome("sentences", "Run this:\n```\na = 1.\nB = 2.\nC = 3.\n```\nDone.", count=2) is True
    assert outcome("sentences", "```\na = 1\n```", count=1) == "undetermined"


def test_titles_are_neither_sentences_nor_paragraphs() -> None:
    for title in ("## Penguins", "**Penguins**", "__Penguins__", "**Penguins:**", "**Penguins**:", "**Penguins?**"):
        text = f"{title}\n\nThey swim. They dive.\n\n{title}\nThey rest."
        assert outcome("sentences", text, count=3) is True
        assert outcome("paragraphs", text, count=2) is True
    assert outcome("sentences", "## Penguins", count=1) == "undetermined"


def test_bold_text_is_text() -> None:
    for line in ("**They swim.**", "**They** swim **far**", "**Note:** they swim"):
        assert outcome("sentences", line, count=1) is True
        assert outcome("paragraphs", line, count=1) is True
    assert outcome("sentences", "**ペンギンは泳ぎます。**", "ja", count=1) is True


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("ja", "彼は「行きます。ありがとう。」と言った。", 1),
        ("zh", "他说：“好的。我来。”然后走了。", 1),
        ("en", "He said: “I am going. Thank you.” Then he left.", 2),
        ("de", "Er sagte: „Ja. Nein. Doch.“ Dann ging er.", 2),
        ("en", "“I came. I saw. I won.”", 3),  # nothing but a quotation
        ("en", "He said: “I came. I saw. I won.", 3),  # it does not close
        ("hi", "यह पहला है| यह दूसरा है |", 2),
        ("hi", "यह पहला है|यह दूसरा है।", 2),
        ("hi", "| क | ख |", 1),  # a row of a table
    ],
)
def test_quotations_and_bars(language: str, text: str, count: int) -> None:
    assert outcome("sentences", text, language, count=count) is True


def test_sentences_without_marks_cannot_be_told() -> None:
    assert outcome("sentences", "เพนกวินบินไม่ได้ แต่ว่ายน้ำได้", "th", at_most=3) == "unsupported_language"
    assert outcome("sentences", "Hello there.", "xx", at_most=3) == "unsupported_language"


def test_words() -> None:
    assert outcome("words", "one two-three, four!", at_least=4) is True
    assert outcome("words", "one two-three, four!", at_least=5) is False
    assert outcome("words", "one two-three, four!", at_most=3) is False
    # 今天 天气 很好: three words by ICU's dictionary.
    assert outcome("words", "今天天气很好。", "zh", at_least=3) is True
    assert outcome("words", "今天天气很好。", "zh", at_least=4) is False
    assert outcome("words", "مرحبا بك في القاهرة", "ar", at_least=4, at_most=4) is True
    assert outcome("words", "😀 — !", at_least=1) == "undetermined"


def test_paragraphs() -> None:
    assert outcome("paragraphs", "# Title\n\nOne.\n\nTwo.\n\n---", count=2) is True
    assert outcome("paragraphs", "One.\nTwo.", count=2) is False
    assert outcome("paragraphs", "الأولى.\n \nالثانية.\n\n\nالثالثة.", "ar", count=3) is True
    assert outcome("paragraphs", "一。\n\n二。", "zh", count=3) is False
