"""What is known of single words in Latin script: how much commoner each is in other languages than in its text's own.

Looked up for many words at once, and kept: most words of a text are among those of the texts before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from crosstune.text.word_lists import as_listed, keys_of, pool, word_list, word_list_entries

if TYPE_CHECKING:  # numpy takes too long for a command that measures nothing
    import numpy as np
    from numpy.typing import NDArray

ENGLISH = "en"
LATIN = "Latn"
LEAST_COMMON = 3.0
"""Commonness that a word must have in English."""
LEAST_LEAD_BESIDE = 0.3
"""How much commoner a word beside a foreign one must be in English (the logarithm of how many times)."""
_LONG_WORD = 3
"""Letters; shorter words are foreign only beside others."""
_COMMON_ELSEWHERE = 4.0
_LEAST_LEAD_ELSEWHERE = 1.5
_MOST_KEPT = 30_000
"""Words of one language; some 4 MB."""


class KnownWord(NamedTuple):
    """What is known of a word."""

    is_small: bool
    """In small letters, with no elision before it, which is of the language (l'ago): it may be foreign by itself."""
    is_long: bool
    lead: float
    """How much commoner it is in English than in the language (the logarithm of how many times); less than
    `LEAST_LEAD_BESIDE` for all words that are not."""
    elsewhere: int
    """A bit for each of `names_of_others`: whether a word in small letters is common there, and far commoner than in
    the language."""


_ORDINARY = KnownWord(is_small=False, is_long=False, lead=-9.0, elsewhere=0)


class Vocabulary(dict[str, "KnownWord | None"]):
    """Words as they stand in texts of one language; None for acronyms, which are not looked at."""

    def __init__(self, language: str) -> None:
        """Knows no word yet.

        Args:
            language: a code in Latin script with a word list.
        """
        super().__init__()
        self._language = language
        self._before = word_list_entries()[language].before

    def learn(self, words: Iterable[str]) -> None:
        """Looks up words that are new. Those of former calls may be forgotten then."""
        words = dict.fromkeys(words)
        if len(self) > _MOST_KEPT:
            self.clear()
        new = [word for word in words if word not in self]
        self.update(dict.fromkeys((word for word in new if len(word) > 1 and word.isupper()), None))
        some = [word for word in new if word not in self]
        if some:
            self.update(zip(some, self._looked_up(some), strict=True))

    def _looked_up(self, words: Sequence[str]) -> list[KnownWord]:
        import numpy as np

        listed = [as_listed(word, self._language) for word in words]
        forms = [self._stem(form) if "'" in form else form for form in listed]
        keys = keys_of(forms)
        here = word_list(self._language).commonness(keys)
        english = word_list(ENGLISH).commonness(keys) if self._language != ENGLISH else np.zeros(len(forms), np.float32)
        leads = np.where(english >= LEAST_COMMON, english - here, _ORDINARY.lead)
        elsewhere = self._elsewhere(keys, here)
        found = [_ORDINARY] * len(words)
        for place in np.flatnonzero((leads >= LEAST_LEAD_BESIDE) | elsewhere.any(axis=1)).tolist():
            is_small = words[place].islower() and forms[place] == listed[place]
            bits = sum(1 << int(bit) for bit in np.flatnonzero(elsewhere[place])) if is_small else 0
            found[place] = KnownWord(is_small, len(forms[place]) >= _LONG_WORD, float(leads[place]), bits)
        return found

    def _stem(self, form: str) -> str:
        first, _, rest = form.partition("'")
        return rest if first in self._before and rest else form

    def _elsewhere(self, keys: NDArray[np.int64], here: NDArray[np.float32]) -> NDArray[np.bool_]:
        others = pool(LATIN)
        commonness = others.commonness(keys)
        own = word_list_entries()[self._language].name
        commonness[:, [name == own for name in others.names]] = 0
        found: NDArray[np.bool_] = (commonness >= _COMMON_ELSEWHERE) & (
            commonness - here[:, None] >= _LEAST_LEAD_ELSEWHERE
        )
        return found


@cache
def vocabulary(language: str) -> Vocabulary:
    """The words of a language that were met; kept."""
    return Vocabulary(language)


def names_of_others() -> tuple[str, ...]:
    """The languages that `KnownWord.elsewhere` has a bit for, from the lowest one."""
    return pool(LATIN).names
