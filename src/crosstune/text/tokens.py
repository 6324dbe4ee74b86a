"""A text as plain words and numbers, so that two spellings of one thing are the same. For comparing, never for showing.

Compatibility forms (full width, ligatures), capitals and digits of other scripts are made one; punctuation, quotation
marks and hyphens only part words; vowel points of Arabic and Hebrew, which are usually left out, go, and so does what
`spellings.tsv` names. Other accents stay. Thousands separators are dropped and a decimal comma becomes a point. In
scripts without spaces between words each letter is a token of its own.
"""

import csv
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

import regex

from crosstune.text.case import fold
from crosstune.text.lone_characters import are_lone
from crosstune.text.normalise import CHARACTERS_LOOKED_AT

_CLUSTER = regex.compile(r"\X")
# Unicode's classes for breaking lines tell where words stand without spaces: ideographs and kana (ID, CJ, and NS for
# 々), and the scripts of South-East Asia (SA).
_UNSPACED = regex.compile(
    r"[[\p{L}\p{M}]&&[\p{Line_Break=ID}\p{Line_Break=CJ}\p{Line_Break=NS}\p{Line_Break=SA}]]", regex.V1
)
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06ed]"
)
"""Points of Hebrew and Arabic, tatweel, and the hamza and madda above and below letters (which NFKD parts)."""
_APOSTROPHES = "'’‘ʼʻ‛＇`′"

# Every unit of a text is one character in its outline: a digit, `l` (letter), `w` (letter of a script without spaces),
# `r` (raised or lowered digit), a separator that may stand in a number, or `|` (anything else).
_SEPARATORS = {".": ".", ",": ",", " ": " ", "\u066c": "'", "\u066b": "D", **dict.fromkeys(_APOSTROPHES, "'")}
_TOKEN = re.compile(
    r"""
    (?P<number>
      [1-9]\d{0,2} (?P<separator>[ ',.]) \d{3} (?:(?P=separator)\d{3})* (?!\d) (?!(?P=separator)\d) (?:[.,D]\d++)?
    | [1-9]\d? (?:,\d\d)+ ,\d{3} (?!\d) (?!,\d) (?:[.D]\d++)?      # 12,34,567 of South Asia
    | (?P<several> \d++ (?:[.,]\d++){2,} )                         # a date or address: each part is its own
    | \d++ (?:[.,D]\d++)?
    )
    | l+ | w | r+
    """,
    re.VERBOSE,
)
_PART = re.compile(r"\d+")
_MOST_KEPT = 16_384


class Token(NamedTuple):
    """A word, a number, or a letter of a script without spaces."""

    text: str
    start: int
    end: int
    """Where it stands in the original text: `text[start:end]`."""
    is_word: bool
    """Of letters of a script with spaces: the only kind that inflection can make longer."""
    after_apostrophe: bool
    """Parted from the token before it by an apostrophe alone, as Turkish endings of names are."""


class _Unit(NamedTuple):
    text: str
    outline: str


