"""Modifiers: a sentence that makes an instruction harder, or asks for another language. Data in `data/modifiers.jsonl`.

{"name": "short", "wording": {"en": "...", "fr": "..."}, "requested_language": null}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.records import Message, Prompt

MODIFIERS_PATH = Path(__file__).parent / "data" / "modifiers.jsonl"


@dataclass(frozen=True, slots=True)
class Modifier:
    """What is added to a prompt."""

    name: str
    wording: Mapping[str, str]
    """The sentence, by code of the prompt's language; empty where nothing is added."""
    requested_language: str | None
    """The language that the answer is asked in. None: it stays the prompt's."""

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether it changes what is asked: not for the language a prompt is in, nor where another is already asked."""
        if self.name in prompt.modifiers:
            return False
        if self.requested_language is None:
            return True
        return prompt.requested_language == prompt.language != self.requested_language

    def apply(self, prompt: Prompt) -> Prompt:
        """The prompt with the modifier's sentence as a last line.

        Args:
            prompt: one that it applies to.

        Raises:
            InvalidData: there is no wording in the prompt's language.
        """
        if not self.wording:
            return prompt
        if prompt.language not in self.wording:
            raise InvalidData(
                f"the modifier '{self.name}' has no wording in '{prompt.language}'",
                where=prompt.set,
                hint="it has " + ", ".join(self.wording),
            )
        *earlier, last = prompt.messages
        # A line of its own: it needs no care for how the prompt ends, in any script.
        asked = Message(last.role, f"{last.content.rstrip()}\n{self.wording[prompt.language]}")
        return replace(
            prompt,
            id=f"{prompt.id}+{self.name}",
            messages=(*earlier, asked),
            modifiers=(*prompt.modifiers, self.name),
            requested_language=self.requested_language or prompt.requested_language,
        )


@cache
def modifiers() -> dict[str, Modifier]:
    """All modifiers by name, `none` first."""
    rows = [json.loads(line) for line in MODIFIERS_PATH.read_text("utf-8").splitlines()]
    return {row["name"]: Modifier(row["name"], row["wording"], row["requested_language"]) for row in rows}
