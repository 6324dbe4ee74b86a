"""Which language a text is in, by a second detector that has nothing in common with lid.176: ELD (Nito-ELD, in C).

It counts n-grams of words in 60 languages. Two detectors that agree are wrong far less often than one.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from crosstune.languages import languages
from crosstune.text.identify import Candidate
from crosstune.text.normalise import CHARACTERS_LOOKED_AT, clean

_UNKNOWN = "und"


@cache
def _detector() -> Any:
    import eldc

    eldc.init()
    return eldc


@cache
def _code_of(label: str) -> str:
    return next((entry.code for entry in languages().values() if label in entry.eldc.split()), label)


def has_second_opinion(language: str) -> bool:
    """Whether the detector knows a language of the table."""
    return bool(languages()[language].eldc)


def second_opinion(text: str) -> Candidate | None:
    """The language that ELD takes a text for.

    Args:
        text: any text, untrusted; its first `normalise.CHARACTERS_LOOKED_AT` characters are looked at.

    Returns:
        The language with ELD's score between 0 and 1, which is no probability: scores of other languages may be nearly
        as high. None when it sees nothing of any language.
    """
    is_clean = len(text) <= CHARACTERS_LOOKED_AT and text.isprintable() and unicodedata.is_normalized("NFC", text)
    found = _detector().detect_details(text if is_clean else " ".join(clean(text).split()))
    if found.language == _UNKNOWN:
        return None
    score = found.scores.get(found.language, 0.0)
    return Candidate(_code_of(found.language), min(max(float(score), 0.0), 1.0))


def second_opinions(texts: Sequence[str]) -> list[Candidate | None]:
    """The language that ELD takes each text for.

    Args:
        texts: as for `second_opinion`, any number.
    """
    return [second_opinion(text) for text in texts]
