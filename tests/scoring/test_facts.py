import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT, Context
from crosstune.scoring.score import context_of, measure
from crosstune.scoring.scorers.facts import FACTS, facts

PARIS = ("Paris",)


def of(
    text: str, accepted: tuple[str, ...] = PARIS, language: str = "en", prompt: str = "", context: Context = NO_CONTEXT
):
    return facts(Answer("m", "p", language, language, text, prompt, "t", accepted=accepted), context)


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "**Paris**\n\nIt is the capital of France.",
        "Paris, the capital of France, lies on the Seine, unlike Lyon.",
        "It is Paris, France.",
        "Paris, Texas, USA",  # a place and where it is
        "The Louvre is in Paris (Île-de-France), not in Lyon or Nice.",
        "The capital is Paris, not Lyon or Marseille as some believe.",
        "The answer is Paris and the museum is the Louvre.",
        "Options: A) London B) Paris C) Rome. The answer is B) Paris.",
        "- Country: France\n- City: Paris\n- River: Seine",
        "1. Think of France.\n2. Its capital is Paris.\n3. So that is the answer.",
    ],
)
def test_right(text: str) -> None:
    found = of(text)
    assert (found.value, found.detail) == (1.0, "Paris")
    assert [(text[span.start : span.end], span.note) for span in found.spans] == [("Paris", "accepted")]


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("Paris, London, Berlin or Rome", ["London", "Berlin", "Rome"]),
        ("London, Paris, Rome", ["London", "Rome"]),
        ("Paris or London", ["London"]),
        ("It could be Paris. Or London.", ["London"]),
        ("The candidates are London, Paris and Rome.", ["London", "Rome"]),
        ("- London\n- Paris\n- Rome", ["London", "Rome"]),
        ("1. **London** – big\n2. **Paris** – nice\n3. **Rome** – old", ["London", "Rome"]),
        ("London\nParis\nRome", ["London", "Rome"]),
        ("London. Paris. Rome.", ["London", "Rome"]),
        ("A) London B) Paris C) Rome", ["London", "Rome"]),
        ("Paris / London / Rome", ["London", "Rome"]),
        ("| London | Paris | Rome |", ["London", "Rome"]),
    ],
)
def test_a_list_of_answers_is_not_right(text: str, others: list[str]) -> None:
    found = of(text)
    assert (found.value, found.detail) == (0.0, f"lists {len(others) + 1} answers")
    assert [text[span.start : span.end] for span in found.spans if span.note == "other"] == others
    assert [text[span.start : span.end] for span in found.spans if span.note == "accepted"] == ["Paris"]


@pytest.mark.parametrize(
    ("language", "accepted", "text", "right"),
    [
        ("ru", "Париж", "Париж или Лондон", False),
        ("ru", "Париж", "Это Париж, а не Лондон или Рим.", True),
        ("de", "Rhein", "der Rhein oder die Donau", False),
        ("fr", "Nil", "le Nil, l’Amazone ou le Danube", False),
        ("tr", "Ankara", "Ankara veya İstanbul", False),
        ("ar", "باريس", "باريس أو لندن", False),
        ("hi", "पेरिस", "पेरिस या लंदन", False),
        ("zh", "巴黎", "巴黎或伦敦", False),
        ("zh", "巴黎", "巴黎、伦敦、柏林", False),
        ("zh", "巴黎", "卢浮宫位于法国首都巴黎，是世界上最大的博物馆。", True),
        ("ja", "パリ", "パリかロンドンです。", False),
        ("ja", "パリ", "パリ、ロンドン、ローマ", False),
        ("ja", "パリ", "フランスの首都、パリにあります。", True),
        ("ko", "파리", "파리 또는 런던", False),
    ],
)
def test_other_languages(language: str, accepted: str, text: str, right: bool) -> None:
    assert of(text, (accepted,), language).value == right


@pytest.mark.parametrize(
    ("accepted", "text", "right"),
    [
        ("1790", "1789, 1790, 1791", False),
        ("1789", "The year was 1789, 1790 or 1791.", False),
        ("1945", "The war began in 1939 and ended in 1945.", True),
        ("1789", "On 14 July 1789, 3000 people", True),
    ],
)
def test_years(accepted: str, text: str, right: bool) -> None:
    assert of(text, (accepted,)).value == right


PASSING = (
    "Many countries have a long history of parliaments. Congress has 2 chambers, as others have. "
    "Ask each state for its own."
)


