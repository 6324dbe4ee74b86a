"""The words of an answer that are of another language than the one that was asked for.

In a language of Latin script with a word list, a word in small letters is English when it is common there and far
commoner than in the language itself (`text.word_lists`); beside a word that surely is, less is needed. Three words or
more in a row that are all common in one other language, and far commoner than here, are of that one. In any other
script, words in small Latin letters are foreign. In all, words in a third script are.

Left out: code, addresses, markup, short text in quotation marks or brackets, and numbers with what hangs on them. Never
foreign by themselves: words with a capital (names, brands, acronyms, German nouns), and units behind a number.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import regex

from crosstune.languages import languages
from crosstune.scoring.answer import Answer
from crosstune.scoring.foreign_vocabulary import (
    ENGLISH,
    LATIN,
    LEAST_COMMON,
    LEAST_LEAD_BESIDE,
    KnownWord,
    names_of_others,
    vocabulary,
)
from crosstune.scoring.lengths import unit_of
from crosstune.scoring.spelled_words import LONGEST_UNIT, without_terms
from crosstune.text.other_scripts import words_of_other_scripts
from crosstune.text.prose import blanked
from crosstune.text.scripts import letters_of
from crosstune.text.word_lists import keys_of, word_list, word_list_entries

MOST_WORDS = 1_000
"""Words that are looked at, from the start; the rest of a very long answer is not."""

LEAST_LEAD = 1.5
"""How much commoner a word must be in English than in the language (the logarithm of how many times). Chosen on the
packaged prompts with planted words, as are the others."""
_LONG_WORD = 3
"""Letters of a foreign word in Latin script among words of another one."""
_RUN = 3
"""Words in a row that tell another language than English."""
_LETTERS_PER_WORD = 2
"""Where words are not parted, so many letters count as one."""

_ODD = regex.compile(r"[\p{N}_@#&\\$~]|\.(?=[\p{L}\p{N}])")
"""A digit or sign, or a stop between letters; what it stands in is a number, an address or the name of a file."""
_REST_OF_CHUNK = regex.compile(r"[\p{L}\p{M}\p{N}_@#&\\$~.]++")
_HANGS_ON = regex.compile(r"[\p{N}_@#&\\$~]|\.[\p{L}\p{N}]")
_HANGS_BEFORE = regex.compile(r"[\p{N}_@#&\\$~]$|[\p{L}\p{N}]\.$")
_LATIN_WORD = regex.compile(r"\p{Latin}[\p{Latin}\p{M}]*+(?:['’\-][\p{Latin}\p{M}]+)*+")
_PART = regex.compile(r"[\p{L}\p{M}]+(?:['’ʼ][\p{L}\p{M}]+)*+")


class ForeignWord(NamedTuple):
    """A word, and the language or script that it is of."""

    start: int
    end: int
    """It is `text[start:end]`."""
    note: str


@dataclass(frozen=True, slots=True)
class WordsOfText:
    """What was found in one text."""

    count: int
    """Words that were looked at."""
    foreign: tuple[ForeignWord, ...]


class _Word(NamedTuple):
    start: int
    end: int
    known: KnownWord
    is_small: bool


def supports(code: str) -> bool:
    """Whether foreign words can be told from a language's own: it has a word list, or is not in Latin script."""
    entry = languages().get(code)
    return entry is not None and (entry.script != LATIN or code in word_list_entries())


def foreign_words(texts: Sequence[str], language: str) -> list[WordsOfText]:
    """The foreign words of texts.

    Args:
        texts: cleaned (`text.normalise`), any number; what is found in one does not depend on the others.
        language: a code that `supports`.
    """
    bare = [without_terms(blanked(text)) for text in texts]
    if languages()[language].script == LATIN:
        pairs = _by_commonness([_without_odd(text) for text in bare], bare, language)
        found, counts = [words for words, _ in pairs], [count for _, count in pairs]
    else:
        found = [list(_latin(text)) for text in bare]
        counts = [_count(text, language) + len(words) for text, words in zip(bare, found, strict=True)]
    script = languages()[language].script
    result = []
    for text, count, words in zip(bare, counts, found, strict=True):
        others = [] if text.isascii() else words_of_other_scripts(text, script)
        more = [ForeignWord(*other) for other in others]
        result.append(WordsOfText(max(count, len(words) + len(more)), tuple(sorted((*words, *more)))))
    return result


def words_of(answers: Sequence[Answer]) -> list[WordsOfText]:
    """The foreign words of each answer, by its requested language; worked out once, and kept with the answer.

    Args:
        answers: in languages that `supports`.
    """
    key = "foreign_words"
    by_language: dict[str, list[Answer]] = {}
    for answer in answers:
        if key not in answer.kept:
            by_language.setdefault(answer.requested_language, []).append(answer)
    for language, some in by_language.items():
        for answer, found in zip(some, foreign_words([one.seen.text for one in some], language), strict=True):
            answer.kept[key] = found
    return [cast(WordsOfText, answer.kept[key]) for answer in answers]


