"""Which words an answer has, and where. Compared as `text.tokens` makes them: case and punctuation do not matter."""

from collections.abc import Sequence

from crosstune.prompts.checks.verdict import Verdict, decided
from crosstune.text.answers import find_answer, normalise
from crosstune.text.segments import paragraphs


def contains(text: str, language: str, *, word: str) -> Verdict:
    """Whether a word is there: as a whole word, or anywhere in scripts without spaces. `*` as in `text.answers`."""
    return decided(find_answer(text, [word], language) is not None)


def avoids(text: str, language: str, *, word: str) -> Verdict:
    """Whether a word is not there; the opposite of `contains`."""
    found = find_answer(text, [word], language)
    return decided(found is None, text[found.start : found.end] if found else "")


def _begins(words: Sequence[str], phrase: Sequence[str]) -> bool:
    return bool(phrase) and list(words[: len(phrase)]) == list(phrase)


def begins_with(text: str, language: str, *, phrase: str) -> Verdict:
    """Whether an answer begins with a phrase."""
    words = normalise(text, language)
    return decided(_begins(words, normalise(phrase, language)), " ".join(words[:5]))


def ends_with(text: str, language: str, *, phrase: str) -> Verdict:
    """Whether an answer ends with a phrase."""
    words = normalise(text, language)
    return decided(_begins(words[::-1], normalise(phrase, language)[::-1]), " ".join(words[-5:]))


def last_paragraph(text: str, language: str, *, phrase: str) -> Verdict:
    """Whether the last paragraph, or the last line, begins with a phrase and there is a text before it."""
    parts = paragraphs(text)
    if not parts:
        return decided(False, "no paragraph")
    lines = parts[-1].splitlines()
    wanted = normalise(phrase, language)
    if len(parts) > 1 and _begins(normalise(parts[-1], language), wanted):
        return decided(True)
    if len(lines) > 1 and _begins(normalise(lines[-1], language), wanted):
        return decided(True)
    only = len(parts) == 1 and _begins(normalise(parts[0], language), wanted)
    return decided(False, "nothing before it" if only else parts[-1][:40])
