"""The sets and modifiers that ship: every row, whatever they grow to."""

import re
from collections import Counter
from pathlib import Path

import pytest

from crosstune.languages import languages
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import LANGUAGES_FOLDER, packaged_language_codes
from crosstune.prompts.load import load_prompts, packaged_prompt_sets
from crosstune.prompts.modifiers import MODIFIERS_PATH, modifiers
from crosstune.prompts.packaged import SETS_FOLDER, packaged_sets
from crosstune.prompts.review.neighbours import LEAST_RATE
from crosstune.prompts.review.review import review_packaged

TAGS = {"language-heavy", "us-centric", "calculation", "context-given"}
SETS = list(packaged_sets())


def test_the_sets_are_balanced() -> None:
    found = {name: Counter(row.task for row in rows) for name, rows in packaged_sets().items()}
    assert set(found) == {"everyday", "facts", "native"}
    assert len(found["everyday"]) == 24 and set(found["everyday"].values()) == {5}
    assert len(found["facts"]) == 4 and set(found["facts"].values()) == {30}
    assert len(found["native"]) == 12
    for name, rows in packaged_sets().items():
        for row in rows:
            assert re.fullmatch(re.escape(name) + r"/[a-z0-9-]+", row.id)
            assert re.fullmatch(r"[a-z0-9-]+", row.task)
            assert all(re.fullmatch(r"[a-z-]+", tag) for tag in row.tags)
            assert name != "everyday" or set(row.tags) <= TAGS


def test_every_data_file_is_of_a_known_language_or_set() -> None:
    assert {path.name for path in MODIFIERS_PATH.parent.iterdir() if path.is_file()} == {
        "modifiers.jsonl",
        "types.jsonl",
    }
    assert {path.name for path in LANGUAGES_FOLDER.iterdir()} == {f"{code}.jsonl" for code in packaged_language_codes()}
    assert set(packaged_language_codes()) <= set(languages())
    assert {path.suffix for path in SETS_FOLDER.iterdir()} == {".jsonl"}


@pytest.mark.parametrize("code", packaged_language_codes())
def test_every_row(code: str) -> None:
    review = review_packaged(SETS, [code])
    assert [f"{problem.where}: {problem.id}: {problem.message}" for problem in review.problems] == []
    assert all(review.checked[name, code] == len(rows) for name, rows in packaged_sets().items())
    compared = sum(item.compared for item in review.neighbours)
    missed = sum(len(item.misses) for item in review.neighbours)
    if compared:
        assert 1 - missed / compared >= LEAST_RATE


@pytest.mark.parametrize("name", SETS)
def test_parallel_in_order_task_and_tags(name: str) -> None:
    codes = packaged_language_codes()
    assert {item.name: list(item.prompts) for item in packaged_prompt_sets()}[name] == codes
    prompts = load_prompts(PromptsConfig(sets=[name], languages=codes), Path())
    for code in codes:
        found = [(p.id, p.task, p.tags) for p in prompts if p.language == code]
        assert found == [(row.id, row.task, row.tags) for row in packaged_sets()[name]]


def test_every_modifier_can_be_asked_in_every_language() -> None:
    config = PromptsConfig(sets=SETS, languages=packaged_language_codes(), modifiers=list(modifiers()), limit=24)
    prompts = load_prompts(config, Path())
    asked = {(name, p.language) for p in prompts for name in p.modifiers}
    for modifier in modifiers().values():
        for code in packaged_language_codes():
            applies = modifier.why_not_language(code) is None and modifier.name != "none"
            assert ((modifier.name, code) in asked) == applies, (modifier.name, code)
    assert all(len(p.checks) == len(p.modifiers) for p in prompts)


def test_facts_have_answers_and_native_a_gloss() -> None:
    prompts = load_prompts(PromptsConfig(sets=["facts", "native"], languages=packaged_language_codes()), Path())
    assert all(bool(p.answers) == (p.set == "facts") for p in prompts)
    assert all(bool(p.gloss) == (p.language != "en") for p in prompts if p.set == "native")