def _without_odd(text: str) -> str:
    """A text with spaces for each chunk with digits or signs in it, or a stop between letters, as long as before."""
    parts: list[str] = []
    done = 0
    for sign in _ODD.finditer(text):
        start = sign.start()
        if start < done:
            continue
        while start > done and (text[start - 1].isalpha() or unicodedata.category(text[start - 1])[0] == "M"):
            start -= 1
        end = cast("regex.Match[str]", _REST_OF_CHUNK.match(text, sign.start())).end()
        parts += (text[done:start], " " * (end - start))
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _by_commonness(plain: Sequence[str], texts: Sequence[str], language: str) -> list[tuple[list[ForeignWord], int]]:
    """The foreign words of texts in Latin script, and how many words each has; parts of one with hyphens are words.

    Args:
        plain: the texts without odd chunks.
        texts: with them.
        language: of all of them.
    """
    known = vocabulary(language)
    cut = [_PART.findall(text) for text in plain]
    known.learn(itertools.chain.from_iterable(cut))
    found = []
    for text, whole, parts in zip(plain, texts, cut, strict=True):
        words = [word for word in map(known.__getitem__, parts) if word is not None][:MOST_WORDS]
        may_have_any = sum(word.elsewhere > 0 for word in words) >= _RUN or any(
            word.lead >= LEAST_LEAD and word.is_small and word.is_long for word in words
        )
        foreign = _foreign(list(itertools.islice(_words(text, whole, known), MOST_WORDS))) if may_have_any else []
        found.append((foreign, len(words)))
    return found


def _words(plain: str, text: str, known: Mapping[str, KnownWord | None]) -> Iterator[_Word]:
    for part in _PART.finditer(plain):
        word = known[part[0]]
        if word is None:
            continue
        start, end = part.span()
        is_unit = end - start <= LONGEST_UNIT and text[max(start - 2, 0) : start].strip()[-1:].isdecimal()
        yield _Word(start, end, word, word.is_small and not is_unit)


def _foreign(words: Sequence[_Word]) -> list[ForeignWord]:
    notes: dict[int, str] = {}
    for place, (_, _, known, is_small) in enumerate(words):
        if is_small and known.is_long and known.lead >= LEAST_LEAD:
            notes[place] = ENGLISH
    for step in (1, -1):
        for place in range(len(words))[::step]:
            is_beside = notes.get(place - step) == ENGLISH
            if is_beside and place not in notes and words[place].known.lead >= LEAST_LEAD_BESIDE:
                notes[place] = ENGLISH
    for first, last, name in _runs(words):
        if sum(notes.get(place) == ENGLISH for place in range(first, last)) * 2 <= last - first:
            notes.update(dict.fromkeys(range(first, last), name))
    return [ForeignWord(words[place].start, words[place].end, notes[place]) for place in sorted(notes)]


def _runs(words: Sequence[_Word]) -> Iterator[tuple[int, int, str]]:
    """Words in a row that one other language has all of."""
    first = 0
    while first < len(words):
        shared = words[first].known.elsewhere if words[first].is_small else 0
        last = first + 1
        while shared and last < len(words) and words[last].is_small and shared & words[last].known.elsewhere:
            shared &= words[last].known.elsewhere
            last += 1
        if shared and last - first >= _RUN:
            yield first, last, names_of_others()[(shared & -shared).bit_length() - 1]
        first = last


def _latin(text: str) -> Iterable[ForeignWord]:
    """Words in small Latin letters, in a text of another script."""
    for word in _LATIN_WORD.finditer(text):
        before = text[max(word.start() - 2, 0) : word.start()]
        hangs = _HANGS_BEFORE.search(before) or _HANGS_ON.match(text, word.end())
        is_unit = len(word[0]) <= LONGEST_UNIT and before.strip()[-1:].isdecimal()
        if word[0].islower() and len(word[0]) >= _LONG_WORD and not hangs and not is_unit:
            common = word_list(ENGLISH).commonness(keys_of([word[0]]))[0]
            yield ForeignWord(word.start(), word.end(), ENGLISH if common >= LEAST_COMMON else LATIN)


def _count(text: str, language: str) -> int:
    """How many words of its own script a text has."""
    letters = letters_of(languages()[language].script)
    if unit_of(language) == "character":
        return len(letters.findall(text)) // _LETTERS_PER_WORD
    return sum(_is_of(word, letters) for word in _PART.findall(text))


@lru_cache(maxsize=50_000)
def _is_of(word: str, letters: "regex.Pattern[str]") -> bool:
    return letters.search(word) is not None
