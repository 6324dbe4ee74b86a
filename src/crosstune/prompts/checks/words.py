"""Which words an answer has, and where. Compared as `text.tokens` makes them: case and punctuation do not matter."""

from collections.abc import Sequence

from crosstune.prompts.checks.verdict import Verdict, decided
from crosstune.text.answers import find_answer, normalise
from crosstune.text.segments import blocks, has_word, paragraphs


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
    """Whether the last paragraph, or the last line, begins with a phrase and there is a text before it.

    The phrase may also stand before the last paragraph on a line of its own, or as its heading.
    """
    wanted = normalise(phrase, language)
    parts = blocks(text)
    if not parts:
        return decided(False, "no paragraph")
    *others, last = parts
    if normalise(last, language) == wanted:
        return decided(False, "nothing behind it")
    lines = [line for line in last.splitlines() if has_word(line)]
    if others and normalise(others[-1], language) == wanted:
        before = others[:-1]
    elif _begins(normalise(lines[0], language), wanted):
        before = others
    elif any(normalise(line, language) == wanted for line in lines[:-1]) or _begins(
        normalise(lines[-1], language), wanted
    ):
        before = [*others, lines[0]]
    else:
        return decided(False, last[:40])
    return decided(bool(paragraphs("\n\n".join(before))), "" if before else "nothing before it")
