import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.languages import languages
from crosstune.records import Reason
from crosstune.scoring import lengths
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT, Context, EnglishAnswer
from crosstune.scoring.lengths import count, unit_of
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import context_of, measure
from crosstune.scoring.scorers.length import LENGTH, length, length_of
from crosstune.scoring.scorers.length_ratio import LENGTH_RATIO, length_ratio
from crosstune.text.lone_characters import are_lone


def given_answer(text: str, language: str = "en", run: str = "model", prompt_id: str = "p") -> Answer:
    return Answer(run, prompt_id, language, language, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("— … 🙂🙂 !!", 0),
        ("One two  three.\n\nFour", 4),
        ("Don’t stop, it's well-known", 4),
        ("2.5 kg of A.I. in 1,000 o‘zbek", 7),
        ("https://example.org/a.html is one", 4),  # "//" parts it
        ("a—b c / d", 4),
        ("naïve cafe\u0301 हिन्दी में", 4),
        ("soft\u00adhyphen zero\u200bwidth", 3),
        ("пишите по-русски", 2),
        ("____ ____", 0),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count(text, "word") == words


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("今天天气很好！", 6),
        ("PC を 2 台。", 5),
        ("が か\u3099", 2),  # composed or not
        ("ที่นี่", 2),  # the letters of a Thai word, without the vowels and tones above them
        ("한국 \u1112\u1161\u11ab", 3),  # 한 spelled out is one syllable
    ],
)
def test_characters(text: str, characters: int) -> None:
    assert count(text, "character") == characters


def test_lone_characters_are_counted_as_others_are() -> None:
    lone = [character for code in range(0x10000) if are_lone(character := chr(code))]
    for unit, pattern in lengths._LONE_UNIT.items():
        whole = lengths._UNIT[unit]
        assert [character for character in lone if bool(pattern.match(character)) != bool(whole.match(character))] == []
        for joint in lone:  # each between two letters, and beside another of its kind
            text = f"a{joint}b {joint}{joint} c{joint}{joint}d"
            assert len(pattern.findall(text)) == len(whole.findall(text)), hex(ord(joint))


@given(st.text(st.sampled_from("ab1é的あ'’._-/ \n…٣ا"), max_size=40))
def test_any_text_of_lone_characters_is_counted_as_others_are(text: str) -> None:
    assert are_lone(text)
    for unit in lengths._UNIT:
        assert count(text, unit) == sum(1 for _ in lengths._UNIT[unit].finditer(text))


def test_units_come_from_how_a_language_is_written() -> None:
    by_character = [code for code in languages() if unit_of(code) == "character"]
    assert by_character == ["zh", "ja", "th", "lo", "my", "km"]
    assert unit_of("xx") is None and not LENGTH.supports("xx") and not LENGTH.supports("\ud800")


def test_value_and_detail() -> None:
    assert length(given_answer("One two.")) == Measure(2.0, None, "2 words")
    assert length(given_answer("One")) == Measure(1.0, None, "1 word")
    assert length(given_answer("好的。", "zh")) == Measure(2.0, None, "2 characters")
    assert length(given_answer("x " * 1234)).detail == "1,234 words"
    assert length_of(Answer("m", "p", "en", "en", None)) is None


def test_all_of_a_long_answer_is_counted() -> None:
    assert length_of(given_answer("word " * 200_000)) == 200_000


def test_the_ratio_is_to_the_same_runs_english_answer() -> None:
    answers = [
        given_answer("one two three four"),
        given_answer("un deux", "fr"),
        given_answer("一二三四五六", "zh"),
        given_answer("un", "fr", run="other"),
        given_answer("un", "fr", prompt_id="q"),
    ]
    found = measure(answers, "length_ratio", context_of(answers))
    assert found == [
        None,  # not asked of English
        Measure(0.5, None, "2 words, 4 words in English"),
        Measure(1.5, None, "6 characters, 4 words in English"),
        Measure(None, Reason.NO_REFERENCE),
        Measure(None, Reason.NO_REFERENCE),
    ]


def test_an_english_answer_without_words_is_no_reference() -> None:
    context = Context(english={("model", "p"): EnglishAnswer("🙂", 0.0)})
    assert length_ratio(given_answer("un", "fr"), context).reason is Reason.NO_REFERENCE
    assert LENGTH_RATIO.identity() == {"length": LENGTH.version}


@given(st.text(max_size=200), st.sampled_from(["en", "zh", "hi", "th"]))
def test_length_invariances(text: str, language: str) -> None:
    found = length(given_answer(text, language))
    for form in ("NFC", "NFD"):
        assert length(given_answer(unicodedata.normalize(form, text), language)) == found
    assert length(given_answer(text + " \n\t ", language)) == found


@given(st.lists(st.sampled_from(["one", "one two", "", "ein zwei drei"]), max_size=6), st.randoms())
def test_order_and_doubling_change_no_length(texts: list[str], draw) -> None:
    answers = [given_answer(text, prompt_id=str(number)) for number, text in enumerate(texts)]
    answers += [given_answer(text, "fr", prompt_id=str(number)) for number, text in enumerate(texts)]
    found = dict(zip(answers, measure(answers, "length_ratio", context_of(answers)), strict=True))
    doubled = answers * 2
    draw.shuffle(doubled)
    for answer, again in zip(doubled, measure(doubled, "length_ratio", context_of(doubled)), strict=True):
        assert again == found[answer]
    assert LENGTH.measure(doubled, NO_CONTEXT) == [length(answer) for answer in doubled]


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "a-" * 500_000, "\u0301" * 10**6, "- " * 500_000, "漢" * 10**6, "\0" * 10**6]
)
def test_a_megabyte_takes_no_time(text: str) -> None:
    start = time.perf_counter()
    length(given_answer(text)), length(given_answer(text, "zh"))
    assert time.perf_counter() - start < 2
