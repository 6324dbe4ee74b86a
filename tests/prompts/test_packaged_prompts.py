"""The sets and modifiers that ship: every row, whatever they grow to."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

from crosstune.languages import languages
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts, packaged_prompt_sets
from crosstune.prompts.modifiers import MODIFIERS_PATH, modifiers
from crosstune.prompts.sets import packaged_languages, set_path
from crosstune.text.identify import identify

SETS = packaged_languages()


def test_everyday_ships() -> None:
    counts = {item.name: item.prompts for item in packaged_prompt_sets()}
    assert {"en", "fr", "pt", "ru"} <= set(counts["everyday"])
    assert min(counts["everyday"].values()) >= 24


def test_every_data_file_is_of_a_set_and_a_known_language() -> None:
    files = {path.name for path in MODIFIERS_PATH.parent.iterdir()}
    assert files == {"modifiers.jsonl"} | {f"{name}.{code}.jsonl" for name, codes in SETS.items() for code in codes}


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, codes in SETS.items() for code in codes])
def test_every_row(name: str, code: str) -> None:
    text = set_path(name, code, Path()).read_text("utf-8")
    assert text.endswith("\n")
    assert unicodedata.is_normalized("NFC", text)
    rows = [json.loads(line) for line in text.splitlines()]
    assert len({row["text"] for row in rows}) == len(rows), "two prompts are the same"
    for row in rows:
        assert set(row) == {"id", "task", "text", "tags"}
        assert re.fullmatch(re.escape(name) + r"/[a-z0-9-]+", row["id"])
        assert re.fullmatch(r"[a-z0-9-]+", row["task"])
        assert row["text"] == row["text"].strip() != ""
        assert identify(row["text"])[0].language == code, row["id"]


@pytest.mark.parametrize("name", sorted(SETS))
def test_parallel_in_order_task_and_tags(name: str) -> None:
    prompts = load_prompts(PromptsConfig(sets=[name], languages=SETS[name]), Path())
    for code in SETS[name]:
        found = [(p.id, p.task, p.tags) for p in prompts if p.language == code]
        assert found == [(p.id, p.task, p.tags) for p in prompts if p.language == SETS[name][0]]


def test_modifiers() -> None:
    assert next(iter(modifiers())) == "none"
    assert {"none", "short", "long", "in_en", "in_fr", "in_pt", "in_ru"} <= set(modifiers())
    assert unicodedata.is_normalized("NFC", MODIFIERS_PATH.read_text("utf-8"))
    for name, modifier in modifiers().items():
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert (not modifier.wording) == (name == "none")
        for code, wording in modifier.wording.items():
            assert code in languages()
            assert wording == wording.strip() != ""
            assert identify(wording)[0].language == code, (name, code)
        if modifier.requested_language is not None:
            assert name == f"in_{modifier.requested_language}"
            assert modifier.requested_language not in modifier.wording


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_modifier_can_be_asked_in_the_four_languages(name: str) -> None:
    four = [code for code in ("en", "fr", "pt", "ru") if code in SETS[name]]
    config = PromptsConfig(sets=[name], languages=four, modifiers=list(modifiers()))
    assert len({(p.id, p.language) for p in load_prompts(config, Path())}) > 0
