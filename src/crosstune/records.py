"""The frozen row types that pass between parts, and nothing that computes.

Every record has a `SCHEMA_VERSION`; tables on disk carry it in a column of that name (see `storage.tables`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

Role = Literal["system", "user", "assistant"]


class Ending(StrEnum):
    """Why an answer ended."""

    END_TOKEN = "end_token"
    """The chat format's end-of-turn token was generated."""
    STOP_STRING = "stop_string"
    """The text of the format's end of turn, or of the next turn's start, was generated as ordinary tokens."""
    END_OF_TEXT = "end_of_text"
    """The model's own end-of-text token was generated instead; usual for base models, and no fault."""
    LENGTH = "length"
    """The limit of new tokens was reached first: the answer is cut off."""


class Reason(StrEnum):
    """Why a score has no value. A failure is never a zero."""

    EMPTY = "empty"
    """The answer holds nothing but white space."""
    TOO_SHORT = "too_short"
    """Too little running text to decide, after code and addresses are taken out."""
    UNDETERMINED = "undetermined"
    """It cannot be told: the detector is not sure enough of any language, or the answer has not the form that a check
    looks at (no list whose items could be counted)."""
    UNSUPPORTED_LANGUAGE = "unsupported_language"
    """The measure does not work for the requested language."""
    NO_ANSWER = "no_answer"
    """There is no answer at all (a null): what should have given one failed."""
    NO_REFERENCE = "no_reference"
    """What the answer would be compared with is not there: an English answer to the same prompt, or enough other
    prompts."""
    WRONG_LINE = "wrong_line"
    """A line is in another language, so that words are not looked at any more (word pass is of answers that pass at
    line level)."""
    NO_CASE = "no_case"
    """No letter of the answer has a capital form, so capitals cannot be asked of it."""
    NEEDS_JUDGE = "needs_judge"
    """No program can tell whether it was followed; a judge or a person can."""
    JUDGE_UNPARSABLE = "judge_unparsable"
    """The judge's reply has no mark that can be read, also after it was asked again."""
    OUT_OF_RANGE = "out_of_range"
    """The judge's mark is not on the scale."""
    JUDGE_REFUSED = "judge_refused"
    """The judge, or a filter of its provider, would not look at the answer."""
    ENDPOINT_FAILED = "endpoint_failed"
    """The judge's endpoint gave no reply, also after it was tried again, or the request is longer than it takes."""
    BUDGET_SPENT = "budget_spent"
    """The budget was spent before it was this answer's turn."""
    MISSING_PART = "missing_part"
    """Of a facet that is made of others: one of its parts has no value, and the others do not decide."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """An instruction with its answer, possibly over several turns: what a model is tuned on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    id: str
    messages: tuple[Message, ...]
    language: str
    """Code of `languages.Language`."""
    source: str
    """Name of the set or path it was read from."""


@dataclass(frozen=True, slots=True)
class Check:
    """How to verify that an answer follows what a modifier asks."""

    kind: str
    """A name in `prompts.checks.table.CHECKS`, such as `sentences`."""
    parameters: str = "{}"
    """A JSON object with sorted keys and no escapes beyond what JSON needs, such as `{"at_most": 3}`."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """An instruction without an answer: what a tuned model is asked. `(id, language)` is unique in a study."""

    SCHEMA_VERSION: ClassVar[int] = 2

    id: str
    """The same in every language for the same instruction, such as `everyday/recipe-1` or `everyday/recipe-1+short`."""
    set: str
    task: str
    language: str
    """The language the prompt is written in."""
    requested_language: str
    """The language the answer must be in; differs from `language` when a modifier asks for another."""
    messages: tuple[Message, ...]
    modifiers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    """How to verify the modifiers, in their order; a modifier that needs no verifying has none."""
    answers: tuple[str, ...] = ()
    """For a question of facts: what an answer may contain to count as right (see `text.answers`); the first is the
    best plain form."""
    gloss: str = ""
    """English translation, for readers; empty where the prompt is in English or is a version of an English one."""


MODIFIER_SIGN = "+"
"""Stands in a prompt's id before each modifier, and in no other place of it."""


def instruction_of(prompt_id: str) -> str:
    """The instruction behind a prompt: its id without modifiers, `everyday/recipe-1` of `everyday/recipe-1+short`."""
    return prompt_id.partition(MODIFIER_SIGN)[0]


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of one run (a configuration, tuned or not) to one prompt."""

    SCHEMA_VERSION: ClassVar[int] = 1

    run: str
    """Name of the configuration that answered."""
    prompt_id: str
    language: str
    """The language of the prompt; with `prompt_id` it names the prompt."""
    text: str
    ending: Ending
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Wall time of the batch divided by its size."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in an answer that a score is about."""

    start: int
    end: int
    """Characters of the answer as it was given: `text[start:end]`."""
    note: str = ""
    """What is there, such as the code of a language, or `loop`."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one rater says of one facet of one response: a value, or the reason why there is none."""

    SCHEMA_VERSION: ClassVar[int] = 2
    OLDEST_SCHEMA_VERSION: ClassVar[int] = 1
    """Version 1 had no `spans`, and means the same otherwise."""

    run: str
    prompt_id: str
    language: str
    requested_language: str
    rater: str
    """`scorer:<facet>`, `judge:<model>`, `person:<name>` or, of facets made of others, `composite:<facet>`."""
    facet: str
    value: float | None
    reason: str | None = None
    detail: str = ""
    """For readers, such as the language found or the words; what it is depends on the facet."""
    spans: tuple[Span, ...] = ()
    """The words or lines that it is about, in the order of the answer."""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"a score has either a value or a reason, not {self.value!r} and {self.reason!r}")
