"""Is a text in a language? Two detectors that have nothing in common must both say so, and nothing speak against it.

The text is cut into parts of some 40 letters (`text.shares`). It is in the language when both lid.176 and ELD call
parts with `LEAST_SHARE` of its letters so, and

- its words are words of the language (`text.word_lists`, where there is a list): names, made-up words, other writing
  systems' words in this one (transliteration) are not, though detectors have an opinion on them as well;
- its letters are (`text.alphabets`);
- of the languages that detectors take it for, none has more words or letters of its own in the text, and where the
  detectors are known not to tell two apart, it has some of its own (`text.confusable`).

It is in another language when both detectors give that one the share, or lid.176 does and neither gives the asked one
anything to speak of, and its words are words of that one. Everything else cannot be told. Where ELD does not know a
language, lid.176 needs a larger share.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple

import regex

from crosstune.languages import languages
from crosstune.text.alphabets import foreign_letters, letters_of_other_scripts, scripts_of
from crosstune.text.confusable import confusable_identity, evidence, joint_labels, rivals
from crosstune.text.identify import Candidate, detector_identity, identify_many
from crosstune.text.prose import letter_count
from crosstune.text.second_opinion import has_second_opinion, second_opinions
from crosstune.text.shares import parts_of
from crosstune.text.word_lists import known_words, word_list_entries, word_lists_identity

LEAST_SHARE = 0.6
"""Of the letters: of two halves in two languages, neither is the language of the text."""
LEAST_SHARE_ALONE = 0.75
"""The same where ELD does not know the language."""
LEAST_LETTERS = 8
"""A wide letter (Han, kana, Hangul) counts two. Of the first two words of 452 prompts in four languages both detectors
agree on 394, all of them right; below 8 letters there is hardly a word to look at."""
FEW_LETTERS = 40
"""Below so many, both must agree for a text to be in another language."""
LITTLE = 0.3
"""A share that is nothing to speak of."""
_LEAST_OF_RIVAL = 0.1
"""The share that a detector must give a relative that the table of languages lacks, for words of it to count."""
_SURE, _VERY_SURE = 0.6, 0.9
"""Probabilities of lid.176, and scores of ELD, which are no probabilities but rise with its being right."""
_MOST_OTHER_SCRIPT = 0.5
_MOST_FOREIGN_LETTERS = 0.02
"""Of letters of the language's script that it does not use, such as і in Russian; one alone never counts."""
_LEAST_KNOWN = 0.4
"""Of the words in small letters that must be in the language's list. Of packaged texts (ten languages, some of only
four words) 1 in 100 has fewer than .36 (Turkish questions) to .94; lorem ipsum in French has .17, Russian in Latin
letters .12 in English."""
_COMMON, _COMMONEST = 3.0, 5.0
"""Commonness of words, see `text.word_lists`."""
_FEW_WORDS = 8
_RARE = 2.0
_LEAST_KNOWN_RARE = 0.6
"""Of few words, some may be rare ones."""
_LEAST_COMMONEST = 0.3
"""The share of the commonest words that a text must have in which most words have a capital: lists of names have up
to .27 (French, with its "de")."""
_LEAST_SMALL = 0.4
"""Share of words in small letters; with fewer the text is a list of names, or a title."""

_LEAST_LETTERS_OF_PART, _ENOUGH_LETTERS, _PARTS = 25, 90, 8
"""Short sentences are joined up to so many letters: at least 25, and an eighth of the text but no more than 90. Those
three times as long are cut."""
_WORDS_LOOKED_AT = 60
"""Spread over the text, so many words show whether it is made of words."""
_SENTENCE_END = re.compile(r"(?<=[.!?…؟۔।。！？]) |(?<=[。！？])(?! )")
_MOST_OTHER_PROSE = 0.3
"""Of letters in words of another script without a capital: those with one are mostly names (HTML, Microsoft Word)."""
_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’ʼ][\p{L}\p{M}]+)*+")


