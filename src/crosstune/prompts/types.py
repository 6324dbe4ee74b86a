"""What the words in `.types` files beside others' prompts mean, as far as it is known: the checks of their modifiers.

data/types.jsonl   {"type": "num_items_{number}", "check": {"kind": "items"}}

In a type, `{number}` stands for a whole number, which becomes the check's `count`, and `{language}` for a code of the
table of languages.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from crosstune.languages import languages
from crosstune.prompts.checks.check import as_check
from crosstune.records import Check

TYPES_PATH = Path(__file__).parent / "data" / "types.jsonl"

_PLACES = {"{number}": r"(?P<number>[1-9][0-9]{0,2})", "{language}": r"(?P<language>.*)"}


@cache
def _types() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    rows = [json.loads(line) for line in TYPES_PATH.read_text("utf-8").splitlines()]
    return [(_pattern(row["type"]), row["check"]) for row in rows]


def _pattern(written: str) -> re.Pattern[str]:
    pattern = re.escape(written)
    for place, meaning in _PLACES.items():
        pattern = pattern.replace(re.escape(place), meaning)
    return re.compile(pattern)


def type_language(word: str) -> str | None:
    """What stands in a type for the language of the answer, whether it is a code or not: `fr` of `lang_fr`."""
    found = (
        match["language"]
        for pattern, _ in _types()
        if (match := pattern.fullmatch(word)) and "language" in pattern.groupindex
    )
    return next(found, None)


def known_type(word: str) -> tuple[Check, ...] | None:
    """The checks of a type.

    Args:
        word: as it stands in a `.types` file, such as `num_items_3`.

    Returns:
        Its checks; None for a word that is not known, which says nothing of how to check it.
    """
    for pattern, check in _types():
        if (match := pattern.fullmatch(word)) is None:
            continue
        found = match.groupdict()
        if found.get("language", "en") not in languages():
            continue
        parameters = {key: value for key, value in check.items() if key != "kind"}
        if "number" in found:
            parameters["count"] = int(found["number"])
        return (as_check(check["kind"], parameters),)
    return None
