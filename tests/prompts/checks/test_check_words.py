"""Words and phrases that must or must not be there."""

import pytest
from checking import outcome


@pytest.mark.parametrize(
    ("language", "word", "text", "there"),
    [
        ("en", "patience", "Takes time and **Patience**!", True),
        ("en", "patience", "Be patient.", False),
        ("en", "and", "The sandy beach", False),
        ("en", "and", "Salt AND pepper", True),
        ("fr", "été", "Un E\u0301te\u0301 chaud", True),
        ("fr", "et", "Un été", False),
        ("de", "Straße", "STRASSE", True),
        ("tr", "ışık", "IŞIK", True),
        ("tr", "ile", "İLE", True),
        ("tr", "Ankara*", "Ankara’nın", True),
        ("ru", "терпение", "Терпение важно", True),
        ("ru", "терпение", "с терпением", False),
        ("ar", "الصبر", "الصَّبْرُ جميل", True),
        ("ar", "الصبر", "صبر", False),
        ("hi", "धैर्य", "थोड़ा धैर्य रखें", True),
        ("hi", "और", "औरत", False),
        ("zh", "耐心", "需要一点耐心。", True),
        ("zh", "耐心", "需要时间。", False),
        ("ja", "忍耐", "忍耐が必要です", True),
        ("en", "fun", "fun😀", True),
    ],
)
def test_contains_and_avoids(language: str, word: str, text: str, there: bool) -> None:
    assert outcome("contains", text, language, word=word) is there
    assert outcome("avoids", text, language, word=word) is not there


@pytest.mark.parametrize(
    ("language", "phrase", "begins", "ends"),
    [
        ("en", "Good question", "**Good question!** Eggs need", "Eggs need … “good question”. 😀"),
        ("fr", "Bonne question", "« Bonne question » : les œufs", "les œufs, bonne question !"),
        ("tr", "İyi soru", "İYİ SORU, yumurta", "yumurta — iyi soru"),
        ("ru", "Хороший вопрос", "# Хороший вопрос\nяйца", "яйца. _Хороший вопрос_"),
        ("ar", "سؤال جيد", "\u200fسؤال جيد! البيض", "البيض، سُؤال جيّد."),
        ("hi", "अच्छा सवाल", "अच्छा सवाल! अंडे", "अंडे। अच्छा सवाल।"),
        ("zh", "好问题", "好问题！鸡蛋", "鸡蛋。好问题。"),
        ("ja", "いい質問", "「いい質問」です", "卵は、いい質問！"),
    ],
)
def test_begins_and_ends(language: str, phrase: str, begins: str, ends: str) -> None:
    assert outcome("begins_with", begins, language, phrase=phrase) is True
    assert outcome("ends_with", begins, language, phrase=phrase) is False
    assert outcome("begins_with", ends, language, phrase=phrase) is False
    assert outcome("ends_with", ends, language, phrase=phrase) is True


def test_a_phrase_is_whole_words() -> None:
    assert outcome("begins_with", "Good questions", phrase="Good question") is False
    assert outcome("ends_with", "No good question", phrase="o good question") is False
    assert outcome("begins_with", "Good", phrase="Good question") is False


@pytest.mark.parametrize(
    ("language", "phrase", "text", "passed"),
    [
        ("en", "In short:", "Bread goes stale.\n\n**In short:** eat it.", True),
        ("en", "In short:", "Bread goes stale.\nIn short, eat it.", True),
        ("fr", "En bref :", "Le pain rassit.\n\nEn bref\u00a0: mange-le.", True),
        ("ar", "باختصار:", "الخبز يجف.\n\nباختصار: كله.", True),
        ("zh", "总之", "面包会变干。\n\n总之，快吃。", True),
        ("en", "Summary", "Bread goes stale.\n\n## Summary\n\nEat it.", True),
        ("en", "Summary", "Bread goes stale.\n\nSummary:\n\nEat it.", True),
        ("en", "Summary", "Bread goes stale.\n\n**Summary**\nEat it.", True),
        ("en", "Summary", "Bread goes stale.\nSummary:\nEat it.", True),
        ("en", "Summary", "Bread goes stale.\n\n**Summary: eat it**", True),
        ("ar", "باختصار:", "الخبز يجف.\n\n## باختصار\n\nكله.", True),
        ("en", "Summary", "# Bread\n\n## Summary\n\nEat it.", False),  # a title is no text before it
        ("en", "Summary", "Bread goes stale.\n\nSummary:", False),
        ("en", "Summary", "Bread goes stale.\n\nSummary:\n\nEat it.\n\nEnjoy!", False),
        ("en", "Summary", "Bread goes stale.\n\nSummary of it:\n\nEat it.", False),
        ("en", "In short:", "Bread goes stale.\n\nIn short: eat it.\n\nEnjoy!", False),
        ("en", "In short:", "Bread goes stale. In short: eat it.", False),
        ("en", "In short:", "In short: eat it.", False),
        ("en", "In short:", "Bread goes stale.\n\nSo eat it.", False),
        ("en", "In short:", "😀", False),
    ],
)
def test_last_paragraph(language: str, phrase: str, text: str, passed: bool) -> None:
    assert outcome("last_paragraph", text, language, phrase=phrase) is passed
