"""Modifiers: what they add, where they make no sense, and how they are checked."""

import subprocess
import sys
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.languages import languages
from crosstune.prompts.checks.table import CHECKS
from crosstune.prompts.modifiers import families, modifiers, unknown_modifier
from crosstune.records import Check, Message, Prompt

ITEMS = {"text": "{number, plural, one {Назови # вариант.} few {Назови # варианта.} other {Назови # вариантов.}}"}


def prompt(language: str = "en", **changed: Any) -> Prompt:
    fields: dict[str, Any] = {
        "id": "my/recipe-1",
        "set": "my",
        "task": "recipe",
        "language": language,
        "requested_language": language,
        "messages": (Message("user", "A"), Message("assistant", "B"), Message("user", "C?  \n")),
    }
    return Prompt(**(fields | changed))


def test_none_comes_first_and_changes_nothing() -> None:
    assert next(iter(modifiers())) == "none"
    assert modifiers()["none"].apply(prompt()) == prompt()
    assert modifiers()["none"].applies_to(prompt("ar"))


def test_a_sentence_and_its_check_are_added() -> None:
    changed = modifiers()["short"].apply(prompt(), {"text": "Keep it brief.", "right": "x", "wrong": "y"})
    assert changed.id == "my/recipe-1+short"
    assert changed.modifiers == ("short",)
    assert changed.messages == (Message("user", "A"), Message("assistant", "B"), Message("user", "C?\nKeep it brief."))
    assert changed.checks == (Check("sentences", '{"at_most": 3}'),)
    assert changed.requested_language == "en"


def test_numbers() -> None:
    # Russian: 1 and 21 are "one", 2 to 4 "few", 5 to 20 "many", for which this row has "other".
    for number, sentence in ((2, "Назови 2 варианта."), (5, "Назови 5 вариантов.")):
        changed = modifiers()[f"items_{number}"].apply(prompt("ru", task="list"), ITEMS)
        assert changed.messages[-1].content == f"C?\n{sentence}"
        assert changed.id == f"my/recipe-1+items_{number}"
        assert changed.checks == (Check("items", f'{{"count": {number}}}'),)
    assert [name for name in modifiers() if name.startswith("items_")] == [f"items_{n}" for n in range(2, 10)]
    assert [modifier.name for modifier in families()["items"] if modifier.is_example] == ["items_3"]


def test_the_parameters_are_those_of_the_prompts_language() -> None:
    row = {"text": "Mit „Geduld“.", "parameters": {"word": "Geduld"}}
    changed = modifiers()["include_word"].apply(prompt("de"), row)
    assert changed.checks == (Check("contains", '{"word": "Geduld"}'),)


def test_another_language() -> None:
    changed = modifiers()["in_fr"].apply(prompt(), {"text": "Answer in French."})
    assert (changed.language, changed.requested_language) == ("en", "fr")
    assert changed.checks == (Check("language", "{}"),)
    assert modifiers()["in_fr"].why_not(prompt("fr")) == "the prompts are in that language already"
    assert "another language already" in str(modifiers()["in_fr"].why_not(prompt(requested_language="ru")))
    assert modifiers()["short"].apply(changed, {"text": "Short."}).checks[0] == Check("language", "{}")


def test_where_it_makes_no_sense() -> None:
    capitals = modifiers()["capitalised"]
    assert capitals.applies_to(prompt("tr"))
    assert capitals.why_not_language("ar") == "the Arabic script has no capital letters"
    assert capitals.why_not(prompt("fa")) == "the Arabic script has no capital letters"  # by script
    assert not capitals.applies_to(prompt("en", requested_language="ja"))
    assert modifiers()["items_3"].why_not(prompt(task="email")) == "it does not fit the task 'email'"
    assert modifiers()["short"].why_not(prompt(modifiers=("short",))) == "the prompt has it already"


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("short", None, "no wording in 'en'"),
        ("include_word", {"text": "With patience."}, "needs the parameter word"),
        ("include_word", {"text": "x", "parameters": {"word": "—"}}, "letter or digit"),
        ("short", {"text": "x", "parameters": {"words": 3}}, "takes no parameter 'words'"),
        ("items_2", {"text": "{number, plural, other {# items}"}, "no message with a number"),
    ],
)
def test_rows_that_cannot_be_used(name: str, row: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        modifiers()[name].apply(prompt(), row)


def test_identity_is_of_what_counts() -> None:
    row = {"text": "Brief.", "right": "a", "wrong": "b"}
    short = modifiers()["short"]
    assert short.identity(row) == short.identity({"text": "Brief."})
    assert short.identity(row) != short.identity({"text": "Short."})
    assert modifiers()["none"].identity(None)["text"] is None


def test_every_definition() -> None:
    scripts = {entry.script for entry in languages().values()}
    for modifier in modifiers().values():
        assert modifier.name == "none" or modifier.check["kind"] in CHECKS
        assert set(modifier.not_for) <= scripts | set(languages())
        assert all(modifier.not_for.values()), "each exception has its reason"
        assert modifier.requested_language is None or modifier.requested_language in languages()
    for family in families().values():
        assert sum(modifier.is_example for modifier in family) == 1


def test_reading_them_loads_no_segmentation() -> None:
    code = "import sys; from crosstune.prompts.modifiers import modifiers; modifiers(); print('icu4py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("items", "there are items_2 … items_9"),
        ("items_12", "there are items_2 … items_9"),
        ("sentences_x", "there are sentences_1 … sentences_5"),
        ("in_sw", "no wording of it; there are in_en, in_fr, "),
        ("shrt", "did you mean 'short'?"),
    ],
)
def test_names_of_no_modifier(name: str, message: str) -> None:
    assert name not in modifiers() and message in unknown_modifier(name)
