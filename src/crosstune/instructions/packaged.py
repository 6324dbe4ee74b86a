"""The sets of instructions that ship with crosstune, as a list for people."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_examples
from crosstune.instructions.sources import packaged_files
from crosstune.languages import languages


@dataclass(frozen=True, slots=True)
class PackagedInstructions:
    """One set."""

    name: str
    languages: dict[str, int]
    """Examples by language code, in the order of the table of languages."""
    categories: dict[str, int]
    """Examples by category, the most frequent first."""

    @property
    def examples(self) -> int:
        """Examples in all languages together."""
        return sum(self.languages.values())


def packaged_instruction_sets() -> list[PackagedInstructions]:
    """All sets, in the order of their names."""
    sets = []
    for name in packaged_files():
        examples = load_examples(InstructionsConfig(source=name), Path())
        codes = Counter(example.conversation.language for example in examples)
        categories = Counter(example.category for example in examples if example.category)
        sets.append(
            PackagedInstructions(
                name, {code: codes[code] for code in languages() if codes[code]}, dict(categories.most_common())
            )
        )
    return sets