class Verdict(NamedTuple):
    """What can be told of a text."""

    is_right: bool | None
    """Whether it is in the language asked about; None when that cannot be told."""
    language: str
    """The language that it is most likely in, as `identify.Candidate` names it; empty when there is nothing to see."""


class _Part(NamedTuple):
    letters: int
    first: str
    """By lid.176."""
    second: str
    """By ELD; empty when it sees nothing."""


NOTHING = Verdict(None, "")


def verdicts(texts: Sequence[str], asked: Sequence[str]) -> list[Verdict]:
    """Whether each text is in the language asked about.

    Args:
        texts: running text (`prose.running_text`), any number; what is found for one does not depend on the others.
        asked: for each text the code of a language that lid.176 knows.

    Raises:
        ModelUnavailable: a detector is not installed.
    """
    cut = [_parts(text) for text in texts]
    pieces = [piece for parts in cut for piece, _ in parts]
    firsts, seconds = identify_many(pieces, _VERY_SURE), second_opinions(pieces)
    named = iter([_named(piece, first, second) for piece, first, second in zip(pieces, firsts, seconds, strict=True)])
    found = []
    for text, parts, language in zip(texts, cut, asked, strict=True):
        found.append(_verdict(text, [_Part(letters, *next(named)) for _, letters in parts], language))
    return found


