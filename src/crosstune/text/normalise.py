"""Text from outside made safe to look at: no half characters, no control characters, no invisible marks.

For measuring only: what is trained on, asked or stored is never changed by it.
"""

import re
import unicodedata

CHARACTERS_LOOKED_AT = 10_000
"""Measures look at this many characters from the start of a text; 512 new tokens are some 2,500. It also bounds the
time of Unicode normalisation, which is quadratic in a run of combining marks."""

_SPACES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ufff9-\uffff\ud800-\udfff]")
"""Control characters, separators without width, non-characters and lone surrogates; tab and newline stay."""

_NOTHING = re.compile(r"[\u00ad\u061c\u200e\u200f\u2060\u202a-\u202e\u2066-\u2069]")
"""Soft hyphens, word joiners and marks of direction: they stand inside words. ZWJ and ZWNJ stay: they spell."""


def clean(text: str) -> str:
    """The start of a text in Unicode NFC without characters that are no text.

    Args:
        text: anything, also what no encoding can hold.

    Returns:
        The first `CHARACTERS_LOOKED_AT` characters: control characters, NULs, lone surrogates and the like become
        spaces; marks of direction and soft hyphens are dropped; tabs and newlines stay.
    """
    text = _NOTHING.sub("", _SPACES.sub(" ", text[:CHARACTERS_LOOKED_AT]))
    return unicodedata.normalize("NFC", text)
