"""Which words of an answer are of another language than the one that was asked for?

The value is their share, between 0 and 1; the detail has the first of them, and spans are all of them with the language
or script that they are of. `scoring.foreign_words` tells them, by how common words are in each language (wordfreq,
Speer 2022).

Weak points: English words that a language has taken over without a trace in its list count, and those that its list has
do not; words that two languages spell alike are told by their neighbours alone. Of languages other than English, fewer
than three words in a row are not seen in Latin script, and in other scripts a relative in the same script (Ukrainian in
Russian) is not. Capitals excuse: a foreign sentence in capitals is not seen.
"""

from collections.abc import Sequence

from crosstune.records import Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import Context
from crosstune.scoring.foreign_words import WordsOfText, supports, words_of
from crosstune.scoring.measure import Measure, measured, unmeasured
from crosstune.scoring.scorer import Scorer
from crosstune.text.word_lists import word_lists_identity

LEAST_WORDS = 5
"""Of fewer, one is too large a share."""
WORDS_TOLD = 10


def code_switching(answers: Sequence[Answer], context: Context) -> list[Measure]:
    """The share of foreign words in each answer."""
    return [_measure(answer, found) for answer, found in zip(answers, words_of(answers), strict=True)]


def _measure(answer: Answer, found: WordsOfText) -> Measure:
    if found.count < LEAST_WORDS:
        return unmeasured(Reason.TOO_SHORT)
    seen = answer.seen.text
    told = dict.fromkeys(seen[word.start : word.end] for word in found.foreign)
    spans = tuple(answer.span(*word) for word in found.foreign)
    return measured(len(found.foreign) / found.count, ", ".join(list(told)[:WORDS_TOLD]), spans)


CODE_SWITCHING = Scorer(
    facet="code_switching",
    version=1,
    measure=code_switching,
    supports=supports,
    identity=word_lists_identity,
)
