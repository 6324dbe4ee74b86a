"""Word pass rate: the definition by hand, and beside a plain implementation of it."""

import time

import pytest
from benchmarks.mixed_answers import mixed_answers
from benchmarks.plain_pass_rates import LATIN_SCRIPT, cut_of, passes
from benchmarks.scorers.texts import LANGUAGES
from hypothesis import given
from hypothesis import strategies as st

from crosstune.records import Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.scorers.word_pass import WORD_PASS, word_pass_with
from crosstune.text.segmenters import Segmenters


def of(text: str, language: str = "ru", segmenters: Segmenters = "icu", *, beyond: bool = True) -> Measure:
    scorer = word_pass_with(segmenters, beyond=beyond)
    (found,) = scorer.measure([Answer("run", "p", "en", language, text)], NO_CONTEXT)
    return found


def words(text: str, language: str = "ru", **options: bool) -> list[tuple[str, str]]:
    """What fails an answer, with its note."""
    found = of(text, language, **options)
    assert found.reason is None
    assert found.value == (0 if found.spans else 1)
    return [(text[span.start : span.end], span.note) for span in found.spans]


RUSSIAN = "Смешайте муку с маслом, добавьте {} яйца и выпекайте всё вместе около получаса."


def test_reasons() -> None:
    assert of("Да, конечно.") == Measure(None, Reason.TOO_SHORT)
    assert of("Mix the flour with the butter.") == Measure(None, Reason.WRONG_LINE)


@pytest.mark.parametrize(
    ("inserted", "found"),
    [
        ("", []),
        ("machine", ["machine"]),
        ("machine,", ["machine"]),
        ("(machine)", ["machine"]),  # as the definition has it: brackets are gone before words are looked at
        ("ma-chine", ["ma-chine"]),
        ("machine and learning", ["machine", "learning"]),  # "and" has three letters
        ("Machine", []),  # a capital
        ("LED", []),
        ("machines", []),  # the dictionary has no plural
        ("машинamachine", []),  # no token of its own
        ("machine2", []),
        ("«machine»", []),  # these marks are not of ASCII, so the token is another
        ("machine—machine", ["machine", "machine"]),
        ("bonjour", []),  # no English word
    ],
)
def test_english_words(inserted: str, found: list[str]) -> None:
    assert words(RUSSIAN.format(inserted)) == [(word, "en") for word in found]


def test_words_of_short_lines_are_not_looked_at() -> None:
    assert words("machine learning\n" + RUSSIAN) == []


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("zh", "你可以在家里使用machine来学习，这样可以节省很多时间。", ["machine"]),
        ("zh", "你可以在家里使用machine2来学习，这样可以节省很多时间。", []),
        ("zh", "你可以在家里使用LED来学习，这样可以节省很多时间。", []),
        ("ja", "今日はmachineの使い方を学びましょう。", ["machine"]),
        ("th", "วันนี้เราจะเรียนรู้วิธีใช้ machine กันนะครับ", ["machine"]),
    ],
)
def test_english_words_where_no_spaces_are_written(language: str, text: str, found: list[str]) -> None:
    assert words(text, language) == [(word, "en") for word in found]


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("ru", RUSSIAN.format("東京都"), [("東京都", "Hani")]),
        ("ru", RUSSIAN.format("東京"), []),  # two letters
        ("ru", RUSSIAN.format("(東京都)"), []),
        ("ru", RUSSIAN.format("«東京都»"), []),
        ("ru", RUSSIAN.format("ΔΣ"), []),
        ("ru", RUSSIAN.format("machine 東京都 order"), [("machine", "en"), ("東京都", "Hani"), ("order", "en")]),
        ("zh", "你可以在家里使用Москва来学习，这样可以节省很多时间。", [("Москва", "Cyrl")]),
        ("zh", "你可以在家里使用「おはよう」来学习，这样可以节省很多时间。", []),
        ("ja", "今日は日本語とカタカナの使い方を学びましょう。", []),
        ("ko", "오늘은 날씨가 아주 좋아서 大韓民國 친구와 함께 공원에 갔습니다.", []),  # Korean is also written so
        ("ko", "오늘은 날씨가 아주 좋아서 Москва에 친구와 함께 갔습니다.", [("Москва", "Cyrl")]),
        ("ar", "اليوم نتعلم كيفية استخدام हिन्दी في حياتنا اليومية مع الأصدقاء", [("हिन्दी", "Deva")]),
    ],
)
def test_words_of_a_third_script(language: str, text: str, found: list[tuple[str, str]]) -> None:
    assert words(text, language) == found
    assert words(text, language, beyond=False) == [one for one in found if one[1] == "en"]