def test_a_small_number_must_stand_where_an_answer_does() -> None:
    two = ("2", "two")
    assert (of(PASSING, two).value, of(PASSING, two).detail) == (0.0, "in passing")
    assert of("Each state has 2 senators. " + PASSING, two).value == 1
    assert of("Great question! Each state has two senators. " + PASSING, two).value == 1
    assert of(PASSING + " So the answer is 2.", two).value == 1
    assert of(PASSING.replace("2 chambers", "**2** chambers"), two).value == 1
    assert of("2", two).value == of("It has 2 of them.", two).value == 1
    assert of("1. First, think of it all.\n2. Then answer what was asked.", two).value == 0  # the numbers of a list
    assert of(PASSING.replace("2", "1776"), ("1776",)).value == 1


def rivals(*others: str, task: str = "t", language: str = "en") -> Context:
    return Context(rivals={(task, language): (PARIS, *((other,) for other in others))})


def test_many_answers_of_other_questions_in_few_words() -> None:
    context = rivals("Nile", "Mars", "Plato", "1945")
    text = "paris nile mars plato"
    assert of(text, context=context).detail == "lists 4 answers"
    assert of(text).value == 1  # what is of the same kind is not known
    assert of(text, context=rivals("Nile", "Mars", task="other")).value == 1
    # Named by the prompt, they are no rivals; two in a long answer are none either.
    assert of("Paris Nile Mars", context=context, prompt="Nile or Mars?").value == 1
    assert (
        of(
            "Paris. Plato never saw it, but the planet Mars shines over it as it does over the Nile in the south.",
            context=context,
        ).value
        == 1
    )


def test_words_of_the_prompt_and_other_names_of_the_answer_are_no_alternatives() -> None:
    assert of("Istanbul or Constantinople", ("Istanbul",)).value == 0
    assert of("Istanbul or Constantinople", ("Istanbul",), prompt="Which city was Constantinople?").value == 1
    assert of("8 or eight", ("8", "eight")).value == 1
    assert of("Orville and Wilbur Wright", ("Orville and Wilbur", "Wright")).value == 1


def test_nothing_found() -> None:
    assert (of("London").value, of("London").detail, of("London").spans) == (0.0, "", ())


def test_facts_is_asked_of_questions_of_facts_and_builds_on_context() -> None:
    ask = Answer("m", "p", "en", "en", "paris nile mars", "", "t", accepted=PARIS)
    others = [Answer("m", name, "en", "en", name, "", "t", accepted=(name,)) for name in ("Nile", "Mars")]
    plain = Answer("m", "q", "en", "en", "Paris")
    answers = [ask, *others, plain]
    found = measure(answers, "facts", context_of(answers))
    assert [one and one.value for one in found] == [0, 1, 1, None]
    assert not FACTS.supports("xx") and set(FACTS.identity()) == {"tables"}


ALPHABET = st.sampled_from(
    ["Paris", "Rome", "2", " ", ", ", " or ", "\n", ". ", "- ", "1. ", "**", "é", "(", "か", "、", "\u0301"]
)


@given(st.lists(ALPHABET, max_size=25).map("".join), st.sampled_from(["en", "ja", "fr", "xx"]))
def test_fact_invariances(text: str, language: str) -> None:
    accepted = ("Paris", "2", "é")
    found = of(text, accepted, language)
    assert of(text + " \n\t", accepted, language) == found
    assert of(unicodedata.normalize("NFC", text), accepted, language).value == found.value
    assert of(unicodedata.normalize("NFD", text), accepted, language).value == found.value
    answer = Answer("m", "p", language, language, text, accepted=accepted)
    other = Answer("m", "q", language, language, "Paris or Rome", accepted=accepted)
    assert FACTS.measure([other, answer, answer], NO_CONTEXT)[1:] == [found, found]


@given(st.text(max_size=200))
def test_any_text_has_a_verdict_on_facts(text: str) -> None:
    assert of(text, ("Paris", "2", "a*"), prompt=text).value in (0.0, 1.0)


@pytest.mark.parametrize(
    "text", ["Paris " * 10**5, "Paris, " * 10**5, "- Paris\n" * 10**5, "Paris or " * 10**5, "(" * 10**6, "2 " * 10**5]
)
def test_hostile_answers_to_facts_take_no_time(text: str) -> None:
    start = time.perf_counter()
    of(text, ("Paris", "2"), context=rivals("Rome", "Paris or"))
    assert time.perf_counter() - start < 1
