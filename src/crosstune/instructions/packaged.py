"""The sets of instructions that ship with crosstune, as a list for people."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations, packaged_paths


@dataclass(frozen=True, slots=True)
class PackagedInstructions:
    """One set."""

    name: str
    languages: tuple[str, ...]
    """Codes, in alphabetical order."""
    examples: int


def packaged_instruction_sets() -> list[PackagedInstructions]:
    """All sets, in the order of their names."""
    sets = []
    for name in packaged_paths():
        counts = Counter(item.language for item in load_conversations(InstructionsConfig(source=name), Path()))
        sets.append(PackagedInstructions(name, tuple(sorted(counts)), counts.total()))
    return sets
