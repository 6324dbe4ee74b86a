"""How long a text is, in the unit that its language is written in: words, or characters where no spaces part words."""

import re
from functools import cache
from typing import Any, Literal

import regex

from crosstune.languages import languages
from crosstune.text.lone_characters import are_lone

Unit = Literal["word", "character"]

_LETTER = regex.compile(r"[\p{L}\p{N}]")
# Unicode's classes for breaking lines tell where words stand without spaces: ideographs and kana (ID, CJ, NS), and the
# scripts of South-East Asia (SA).
_UNSPACED = regex.compile(r"[\p{L}&&[\p{Line_Break=ID}\p{Line_Break=CJ}\p{Line_Break=NS}\p{Line_Break=SA}]]", regex.V1)
_JOINING = "'’‘·\u0387.,:/@_&+-‐‑"
_JOINS = regex.escape(_JOINING, special_only=False)
# Marks belong to the letter before them, as do joiners and soft hyphens; spaces without width part words.
_REST = r"[\p{L}\p{N}\p{M}\p{Cf}--[\u200b\ufeff\ufff9-\ufffb]]*+"
_UNIT: dict[Unit, "regex.Pattern[str]"] = {
    "word": regex.compile(rf"[\p{{L}}\p{{N}}]{_REST}(?:[{_JOINS}]\p{{M}}*+[\p{{L}}\p{{N}}]{_REST})*+", regex.V1),
    # Of a Hangul syllable that is spelled out in its parts only the first is counted: both spellings are one letter.
    "character": regex.compile(r"[[\p{L}\p{N}]--[\u1160-\u11ff\ud7b0-\ud7ff]]", regex.V1),
}
"""What is counted. Linear: nothing is looked at twice."""

_LONG = 100_000
"""Characters; what is counted in a longer text is not held in memory."""

# Of texts whose characters stand alone, `re` tells the same in half the time.
_LONE_UNIT: dict[Unit, "re.Pattern[str]"] = {
    "word": re.compile(rf"[^\W_]+(?:[{re.escape(_JOINING)}][^\W_]+)*"),
    "character": re.compile(r"[^\W_]"),
}


@cache
def unit_of(language: str) -> Unit | None:
    """What texts of a language are counted in.

    Its own name for itself tells: a language whose script puts spaces between words has such a letter in it.

    Args:
        language: any string.

    Returns:
        None for a language that is not in the table.
    """
    entry = languages().get(language)
    if entry is None:
        return None
    letters = _LETTER.findall(entry.endonym)
    return "character" if all(_UNSPACED.match(letter) for letter in letters) else "word"


def count(text: str, unit: Unit) -> int:
    """How many words or characters a text has.

    Args:
        text: any text, of any length; all of it is looked at.
        unit: a word has a letter or a digit and reaches to the next space or mark, but for marks within it (don't,
            well-known, 2.5, example.org); a character is a letter or a digit, without the marks on it.
    """
    pattern: Any = (_LONE_UNIT if are_lone(text) else _UNIT)[unit]  # of re or of regex, which share no type
    return len(pattern.findall(text)) if len(text) <= _LONG else sum(1 for _ in pattern.finditer(text))


def in_words(number: float, unit: Unit) -> str:
    """A length for readers, such as `120 words`."""
    return f"{number:,.0f} {unit}" + ("" if number == 1 else "s")
