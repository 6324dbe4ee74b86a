"""Accepted answers are found as whole words, however they are spelt, and nothing else is."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.text.answers import Match, find_answer, normalise


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Königsstraße L’Oréal ＡＢＣ ﬁn", "de", "königsstrasse l oréal abc fin"),
        ("New-York (U.S.A.)", "en", "new york u s a"),
        ("1 234 567,89", "fr", "1234567.89"),  # spaces of three widths, a decimal comma
        ("1\u00a0234; 1\u2009234; 1\u202f234; 1'234; 1.234; 1,234", "en", "1234 1234 1234 1234 1234 1234"),
        ("3,14 3.14 3.14159 0.125", "en", "3.14 3.14 3.14159 0.125"),
        ("1.234.567,5 and 1,234.5", "de", "1234567.5 and 1234.5"),
        ("12,34,567", "hi", "1234567"),
        ("12.5.2024 and 192.168.1.1", "en", "12 5 2024 and 192 168 1 1"),
        ("in 1990 200 people", "en", "in 1990 200 people"),  # a year is no group of thousands
        ("8, 100", "en", "8 100"),
        ("١٬٢٣٤٫٥ ۱۲ १२ １２ ๑๒", "ar", "1234.5 12 12 12 12"),
        ("H₂O m² 10²⁴ 2½", "en", "h 2 o m 2 10 24 2 1 2"),
        ("25km 100°C", "en", "25 km 100 c"),
        ("İstanbul ISTANBUL Iğdır", "tr", "istanbul istanbul iğdir"),  # either i in foreign names
        ("Королёв, йод", "ru", "королев йод"),
        ("œuvre façade", "fr", "oeuvre façade"),
        ("بَارِيسُ مدرســـة إلى آسيا", "ar", "باريس مدرسه الي اسيا"),
        ("مؤتمر ہاں كتاب کتاب", "ar", "موتمر هاں كتاب كتاب"),
        ("שָׁלוֹם", "he", "שלום"),
        ("क़िला चाँद शेख़", "hi", "किला चांद शेख"),
        ("می\u200cخواهم ami\u00adgo", "fa", "ميخواهم amigo"),
        ("東京は1868年、ﾊﾟﾘ", "ja", "東 京 は 1868 年 パ リ"),
        ("กรุงเทพ", "th", "ก รุ ง เ ท พ"),
        ("서울은 9월", "ko", "서울은 9 월"),
        ("😀 — *!", "en", ""),
        ("", "en", ""),
    ],
)
def test_normalise(text: str, language: str, expected: str) -> None:
    assert normalise(text, language) == [unicodedata.normalize("NFC", word) for word in expected.split()]


@pytest.mark.parametrize(
    ("text", "answer", "language", "found"),
    [
        ("The capital is Canberra.", "Canberra", "en", "Canberra"),
        ("It is **CANBERRA**!", "canberra", "en", "CANBERRA"),
        ("in 1821", "8", "en", None),
        ("It has 8.5 legs", "8", "en", None),
        ("a parish church", "Paris", "en", None),
        ("New — York City", "New York", "en", "New — York"),
        ("York, New", "New York", "en", None),
        ("New big York", "New York", "en", None),
        ("300,000 km/s", "300000 km", "en", "300,000 km"),
        ("Shakespeare’s plays", "Shakespeare", "en", "Shakespeare"),
        ("Vive l’Italie", "Italie", "fr", "Italie"),
        ("e\u0301cole", "École", "fr", "e\u0301cole"),
        ("Ecole", "École", "fr", None),  # accents are kept
        ("Это в Париже.", "Париж*", "ru", "Париже"),
        ("Париж", "Париж*", "ru", "Париж"),
        ("парижанинов", "Париж*", "ru", None),  # six letters are another word
        ("وباريس جميلة", "*باريس", "ar", "وباريس"),
        ("لباريسنا", "*باريس*", "ar", "لباريسنا"),
        ("باريسنا", "*باريس", "ar", None),
        ("Ankara'dır.", "Ankara*", "tr", "Ankara"),
        ("Ankaradır", "Ankara*", "tr", "Ankaradır"),
        ("Ankaradır", "Ankara", "tr", None),
        ("Ankara’nın Kalesi", "Ankara* Kalesi", "tr", "Ankara’nın Kalesi"),
        ("Ankara Kalesi", "Ankara* Kalesi", "tr", "Ankara Kalesi"),
        ("Ankara eski Kalesi", "Ankara* Kalesi", "tr", None),
        ("8'i", "8", "tr", "8"),
        ("它在东京都。", "东京", "zh", "东京"),
        ("章鱼有八条腿", "八条", "zh", "八条"),
        ("有十八条腿", "八条", "zh", None),
        ("有十八条腿", "八", "zh", None),
        ("有八十条腿", "八", "zh", None),
        ("有十九名大法官", "九名", "zh", None),
        ("不是十九名，是九名。", "九名", "zh", "九名"),
        ("第一，八条腿", "八条", "zh", "八条"),  # punctuation between: two numbers
        ("3万有引力", "万有引力", "zh", None),
        ("牛顿的万有引力", "万有引力", "zh", "万有引力"),
        ("东京一直是首都", "东京", "zh", "东京"),  # 京 is also ten quadrillions
        ("二百五十个", "五十个", "zh", None),
        ("十八本です", "八本", "ja", None),
        ("八本です", "八本", "ja", "八本"),
        ("判事は十九人です", "九人", "ja", None),
        ("二〇〇九人", "九人", "ja", None),
        ("1868年", "86", "ja", None),
        ("1868年", "1868", "ja", "1868"),
        ("ジョン・F・ケネディです", "ジョン F ケネディ", "ja", "ジョン・F・ケネディ"),
        ("他是Paris人", "Paris", "zh", "Paris"),
        ("😀😀 Canberra", "Canberra", "en", "Canberra"),
        ("\u200fالقاهرة\u200f.", "القاهره", "ar", "القاهرة"),
        ("x * y", "*", "en", None),
        ("", "x", "en", None),
    ],
)
def test_find_answer(text: str, answer: str, language: str, found: str | None) -> None:
    match = find_answer(text, [answer], language)
    assert (text[match.start : match.end] if match else None) == found


def test_the_first_alias_and_its_first_place() -> None:
    assert find_answer("Myanmar, or Burma, or Myanmar", ["Burma", "Myanmar"], "en") == Match("Burma", 12, 17)
    assert find_answer("x Myanmar Myanmar", ["*", "Burma", "Myanmar"], "en") == Match("Myanmar", 2, 9)
    assert find_answer("anything", [], "en") is None


_ALPHABET = st.sampled_from("aBİı1 5,.'’*-é\u0301\u200f\u064bباक़\u093c東カー😀½²\ud800\n\0ไทย")


@settings(max_examples=300)
@given(st.one_of(st.text(alphabet=st.characters(), max_size=100), st.text(alphabet=_ALPHABET, max_size=100)))
def test_any_text_contains_itself(text: str) -> None:
    for language in ("en", "tr", "ar", "ja"):
        match = find_answer(text, [text], language)
        assert (match is not None) == bool(normalise(text, language))
        assert match is None or 0 <= match.start < match.end <= len(text)


@pytest.mark.parametrize("unit", ["100 ", "1.1", "1,11,", "e\u0301\u0316", "東", "'", "\u0301", "a'", "1"])
def test_long_text_takes_no_time(unit: str) -> None:
    start = time.perf_counter()
    find_answer(unit * 100_000, ["foo* bar", "1 2"], "en")
    assert time.perf_counter() - start < 2


def test_a_number_is_not_found_in_a_formula() -> None:
    assert find_answer("CO2 and N2", ["2"], "en") is None
    assert find_answer("100C, or 212F", ["100"], "en") is not None
    assert find_answer("约8条", ["8"], "zh") is not None
