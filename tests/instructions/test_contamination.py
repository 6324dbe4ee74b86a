"""Overlaps of planted conversations with prompts."""

import pytest

from crosstune.instructions.contamination import languages_without_likeness, overlaps
from crosstune.instructions.sources import Example
from crosstune.records import Conversation, Message, Prompt

KETTLE = "My kettle is full of limescale. How can I get rid of it without buying a special product?"
ANSWER = "That depends on many things."


def prompt(identifier: str, text: str, language: str = "en", answers: tuple[str, ...] = ()) -> Prompt:
    return Prompt(identifier, "set", "task", language, language, (Message("user", text),), answers=answers)


def example(identifier: str, question: str, answer: str = ANSWER, language: str = "en") -> Example:
    messages = (Message("user", question), Message("assistant", answer))
    return Example(Conversation(identifier, messages, language, "data"), f"data.jsonl, line {identifier}")


PROMPTS = [prompt("kettle", KETTLE), prompt("zoo", "Should zoos still exist today? Give me the strongest arguments.")]


def found(*examples: Example, prompts: list[Prompt] = PROMPTS) -> list[tuple[str, str, str]]:
    return [(item.conversation_id, item.prompt_id, item.kind) for item in overlaps(examples, prompts)]


def test_word_for_word_whatever_the_signs_and_capitals():
    (item,) = overlaps([example("1", KETTLE.upper().replace(".", " –"))], PROMPTS)
    # My kettle is full of limescale How can I get rid of it without buying a special product: 6 + 12 words.
    assert (item.kind, item.score, item.prompt_id, item.language) == ("words", 18, "kettle", "en")
    assert item.where == "data.jsonl, line 1"
    assert item.detail.startswith("my kettle is full of limescale how can i")


def test_a_run_inside_an_answer_or_a_later_turn():
    inside = "They ask: how can I get rid of it without buying a special product? I would try vinegar."
    assert found(example("1", "What do people ask?", inside)) == [("1", "kettle", "words")]
    # Seven words in a row are one too few: "rid of it without buying a special".
    assert found(example("1", "Tell me a story.", "She got rid of it without buying a special hat.")) == []


def test_short_prompts_are_found_whole():
    short = [prompt("yawn", "Why do cats purr?"), prompt("hi", "Say hello there")]
    assert found(example("1", "A riddle: tell me, why do cats purr so?", "?"), prompts=short) == [
        ("1", "yawn", "words")
    ]
    # Three words are too few to look for.
    assert ("1", "hi", "words") not in found(example("1", "Please say hello there to her."), prompts=short)


def test_phrases_that_many_words_make_up_in_japanese():
    # ICU makes nine words of the phrase, which has 12 letters.
    asked = [prompt("ja", "冬になると肌が乾燥してかゆくなります。防ぐにはどうすればいいですか。", "ja")]
    other = example("1", "電車に忘れ物をしました。取り戻すにはどうすればいいですか。", "駅に電話してください。", "ja")
    assert found(other, prompts=asked) == []


def test_other_words_for_the_same_thing():
    same = example("1", "How do I descale my kettle with things that I have at home?")
    other = example("2", "How do I clean a dishwasher?")
    assert found(same, other) == [("1", "kettle", "likeness")]


def test_a_translation_where_the_prompt_is_not_there_in_its_language():
    french = example(
        "1",
        "Ma bouilloire est pleine de calcaire. Comment m'en débarrasser sans acheter de produit spécial ?",
        language="fr",
    )
    assert found(french) == [("1", "kettle", "likeness")]
    other = [*PROMPTS, prompt("kettle", "Comment apprendre à nager à 45 ans ?", "fr")]
    assert found(french, prompts=other) == [], "its own language's wording is surer than another's"


def test_questions_of_facts_overlap_only_with_the_answer():
    asked = [prompt("river", "Which river is the longest in Africa?", answers=("Nile",))]
    question = "What is the longest river in Africa, please?"
    assert found(example("1", question, "It is the Nile."), prompts=asked) == [("1", "river", "likeness")]
    assert found(example("1", "What is the longest river in South America?", "The Amazon."), prompts=asked) == []


def test_one_overlap_for_a_conversation_and_prompt_id():
    both = [prompt("kettle", KETTLE), prompt("kettle", "Meine Kanne ist voller Kalk. Wie werde ich ihn los?", "de")]
    assert found(example("1", KETTLE), example("2", KETTLE), prompts=both) == [
        ("1", "kettle", "words"),
        ("2", "kettle", "words"),
    ]


def test_languages_that_the_encoder_does_not_know():
    hindi = [prompt("hi", "मेरी केतली में बहुत चूना जम गया है, इसे कैसे हटाऊँ और दोबारा जमने से कैसे रोकूँ?", "hi")]
    text = hindi[0].messages[0].content
    assert found(example("1", text, language="hi"), prompts=hindi) == [("1", "hi", "words")]
    assert languages_without_likeness([example("1", "x", language="hi")], PROMPTS) == ["hi"]
    assert languages_without_likeness([example("1", "x")], PROMPTS) == []


@pytest.mark.parametrize("text", ["", "\ud800", "\x00", "👍" * 50, "a" * 50_000])
def test_any_text(text):
    assert found(example("1", text, text)) == []
    assert overlaps([], PROMPTS) == overlaps([example("1", "x")], []) == []
