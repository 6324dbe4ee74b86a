"""Is an answer whose lines are all right also free of foreign words? After Marchisio et al. 2024 (arXiv 2406.20052).

Asked of answers that pass `line_pass`; of the lines of five tokens or more. Their mean is the word pass rate (WPR).

In languages that are not written in Latin script, a token that is an entry of an English dictionary, in small letters
and of more than three, fails the answer: the paper's definition to the letter. Beyond the paper, so does a word of a
third script, such as Chinese in a Russian answer, and languages in Latin script are looked at too: there a word that
`code_switching` takes for foreign fails the answer. `word_pass_with` can leave both out.

Weak points: one word fails an answer, so the rate falls as answers grow longer. The dictionary is of 1934 and without
inflected forms, so "words" and "online" pass. It has no regard for what a word is there for: `print` in code or a name
in small letters fails an answer. A language that is also written in Latin script (Serbian) is looked at as if it were
not, and its own words may be English ones.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from crosstune.languages import languages
from crosstune.records import Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import Context
from crosstune.scoring.foreign_words import supports as has_foreign_words
from crosstune.scoring.foreign_words import words_of
from crosstune.scoring.lines import DROPPED, Line, lines_identity, lines_of, without_punctuation
from crosstune.scoring.lines import supports as has_lines
from crosstune.scoring.measure import Measure, measured, unmeasured
from crosstune.scoring.scorer import Scorer
from crosstune.text.english_words import english_words_identity, is_english_word
from crosstune.text.other_scripts import words_of_other_scripts
from crosstune.text.segmenters import Segmenters, tokenizer
from crosstune.text.word_lists import word_lists_identity

ENGLISH = "en"
"""Note of an English word."""
WORDS_TOLD = 10
"""In the detail."""
LATIN = "Latn"

_SMALL_LATIN = re.compile("[a-z]{4,}")


def word_pass(answer: Answer, lines: Sequence[Line], segmenters: Segmenters, *, beyond: bool = True) -> Measure:
    """Whether an answer whose lines are all right has no foreign word in them.

    Args:
        answer: has a text.
        lines: its lines, as `lines.lines_of` gives them.
        segmenters: how lines are cut where words are written without spaces.
        beyond: whether words of a third script count too, in a language that is not written in Latin script.

    Returns:
        1 or 0; the detail has the first foreign words, and spans are all of them with `en` or the script that they are
        in.
    """
    if not lines:
        return unmeasured(Reason.TOO_SHORT)
    if not all(line.is_right for line in lines):
        return unmeasured(Reason.WRONG_LINE)
    if languages()[answer.requested_language].script == LATIN:
        found = list(_by_commonness(answer, lines))
    else:
        found = list(_by_definition(answer, lines, segmenters, beyond))
    seen = answer.seen.text
    words = list(dict.fromkeys(seen[start:end] for start, end, _ in found))
    spans = tuple(answer.span(start, end, note) for start, end, note in found)
    return measured(not found, ", ".join(words[:WORDS_TOLD]), spans)


class _Word(NamedTuple):
    start: int
    end: int
    """Places in `answer.seen.text`."""
    note: str


def _by_definition(answer: Answer, lines: Sequence[Line], segmenters: Segmenters, beyond: bool) -> Iterator[_Word]:
    script = languages()[answer.requested_language].script
    for line in lines:
        found = list(_english(answer, line, segmenters))
        if beyond:
            for start, end, note in words_of_other_scripts(answer.seen.text[line.start : line.end], script):
                found.append(_Word(line.start + start, line.start + end, note))
        yield from sorted(found)


def _by_commonness(answer: Answer, lines: Sequence[Line]) -> Iterator[_Word]:
    (found,) = words_of([answer])
    for word in found.foreign:
        if any(line.start <= word.start < line.end for line in lines):
            yield _Word(*word)


def _english(answer: Answer, line: Line, segmenters: Segmenters) -> Iterator[_Word]:
    """The tokens of a line that are English words."""
    if not any(is_english_word(run) for run in _SMALL_LATIN.findall(line.text)):
        return  # as in most lines, which then need not be cut into tokens
    seen = answer.seen.text[line.start : line.end]
    bare = without_punctuation(seen)
    places = [place for place, character in enumerate(seen, line.start) if character not in DROPPED]
    for start, end in _places(tokenizer(answer.requested_language, segmenters).tokens(bare), bare):
        if is_english_word(bare[start:end]):
            yield _Word(places[start], places[end - 1] + 1, ENGLISH)


def _places(tokens: Iterable[str], text: str) -> Iterator[tuple[int, int]]:
    """Where each token of a text stands, when they are in its order."""
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start >= 0:
            end = start + len(token)
            yield start, end


def supports_as_published(code: str) -> bool:
    """Whether lines can be identified, in a language that is not written in Latin script."""
    return has_lines(code) and languages()[code].script != LATIN


def supports(code: str) -> bool:
    """Whether lines can be identified, and foreign words in them."""
    return has_lines(code) and has_foreign_words(code)


def word_pass_with(segmenters: Segmenters, *, beyond: bool = True) -> Scorer:
    """The scorer, with lines cut by ICU or as in the paper (`text.segmenters`).

    Args:
        segmenters: how lines are cut where words are written without spaces.
        beyond: whether also to look for what the paper does not: words of a third script, and foreign words in
            languages that are written in Latin script.
    """

    def measure(answers: Sequence[Answer], context: Context) -> list[Measure]:
        found = lines_of(answers, segmenters)
        if beyond:
            words_of(answers)  # all at once, which is far quicker
        return [
            word_pass(answer, lines, segmenters, beyond=beyond) for answer, lines in zip(answers, found, strict=True)
        ]

    def identity() -> dict[str, object]:
        return {
            **lines_identity(segmenters),
            "english_words": english_words_identity(),
            "beyond": word_lists_identity() if beyond else None,
        }

    return Scorer(
        facet="word_pass",
        version=2,
        measure=measure,
        supports=supports if beyond else supports_as_published,
        identity=identity,
    )


WORD_PASS = word_pass_with("icu")
