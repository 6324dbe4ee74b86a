"""How common words are in 40 languages, by the lists of the package wordfreq (Speer 2022), in little memory.

As Python dictionaries the lists take some 50 MB each. Here a list is two sorted arrays, the hashes of its words and how
common each is: 10 bytes a word, 2 to 7 MB a list, and two lists may be taken for one where hashes of 64 bits collide.
`Pool` has the commonest words of many languages at once.

Commonness is Zipf's: the logarithm to base 10 of how often a word comes in a billion. The long lists go down to 1, the
short ones, which are all that some languages have, to 3. All lists are of text from the web, subtitles, books and more,
so that each also has words of other languages, English above all: "the" has 5.4 in French and 7.7 in English.

`word_lists.tsv` has a row a language: what wordfreq calls its list; whether spaces part the words that are in it;
whether words in the language's own script are compared with other languages of that script, or Latin ones alone, since
no other list is in that script; letters that the list writes otherwise (Serbian Cyrillic in Latin); and what an
apostrophe parts from a word that is no part of it, before it (French l'eau) and behind it (`*`: anything, as in
Turkish).
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from crosstune.languages import languages
from crosstune.text.case import fold

Size = Literal["small", "best"]
"""`small`: the words of 3 or more. `best`: the longest list that there is."""

if TYPE_CHECKING:  # numpy takes too long for a command that measures nothing
    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]
    """Hashes of words, good in this process alone."""
    Commonness = NDArray[np.float32]

ANYTHING = "*"
_MOST_KEPT = 30_000
"""Words of one language; some 5 MB."""
_CURLED = str.maketrans("’ʼ", "''")


@dataclass(frozen=True, slots=True)
class WordListEntry:
    """A row of the table."""

    name: str
    words: bool
    """Whether spaces part the words that are listed, as they do not in Chinese, Japanese and Korean."""
    own_script: bool
    letters: Mapping[int, str]
    before: frozenset[str]
    after: frozenset[str]


@cache
def _table() -> str:
    return files("crosstune").joinpath("text/word_lists.tsv").read_text("utf-8")


@cache
def word_list_entries() -> Mapping[str, WordListEntry]:
    """The table, by code of the language."""
    return {
        row["language"]: WordListEntry(
            row["list"],
            row["words"] == "yes",
            row["own_script"] == "yes",
            str.maketrans(dict(pair.split("=") for pair in row["letters"].split())),
            frozenset(row["before"].split()),
            frozenset(row["after"].split()),
        )
        for row in csv.DictReader(_table().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    }


@cache
def word_lists_identity() -> dict[str, object]:
    """What decides how common a word is, for fingerprints."""
    return {"wordfreq": version("wordfreq"), "word_lists": _table()}


@lru_cache(maxsize=100_000)
def as_listed(word: str, language: str) -> str:
    """A word as the list of a language writes it: in small letters, with straight apostrophes."""
    entry = word_list_entries().get(language)
    plain = fold(word.translate(_CURLED), language)
    return plain.translate(entry.letters) if entry and entry.letters else plain


def keys_of(words: Iterable[str]) -> Keys:
    """Hashes of words as they are listed."""
    import numpy as np

    return np.fromiter(map(hash, words), np.int64)


def _read(name: str, size: Size) -> tuple[Keys, NDArray[np.int16]]:
    """Hashes of a list's words, and hundredths of their commonness."""
    import numpy as np
    from wordfreq import available_languages, read_cBpack

    groups: Sequence[Sequence[str]] = read_cBpack(available_languages(size)[name])  # the nth: of 9 - n / 100
    keys = keys_of(itertools.chain.from_iterable(groups))
    values = np.repeat(np.arange(900, 900 - len(groups), -1, dtype=np.int16), [len(group) for group in groups])
    return keys, values


class WordList:
    """The list of one language."""

    def __init__(self, name: str, size: Size = "best") -> None:
        """Reads it, in some 0.1 to 0.4 s.

        Args:
            name: what wordfreq calls it.
            size: see `Size`.
        """
        import numpy as np

        keys, values = _read(name, size)
        order = np.argsort(keys)
        self._keys, self._values = keys[order], values[order]
        self.least = int(values.min()) / 100
        """How common the rarest words of the list are."""

    def commonness(self, keys: Keys) -> Commonness:
        """How common words are; 0 for those that the list lacks."""
        import numpy as np

        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found = np.where(self._keys[places] == keys, self._values[places], 0)
        return (found / 100).astype(np.float32)


class Pool:
    """The small lists of several languages as one."""

    def __init__(self, names: Sequence[str]) -> None:
        """Reads them, in some 0.02 s each."""
        import numpy as np

        parts = [_read(name, "small") for name in names]
        keys = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        owners = np.repeat(np.arange(len(names), dtype=np.uint8), [len(part[0]) for part in parts])
        order = np.argsort(keys)
        self.names = tuple(names)
        self._keys, self._values, self._owners = keys[order], values[order], owners[order]

    def commonness(self, keys: Keys) -> Commonness:
        """How common words are in each list: an array of words by lists, with 0 for words that a list lacks."""
        import numpy as np

        found = np.zeros((len(keys), len(self.names)), np.float32)
        first = np.searchsorted(self._keys, keys, "left")
        counts = np.searchsorted(self._keys, keys, "right") - first
        rows = np.repeat(np.arange(len(keys)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = np.repeat(first, counts) + within
        found[rows, self._owners[places]] = (self._values[places] / 100).astype(np.float32)
        return found


@cache
def word_list(language: str) -> WordList:
    """The list of a language in the table; kept."""
    return WordList(word_list_entries()[language].name)


class KnownWords(dict[str, tuple[float, ...]]):
    """How common words of one language are, as they stand in texts: of each of the pieces between apostrophes."""

    def __init__(self, language: str) -> None:
        """Knows no word yet.

        Args:
            language: a code in the table.
        """
        super().__init__()
        self._language = language

    def learn(self, words: Iterable[str]) -> None:
        """Looks up words that are new. Those of former calls may be forgotten then."""
        words = dict.fromkeys(words)
        if len(self) > _MOST_KEPT:
            self.clear()
        new = [word for word in words if word not in self]
        if not new:
            return
        pieces = [[piece for piece in as_listed(word, self._language).split("'") if piece] for word in new]
        keys = keys_of(itertools.chain.from_iterable(pieces))
        found = iter(word_list(self._language).commonness(keys).tolist())
        self.update((word, tuple(itertools.islice(found, len(some)))) for word, some in zip(new, pieces, strict=True))


@cache
def known_words(language: str) -> KnownWords:
    """The words of a language in the table that were met; kept."""
    return KnownWords(language)


@cache
def pool(script: str) -> Pool:
    """The small lists of all languages that are written in a script, by its code in the table of languages; kept."""
    names = [entry.name for code, entry in word_list_entries().items() if languages()[code].script == script]
    return Pool(tuple(dict.fromkeys(names)))
