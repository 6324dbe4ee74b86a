"""The words of an answer that are of another language than the one that was asked for.

In a language of Latin script with a word list, a word in small letters is English when it is common there and far
commoner than in the language itself (`text.word_lists`); beside a word that surely is, less is needed. Three words or
more in a row that are all common in one other language, and far commoner than here, are of that one. In any other
script, words in small Latin letters are foreign. In all, words in a third script are.

Left out: code, addresses, markup, short text in quotation marks or brackets, and numbers with what hangs on them. Never
foreign by themselves: words with a capital (names, brands, acronyms, German nouns), and units behind a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

import regex

from crosstune.languages import languages
from crosstune.scoring.answer import Answer
from crosstune.scoring.lengths import unit_of
from crosstune.scoring.spelled_words import LONGEST_UNIT, without_terms
from crosstune.text.other_scripts import words_of_other_scripts
from crosstune.text.prose import blanked
from crosstune.text.scripts import letters_of
from crosstune.text.word_lists import as_listed, keys_of, pool, word_list, word_list_entries

if TYPE_CHECKING:  # numpy takes too long for a command that measures nothing
    import numpy as np
    from numpy.typing import NDArray

ENGLISH = "en"
LATIN = "Latn"
MOST_WORDS = 1_000
"""Words that are looked at, from the start; the rest of a very long answer is not."""

LEAST_COMMON = 3.0
"""Commonness that a word must have in English."""
LEAST_LEAD = 1.5
"""How much commoner it must be there than in the language (the logarithm of how many times). Chosen on the packaged
prompts with planted words, as are the others."""
LEAST_LEAD_BESIDE = 0.3
"""The same beside a word that is foreign."""
_LONG_WORD = 3
"""Letters; shorter words are foreign only beside others."""
_RUN = 3
"""Words in a row that tell another language than English."""
_COMMON_ELSEWHERE = 4.0
_LEAST_LEAD_ELSEWHERE = 1.5
_LETTERS_PER_WORD = 2
"""Where words are not parted, so many letters count as one."""

_ODD_CHUNK = regex.compile(
    r"(?<![\p{L}\p{M}])[\p{L}\p{M}]*+(?:[\p{N}_@#&\\$~]|\.(?=[\p{L}\p{N}]))[\p{L}\p{M}\p{N}_@#&\\$~.]*+"
)
"""What digits or signs stand in, or a stop between letters: numbers, addresses, names of files."""
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
    form: str
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
        cut = [_words(text, language) for text in bare]
        found = _by_commonness(cut, language)
        counts = [len(words) for words in cut]
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


def _words(text: str, language: str) -> list[_Word]:
    """The words of a text in Latin script; parts of one with hyphens are words."""
    words: list[_Word] = []
    for part in _PART.finditer(_ODD_CHUNK.sub(_blank, text)):
        whole = part[0]
        if len(whole) > 1 and whole.isupper():
            continue
        start, end = part.span()
        form, may_be_foreign = _listed(whole, language)
        if may_be_foreign and end - start <= LONGEST_UNIT and text[max(start - 2, 0) : start].strip()[-1:].isdecimal():
            may_be_foreign = False
        words.append(_Word(start, end, form, may_be_foreign))
        if len(words) == MOST_WORDS:
            break
    return words


def _blank(found: regex.Match[str]) -> str:
    return " " * len(found[0])


@lru_cache(maxsize=100_000)
def _listed(word: str, language: str) -> tuple[str, bool]:
    """A word as lists write it, and whether it may be foreign: in small letters, with no elision before it, which is
    of the language (l'ago)."""
    form = as_listed(word, language)
    stem = _stem(form, word_list_entries()[language].before) if "'" in form else form
    return stem, word.islower() and stem == form


def _stem(form: str, before: Iterable[str]) -> str:
    first, _, rest = form.partition("'")
    return rest if first in before and rest else form


def _by_commonness(cut: Sequence[list[_Word]], language: str) -> list[list[ForeignWord]]:
    import numpy as np

    forms = list(dict.fromkeys(word.form for words in cut for word in words))
    if not forms:
        return [[] for _ in cut]
    keys = keys_of(forms)
    here = word_list(language).commonness(keys)
    others = pool(LATIN)
    elsewhere = others.commonness(keys)
    own = word_list_entries()[language].name
    for place, name in enumerate(others.names):
        if name == own:
            elsewhere[:, place] = 0
    english = word_list(ENGLISH).commonness(keys) if language != ENGLISH else np.zeros(len(forms), np.float32)
    leads = dict(zip(forms, np.where(english >= LEAST_COMMON, english - here, -9.0).tolist(), strict=True))
    strange = (elsewhere >= _COMMON_ELSEWHERE) & (elsewhere - here[:, None] >= _LEAST_LEAD_ELSEWHERE)
    is_strange: NDArray[np.bool_] = np.any(strange, axis=1)
    masks = {form: strange[place] for place, form in enumerate(forms) if is_strange[place]}
    return [_found(words, leads, masks, others.names) for words in cut]


def _found(
    words: Sequence[_Word],
    leads: dict[str, float],
    masks: dict[str, NDArray[np.bool_]],
    names: Sequence[str],
) -> list[ForeignWord]:
    notes: dict[int, str] = {}
    for place, word in enumerate(words):
        if word.is_small and len(word.form) >= _LONG_WORD and leads[word.form] >= LEAST_LEAD:
            notes[place] = ENGLISH
    for step in (1, -1):
        order = range(len(words)) if step == 1 else range(len(words) - 1, -1, -1)
        for place in order:
            if (
                notes.get(place - step) == ENGLISH
                and place not in notes
                and leads[words[place].form] >= LEAST_LEAD_BESIDE
            ):
                notes[place] = ENGLISH
    for first, last, name in _runs(words, masks, names):
        if sum(notes.get(place) == ENGLISH for place in range(first, last)) * 2 <= last - first:
            notes.update(dict.fromkeys(range(first, last), name))
    return [ForeignWord(words[place].start, words[place].end, notes[place]) for place in sorted(notes)]


def _runs(
    words: Sequence[_Word],
    masks: dict[str, NDArray[np.bool_]],
    names: Sequence[str],
) -> Iterable[tuple[int, int, str]]:
    """Words in a row that one other language has all of."""
    first = 0
    while first < len(words):
        mask = masks.get(words[first].form) if words[first].is_small else None
        last = first + 1
        while mask is not None and last < len(words):
            more = masks.get(words[last].form) if words[last].is_small else None
            if more is None or not (mask & more).any():
                break
            mask = mask & more
            last += 1
        if mask is not None and last - first >= _RUN:
            yield first, last, names[int(mask.argmax())]
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
    return sum(letters.search(word[0]) is not None for word in _PART.finditer(text))
