import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.records import Ending
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import measure
from crosstune.scoring.scorers.degeneration import DEGENERATION, degeneration

PROSE = "Mix the flour with the butter. Add two eggs and a little salt. Bake the whole cake for about half an hour."


def of(text: str, language: str = "en", prompt: str = "", ending: Ending | None = None) -> Measure:
    return degeneration(Answer("m", "p", language, language, text, prompt, ending=ending))


def spans(text: str, **about: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.note) for span in of(text, **about).spans]


def test_a_clean_answer() -> None:
    assert of(PROSE) == Measure(0.0)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u00a0", "\0\0", "\ud800"])
def test_empty(text: str) -> None:
    assert of(text) == Measure(1.0, None, "empty")
    assert measure([Answer("m", "p", "en", "en", text)], "degeneration", NO_CONTEXT) == [Measure(1.0, None, "empty")]


def test_cut_off_by_the_limit() -> None:
    assert of(PROSE, ending=Ending.LENGTH).detail == "cut_off"
    assert of(PROSE, ending=Ending.END_TOKEN).value == 0
    assert of(PROSE + " And then you", ending=Ending.END_TOKEN).value == 0  # it is known to have ended


@pytest.mark.parametrize(
    ("text", "language", "cut"),
    [
        ("Do this:\n```python\nprint(1)", "en", True),
        ("Do this:\n```python\nprint(1)\n```", "en", False),
        (PROSE + " And then you", "en", True),
        (PROSE + " And then you", "xx", False),
        (PROSE + " Enjoy 🙂", "en", False),
        (PROSE + "\n\nKind regards,\nSam", "en", False),
        (PROSE + "\nhttps://example.org/how-to-bake", "en", False),
        ("把面粉和黄油混合。加两个鸡蛋。然后放进烤箱烤", "zh", True),
        ("把面粉和黄油混合。加两个鸡蛋。", "zh", False),
        ("ผสมแป้งกับเนย ใส่ไข่สองฟอง แล้วอบ", "th", False),  # its sentences end in no mark
        ("- flour\n- butter\n- two eggs", "en", False),
    ],
)
def test_cut_off_by_the_text(text: str, language: str, cut: bool) -> None:
    assert of(text, language).detail == ("cut_off" if cut else "")


@pytest.mark.parametrize(
    ("text", "language", "loop"),
    [
        (PROSE + " very" * 8, "en", "very very very very very very very very"),
        (PROSE + " of the game" * 5, "en", "of the game of the game of the game of the game of the game"),
        (PROSE + "\nI do not know." * 5, "en", "I do not know.\n" * 4 + "I do not know"),
        ("".join(f"{number}. Add a little more salt\n" for number in range(1, 6)), "en", None),
        (PROSE + "!" * 40, "en", "!" * 40),
        (PROSE + "lalalala" * 10, "en", "lalalala" * 10),
        ("今天天气" + "很好，" * 12, "zh", None),
        ("え" * 30, "ja", "え" * 30),
    ],
)
def test_loops(text: str, language: str, loop: str | None) -> None:
    found = [part for part, note in spans(text, language=language) if note == "loop"]
    assert found and (loop is None or found == [loop])


@pytest.mark.parametrize(
    "text",
    [
        "Ha ha ha ha ha! Hahahahahaha! 😂😂😂😂😂",
        "| a | b |\n|" + "-" * 80 + "|" + "-" * 80 + "|\n| c | d |",
        "Name: " + "_" * 60 + "\nDate: " + "_" * 60,
        "=" * 79 + "\nTitle\n" + "=" * 79,
        "A googol is 1" + "0" * 50 + ".",
        "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\nLife is but a dream.",
        "Happy birthday to you,\nHappy birthday to you,\nHappy birthday, dear Anna,\nHappy birthday to you!",
        "0 1 0 1 0 1 0 1\n1 0 1 0 1 0 1 0\n0 1 0 1 0 1 0 1",
        "Monday: oats\nTuesday: oats\nWednesday: oats\nThursday: oats\nFriday: oats",
        "哈哈哈哈哈哈哈哈，太好笑了！",
    ],
)
def test_verse_forms_and_laughter_are_no_loops(text: str) -> None:
    assert of(text) == Measure(0.0)


def test_repeated_ngrams() -> None:
    one, two, three = (sentence.strip() + "." for sentence in PROSE.rstrip(".").split("."))
    text = " ".join([one, two, three, two, one, three, one, three])
    assert of(text).detail == "repeated_ngrams"
    assert of(f"```\n{text}\n```\n{PROSE}").value == 0  # code repeats itself


PROMPT = "Explain to a child of ten why the sea is salty and rivers are not."


@pytest.mark.parametrize(
    ("prompt", "text", "echo"),
    [
        (PROMPT, PROMPT, True),
        (PROMPT, f"**{PROMPT.upper()}**\n\n{PROSE}", True),
        (PROMPT, "Explain to a child of ten why the sea is salty and rivers", True),
        (PROMPT, f"The sea is salty and rivers are not. {PROSE}", False),
        ("Why is the sea salty?", f"Why is the sea salty?\n\n{PROSE}", False),  # a heading
        ("Why is the sea salty?", "Why is the sea  salty?", True),
        (f"Make this shorter: {PROSE}", f"{PROSE[:50]} And bake it.", False),
        (f"Correct this: {PROSE}", PROSE, True),
        ("Is it red, green or blue?", "blue", False),
        ("请解释为什么海水是咸的而河水不是咸的。", "请解释为什么海水是咸的而河水不是咸的。", True),
        ("", PROSE, False),
    ],
)
def test_prompt_echo(prompt: str, text: str, echo: bool) -> None:
    assert ("prompt_echo" in of(text, prompt=prompt).detail) == echo


