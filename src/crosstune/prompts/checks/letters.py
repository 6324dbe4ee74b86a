"""Which letters and digits an answer has. Code, addresses and tags are left out where capitals count."""

import unicodedata

import regex

from crosstune.prompts.checks.verdict import Verdict, decided, undecided
from crosstune.records import Reason
from crosstune.text.case import has_case, is_capital, is_cased
from crosstune.text.prose import running_text


def _cased_text(text: str, language: str) -> str | Verdict:
    """The running text, or why its capitals cannot be judged."""
    if not has_case(language):
        return undecided(Reason.NO_CASE, "the script has no capitals")
    running = running_text(text)
    return running if any(map(is_cased, running)) else undecided(Reason.NO_CASE)


_FIRST_PART = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}'’]*")


def capitalised(text: str, language: str) -> Verdict:
    """Whether every word begins with a capital; of words with a hyphen the first part counts, and numbers do not.

    A word that has its capital further in passes too: "iPhone", "d'Autres".
    """
    running = _cased_text(text, language)
    if isinstance(running, Verdict):
        return running
    for word in running.split():
        part = _FIRST_PART.search(word)
        if part is not None and is_cased(part[0][0]) and not any(map(is_capital, part[0])):
            return decided(False, word[:40])
    return decided(True)


def lowercase(text: str, language: str) -> Verdict:
    """Whether there is no capital."""
    running = _cased_text(text, language)
    if isinstance(running, Verdict):
        return running
    for word in running.split():
        if any(map(is_capital, word)):
            return decided(False, word[:40])
    return decided(True)


def no_digits(text: str, language: str) -> Verdict:
    """Whether there is no digit of any script, nor ½, ² or ①; the numbers of a list count too."""
    found = next((letter for letter in text if unicodedata.category(letter) in ("Nd", "No")), None)
    return decided(found is None, found or "")