class _Units(dict[str, tuple[tuple[str, ...], str]]):
    """What characters with their marks become in a language: the texts of their units, and the units' outline."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, cluster: str) -> tuple[tuple[str, ...], str]:
        if len(self) >= _MOST_KEPT:  # there are more characters than texts of people have
            self.clear()
        units = _units(cluster, self._language)
        self[cluster] = found = tuple(unit.text for unit in units), "".join(unit.outline for unit in units)
        return found


@lru_cache(maxsize=128)
def _units_of(language: str) -> _Units:
    return _Units(language)


@cache
def _spellings() -> dict[int, str]:
    text = files("crosstune").joinpath("text/spellings.tsv").read_text("utf-8")
    return str.maketrans({row["from"]: row["to"] for row in csv.DictReader(text.splitlines(), delimiter="\t")})


def _units(cluster: str, language: str) -> tuple[_Unit, ...]:
    """What a character with its marks becomes."""
    tag = unicodedata.decomposition(cluster[0]).partition(" ")[0]
    if tag == "<fraction>":  # 2½ is not 21/2
        return (_Unit("", "|"), *_plain_units(cluster, language))
    if tag in ("<super>", "<sub>"):  # m² ends in a 2 of its own, 10²⁴ is not 1024
        return tuple(
            _Unit(unit.text, "r") if unit.outline.isdecimal() else unit for unit in _plain_units(cluster, language)
        )
    return _plain_units(cluster, language)


def _plain_units(cluster: str, language: str) -> tuple[_Unit, ...]:
    plain = fold(unicodedata.normalize("NFKC", cluster), language)
    plain = unicodedata.normalize("NFKC", _POINTS.sub("", unicodedata.normalize("NFKD", plain))).translate(_spellings())
    units: list[_Unit] = []
    for letter in plain:
        category = unicodedata.category(letter)
        if letter in _SEPARATORS:
            units.append(_Unit("", _SEPARATORS[letter]))
        elif category == "Nd":
            digit = str(unicodedata.decimal(letter))
            units.append(_Unit(digit, digit))
        elif category[0] == "M":
            if units and units[-1].outline in "lw":
                units[-1] = _Unit(units[-1].text + letter, units[-1].outline)
        elif category[0] in "LN":
            units.append(_Unit(letter, "w" if _UNSPACED.match(letter) else "l"))
        elif category != "Cf":  # joiners and marks of direction stand inside words
            units.append(_Unit("", "|"))
    return tuple(units)


@lru_cache(maxsize=512)
def tokens(text: str, language: str) -> tuple[Token, ...]:
    """The words and numbers of a text, in order.

    Args:
        text: any text; its first `normalise.CHARACTERS_LOOKED_AT` characters are looked at.
        language: code of the language it is in; decides what capitals are.
    """
    text = text[:CHARACTERS_LOOKED_AT]
    clusters: Sequence[str] = text if are_lone(text) else _CLUSTER.findall(text)
    units = list(map(_units_of(language).__getitem__, clusters))
    outlines = [outline for _, outline in units]
    outline = "".join(outlines)
    texts = list(chain.from_iterable([of_units for of_units, _ in units]))
    starts: Sequence[int] = range(len(text))
    ends: Sequence[int] = range(1, len(text) + 1)
    if clusters is not text or len(outline) != len(text) or "" in outlines:  # characters and units are not the same
        starts, ends = _places(clusters, outlines)
    spans: list[tuple[str, int, int]] = []
    for token in _TOKEN.finditer(outline):
        start, end = token.span()
        if not outline[start].isdigit():
            spans.append(("".join(texts[start:end]), start, end))
        elif token["several"]:
            spans += [(part[0], *part.span()) for part in _PART.finditer(outline, start, end)]
        else:
            spans.append((_number(token), start, end))
    return tuple(
        Token(value, starts[start], ends[end - 1], outline[start] == "l", _is_glued(outline, start))
        for value, start, end in spans
    )


def _is_glued(outline: str, start: int) -> bool:
    """Whether an apostrophe alone parts a token from the one before it."""
    return outline[start - 1 : start] == "'" and outline[start - 2 : start - 1] not in ("", "|", "'", " ", ".", ",")


def _places(clusters: Sequence[str], outlines: Sequence[str]) -> tuple[list[int], list[int]]:
    """Of each unit, where the character that it was made of begins and ends in the text."""
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for cluster, outline in zip(clusters, outlines, strict=True):
        starts += [place] * len(outline)
        place += len(cluster)
        ends += [place] * len(outline)
    return starts, ends


def _number(match: re.Match[str]) -> str:
    """A number without thousands separators, with a decimal point."""
    *groups, last = re.split(r"[ ',.D]", match[0])
    if not groups:
        return last
    separators = re.sub(r"\d", "", match[0])
    is_grouped = match["separator"] is not None or len(separators) > 1
    if is_grouped and len(set(separators)) == 1 and len(last) == 3:
        return "".join(groups) + last
    return "".join(groups) + "." + last
