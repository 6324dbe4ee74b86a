"""Texts in which every character stands alone, as most do: no marks, joiners or other signs that belong to a neighbour.

In such texts a character is what a reader sees as one, and counting and comparing need not look for more. Knows nothing
of languages; of a text that it is not sure of, it says no.
"""

import re

_RANGES = (
    "\x00-\xac\xae-\u02ff"  # Latin, but for the soft hyphen
    "\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482\u048a-\u052f"  # Greek, Cyrillic
    "\u060c\u061b\u061f\u0620-\u064a\u0660-\u066d"  # Arabic without points
    "\u2010-\u2027\u2030-\u205e"  # punctuation
    "\u3000-\u3029\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fef"  # kana, Han
    "\uac00-\ud7a3\uff01-\uff9d"  # Hangul syllables, full and half width
)
_OTHER = re.compile(f"[^{_RANGES}]")


def are_lone(text: str) -> bool:
    """Whether no character of a text can belong to another (but for a line feed behind a carriage return).

    Also all of them are letters and numbers, or not, in every version of Unicode that is in use.
    """
    return text.isascii() or _OTHER.search(text) is None
