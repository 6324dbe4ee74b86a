"""What the text of a prompt asks for already: the checks of its row's words, and a note on words that get none."""

import pytest

from crosstune.errors import InvalidData
from crosstune.prompts.asked import asked_for, notes_on_unchecked
from crosstune.records import Check


@pytest.mark.parametrize(
    ("words", "checks", "requested"),
    [
        (["items_3"], (Check("items", '{"count": 3}'),), "en"),
        (["lang_fr"], (Check("language", "{}"),), "fr"),
        (["in_fr"], (Check("language", "{}"),), "fr"),
        (["num_items_2", "lowercase"], (Check("items", '{"count": 2}'), Check("lowercase", "{}")), "en"),
        # What the word or the keys are, is not known; and a word that nobody knows is allowed.
        (["json", "include_word", "begin_with", "shrt", "none"], (), "en"),
        ([], (), "en"),
    ],
)
def test_checks(words: list[str], checks: tuple[Check, ...], requested: str) -> None:
    assert asked_for(words, "en", "q.csv, line 2") == (checks, requested)


def test_a_language_that_is_none() -> None:
    with pytest.raises(InvalidData, match=r"q\.csv, line 2: 'french' is not a language"):
        asked_for(["lang_french"], "en", "q.csv, line 2")


def test_notes() -> None:
    words = ["json", "items_3", "shortt", "json", "short", "none", "lang_fr", "scientific_style", "qqqqqq"]
    first, second, third = notes_on_unchecked(words)
    assert first.startswith("'json' of 2 prompts has no check: the check 'json' needs the parameter keys")
    assert second == "'shortt' of 1 prompt has no check: no modifier has this name; did you mean 'short'?"
    assert third == "'qqqqqq' of 1 prompt has no check: no modifier has this name"
