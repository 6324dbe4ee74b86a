"""The words of the annotator's pages, the guidelines and the training, by language.

texts/<code>.jsonl   one JSON object a line, {"key": ..., "text": ...}:
    ui.<name>                                  words of the pages; names in braces are put in
    criterion.<facet>.title|question|0|1|2     and criterion.<facet>.example.0|1|2
    guideline.<n>                              paragraphs, in order
    training.<n>.prompt|answer|why|marks       marks: JSON, {"<facet>": 0, ...}
What a language lacks is shown in English.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path

from crosstune.annotation.criteria import FACETS, MARKS
from crosstune.errors import InvalidData
from crosstune.languages import languages
from crosstune.text.json_lines import read_json_lines

ENGLISH = "en"
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion in words."""

    facet: str
    title: str
    question: str
    meanings: tuple[str, str, str]
    """What 0, 1 and 2 mean."""
    examples: tuple[str, str, str]
    """An answer for each mark; empty where there is none."""


@dataclass(frozen=True, slots=True)
class TrainingItem:
    """An answer to practise with."""

    prompt: str
    answer: str
    why: str
    marks: Mapping[str, int]


class InterfaceTexts:
    """The words of one language."""

    def __init__(self, code: str, own: Mapping[str, str], english: Mapping[str, str]) -> None:
        """Words in a language, with English ones in place of those that are not there."""
        self.code = code
        self.direction = languages()[code].direction
        self._texts = {**english, **own}

    def __call__(self, key: str, **values: object) -> str:
        """The text of `ui.<key>` with values put in; the key where there is no text."""
        text = self._texts.get(f"ui.{key}", key)
        return _PLACE.sub(lambda match: str(values.get(match[1], match[0])), text)

    def __contains__(self, key: str) -> bool:
        return f"ui.{key}" in self._texts

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria in their order."""
        return tuple(self._criterion(facet) for facet in FACETS)

    def _criterion(self, facet: str) -> Criterion:
        def text(name: str, otherwise: str = "") -> str:
            return self._texts.get(f"criterion.{facet}.{name}", otherwise)

        zero, one, two = (text(str(mark), str(mark)) for mark in MARKS)
        examples = (text("example.0"), text("example.1"), text("example.2"))
        return Criterion(facet, text("title", facet), text("question"), (zero, one, two), examples)

    @cached_property
    def guidelines(self) -> tuple[str, ...]:
        """The paragraphs of the guidelines."""
        return tuple(text for _, text in self._numbered("guideline", ""))

    @cached_property
    def training(self) -> tuple[TrainingItem, ...]:
        """The answers to practise with."""
        return tuple(
            TrainingItem(
                prompt=prompt,
                answer=self._texts.get(f"training.{number}.answer", ""),
                why=self._texts.get(f"training.{number}.why", ""),
                marks=json.loads(self._texts[f"training.{number}.marks"]),
            )
            for number, prompt in self._numbered("training", ".prompt")
            if f"training.{number}.marks" in self._texts
        )

    def _numbered(self, start: str, end: str) -> list[tuple[int, str]]:
        shape = re.compile(rf"{start}\.(\d+){re.escape(end)}")
        found = [(int(match[1]), text) for key, text in self._texts.items() if (match := shape.fullmatch(key))]
        return sorted(found)


class TextLibrary:
    """The words of all languages there are."""

    def __init__(self, folder: Path | None = None) -> None:
        """Reads the files.

        Args:
            folder: of the files; None: those that are packaged.

        Raises:
            InvalidData: a file is not as it should be.
        """
        if folder is not None:
            by_code = _read_folder(folder)
        else:
            with as_file(files("crosstune.annotation").joinpath("texts")) as packaged:
                by_code = _read_folder(packaged)
        english = by_code.setdefault(ENGLISH, {})
        self.languages = {code: InterfaceTexts(code, by_code[code], english) for code in languages() if code in by_code}

    def best(self, *codes: str) -> InterfaceTexts:
        """The first of the languages that there are words in, else English."""
        for code in (*codes, ENGLISH):
            if code in self.languages:
                return self.languages[code]
        raise AssertionError("there is always English")


def _read_folder(folder: Path) -> dict[str, dict[str, str]]:
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem not in languages():
            raise InvalidData("the file is not named after a language crosstune knows", where=str(path))
        texts: dict[str, str] = {}
        for number, row in read_json_lines(path):
            where = f"{path}, line {number}"
            if not isinstance(row, dict) or not isinstance(row.get("key"), str) or not isinstance(row.get("text"), str):
                raise InvalidData("not an object with a key and a text", where=where)
            if row["key"] in texts:
                raise InvalidData(f"'{row['key']}' stands twice", where=where)
            if row["key"].startswith("training.") and row["key"].endswith(".marks"):
                _check_marks(row["text"], where)
            texts[row["key"]] = row["text"]
        found[path.stem] = texts
    return found


def _check_marks(text: str, where: str) -> None:
    try:
        marks = json.loads(text)
    except ValueError as error:
        raise InvalidData(f"not JSON ({error})", where=where) from error
    if not isinstance(marks, dict) or set(marks) != set(FACETS) or not all(mark in MARKS for mark in marks.values()):
        raise InvalidData(f"not a mark of 0, 1 or 2 for each of {', '.join(FACETS)}", where=where)
