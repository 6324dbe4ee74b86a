"""The sets that ship: every row, whatever they grow to."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

from crosstune.instructions.config import InstructionsConfig, MixturePart
from crosstune.instructions.contamination import overlaps
from crosstune.instructions.load import load_conversations, load_examples
from crosstune.instructions.packaged import packaged_instruction_sets
from crosstune.instructions.review import review
from crosstune.instructions.sources import packaged_files
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.prompts.packaged import packaged_languages, packaged_sets

FILES = [(name, code, path) for name, files in packaged_files().items() for code, path in files.items()]


def test_sets_that_ship():
    sets = {item.name: item for item in packaged_instruction_sets()}
    assert sets["starter-en"].languages == {"en": 300} and len(sets["starter-en"].categories) >= 20
    assert set(sets["starter-multi"].languages.values()) == {24}


@pytest.mark.parametrize(("name", "code", "path"), FILES, ids=[path.name for _, _, path in FILES])
def test_every_row(name: str, code: str, path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    assert unicodedata.is_normalized("NFC", text)
    lines = text.splitlines()
    config = InstructionsConfig(source=name, languages=(code,) if code else ())
    conversations = load_conversations(config, Path())
    assert len(conversations) == len(lines)
    assert len({c.id for c in conversations}) == len(lines)
    for line, conversation in zip(lines, conversations, strict=True):
        row = json.loads(line)
        assert set(row) == {"id", "category", "messages", "language"}
        assert re.fullmatch(rf"{re.escape(name)}/{f'{code}-' if code else ''}\d{{3,}}", row["id"])
        assert conversation.id == row["id"], "ids are the rows' own"
        assert row["category"].strip()
        assert conversation.language == (code or "en")
        for message in conversation.messages:
            assert message.content == message.content.strip()


@pytest.mark.parametrize(("name", "code", "path"), FILES, ids=[path.name for _, _, path in FILES])
def test_nothing_is_wrong_with_any_row(name: str, code: str, path: Path) -> None:
    assert review(MixturePart(source=str(path)), Path()).problems == ()


def test_starter_multi_has_the_same_rows_in_every_language():
    english = {c.id.split("/")[1]: c for c in load_conversations(InstructionsConfig(source="starter-en"), Path())}
    by_language: dict[str, dict[str, int]] = {}
    for conversation in load_conversations(InstructionsConfig(source="starter-multi"), Path()):
        number = conversation.id.rsplit("-", 1)[1]
        by_language.setdefault(conversation.language, {})[number] = len(conversation.messages)
    numbers = by_language["fr"]
    assert numbers == {number: len(english[number].messages) for number in numbers}
    assert all(rows == numbers for rows in by_language.values())


@pytest.mark.parametrize("name", packaged_files())
def test_no_set_overlaps_with_a_packaged_prompt(name: str) -> None:
    examples = load_examples(InstructionsConfig(source=name), Path())
    codes = sorted({example.conversation.language for example in examples})
    prompts = []
    for prompt_set in packaged_sets():
        there = [code for code in packaged_languages(prompt_set) if code in codes]
        if there:
            prompts += load_prompts(PromptsConfig(sets=[prompt_set], languages=there), Path())
    assert prompts and overlaps(examples, prompts) == []
