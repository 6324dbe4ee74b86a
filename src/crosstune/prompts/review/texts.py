"""One text by itself: is it in its language, in Unicode's normal form, without stray spaces and left-over English."""

import re
import unicodedata
from collections.abc import Iterator

import regex

from crosstune.languages import languages
from crosstune.prompts.packaged import SOURCE_LANGUAGE
from crosstune.text.identify import identify
from crosstune.text.prose import letter_count, running_text
from crosstune.text.scripts import script_share
from crosstune.text.second_opinion import has_second_opinion, second_opinion
from crosstune.text.segments import sentences

SHORT = 60
"""Letters (see `prose.letter_count`) below which the script alone is looked at: the detectors take short questions full
of names for other languages."""
_LEAST_SCRIPT_SHARE = 0.5
_ENGLISH_PART = 30
"""Letters from which a sentence that both detectors take for English is English."""
_SURE = 0.7

_STRAY_SPACES = re.compile(r"\A\s|\s\Z|(?<=\S)[ \u00a0]{2,}(?=\S)|[ \t\u00a0]\n|\t|[\u200b\ufeff\r]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUOTED = regex.compile(
    r"“[^”]{0,400}”|„[^“”]{0,400}[“”]|«[^»]{0,400}»|「[^」]{0,400}」|『[^』]{0,400}』|\"[^\"]{0,400}\"|<[^<>]{0,300}>"
)
_LATIN_RUN = regex.compile(
    r"\p{Script=Latn}[\p{Script=Latn}\p{M}’'-]*(?:[ ,]+\p{Script=Latn}[\p{Script=Latn}\p{M}’'-]*){2,}"
)


def form_problems(text: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the form of a text, whatever its language: pairs of kind and message."""
    if not unicodedata.is_normalized("NFC", text):
        yield "normalisation", "not in Unicode NFC"
    if match := _CONTROL.search(text):
        yield "characters", f"a control character (U+{ord(match.group()):04X})"
    if match := _STRAY_SPACES.search(text):
        around = text[max(match.start() - 12, 0) : match.end() + 12]
        yield "spaces", f"a stray space at {around!r}"


def language_problems(text: str, code: str, *, is_about_words: bool = False) -> Iterator[tuple[str, str]]:
    """Why a text does not seem to be in its language: pairs of kind and message.

    Args:
        text: a prompt or the like.
        code: its language.
        is_about_words: whether it may quote so many words (letters, rhymes, other languages) that one detector of the
            two is enough.
    """
    entry = languages()[code]
    prose = running_text(text)
    outside = " ".join(_QUOTED.sub(" ", prose).split())
    share = script_share(outside if letter_count(outside) else prose, entry.script)
    if share is not None and share < _LEAST_SCRIPT_SHARE:
        yield "script", f"only {share:.0%} of its letters are of the script {entry.script}"
        return
    if letter_count(prose) < SHORT:
        return
    asked = prose if is_about_words or letter_count(outside) < SHORT else outside
    found = _found(asked)
    if asked != prose and set(found) != {code}:
        found = min(found, _found(prose), key=lambda codes: sum(other != code for other in codes))
    wrong = [other for other in found if other != code]
    if not has_second_opinion(code):
        wrong = wrong if found[0] != code else []
    if wrong and not (is_about_words and len(wrong) < len(found)):
        names = " and ".join(dict.fromkeys(wrong))
        yield "language", f"a detector of languages takes it for '{names}'"


def _found(text: str) -> tuple[str, str]:
    candidates = identify(text)
    second = second_opinion(text)
    return (candidates[0].language if candidates else "?", second.language if second else "?")


def english_problems(text: str, code: str, *, is_about_words: bool = False) -> Iterator[tuple[str, str]]:
    """English that a translation left over: pairs of kind and message. Nothing in English itself.

    Args:
        text: a prompt or the like.
        code: its language.
        is_about_words: whether it may hold words of other languages.
    """
    if code == SOURCE_LANGUAGE or is_about_words:
        return
    outside = _QUOTED.sub(" ", running_text(text))
    if languages()[code].script != languages()[SOURCE_LANGUAGE].script:
        for match in _LATIN_RUN.finditer(outside):
            if not _is_name(match.group()):
                yield "english", f"'{match.group()}' is in another script"
                return
    for part in sentences(_QUOTED.sub(" ", text), code):
        if letter_count(part) < _ENGLISH_PART:
            continue
        first, second = identify(part), second_opinion(part)
        if (
            first
            and second
            and first[0].language == second.language == SOURCE_LANGUAGE
            and first[0].probability >= _SURE
        ):
            yield "english", f"'{part.strip()[:60]}' seems to be left in English"
            return


def _is_name(words: str) -> bool:
    """Whether all of some words are capitalised, as in the name of a person, place or work."""
    return all(word[0].isupper() for word in re.split(r"[ ,]+", words) if word)