def test_where_a_prompt_is_echoed() -> None:
    assert spans(f"**{PROMPT}**\n\n{PROSE}", prompt=PROMPT) == [(PROMPT, "prompt_echo")]


@pytest.mark.parametrize(
    "rest",
    [
        "<|im_end|>",
        "<|eot_id|>",
        "</s>",
        " [INST] And then? [/INST]",
        "<end_of_turn>",
        "<<SYS>>",
        "\n### Human: And then?",
        "\n\nUser: And what about the oven, please?",
        "\nUser: And then?\nAssistant: That is all.",
        "\nПользователь: А потом?\nАссистент: Это всё.",
    ],
)
def test_chat_markup(rest: str) -> None:
    assert of(PROSE + rest).detail == "chat_markup"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Stop at `<|im_end|>`. " + PROSE, ""),
        ("```\n<|im_start|>user\n```\n" + PROSE, ""),
        ("The price was <s>20</s> 10 euros.", ""),
        ("Host: server\nUser: admin\nPort: 22", ""),
        ("Customer: Hello.\nAgent: Good morning.", ""),
        ("User: Hello there.\nAssistant: Good morning.", "Go on:\nUser: Hi"),
        ("In [1] and <b>bold</b> text #1: fine.", ""),
    ],
)
def test_what_is_no_chat_markup(text: str, prompt: str) -> None:
    assert of(text, prompt=prompt) == Measure(0.0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Моя pабота", "pабота"),
        ("Mосква стоит", "Mосква"),
        ("This is nоt fine", "nоt"),
        ("ВВСnews today", "ВВСnews"),
        ("the gοοd one", "gοοd"),
        ("heملlo there", "heملlo"),
        ("до́мik", "до́мik"),
    ],
)
def test_mixed_script_words(text: str, word: str) -> None:
    assert spans(text) == [(word, "mixed_script_words")]


@pytest.mark.parametrize(
    "text",
    [
        "SMS-ка, SMSка, e-почта, IP-адрес",
        "4.7 kΩ, 10 μF, Δx ≈ 3 μm, sinα, β-carotene, 2πr",
        "Tмакс и Fтр",
        "GoogleでPCを使い、Tシャツを買う",
        "iPhone의 화면",
        "PDFमें सहेजें",
        "הGoogle والـPDF بالWhatsApp",
        "`pабота` is written with a Latin p",
    ],
)
def test_scripts_that_go_together(text: str) -> None:
    assert of(text) == Measure(0.0)


@pytest.mark.parametrize(
    "text", ["a \ufffd b", "cafÃ© au lait", "itâ€™s", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "20 Â°C", "à¤¹à¤¿à¤¨à¥à¤¦à¥€"]
)
def test_broken_characters(text: str) -> None:
    assert of(text).detail == "broken_characters"


def test_where_a_character_is_lost() -> None:
    assert spans("a\u00adb \ufffd b") == [("\ufffd", "broken_characters")]


@pytest.mark.parametrize("text", ["«CAFÉ» „SPAß“ “NÃO”", "GROß… É—", "20 °C, ½, São"])
def test_whole_characters(text: str) -> None:
    assert of(text) == Measure(0.0)


def test_several_signs() -> None:
    found = of(PROSE + " no" * 20 + "<|im_end|>", ending=Ending.LENGTH)
    # Of the 41 groups of four words (22 + 20 + "im" + "end" are 44 words), 16 of the 17 of "no" repeat the first.
    assert found.detail == "cut_off, loop, repeated_ngrams, chat_markup"
    assert list(found.spans) == sorted(found.spans, key=lambda span: span.start)


PIECES = st.sampled_from(
    [
        "word ",
        "no ",
        "я",
        "p",
        "é",
        "\u0301",
        "\n",
        "```\n",
        "!",
        "<|im_end|>",
        "User: ",
        "Ã©",
        ". ",
        "的",
        "\u00ad",
        "İ",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["en", "zh", "xx"]))
def test_degeneration_invariances(text: str, language: str) -> None:
    found = of(text, language, PROMPT)
    for form in ("NFC", "NFD"):
        again = of(unicodedata.normalize(form, text), language, PROMPT)
        assert (again.value, again.detail) == (found.value, found.detail)
    assert of(text + " \n\t ", language, PROMPT) == found
    answer = Answer("m", "p", language, language, text, PROMPT)
    other = Answer("m", "q", language, language, "no " * 50, PROMPT)
    assert DEGENERATION.measure([other, answer, other, answer], NO_CONTEXT)[1::2] == [found, found]


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_has_a_value_and_spans_in_it(text: str, prompt: str) -> None:
    found = of(text, prompt=prompt)
    assert found.value in (0.0, 1.0) and bool(found.detail) == bool(found.value)
    assert all(0 <= span.start < span.end <= len(text) for span in found.spans)


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "ab " * 10**5, "\n" * 10**5, (" " * 199 + "\n") * 60 + "x", "`a" * 5000, "<" * 10**4, "pа" * 5000,
     "\u0301" * 10**5, "\n\nUser: a b c d" * 700, "</s>" * 2500, ("a" * 19 + "b") * 500, "Abcd efgh. " * 900 + "x"],
)  # fmt: skip
def test_hostile_answers_do_not_slow_degeneration(text: str) -> None:
    start = time.perf_counter()
    of(text, prompt=text)
    assert time.perf_counter() - start < 1
