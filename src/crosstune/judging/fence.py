"""Untrusted text made ready to be shown to a judge: it cannot end its quotation, hide words, or speak as another turn.

- Every line begins with a mark, so that no line of the text can look like one of the request.
- Lines are parted wherever any program might part them (all of Unicode's line ends).
- A code that the text cannot know, since it is made from the text, stands before and behind it.
- Marks of chat formats, which a server may read as the end of a turn, are written with other brackets.
- What cannot be seen (control characters, marks of direction, the invisible letters of Unicode's tags) is taken out.
- Of a very long text the middle is left out, which is said in a line without the mark.
"""

import hashlib
import unicodedata
from dataclasses import dataclass

import regex

from crosstune.scoring.chat_markup import chat_marks

LINE_MARK = "| "
MOST_CHARACTERS = 12_000
"""Of a text that are shown; 512 new tokens are some 2,500."""
_END_SHARE = 4
"""Of a text that is shortened, the last quarter of what is shown is its end."""

_BRACKETS = str.maketrans("<>[]", "‹›⟦⟧")
# ZWNJ and ZWJ (U+200C, U+200D) and variation selectors spell; the rest of these shows nothing.
_UNSEEN = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
_TAB = "\t"
_LINE_END = regex.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""All that `str.splitlines` takes for one."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """A text as a judge is shown it."""

    text: str
    """Its lines, each with the mark."""
    code: str
    """Stands before and behind it."""
    left_out: int
    """Characters of its middle that are not shown."""


def fenced(text: str, key: str) -> Fenced:
    """Makes a text ready.

    Args:
        text: anything, of any length.
        key: what else decides the code, so that it differs between requests.
    """
    shown, left_out = _shortened(text)
    parts = [harmless(part) for part in shown]
    lines = ["\n".join(LINE_MARK + line for line in _lines(part)) for part in parts]
    gap = f"\n(… {left_out:,} characters of the answer are left out here …)\n"
    digest = hashlib.sha256(f"{key}\0".encode() + text.encode("utf-8", "surrogatepass"))
    return Fenced(gap.join(lines), digest.hexdigest()[:12], left_out)


def _shortened(text: str) -> tuple[tuple[str, ...], int]:
    if len(text) <= MOST_CHARACTERS:
        return (text,), 0
    end = MOST_CHARACTERS // _END_SHARE
    start = MOST_CHARACTERS - end
    return (text[:start], text[-end:]), len(text) - MOST_CHARACTERS


def harmless(text: str) -> str:
    """A text without what cannot be seen, its marks of chat formats in other brackets, in NFC; lines as they are.

    Args:
        text: anything.
    """
    lines = (_UNSEEN.sub("", line.replace(_TAB, "    ")) for line in _lines(text))
    seen = unicodedata.normalize("NFC", "\n".join(lines))
    pieces = []
    place = 0
    for start, end in chat_marks(seen):
        pieces += [seen[place:start], seen[start:end].translate(_BRACKETS)]
        place = end
    return "".join((*pieces, seen[place:]))


def _lines(text: str) -> list[str]:
    return _LINE_END.split(text)
