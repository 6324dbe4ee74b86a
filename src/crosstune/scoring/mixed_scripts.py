"""Words with letters of two scripts, as broken models write them: "pабота" with a Latin p.

`mixed_scripts.tsv` says how scripts go together. Words of an `alphabet` are written in it alone, but for endings behind
an acronym ("SMSка") and short indices of formulas ("Tмакс"); letters that look alike in two alphabets never are such.
A `symbol` stands alone in units and formulas (μm, Δt, sinα). What goes on from a Latin name in a script that is only
`inside` or in none of the table is a particle ("PDFमें", "Googleで"), but not what Latin letters enclose.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

_MARKS = "\u0300-\u036f"
_LATIN = "Latin"
_MOST_INDEX = 4
"""Letters of an index, as in Tмакс."""
_WORD = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])+")


@dataclass(frozen=True, slots=True)
class _Script:
    kind: str
    name: str
    letters: "re.Pattern[str]"
    look_alike: frozenset[str]
    """Latin letters that look like one of the script's."""


@dataclass(frozen=True, slots=True)
class _Scripts:
    all: tuple[_Script, ...]
    latin: "re.Pattern[str]"
    others: "re.Pattern[str]"
    beside: "re.Pattern[str]"
    """A Latin letter beside one of another script."""

    def runs(self, word: str) -> list[tuple[str, str]]:
        """The stretches of a word with the names of their scripts; marks belong to the letter before them."""
        names: list[tuple[str, str]] = []
        name = ""
        for letter in word:
            if not "\u0300" <= letter <= "\u036f":
                name = self.of(letter)
            names.append((name, letter))
        return [(name, "".join(letter for _, letter in run)) for name, run in groupby(names, key=lambda pair: pair[0])]

    def of(self, letter: str) -> str:
        """The name of a letter's script; empty when the table lacks it."""
        return next((script.name for script in self.all if script.letters.match(letter)), "")

    def named(self, name: str) -> _Script:
        """The row of a script."""
        return next(script for script in self.all if script.name == name)


@cache
def _scripts() -> _Scripts:
    text = files("crosstune").joinpath("scoring/mixed_scripts.tsv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    others = "".join(row["letters"] for row in rows if row["script"] != _LATIN)
    latin = next(row["letters"] for row in rows if row["script"] == _LATIN)
    return _Scripts(
        tuple(
            _Script(row["kind"], row["script"], re.compile(f"[{row['letters']}]"), frozenset(row["look_alike"] or ""))
            for row in rows
        ),
        re.compile(f"[{latin}]"),
        re.compile(f"[{others}]"),
        re.compile(f"[{latin}][{_MARKS}]*[{others}]|[{others}][{_MARKS}]*[{latin}]"),
    )


def mixed_words(text: str) -> Iterator[tuple[int, int]]:
    """Where words in two scripts stand.

    Args:
        text: any text, in NFC.
    """
    scripts = _scripts()
    if text.isascii() or not scripts.others.search(text) or not scripts.beside.search(text):
        return
    for word in _WORD.finditer(text):
        if scripts.beside.search(word[0]) and _is_mixed(word[0], scripts):
            yield word.span()


def _is_mixed(word: str, scripts: _Scripts) -> bool:
    runs = scripts.runs(word)
    names = {name for name, _ in runs}
    if len(runs) < 2 or "" in names:  # of Han and other scripts beside which anything may stand
        return False
    kinds = {scripts.named(name).kind for name in names}
    if "inside" in kinds:
        return any(
            before[0] == behind[0] == _LATIN and min(len(before[1]), len(behind[1])) > 1
            for before, behind in zip(runs, runs[2:], strict=False)
        )
    if "symbol" in kinds and kinds == {"symbol", "alphabet"}:
        symbols = [len(run) for name, run in runs if scripts.named(name).kind == "symbol"]
        letters = [len(run) for name, run in runs if scripts.named(name).kind == "alphabet"]
        is_enclosed = len(letters) > 1 and min(letters) > 1
        return is_enclosed or (max(symbols) > 1 and sum(letters) > 1)
    return not _is_index(runs, scripts)


def _is_index(runs: list[tuple[str, str]], scripts: _Scripts) -> bool:
    """Whether a word is capitals with an ending or index in another alphabet."""
    if len(runs) != 2 or runs[0][0] != _LATIN:
        return False
    capitals, (other, rest) = runs[0][1], runs[1]
    if not capitals.isupper() or not rest.islower():
        return False
    if len(rest) <= _MOST_INDEX:
        return True
    return len(capitals) > 1 and not scripts.named(other).look_alike.issuperset(capitals)
