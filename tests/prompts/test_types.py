"""Words of `.types` files."""

from pathlib import Path

import pytest

from crosstune.prompts.checks.check import parameters_of
from crosstune.prompts.checks.table import check_problem
from crosstune.prompts.types import known_type, type_language
from crosstune.records import Check


@pytest.mark.parametrize(
    ("word", "check"),
    [
        ("short", Check("sentences", '{"at_most": 5}')),
        ("long", Check("words", '{"at_least": 80}')),
        ("num_items_3", Check("items", '{"count": 3}')),
        ("num_items_12", Check("items", '{"count": 12}')),
        ("lang_fr", Check("language", "{}")),
        ("html_template", Check("html", "{}")),
        ("complex_inst", Check("judged", "{}")),
    ],
)
def test_known(word: str, check: Check) -> None:
    assert known_type(word) == (check,)
    assert check_problem(check.kind, parameters_of(check)) is None


@pytest.mark.parametrize("word", ["", "shorter", "num_items_", "num_items_0", "num_items_x", "lang_xx", "lang_", "a.b"])
def test_unknown(word: str) -> None:
    assert known_type(word) is None


@pytest.mark.parametrize(
    ("word", "code"), [("lang_fr", "fr"), ("lang_french", "french"), ("short", None), ("num_items_3", None)]
)
def test_language_of_the_answer(word: str, code: str | None) -> None:
    assert type_language(word) == code


def test_every_word_of_the_papers_files_is_known(reference: Path) -> None:
    words = {word for file in reference.glob("modifiers.*.types") for word in file.read_text("utf-8").split()}
    assert len(words) > 15
    assert [word for word in sorted(words) if known_type(word) is None] == []
