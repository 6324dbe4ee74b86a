"""Modifiers: a sentence that makes an instruction harder or asks for another language, with the check of it.

What a modifier is stands in `data/modifiers.jsonl`, and is the same in every language:

    {"name": "short", "check": {"kind": "sentences", "at_most": 3}}
    {"name": "items", "numbers": [2, 3], "example": 3, "check": {"kind": "items"}, "not_for_tasks": ["email"]}
    {"name": "lowercase", "check": {"kind": "lowercase"}, "not_for": {"Arab": "the script has no capital letters"}}
    {"name": "in_fr", "requested_language": "fr", "check": {"kind": "language"}}

With `numbers` it stands for several (`items_2`, `items_3`), and the number is the check's `count`. The keys of
`not_for` are scripts or languages of the table of languages. Its sentence, and what its check needs in a language, is a
row of that language's file (see `language_file`), which is given to it here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.languages import languages
from crosstune.prompts.checks.check import as_check
from crosstune.prompts.checks.table import check_problem
from crosstune.records import Check, Message, Prompt

MODIFIERS_PATH = Path(__file__).parent / "data" / "modifiers.jsonl"

NONE = "none"
"""The modifier that leaves a prompt as it is."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """What is added to a prompt."""

    name: str
    """Such as `short`, or `items_3` of the family `items`."""
    family: str
    """The name in the data, by which its wording is found."""
    number: int | None
    """The number in its sentence, if it has one."""
    is_example: bool
    """Whether the right and wrong answers of its rows are for it: true, unless its family has other numbers."""
    requested_language: str | None
    """The language that the answer is asked in. None: it stays the prompt's."""
    check: Mapping[str, Any]
    """The kind of check and those of its parameters that are the same in every language; empty for `none`."""
    not_for: Mapping[str, str]
    """Scripts and languages of the answer that it makes no sense in, with the reason."""
    not_for_tasks: frozenset[str]

    @property
    def is_judged(self) -> bool:
        """Whether no program can tell that it was followed."""
        return self.check.get("kind") == "judged"

    def why_not_language(self, code: str) -> str | None:
        """Why it cannot be asked of prompts in a language; None when it can."""
        if self.requested_language == code:
            return "the prompts are in that language already"
        if self.requested_language is not None:
            return None
        entry = languages().get(code)
        return self.not_for.get(code) or (self.not_for.get(entry.script) if entry else None)

    def why_not_task(self, task: str) -> str | None:
        """Why it cannot be asked of a kind of task; None when it can."""
        return f"it does not fit the task '{task}'" if task in self.not_for_tasks else None

    def why_not(self, prompt: Prompt) -> str | None:
        """Why it cannot be added to a prompt; None when it can.

        Not where it is asked already, where it asks for a language and the prompt does, or where it makes no sense.
        """
        if self.name == NONE:
            return None
        if self.name in prompt.modifiers:
            return "the prompt has it already"
        if self.requested_language is not None and prompt.requested_language != prompt.language:
            return "the prompt asks for an answer in another language already"
        return self.why_not_language(prompt.requested_language) or self.why_not_task(prompt.task)

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether it can be added to a prompt, and changes what is asked."""
        return self.why_not(prompt) is None

    def wording(self, row: Mapping[str, Any], code: str) -> str:
        """Its sentence in a language.

        Args:
            row: the row of its family in that language's file: `text` and perhaps `parameters`.
            code: the language.

        Raises:
            InvalidData: its text cannot be formatted with the number.
        """
        text = str(row["text"])
        if self.number is None:
            return text
        from icu4py.messageformat import MessageFormat

        try:
            return MessageFormat(text, code).format({"number": self.number})
        except ValueError as error:
            raise InvalidData(
                f"the wording of '{self.family}' in '{code}' is no message with a number ({error})",
                hint="write it as {number, plural, one {List # option.} other {List # options.}}",
            ) from error

    def check_in(self, row: Mapping[str, Any], code: str) -> Check | None:
        """Its check, with the parameters of a language.

        Args:
            row: as in `wording`.
            code: the language of the row; for errors.

        Returns:
            None for a modifier that has none.

        Raises:
            InvalidData: the row's parameters are not those that the check needs.
        """
        if not self.check:
            return None
        parameters = {key: value for key, value in self.check.items() if key != "kind"}
        if self.number is not None:
            parameters["count"] = self.number
        parameters |= row.get("parameters", {})
        kind = str(self.check["kind"])
        if problem := check_problem(kind, parameters):
            raise InvalidData(f"the modifier '{self.name}' cannot be checked in '{code}': {problem}")
        return as_check(kind, parameters)

    def apply(self, prompt: Prompt, row: Mapping[str, Any] | None = None) -> Prompt:
        """The prompt with the modifier's sentence as a last line, and its check.

        Args:
            prompt: one that it applies to.
            row: the row of its family in the file of the prompt's language; `none` needs none.

        Raises:
            InvalidData: there is no wording in the prompt's language, or it cannot be used.
        """
        if self.name == NONE:
            return prompt
        if row is None:
            raise InvalidData(
                f"the modifier '{self.family}' has no wording in '{prompt.language}'",
                where=prompt.set,
                hint=f'add a row {{"modifier": "{self.family}", "text": ...}} to the file of that language',
            )
        *earlier, last = prompt.messages
        # A line of its own: it needs no care for how the prompt ends, in any script.
        asked = Message(last.role, f"{last.content.rstrip()}\n{self.wording(row, prompt.language)}")
        check = self.check_in(row, prompt.language)
        return replace(
            prompt,
            id=f"{prompt.id}+{self.name}",
            messages=(*earlier, asked),
            modifiers=(*prompt.modifiers, self.name),
            requested_language=self.requested_language or prompt.requested_language,
            checks=(*prompt.checks, check) if check else prompt.checks,
        )

    def identity(self, row: Mapping[str, Any] | None) -> dict[str, object]:
        """What decides a prompt with it, as JSON-able values; for fingerprints.

        Args:
            row: as in `apply`.
        """
        return {
            "name": self.name,
            "number": self.number,
            "requested_language": self.requested_language,
            "check": dict(self.check),
            "not_for": dict(self.not_for),
            "not_for_tasks": sorted(self.not_for_tasks),
            "text": row["text"] if row is not None else None,
            "parameters": dict(row.get("parameters", {})) if row is not None else {},
        }


def _expanded(row: Mapping[str, Any]) -> list[Modifier]:
    numbers: list[int | None] = list(row.get("numbers", [None]))
    return [
        Modifier(
            name=row["name"] if number is None else f"{row['name']}_{number}",
            family=row["name"],
            number=number,
            is_example=number == row.get("example"),
            requested_language=row.get("requested_language"),
            check=row.get("check", {}),
            not_for=row.get("not_for", {}),
            not_for_tasks=frozenset(row.get("not_for_tasks", ())),
        )
        for number in numbers
    ]


@cache
def modifiers() -> dict[str, Modifier]:
    """All modifiers by name, `none` first, those with a number as one for each number."""
    rows = [json.loads(line) for line in MODIFIERS_PATH.read_text("utf-8").splitlines()]
    return {modifier.name: modifier for row in rows for modifier in _expanded(row)}


@cache
def families() -> dict[str, tuple[Modifier, ...]]:
    """All modifiers by the name in the data, each with its numbers: what a language's file has wordings for."""
    found: dict[str, tuple[Modifier, ...]] = {}
    for modifier in modifiers().values():
        found[modifier.family] = (*found.get(modifier.family, ()), modifier)
    return found


def unknown_modifier(name: str) -> str:
    """What is wrong with a name that is none of `modifiers`, and which it could be."""
    stem, _, last = name.rpartition("_")
    members = families().get(name) or families().get(stem, ())
    if len(members) > 1:
        return f"'{name}' is not a modifier; there are {members[0].name} … {members[-1].name}"
    if stem == "in" and last in languages():
        there = ", ".join(modifier.name for modifier in modifiers().values() if modifier.requested_language)
        return f"'{name}' is not a modifier: there is no wording of it; there are {there}"
    return f"'{name}' is not a modifier; {did_you_mean(name, modifiers())}"
