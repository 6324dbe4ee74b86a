"""Text from outside made safe to look at: no half characters, no control characters, no invisible marks.

For measuring only: what is trained on, asked or stored is never changed by it.
"""

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import regex

CHARACTERS_LOOKED_AT = 10_000
"""Measures look at this many characters from the start of a text; 512 new tokens are some 2,500. It also bounds the
time of Unicode normalisation, which is quadratic in a run of combining marks."""

_SPACES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ufff9-\uffff\ud800-\udfff]")
"""Control characters, separators without width, non-characters and lone surrogates; tab and newline stay."""

_NOTHING = re.compile(r"[\u00ad\u061c\u200e\u200f\u2060\u202a-\u202e\u2066-\u2069]")
"""Soft hyphens, word joiners and marks of direction: they stand inside words. ZWJ and ZWNJ stay: they spell."""

_ODD = re.compile(f"{_SPACES.pattern}|{_NOTHING.pattern}".replace("]|[", ""))
"""Any of both."""


def clean(text: str) -> str:
    """The start of a text in Unicode NFC without characters that are no text.

    Args:
        text: anything, also what no encoding can hold.

    Returns:
        The first `CHARACTERS_LOOKED_AT` characters: control characters, NULs, lone surrogates and the like become
        spaces; marks of direction and soft hyphens are dropped; tabs and newlines stay.
    """
    text = text[:CHARACTERS_LOOKED_AT]
    if text.isascii() and text.isprintable():
        return text
    text = _NOTHING.sub("", _SPACES.sub(" ", text))
    return unicodedata.normalize("NFC", text)


_CLUSTER = regex.compile(r"\X")


@dataclass(frozen=True)
class Cleaned:
    """A text as `clean` makes it, which can tell where each of its characters came from."""

    text: str
    _original: str | None
    """What it was made of; None when nothing has moved, though some characters may have become spaces."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original text that became `text[start:end]`."""
        if self._original is None:
            return start, end
        return self._places[start], self._places[end]

    @cached_property
    def _places(self) -> Sequence[int]:
        """Where each character stood in the original, and where the last one ended; asked for by few, and slow."""
        original = self._original or ""
        if _NOTHING.sub("", _SPACES.sub(" ", original)) == self.text:  # nothing was composed
            kept = [place for place, character in enumerate(original) if not _NOTHING.match(character)]
            return array("I", (*kept, len(original)))
        parts: list[str] = []
        places: list[int] = []
        for cluster in _CLUSTER.finditer(original):
            part = clean(cluster[0])
            parts.append(part)
            # What is composed of several characters begins where the first of them stood.
            places += [min(cluster.start() + offset, cluster.end() - 1) for offset in range(len(part))]
        if "".join(parts) != self.text:  # characters that compose across clusters: rare, so that places may be off
            places = (places + [len(original)] * len(self.text))[: len(self.text)]
        return array("I", (*places, len(original)))


def cleaned(text: str) -> Cleaned:
    """The start of a text as `clean` gives it, with the way back to the original.

    Args:
        text: anything, also what no encoding can hold.
    """
    start = text[:CHARACTERS_LOOKED_AT]
    if not _ODD.search(start) and unicodedata.is_normalized("NFC", start):
        return Cleaned(start, None)
    whole = clean(text)
    has_moved = whole != start and whole != _SPACES.sub(" ", start)
    return Cleaned(whole, start if has_moved else None)
