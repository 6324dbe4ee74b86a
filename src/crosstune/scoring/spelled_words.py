"""The words of an answer that a dictionary can be asked about, and those that it does not know.

Left out altogether: code, addresses, markup, what stands in quotation marks or brackets, words in another script than
the language's, and whatever has digits or signs in it. Counted but excused, though no dictionary knows them: acronyms,
words with capitals inside, units behind a number, and words that a capital shows to be names.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from crosstune.languages import languages
from crosstune.text.case import is_capital, is_cased
from crosstune.text.dictionaries import dictionary_entries, is_word
from crosstune.text.prose import blanked
from crosstune.text.scripts import letters_of

MOST_WORDS = 1_000
"""Words that are looked at, from the start; the rest of a very long answer is not."""
LONGEST_TERM = 60
"""Characters of a term in quotation marks or brackets that is left out; what is longer is the answer's own words."""
LONGEST_ACRONYM = 5
LONGEST_UNIT = 3
"""Letters of a unit of measurement behind a number."""

_PAIRS = ('""', "“”", "„“”", "«»", "»«", "‹›", "‘’", "()", "[]", "（）", "{}")
_TERM = regex.compile(
    "|".join(
        rf"{regex.escape(pair[0])}[^{regex.escape(pair)}\n]{{1,{LONGEST_TERM}}}[{regex.escape(pair[1:])}]"
        for pair in _PAIRS
    )
)
_APOSTROPHES = "'’ʼ＇׳"
# A hyphen, a stop or an apostrophe belongs to a word when a letter or digit follows at once.
_CHUNK = regex.compile(
    rf"(?:[\p{{L}}\p{{M}}\p{{N}}_@#&\\$~\u200c\u200d]|[{_APOSTROPHES}.\-‐‑·״](?=[\p{{L}}\p{{N}}]))++"
)
_SIGNS = regex.compile(r"[._@#&\\$~״]")
"""A word with one is an abbreviation, an address, a mention or a bit of code."""
_HYPHENS = regex.compile(r"[-‐‑]")
_LETTERS = regex.compile(rf"[\p{{L}}\p{{M}}\u200c\u200d{_APOSTROPHES}·]+")
_EDGES = f"{_APOSTROPHES}.-‐‑·״"
_PLAIN = str.maketrans({**dict.fromkeys(_APOSTROPHES[:-1], "'"), "‐": "-", "‑": "-", "ـ": ""})

# What may stand between the end of a sentence and the first letter of the next one.
_BEHIND_END = " \t*_~`\"'“”„«»‹›‘’([{¿¡"
_GOES_ON = ",;)]}%&/+=|"


@dataclass(frozen=True, slots=True)
class SpelledWord:
    """A word and what is wrong with it."""

    start: int
    end: int
    """It is `text[start:end]`."""
    unknown: tuple[tuple[int, int], ...]
    """Places in the text of its parts that no dictionary knows and nothing excuses; empty for a good word."""


def spelled_words(text: str, language: str) -> list[SpelledWord]:
    """The first `MOST_WORDS` words of an answer.

    Args:
        text: cleaned (`text.normalise`).
        language: a code in `dictionary_entries`.

    Raises:
        ModelUnavailable: a package of the extra `spelling` is not installed.
    """
    text = without_terms(blanked(text))
    found: list[SpelledWord] = []
    for chunk in _CHUNK.finditer(text):
        start = chunk.start() + len(chunk[0]) - len(chunk[0].lstrip(_EDGES))
        end = chunk.end() - len(chunk[0]) + len(chunk[0].rstrip(_EDGES))
        unknown = _unknown(text, start, end, language)
        if unknown is not None:
            found.append(SpelledWord(start, end, tuple(unknown)))
            if len(found) == MOST_WORDS:
                break
    return found


def without_terms(text: str) -> str:
    """A text with spaces for what stands in quotation marks or brackets, as long as before."""
    return _TERM.sub(lambda found: " " * len(found[0]), text)


def _unknown(text: str, start: int, end: int, language: str) -> list[tuple[int, int]] | None:
    """The unknown parts of a word; None when it is none that a dictionary can be asked about."""
    whole = text[start:end]
    if _SIGNS.search(whole):
        return None
    parts = [
        (at, stop)
        for at, stop in _parts(whole)
        if _LETTERS.fullmatch(whole, at, stop) and _in_script(whole[at:stop], language)
    ]
    if not parts:
        return None
    if is_word(whole.translate(_PLAIN), language):
        return []
    return [
        (start + at, start + stop)
        for at, stop in parts
        if not _is_known(whole[at:stop], language) and not _is_excused(text, start + at, start + stop, language)
    ]


def _parts(word: str) -> Iterator[tuple[int, int]]:
    """What stands between hyphens."""
    place = 0
    for hyphen in _HYPHENS.finditer(word):
        yield place, hyphen.start()
        place = hyphen.end()
    yield place, len(word)


def _in_script(word: str, language: str) -> bool:
    return letters_of(languages()[language].script).search(word) is not None


def _is_known(word: str, language: str) -> bool:
    """Whether a part is a word, or made of words around apostrophes."""
    plain = word.translate(_PLAIN)
    if len(plain) == 1 or is_word(plain, language):
        return True
    pieces = plain.split("'")
    if len(pieces) == 1:
        return False
    if len(pieces[0]) > 2 and is_capital(plain[0]) and len(pieces[-1]) <= LONGEST_ACRONYM:
        return True  # a name and its ending: Messi's, Twitter'dan
    return all(
        len(piece) < 2 or is_word(piece, language) or is_word(piece + "'", language)  # an elision: dell', qu'
        for piece in pieces
    )


def _is_excused(text: str, start: int, end: int, language: str) -> bool:
    """Whether a word that no dictionary knows is likely none of the language: an acronym, a brand, a unit, a name."""
    word = text[start:end]
    capitals = sum(map(is_capital, word))
    small = sum(is_cased(letter) and not is_capital(letter) for letter in word)
    if capitals and not small:
        return capitals <= LONGEST_ACRONYM
    if capitals > is_capital(word[0]):
        return True  # iPhone, McDonald, PCs
    if len(word) <= LONGEST_UNIT and text[max(start - 3, 0) : start].rstrip()[-1:].isdecimal():
        return True  # 200 ml
    names = dictionary_entries()[language].capitals == "names"
    return names and bool(capitals) and not begins_sentence(text, start)


def begins_sentence(text: str, start: int) -> bool:
    """Whether a word stands at the start of a line, a sentence, or what a colon or dash sets apart."""
    place = start
    while place and text[place - 1] in _BEHIND_END and start - place < LONGEST_TERM:
        place -= 1
    before = text[place - 1] if place else ""
    return not (before.isalnum() or (before and before in _GOES_ON))
