"""How a text repeats itself: loops, where one unit follows itself again and again, and n-grams that come back.

A token is a word; in scripts without spaces a letter. Numbers before list items are left out, since a loop counts on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import eq
from typing import Any

import regex

GRAM = 4
"""Tokens of an n-gram, as in `seq-rep-4` of Welleck et al. 2020 (arXiv 1908.04319)."""

_WIDE_LETTER = r"[\p{L}&&[\p{Line_Break=ID}\p{Line_Break=CJ}\p{Line_Break=NS}\p{Line_Break=SA}]]"
_WIDE = regex.compile(_WIDE_LETTER, regex.V1)
_WIDE_TOKEN = regex.compile(rf"{_WIDE_LETTER}|[[\p{{L}}\p{{N}}]--{_WIDE_LETTER}]++", regex.V1)
_MAYBE_WIDE = re.compile("[\u0e00-\u1fff\u2e80-\U0010ffff]")
"""All of `_WIDE` and more, told three times as fast."""
_TOKEN = re.compile(r"\w+")
"""Of a text without underscores; three times as fast as `_WIDE_TOKEN`."""
_LIST_NUMBER = re.compile(r"\n[ \t]*\d{1,3}[.)](?=\s)")
_RUN = re.compile(r"(?=(\S{1,4}?)\1{9})(?:\1)+")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*+\n){50,}")
"""Blank lines in a row that no layout asks for."""
_RULERS = frozenset("-_=.*~#+|:·•…─━═—–▬＿－―\\/<>^'\"`")
"""Signs that draw lines, blanks to fill in and leaders."""
_MOST_RULER = 300
_LEAST_SIGNS = 20
_LEAST_DIGITS = 60
"""A unit of letters or pictures is a loop from 20 times on; digits (10 to the power of 50) and rulers are from more."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats in a text, by tokens."""

    tokens: Sequence[str]
    duplicates: int
    """N-grams that were there before."""

    @property
    def share(self) -> float:
        """The share of n-grams that were there before, between 0 and 1."""
        return self.duplicates / max(1, len(self.tokens) - GRAM + 1)

    def loop(self) -> tuple[int, int] | None:
        """The first and the last token of the first loop."""
        if self.duplicates < 3:  # the shortest loop has more
            return None
        last: dict[tuple[str, ...], int] = {}
        tokens = self.tokens
        found: tuple[int, int] | None = None
        period = start = 0
        for place, gram in enumerate(_grams(tokens)):
            if period == 0 or tokens[place + GRAM - 1] != tokens[place + GRAM - 1 - period]:
                if found:
                    break
                period = place - last.get(gram, place)
                start = place - period
            last[gram] = place
            if period and place + GRAM - start >= _least_tokens(period, tokens[place]):
                found = start, place + GRAM - 1
        return found


def _grams(tokens: Sequence[str]) -> "zip[tuple[str, ...]]":
    return zip(*(tokens[start:] for start in range(GRAM)), strict=False)


def _least_tokens(period: int, token: str) -> int:
    """How many tokens of a unit that follows itself are a loop, its first time included."""
    if _WIDE.match(token):
        return max(20, 5 * period) if period < 12 else 3 * period
    if token.isnumeric():
        return max(30, 5 * period)
    if period == 1:
        return 8
    return max(12, 4 * period) if period < 8 else 3 * period


def _token_pattern(text: str) -> Any:  # a pattern of re or of regex, which share no type
    return _WIDE_TOKEN if _MAYBE_WIDE.search(text) and _WIDE.search(text) else _TOKEN


def _plain(text: str) -> str:
    """Without capitals, underscores and numbers of list items, all else at its place."""
    small = text.lower()
    if len(small) != len(text):  # İ
        small = "".join(
            letter if len(letter) == 1 else character for character in text for letter in [character.lower()]
        )
    small = "\n" + small
    if _LIST_NUMBER.search(small):
        small = _LIST_NUMBER.sub(lambda number: "\n" + " " * (len(number[0]) - 1), small)
    return small[1:].replace("_", " ")


def repeats(text: str) -> Repeats:
    """What repeats in a text, capitals or not."""
    plain = _plain(text)
    tokens: list[str] = _token_pattern(plain).findall(plain)
    return Repeats(tokens, max(0, len(tokens) - GRAM + 1) - len(set(_grams(tokens))))


def token_places(text: str, first: int, last: int) -> tuple[int, int]:
    """Where in a text the tokens from `first` to `last` stand."""
    plain = _plain(text)
    start = end = 0
    for number, match in enumerate(_token_pattern(plain).finditer(plain)):
        if number == first:
            start = match.start()
        if number == last:
            end = match.end()
            break
    return start, end


def _may_run(text: str) -> bool:
    """Whether a closer look is worth its time: what is 20 or more of a unit of 1, 2 or 4 characters (60 of 3) has four
    characters twice at one of these places."""
    return any(_twice(text, 4, 12)) or any(_twice(text, 6, 48))


def _twice(text: str, length: int, step: int) -> Iterator[bool]:
    """At every so many characters, where a character comes again after `length` others, whether all of these do."""
    last = len(text) - 2 * length + 1
    for place in compress(range(0, last, step), map(eq, text[::step], text[length::step])):
        yield text[place : place + length] == text[place + length : place + 2 * length]


def sign_loop(text: str) -> tuple[int, int] | None:
    """The first place where up to four signs or letters without a space between them, or blank lines, go on and on."""
    for found in _RUN.finditer(text) if _may_run(text) else ():
        unit, length = found[1], found.end() - found.start()
        least = _LEAST_SIGNS * len(unit)
        if all(sign in _RULERS for sign in unit):
            least = _MOST_RULER
        elif unit.isnumeric():
            least = _LEAST_DIGITS
        if length >= least:
            return found.span()
    blank = _BLANK_LINES.search(text)
    return blank.span() if blank else None
