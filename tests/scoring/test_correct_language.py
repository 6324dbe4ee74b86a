"""`correct_language`: right on the paper's prompts, fails closed, and survives any text."""

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.errors import InvalidData, InvalidStudy
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.records import Ending, Message, Prompt, Response, Score
from crosstune.scoring.score import SCORERS, score, scorer_identities

REFERENCE = Path(os.environ.get("CROSSTUNE_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "alpacaeval_test_subset.en.jsonl").is_file(),
    reason="the paper's reference files are not there (CROSSTUNE_REFERENCE)",
)

ENGLISH = "Mix the flour with the butter, add the eggs and bake everything for half an hour."
FRENCH = "Mélangez la farine avec le beurre, ajoutez les œufs et faites cuire le tout une demi-heure."
RUSSIAN = "Смешайте муку с маслом, добавьте яйца и выпекайте всё вместе около получаса."


def prompt(requested: str, language: str = "en", prompt_id: str = "p") -> Prompt:
    return Prompt(prompt_id, "set", "task", language, requested, (Message("user", "?"),))


def response(text: str, language: str = "en", prompt_id: str = "p", run: str = "run") -> Response:
    return Response(run, prompt_id, language, text, Ending.END_TOKEN, 1, 1, 0.1)


def rate(text: str, requested: str) -> tuple[float | None, str | None, str]:
    (result,) = score([response(text)], [prompt(requested)], ["correct_language"])
    return result.value, result.reason, result.detail


def test_right_and_wrong_language() -> None:
    assert rate(FRENCH, "fr") == (1.0, None, "fr")
    assert rate(ENGLISH, "fr") == (0.0, None, "en")
    assert rate(RUSSIAN, "ru") == (1.0, None, "ru")


def test_the_requested_language_counts_not_the_prompts() -> None:
    (result,) = score([response(FRENCH, "ru")], [prompt("fr", language="ru")], ["correct_language"])
    assert result == Score("run", "p", "ru", "fr", "scorer:correct_language", "correct_language", 1.0, None, "fr")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t\u3000", "empty"),
        ("42", "too_short"),
        ("Oui, bien.", "too_short"),  # seven letters
        ("好的。", "too_short"),  # two wide letters count four
        ("1 + 1 = 2; " * 30, "too_short"),
        ("🙂" * 100, "too_short"),
        ("```python\n# " + ENGLISH + "\n```", "too_short"),
        ("https://example.org/the/quick/brown/fox/jumps/over/the/lazy/dog", "too_short"),
        ("\0\0\0", "empty"),
        ("\ud800\udfff\ud800", "empty"),
        ("Beatles, Queen, Pink Floyd, Led Zeppelin, Nirvana", "undetermined"),
        # Three languages, none with half of the letters.
        (f"{ENGLISH} {FRENCH} {RUSSIAN}", "undetermined"),
    ],
)
def test_reasons_instead_of_values(text: str, reason: str) -> None:
    value, found, _ = rate(text, "fr")
    assert (value, found) == (None, reason)


def test_unsupported_language() -> None:
    # No such language in the table: a study refuses it, but tables may come from elsewhere.
    assert rate(FRENCH, "xx") == (None, "unsupported_language", "")


def test_short_answers_in_wide_scripts() -> None:
    # Ten Han characters count 20 letters.
    assert rate("首先把面粉和水混合均匀，然后烤。", "zh") == (1.0, None, "zh")
    assert rate("먼저 밀가루와 버터를 섞어 주세요.", "ko") == (1.0, None, "ko")
    assert rate("まず小麦粉とバターを混ぜてください。", "ja") == (1.0, None, "ja")


@pytest.mark.parametrize("requested", ["fr", "ru"])
def test_mixed_answers_are_in_the_language_of_most_letters(requested: str) -> None:
    own = {"fr": FRENCH, "ru": RUSSIAN}[requested]
    # One sentence in four is the other language: "mostly right" counts as right, "mostly wrong" as wrong.
    assert rate(" ".join([own] * 3 + [ENGLISH]), requested)[0] == 1.0
    assert rate(" ".join([ENGLISH] + [own] * 3), requested)[0] == 1.0
    assert rate(" ".join([ENGLISH] * 3 + [own]), requested)[0] == 0.0
    # Repeating the question in its language and then answering in English is no answer in that language.
    assert rate("\n".join([own] + [ENGLISH] * 3), requested)[0] == 0.0


def test_a_foreign_word_and_code_do_not_matter() -> None:
    text = FRENCH + " C'est ce qu'on appelle le machine learning.\n```\nprint('this is all English')\n```"
    assert rate(text, "fr")[0] == 1.0
    assert rate(f"<div><p>{FRENCH}</p></div>", "fr")[0] == 1.0
    assert rate(FRENCH.upper(), "fr")[0] == 1.0
    assert rate("\u202b" + FRENCH + "\u202c\0", "fr")[0] == 1.0


def test_the_end_of_an_enormous_answer_is_not_looked_at() -> None:
    start = time.perf_counter()
    assert rate(FRENCH * 200 + ENGLISH * 20_000, "fr")[0] == 1.0
    assert time.perf_counter() - start < 3


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300), st.sampled_from(["en", "fr", "ru", "zh"]))
def test_any_text_gets_a_value_or_a_reason(text: str, requested: str) -> None:
    value, reason, _ = rate(text, requested)
    assert (value is None) != (reason is None)
    assert value in (None, 0.0, 1.0)


@pytest.mark.parametrize("text", ["a" * 10**6, "```" * 10**5, "\u0301\u0316" * 10**5, "<a " * 10**5, "мир " * 10**5])
def test_hostile_answers_take_no_time(text: str) -> None:
    start = time.perf_counter()
    rate(text, "fr")
    assert time.perf_counter() - start < 3


