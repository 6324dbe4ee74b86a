"""Languages that detectors take for one another, and what tells them apart.

`confusable.tsv` has a row a language, rival and kind:

    letter    letters that the language has and the rival has not
    word      words, in small letters, that are common in the language and none in the rival
    outside   an encoding that holds every letter of the rival: what it cannot hold tells for the language
    needed    the detectors' word alone is not enough between the two: without any of the above it cannot be told
    joint     a label of lid.176 that stands for the language and its neighbours, and tells nothing between them

Both columns of languages may name several; rivals that the table of languages lacks are labels of lid.176. The words
were written down for this table and tried on translated interface texts of some 80 languages, as the letters were.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import regex

_TABLE = "text/confusable.tsv"
_INSIDE_WORDS = re.compile("[\u200c\u200dʻ]|['’]{2}")
"""What stands inside words here and may part them elsewhere."""
_LETTERS = r"[[\p{L}\p{M}\u200c\u200d]--[ʻ]]++"
_WORD = regex.compile(rf"{_LETTERS}(?:['’ʻ]++{_LETTERS})*+", regex.V1)


@dataclass(slots=True)
class _Telling:
    """What a language has and a rival has not."""

    words: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)
    encodings: list[str] = field(default_factory=list)
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a text has of what tells two languages apart."""

    own: int
    """Words and letters that the language has and its rival has not."""
    against: int
    """Those that the rival has and the language has not."""
    is_needed: bool
    """Whether the detectors alone cannot tell these two."""


def _rows() -> list[dict[str, str]]:
    text = files("crosstune").joinpath(_TABLE).read_text("utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def confusable_identity() -> str:
    """A digest of the table."""
    return hashlib.sha256(files("crosstune").joinpath(_TABLE).read_bytes()).hexdigest()


@cache
def _table() -> Mapping[tuple[str, str], _Telling]:
    """By language and rival."""
    found: dict[tuple[str, str], _Telling] = {}
    for row in _rows():
        forms = row["forms"].split()
        for language in row["language"].split():
            for rival in row["rival"].split():
                telling = found.setdefault((language, rival), _Telling())
                match row["kind"]:
                    case "word":
                        telling.words.update(forms)
                    case "letter":
                        telling.letters.update(letter for form in forms for letter in (*form, *form.upper()))
                    case "outside":
                        telling.encodings += forms
                    case "needed":
                        telling.is_needed = True
                    case "joint":
                        pass
                    case kind:
                        raise ValueError(f"{_TABLE}: '{kind}' is not a kind")
    return found


@cache
def rivals(language: str) -> tuple[str, ...]:
    """The languages that one may be taken for; codes, or labels of lid.176 that the table of languages lacks."""
    table = _table()
    others = [rival for one, rival in table if one == language] + [one for one, rival in table if rival == language]
    return tuple(sorted(set(others) - joint_labels(language)))


@cache
def joint_labels(language: str) -> frozenset[str]:
    """Labels of lid.176 that stand for a language and its neighbours alike."""
    return frozenset(
        label
        for row in _rows()
        if row["kind"] == "joint" and language in row["language"].split()
        for label in row["rival"].split()
    )


class _Family:
    """A language and its rivals, made ready for looking at texts."""

    def __init__(self, language: str) -> None:
        empty = _Telling()
        self.pairs = {
            rival: (_table().get((language, rival), empty), _table().get((rival, language), empty))
            for rival in rivals(language)
        }
        self.words = {word for pair in self.pairs.values() for telling in pair for word in telling.words}
        letters = {letter for pair in self.pairs.values() for telling in pair for letter in telling.letters}
        inside = regex.escape("".join(sorted("".join(letters))))
        self.letters = regex.compile(f"[{inside}]") if letters else None
        self.encodings = {name for pair in self.pairs.values() for telling in pair for name in telling.encodings}
        self.no_evidence = {rival: Evidence(0, 0, own.is_needed) for rival, (own, _) in self.pairs.items()}


_family = cache(_Family)


def evidence(text: str, words: Sequence[str], language: str) -> Mapping[str, Evidence]:
    """What tells for a language and for each of its rivals.

    Args:
        text: running text.
        words: of the text: letters and marks in a row, and what an apostrophe joins to them.
        language: any code; one without rivals has no evidence.
    """
    family = _family(language)
    if not family.pairs:
        return {}
    if family.words:
        all_words = _WORD.findall(text.lower()) if _INSIDE_WORDS.search(text) else map(str.lower, words)
        found = [word for word in all_words if word in family.words]
    else:
        found = []
    signs = family.letters.findall(text) if family.letters else []
    outside = {name: _outside(text, name) for name in family.encodings}
    if not (found or signs or any(outside.values())):
        return family.no_evidence
    word_counts, letter_counts = Counter(found), Counter(signs)

    def count(telling: _Telling) -> int:
        return (
            sum(times for word, times in word_counts.items() if word in telling.words)
            + sum(times for letter, times in letter_counts.items() if letter in telling.letters)
            + sum(outside[name] for name in telling.encodings)
        )

    return {
        rival: Evidence(count(own), count(against), own.is_needed) for rival, (own, against) in family.pairs.items()
    }


_HAN = regex.compile(r"\p{Han}+")


def _outside(text: str, encoding: str) -> int:
    """How many Han characters of a text an encoding cannot hold."""
    letters = "".join(_HAN.findall(text))
    return len(letters) - len(letters.encode(encoding, "ignore").decode(encoding))
