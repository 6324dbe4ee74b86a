"""The rubric: six criteria and the texts that a judge is shown, read from a folder.

<folder>/criteria.jsonl   a criterion a line: facet, title, question, what 0, 1 and 2 mean, the rule of fluency
<folder>/system.md        the rules; Jinja, with `criteria`, `line_mark` and `example`
<folder>/request.md       one answer with its instruction; Jinja
<folder>/repair.md        what follows a reply that cannot be read; Jinja, with `problem`
<folder>/compare_system.md, compare.md   the same for two answers beside each other
<folder>/translate.md     asks for the English translation of an answer

A packaged rubric is named with its version (`english-1`); one whose texts change gets another name. Marks of different
rubrics are never taken for one another: the digest of all files is part of what identifies a mark.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from crosstune.errors import InvalidData, did_you_mean
from crosstune.judging.config import DEFAULT_RUBRIC

HIGHEST_MARK = 2
CHOICES = ("1", "2", "tie")
"""Which of two answers is better."""
FLUENCY = "fluency"
"""The criterion whose mark of 0 sets others to 0."""
LANGUAGE = "language"
"""The criterion that a translation says nothing of; nor does it of fluency."""
_FILES = ("criteria.jsonl", "system.md", "request.md", "repair.md", "compare_system.md", "compare.md", "translate.md")
_COLUMNS = {"facet", "title", "question", "marks", "zero_without_fluency"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the criteria."""

    facet: str
    """As scores name it."""
    title: str
    question: str
    marks: tuple[str, ...]
    """What 0, 1 and 2 mean."""
    zero_without_fluency: bool
    """Whether an answer that can hardly be understood has 0 here too."""


@dataclass(frozen=True)
class Rubric:
    """What a judge is told."""

    name: str
    criteria: tuple[Criterion, ...]
    digest: str
    """SHA-256 of its files."""
    system: Template
    request: Template
    repair: Template
    compare_system: Template
    compare: Template
    translate: Template

    @cached_property
    def facets(self) -> tuple[str, ...]:
        """The criteria, in order."""
        return tuple(criterion.facet for criterion in self.criteria)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of a reply; the reason stands before the mark, so that the mark follows from it."""
        return self._schema("mark", {"type": "integer", "enum": list(range(HIGHEST_MARK + 1))})

    @cached_property
    def compare_schema(self) -> dict[str, Any]:
        """JSON Schema of a reply to a comparison."""
        return self._schema("better", {"type": "string", "enum": list(CHOICES)})

    def _schema(self, name: str, kind: dict[str, Any]) -> dict[str, Any]:
        entry = {
            "type": "object",
            "properties": {"reason": {"type": "string"}, name: kind},
            "required": ["reason", name],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": dict.fromkeys(self.facets, entry),
            "required": list(self.facets),
            "additionalProperties": False,
        }

    def example(self, name: str = "mark") -> str:
        """The form of a reply, of marks or (`better`) of a comparison."""
        inside = ", ".join(f'"{facet}": {{"reason": "…", "{name}": …}}' for facet in self.facets)
        return "{" + inside + "}"


def packaged_rubrics() -> list[str]:
    """The names of the rubrics that ship."""
    return sorted(entry.name for entry in files("crosstune").joinpath("judging/rubrics").iterdir() if entry.is_dir())


def load_rubric(name: str = DEFAULT_RUBRIC) -> Rubric:
    """A rubric by name, or from a folder of one's own.

    Args:
        name: a packaged rubric, or the path of a folder with all files.

    Raises:
        InvalidData: there is none, or a file of it cannot be used.
    """
    packaged = name in packaged_rubrics()
    folder = files("crosstune").joinpath(f"judging/rubrics/{name}") if packaged else Path(name)
    if not folder.is_dir():
        raise InvalidData(
            f"there is no rubric '{name}'", hint=f"{did_you_mean(name, packaged_rubrics())} (or a folder of your own)"
        )
    texts = {}
    for part in _FILES:
        try:
            texts[part] = folder.joinpath(part).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidData(
                f"this file of the rubric cannot be read ({error})", where=f"{folder}/{part}", hint="it must be UTF-8"
            ) from error
    # In a sandbox, since a rubric may come from others; not escaped, since judges read no HTML.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    templates = {}
    for part in _FILES[1:]:
        try:
            templates[part] = environment.from_string(texts[part])
        except TemplateError as error:
            raise InvalidData(f"not a template of Jinja ({error})", where=f"{folder}/{part}") from error
    return Rubric(
        name=name if packaged else Path(name).name,
        criteria=_criteria(texts["criteria.jsonl"], f"{folder}/criteria.jsonl"),
        digest=hashlib.sha256("\0".join(texts[part] for part in _FILES).encode()).hexdigest(),
        **{name.removesuffix(".md"): template for name, template in templates.items()},
    )


def _criteria(text: str, where: str) -> tuple[Criterion, ...]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidData(f"not JSON ({error})", where=place) from error
        if not isinstance(row, dict) or row.keys() != _COLUMNS:
            raise InvalidData("not a criterion", where=place, hint=f"it has the keys {', '.join(sorted(_COLUMNS))}")
        if not isinstance(row["marks"], list) or len(row["marks"]) != HIGHEST_MARK + 1:
            raise InvalidData("'marks' must say what 0, 1 and 2 mean", where=place)
        found.append(Criterion(**{**row, "marks": tuple(row["marks"])}))
    if not found or len({criterion.facet for criterion in found}) < len(found):
        raise InvalidData("a rubric has at least one criterion, and each once", where=where)
    return tuple(found)