def reference_prompts() -> list[tuple[str, str]]:
    return [
        (code, json.loads(line)[0]["content"])
        for code in ("en", "fr", "pt", "ru")
        for line in (REFERENCE / f"alpacaeval_test_subset.{code}.jsonl").read_text("utf-8").splitlines()
    ]


@needs_reference
def test_the_papers_prompts_are_in_their_language() -> None:
    outcomes = Counter(rate(text, code)[:2] for code, text in reference_prompts())
    assert sum(outcomes.values()) == 452
    assert outcomes[1.0, None] >= 0.99 * 452
    assert outcomes[0.0, None] == 0


@needs_reference
def test_their_first_five_words_are_too() -> None:
    outcomes = Counter(rate(" ".join(text.split()[:5]), code)[:2] for code, text in reference_prompts())
    assert outcomes[1.0, None] >= 0.97 * 452
    assert outcomes[0.0, None] <= 0.005 * 452


@needs_reference
@pytest.mark.parametrize("code", ["fr", "pt", "ru"])
def test_no_prompt_in_another_language_passes_for_english(code: str) -> None:
    for own, text in reference_prompts():
        if own == code:
            assert rate(text, "en")[0] in (0.0, None)


def cases(name: str) -> list[dict[str, str]]:
    path = Path(__file__).with_name(f"{name}_languages.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_no_adversarial_answer_passes() -> None:
    # Greetings, transliteration, names, code, made-up words, halves, close languages and more in 39 languages.
    found = cases("adversarial")
    assert len(found) >= 200
    assert [case for case in found if rate(case["text"], case["requested"])[0] == 1.0] == []


def test_honest_answers_do() -> None:
    # In 43 languages, some of one sentence, some with foreign names and terms. The rest cannot be told: sentences
    # without a word of their own in Croatian (or Bosnian, or Serbian), Norwegian (Danish), Galician, Afrikaans.
    found = cases("honest")
    values = Counter(rate(case["text"], case["requested"])[0] for case in found)
    assert len(found) >= 100
    assert values[0.0] == 0
    assert values[1.0] >= 0.92 * len(found)


@pytest.mark.parametrize("code", ["en", "fr", "de", "ru", "tr", "zh", "hi"])
def test_packaged_answers_are_in_their_language_and_in_no_other(code: str) -> None:
    found = [row for row in packaged_answers() if row[0] == code]
    texts = [text for _, text in found]
    for other in ("en", "fr", "es", "pt", "ru", "de", "tr", "zh", "ja", "hi", "ar", "it"):
        prompts = [prompt(other, other, str(number)) for number in range(len(texts))]
        responses = [response(text, other, str(number)) for number, text in enumerate(texts)]
        values = [one.value for one in score(responses, prompts, ["correct_language"])]
        assert values.count(1.0) == (len(texts) if other == code else 0)


def packaged_answers() -> list[tuple[str, str]]:
    return [
        (one.language, one.messages[-1].content)
        for source in ("starter-en", "starter-multi")
        for one in load_conversations(InstructionsConfig(source=source), Path())
    ]


def test_what_an_answer_only_quotes_is_left_out() -> None:
    # The question again in its language, then English: once without the prompt known, once with it.
    question = "Comment prépare-t-on une pâte à tarte toute simple pour quatre personnes ?"
    asked = Prompt("p", "set", "task", "fr", "fr", (Message("user", question),))
    (echoed,) = score([response(f"{question}\n{ENGLISH}", "fr")], [asked], ["correct_language"])
    assert (echoed.value, echoed.detail) == (0.0, "en")
    (alone,) = score([response(question, "fr")], [asked], ["correct_language"])
    assert (alone.value, alone.reason) == (None, "too_short")
    quoted = f"> {ENGLISH} {ENGLISH}\n\n{FRENCH}"
    assert rate(quoted, "fr")[0] == 1.0
    assert rate(f"> {FRENCH}", "fr")[0] == 1.0  # nothing but a quotation


def test_score_keeps_order_and_finds_prompts() -> None:
    prompts = [prompt("fr", "fr"), prompt("en", "en"), prompt("fr", "en", "p+in_fr")]
    responses = [
        response(ENGLISH, "fr", run="a"),
        response(ENGLISH, "en", run="a"),
        response(FRENCH, "en", "p+in_fr", run="b"),
    ]
    scores = score(responses, prompts, ["correct_language"])
    assert [(s.run, s.prompt_id, s.language, s.requested_language, s.value) for s in scores] == [
        ("a", "p", "fr", "fr", 0.0),
        ("a", "p", "en", "en", 1.0),
        ("b", "p+in_fr", "en", "fr", 1.0),
    ]
    assert score([], prompts, ["correct_language"]) == []


def test_score_refuses() -> None:
    with pytest.raises(InvalidData, match="an answer of 'run' is to prompt 'q' in 'en'"):
        score([response(ENGLISH, prompt_id="q")], [prompt("en")], ["correct_language"])
    with pytest.raises(InvalidData, match="two prompts in 'en' have the id 'p'"):
        score([], [prompt("en"), prompt("fr")], ["correct_language"])
    with pytest.raises(InvalidStudy, match="did you mean 'correct_language'"):
        score([], [], ["corect_language"])


def test_scorer_identities() -> None:
    found = scorer_identities(list(SCORERS))
    assert set(found) == set(SCORERS)
    assert all(isinstance(identity["version"], int) and identity["version"] >= 1 for identity in found.values())
    with pytest.raises(InvalidStudy):
        scorer_identities(["none"])
