"""Does a text contain an accepted answer? For short facts, so that no judge is needed.

An accepted answer is one or more words or numbers, compared as `text.tokens` makes them: all of them, in order, with
nothing but punctuation between. Whole words only, so that "8" is not in "1821" and "Paris" not in "parish"; in scripts
without spaces any run of letters, but for a number word inside a longer one (八 is not in 十八). A number is not found
in a formula (2 is not in CO2). A `*` at the start or the end of a word stands for what inflection and clitics add: at
most `MOST_ADDED` letters, or such an ending behind an apostrophe ("Париж*", "*باريس", "Ankara*").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crosstune.text.case import is_cased
from crosstune.text.tokens import Token, tokens

MOST_ADDED = 4
"""Letters or marks that a `*` stands for."""

_ADDED = "*"

_HAN_NUMERALS = frozenset("〇零一二三四五六七八九十百千万萬亿億兆两兩廿卅")
"""What Han numbers are written with (Unihan's kPrimaryNumeric in use today). The numeric values of Unicode are no help:
they make numerals of 京 and 陆 as well, with which names of places end."""


@dataclass(frozen=True, slots=True)
class Match:
    """An accepted answer in a text."""

    alias: str
    """The answer as it was given, with its `*`."""
    start: int
    end: int
    """The place in the original text: `text[start:end]`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A word of an accepted answer."""

    text: str
    added_before: int
    added_after: int
    """How many letters may be added there."""

    def fits(self, token: Token) -> bool:
        added = len(token.text) - len(self.text)
        if added <= 0 or not token.is_word:
            return token.text == self.text
        if added > self.added_before + self.added_after:
            return False
        first = max(0, added - self.added_after)  # of the letters that may stand before
        return any(token.text.startswith(self.text, start) for start in range(first, min(added, self.added_before) + 1))


@lru_cache(maxsize=65_536)
def _parts(alias: str, language: str) -> tuple[_Part, ...]:
    return tuple(
        _Part(
            token.text,
            MOST_ADDED if token.is_word and alias[: token.start].endswith(_ADDED) else 0,
            MOST_ADDED if token.is_word and alias.startswith(_ADDED, token.end) else 0,
        )
        for token in tokens(alias, language)
    )


def normalise(text: str, language: str) -> list[str]:
    """What of a text is compared.

    Args:
        text: any text, or an accepted answer (its `*` are left out).
        language: code of the language it is in.

    Returns:
        Its words and numbers; of a script without spaces, its letters. Empty when there is nothing to compare.
    """
    return [token.text for token in tokens(text, language)]


def find_answer(text: str, answers: Sequence[str], language: str) -> Match | None:
    """The first accepted answer that a text contains.

    Args:
        text: an answer, untrusted; its first `normalise.CHARACTERS_LOOKED_AT` characters are looked at.
        answers: accepted answers. One that nothing is left of is never found; readers refuse it.
        language: code of the language that was asked for.

    Returns:
        The first of `answers` that is there, where it stands first; None when none is there.
    """
    words = tokens(text, language)
    return next((match for alias in answers for match in _matches(words, alias, language)), None)


def find_answers(text: str, answers: Sequence[str], language: str) -> list[Match]:
    """Every place of every accepted answer that a text contains.

    Args:
        text: as for `find_answer`.
        answers: as for `find_answer`.
        language: as for `find_answer`.

    Returns:
        By their place in the text; those of different answers may overlap.
    """
    words = tokens(text, language)
    found = [match for alias in answers for match in _matches(words, alias, language)]
    return sorted(found, key=lambda match: (match.start, -match.end))


def _matches(words: Sequence[Token], alias: str, language: str) -> Iterator[Match]:
    parts = _parts(alias, language)
    if not parts:
        return
    core = parts[0].text
    for first in [place for place, word in enumerate(words) if core in word.text]:
        if not parts[0].fits(words[first]) or (end := _end(words, first, parts)) is None:
            continue
        if not (_is_inside(words, first) or _is_inside(words, end)):
            yield Match(alias, words[first].start, words[end - 1].end)


def _end(words: Sequence[Token], first: int, parts: Sequence[_Part]) -> int | None:
    """Behind which word an answer that begins with the word `first` ends; None when it is not there."""
    place = first
    before: _Part | None = None
    for part in parts:
        if before is not None and before.added_after and _is_ending(words, place) and not part.fits(words[place]):
            place += 1
        if place >= len(words) or not part.fits(words[place]):
            return None
        place += 1
        before = part
    return place


def _is_inside(words: Sequence[Token], place: int) -> bool:
    """Whether a number in Han numerals, or a formula such as CO2, goes on over a place between two words."""
    if not 0 < place < len(words) or words[place - 1].end != words[place].start:
        return False
    before, after = words[place - 1].text[-1:], words[place].text[:1]
    if is_cased(before) and after.isdecimal():
        return True
    is_numeral = [letter in _HAN_NUMERALS for letter in (before, after)]
    return all(is_numeral) or (any(is_numeral) and (before.isdecimal() or after.isdecimal()))


def _is_ending(words: Sequence[Token], place: int) -> bool:
    return (
        place < len(words)
        and words[place].after_apostrophe
        and words[place].is_word
        and len(words[place].text) <= MOST_ADDED
    )
