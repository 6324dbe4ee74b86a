"""How long an answer is: sentences, words, paragraphs. Code blocks are not counted.

Titles, which are headings and lines wholly in bold, are neither sentences nor paragraphs.
"""

from crosstune.languages import languages
from crosstune.prompts.checks.verdict import Verdict, decided, undecided
from crosstune.records import Reason
from crosstune.text import segments
from crosstune.text.prose import without_code


def _within(found: int, at_least: int | None, at_most: int | None, count: int | None) -> bool:
    return (
        (at_least is None or found >= at_least)
        and (at_most is None or found <= at_most)
        and (count is None or found == count)
    )


def _number(found: int, noun: str) -> str:
    return f"{found} {noun}" if found == 1 else f"{found} {noun}s"


def sentences(
    text: str, language: str, *, at_least: int | None = None, at_most: int | None = None, count: int | None = None
) -> Verdict:
    """Whether there are as many sentences as asked (see `text.segments.sentences`).

    A reason where sentences end in no mark, as in Thai, and where nothing but code and titles was answered.
    """
    entry = languages().get(language)
    if entry is None or not entry.sentence_marks:
        return undecided(Reason.UNSUPPORTED_LANGUAGE)
    found = len(segments.sentences(segments.without_titles(without_code(text)), language))
    if not found:
        return undecided(Reason.UNDETERMINED, "no sentence")
    return decided(_within(found, at_least, at_most, count), _number(found, "sentence"))


def words(text: str, language: str, *, at_least: int | None = None, at_most: int | None = None) -> Verdict:
    """Whether there are as many words as asked; those of scripts without spaces are found by dictionary."""
    found = len(segments.words(without_code(text), language))
    if not found:
        return undecided(Reason.UNDETERMINED, "no word")
    return decided(_within(found, at_least, at_most, None), _number(found, "word"))


def paragraphs(text: str, language: str, *, count: int) -> Verdict:
    """Whether there are as many paragraphs as asked, parted by blank lines and titles."""
    found = len(segments.paragraphs(without_code(text)))
    if not found:
        return undecided(Reason.UNDETERMINED, "no paragraph")
    return decided(found == count, _number(found, "paragraph"))