def _parts(text: str) -> list[tuple[str, int]]:
    """Parts with their letters, none of two sentences but where these are short; longer ones of a longer text."""
    sentences = [(sentence, letter_count(sentence)) for sentence in _SENTENCE_END.split(text)]
    total = sum(letters for _, letters in sentences)
    least = min(max(_LEAST_LETTERS_OF_PART, total // _PARTS), _ENOUGH_LETTERS)
    most = 3 * least
    parts: list[tuple[str, int]] = []
    waiting, letters = "", 0
    for sentence, more in sentences:
        waiting = f"{waiting} {sentence}" if waiting else sentence
        letters += more
        if letters > most:
            parts += parts_of(waiting)
        elif letters >= least:
            parts.append((waiting, letters))
        else:
            continue
        waiting, letters = "", 0
    if letters and parts:
        last, before = parts.pop()
        parts.append((f"{last} {waiting}", before + letters))
    elif letters:
        parts.append((waiting, letters))
    return parts


def _named(piece: str, candidates: Sequence[Candidate], second: Candidate | None) -> tuple[str, str]:
    """What each detector calls a part; where one is unsure and the other sure, what that one does."""
    if not candidates:
        return "", second.language if second else ""
    first = _first(piece, candidates)
    if second is None or second.language == first.language:
        return first.language, first.language if second else ""
    if first.probability < _SURE and any(candidate.language == second.language for candidate in candidates):
        return second.language, second.language
    if second.probability < _SURE and first.probability >= _VERY_SURE:
        return first.language, first.language
    return first.language, second.language


def _first(piece: str, candidates: Sequence[Candidate]) -> Candidate:
    """The most probable language that is written in the script of a part: on Han text without spaces lid.176 also
    says Esperanto."""
    if piece.isascii() or candidates[0].probability >= _VERY_SURE:
        return candidates[0]
    most = _MOST_OTHER_SCRIPT * letter_count(piece)
    return next((one for one in candidates if letters_of_other_scripts(piece, one.language) <= most), candidates[0])


def _verdict(text: str, parts: Sequence[_Part], asked: str) -> Verdict:
    total = sum(part.letters for part in parts)
    if total < LEAST_LETTERS:
        return NOTHING
    words = _WORD.findall(text)
    by_first, by_second = Counter[str](), Counter[str]()
    for part in parts:
        by_first[part.first] += part.letters
        by_second[part.second] += part.letters
    proofs = {
        rival: proof
        for rival, proof in evidence(text, words, asked).items()
        # Serbian in Cyrillic is not Croatian.
        if scripts_of(rival) == scripts_of(asked) or letters_of_other_scripts(text, rival) <= _MOST_OTHER_SCRIPT * total
    }
    joint = joint_labels(asked)
    # Relatives that the text has words or letters against: where a detector says one of them, it means this language.
    beaten = {rival for rival, proof in proofs.items() if proof.own > proof.against}
    first = sum(by_first[label] for label in {asked} | joint) / total
    own = first + sum(by_first[label] for label in beaten - joint) / total
    if has_second_opinion(asked):
        second = by_second[asked] / total
        supported = second + sum(by_second[label] for label in beaten) / total
        is_named = min(own, supported) >= LEAST_SHARE and max(first, second) >= LEAST_SHARE
    else:
        supported = sum(by_second[label] for label in {"", *rivals(asked), *joint}) / total
        is_named = first >= LEAST_SHARE_ALONE
    if is_named:
        against = [
            rival
            for rival, proof in proofs.items()
            if proof.against > proof.own
            and (rival in languages() or by_first[rival] + by_second[rival] >= _LEAST_OF_RIVAL * total)
        ]
        if against:
            return Verdict(None, max(against, key=lambda rival: proofs[rival].against))
        is_proven = all(proof.own > proof.against for proof in proofs.values() if proof.is_needed)
        return Verdict(True if is_proven and _fits(text, words, asked, total) else None, asked)
    best = by_first.most_common(1)[0][0]
    if best == asked or best in joint:
        return Verdict(None, asked)
    share, agreed = by_first[best] / total, by_second[best] / total
    both = share >= LEAST_SHARE and agreed >= LEAST_SHARE
    # What ELD does not know, or calls otherwise, is another language all the same where it never says the asked one.
    neither = total >= FEW_LETTERS and len(parts) > 1 and share >= LEAST_SHARE and supported < LITTLE
    is_told = own < LITTLE and (both or neither) and (best not in languages() or _has_its_words(words, best))
    return Verdict(False if is_told else None, best)


def _fits(text: str, words: Sequence[str], language: str, letters: int) -> bool:
    """Whether a text's letters and words are those of a language."""
    foreign = foreign_letters(text, language)
    others = letters_of_other_scripts(text, language) if foreign else 0
    if others > _MOST_OTHER_SCRIPT * letters:
        return False
    if others and _prose_of_other_scripts(text, language) > _MOST_OTHER_PROSE * letters:
        return False
    foreign -= others
    if foreign > 1 and foreign > _MOST_FOREIGN_LETTERS * letters:
        return False
    return _has_its_words(words, language)


def _prose_of_other_scripts(text: str, language: str) -> int:
    """Letters in words of other scripts that have no capital."""
    words = (word for word in _WORD.findall(text) if not any(map(str.isupper, word)))
    return sum(letters_of_other_scripts(word, language) for word in words)


def _has_its_words(words: Sequence[str], language: str) -> bool:
    """True where no list tells."""
    entry = word_list_entries().get(language)
    if entry is None or not entry.words:
        return True
    small = [word for word in words if not word[0].isupper()]
    if len(small) >= _LEAST_SMALL * len(words) or " ".join(words).isupper():
        looked_at, least, common = (small or words), _LEAST_KNOWN, _COMMON
    else:
        looked_at, least, common = words, _LEAST_COMMONEST, _COMMONEST
    some = looked_at[:: -(-len(looked_at) // _WORDS_LOOKED_AT)] if looked_at else []
    known = known_words(language)
    known.learn(some)
    found = [piece for word in some for piece in known[word]]
    if not found:
        return False
    if sum(piece >= common for piece in found) >= least * len(found):
        return True
    rare = sum(piece >= _RARE for piece in found)
    return common == _COMMON and len(found) <= _FEW_WORDS and rare >= _LEAST_KNOWN_RARE * len(found)


def verdict_identity() -> Mapping[str, object]:
    """What decides a verdict, for fingerprints.

    Raises:
        ModelUnavailable: a detector is not installed.
    """
    return {
        "detector": detector_identity(),
        "eldc": version("eldc"),
        "confusable": confusable_identity(),
        "alphabets": hashlib.sha256(files("crosstune").joinpath("text/alphabets.tsv").read_bytes()).hexdigest(),
        **word_lists_identity(),
    }
