"""How long is an answer? In words, or in characters where the language is written without spaces between words.

All of the answer is counted, with its code, addresses and tags. A word is what stands between spaces and marks, as word
processors count (Vietnamese: a syllable); a character is a letter or a digit. Weak points: an answer in another
language is counted in the unit of the requested one, so an English answer to a Chinese prompt seems four times as long.
"""

from typing import cast

from crosstune.records import Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.lengths import count, in_words, unit_of
from crosstune.scoring.measure import Measure, measured, unmeasured
from crosstune.scoring.scorer import Scorer, each


def length_of(answer: Answer) -> float | None:
    """Words or characters of an answer, counted once; None when there is no answer, or its requested language is not
    known."""
    unit = unit_of(answer.requested_language)
    if unit is None or answer.text is None:
        return None
    key = "length", unit
    if key not in answer.kept:
        answer.kept[key] = float(count(answer.text, unit))
    return cast(float, answer.kept[key])


def length(answer: Answer) -> Measure:
    """The length, with its unit as detail."""
    unit, found = unit_of(answer.requested_language), length_of(answer)
    if unit is None or found is None:
        return unmeasured(Reason.UNSUPPORTED_LANGUAGE)
    return measured(found, in_words(found, unit))


def supports(code: str) -> bool:
    """Whether it is known how the language parts words."""
    return unit_of(code) is not None


LENGTH = Scorer(facet="length", version=1, measure=each(length), supports=supports)
