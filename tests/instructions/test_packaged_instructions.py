"""The sets that ship: every row, whatever they grow to."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations, packaged_paths
from crosstune.instructions.packaged import packaged_instruction_sets
from crosstune.text.prose import letter_count, running_text
from crosstune.text.shares import language_shares


def test_starter_en_ships() -> None:
    sets = {item.name: item for item in packaged_instruction_sets()}
    assert sets["starter-en"].languages == ("en",)
    assert sets["starter-en"].examples >= 100


@pytest.mark.parametrize("name", sorted(packaged_paths()))
def test_every_row(name: str) -> None:
    path = packaged_paths()[name]
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    assert unicodedata.is_normalized("NFC", text)
    lines = text.splitlines()
    conversations = load_conversations(InstructionsConfig(source=name), Path())
    assert len(conversations) == len(lines)
    assert len({c.id for c in conversations}) == len(lines)
    assert len({c.messages for c in conversations}) == len(lines), "two rows are the same"
    for line, conversation in zip(lines, conversations, strict=True):
        row = json.loads(line)
        assert set(row) == {"id", "category", "messages", "language"}
        assert re.fullmatch(re.escape(name) + r"/\d{3,}", row["id"]), "ids are the rows' own"
        assert conversation.id == row["id"]
        assert row["category"].strip()
        for message in conversation.messages:
            assert message.content == message.content.strip()
        prose = running_text(conversation.messages[-1].content)
        if letter_count(prose) >= 60:
            assert language_shares(prose)[0].language == conversation.language, conversation.id