def test_places_are_those_of_the_answer_as_it_was_given() -> None:
    text = "\u200f \r\n" + RUSSIAN.format("\u00ad(mac\u200fhine)").replace("й", "и\u0306")
    (span,) = of(text).spans
    assert text[span.start : span.end] == "mac\u200fhine"
    assert of(text).detail == "machine"  # as it was looked at


def test_detail_tells_different_words_and_not_too_many() -> None:
    assert of(RUSSIAN.format("machine learning machine")).detail == "machine, learning"
    assert (
        len(of(RUSSIAN.format("about above after again along among begin below bring build carry cause")).detail) < 80
    )


def rate(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return 100 * sum(known) / len(known)


@pytest.mark.parametrize("segmenters", ["icu", "original"])
@pytest.mark.parametrize("language", [code for code in LANGUAGES if code not in LATIN_SCRIPT])
def test_each_answer_as_a_plain_implementation_has_it(language: str, segmenters: Segmenters) -> None:
    pytest.importorskip("english_words")
    if segmenters == "original":
        pytest.importorskip({"zh": "jieba", "ja": "fugashi"}.get(language, "fasttext"))
    texts = mixed_answers(language, 300, seed=5)
    cut = cut_of(language, segmenters)
    plain = [value if (value := passes(text, language, cut).word) is None else float(value) for text in texts]
    answers = [Answer("run", str(place), language, language, text) for place, text in enumerate(texts)]
    ours = [one.value for one in word_pass_with(segmenters, beyond=False).measure(answers, NO_CONTEXT)]
    assert ours == plain
    assert 60 < rate(plain) < 99


@given(st.text(), st.sampled_from(["fr", "ru", "zh", "ja", "th", "ar", "en"]))
def test_any_text(text: str, language: str) -> None:
    one = of(text, language)
    assert of(text + " \n", language).value == one.value
    assert all(0 <= span.start < span.end <= len(text) for span in one.spans)


@pytest.mark.parametrize(
    "piece", ["machine ", "(" * 50, "Москва東京都 ", "「『(«", "machine東京都", "\u0301", "東", "a東"]
)
@pytest.mark.parametrize("language", ["ru", "zh", "ja", "ko"])
def test_hostile_text_is_quick(piece: str, language: str) -> None:
    start = {
        "ru": RUSSIAN,
        "zh": "今天的天气很好。",
        "ja": "今日はいい天気です。",
        "ko": "오늘은 날씨가 아주 좋습니다 정말로.",
    }
    of(start[language], language)
    began = time.perf_counter()
    of(start[language] * 20 + piece * 1000, language)
    assert time.perf_counter() - began < 0.5


def test_supports_and_identity() -> None:
    assert WORD_PASS.supports("ru")
    assert not WORD_PASS.supports("xx")
    assert WORD_PASS.identity() != word_pass_with("icu", beyond=False).identity()


def test_latin_script_goes_beyond_the_paper() -> None:
    french = "Mélangez la farine avec le beurre, ajoutez {} les œufs et faites cuire le tout."
    assert words(french.format("however"), "fr") == [("however", "en")]
    assert words(french.format(""), "fr") == []
    assert words(french.format("(however)"), "fr") == []  # a term in brackets
    short = "Oui, of course.\n" + french.format("")
    assert words(short, "fr") == []  # in a line of three words, which is not looked at
    assert of("Mix the flour with the butter and bake everything.", "fr").reason is Reason.WRONG_LINE
    assert WORD_PASS.supports("fr")
    assert not word_pass_with("icu", beyond=False).supports("fr")
    assert not WORD_PASS.supports("eu")  # has no word list
