"""The running text of an answer: what is left when code, addresses and markup are taken out."""

import html
import re

import regex

from crosstune.text.normalise import clean

# Every pattern is linear in the text, or bounded by a small constant at each place: answers are untrusted.
CODE_BLOCK = r"```.*?(?:```|\Z)|^[ \t]{0,12}~~~.*?(?:^[ \t]{0,12}~~~|\Z)"
"""For `re.DOTALL` and `re.MULTILINE`. A block that is not closed reaches to the end, as in CommonMark."""
_CODE_BLOCK = re.compile(CODE_BLOCK, re.DOTALL | re.MULTILINE)
_INLINE_CODE = re.compile(r"``[^`\n]{1,500}``|`[^`\n]{1,500}`")
# Addresses are ASCII here: scripts without spaces run on right behind them.
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[!-;=?-~]+", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(r"[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r"<[!/]?[A-Za-z][^<>]{0,300}>")

_LETTERS_PER_WIDE_LETTER = 2
"""A letter that Unicode calls wide (Han, kana, Hangul) tells a language about as well as two of an alphabet."""
_WIDE_LETTER = regex.compile(r"[\p{L}&&[\p{East_Asian_Width=W}\p{East_Asian_Width=F}]]", regex.V1)
_FIRST_WIDE_LETTER = "\u1100"
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())


_BY_SIGN: dict[str, re.Pattern[str]] = {
    "```": _CODE_BLOCK,
    "~~~": _CODE_BLOCK,
    "`": _INLINE_CODE,
    "://": _URL,
    "www.": _URL,
    "@": _EMAIL,
    "<": _TAG,
}
"""What a text must have, in small letters, for a pattern to be worth a search, in the order in which they are used."""


def _needed(text: str) -> list[re.Pattern[str]]:
    small = text.lower() if "w" in text or "W" in text else text
    return list(dict.fromkeys(pattern for sign, pattern in _BY_SIGN.items() if sign in small))


def running_text(text: str) -> str:
    """An answer without code blocks, inline code, URLs, e-mail addresses and HTML tags, on one line.

    A code block that is not closed (a cut-off answer) reaches to the end, as in CommonMark. Only the first
    `normalise.CHARACTERS_LOOKED_AT` characters are looked at.

    Args:
        text: an answer, untrusted.

    Returns:
        One line, its parts separated by single spaces; empty when nothing is left.
    """
    text = clean(text)
    for pattern in _needed(text):
        text = pattern.sub(" ", text)
    if "&" in text:
        text = clean(html.unescape(text))
    return " ".join(text.split())


def without_code(text: str) -> str:
    """A text without its code blocks, its lines as they are; a block that is not closed reaches to the end.

    Args:
        text: an answer, untrusted.
    """
    return _CODE_BLOCK.sub("", text)


def letter_count(text: str) -> int:
    """How much there is to tell a language from: letters, a wide one counting two.

    Args:
        text: running text.

    Returns:
        The number of letters (Unicode category L), where a letter of East Asian width W or F counts
        `_LETTERS_PER_WIDE_LETTER`. Digits, punctuation, emoji and combining marks count nothing.
    """
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS))
    letters = sum(map(str.isalpha, text))
    if max(text) < _FIRST_WIDE_LETTER:
        return letters
    return letters + (_LETTERS_PER_WIDE_LETTER - 1) * len(_WIDE_LETTER.findall(text))


_ENTITY = re.compile(r"&(?:[A-Za-z]{2,10}|#\d{1,7});")


def blanked(text: str) -> str:
    """A cleaned text with spaces in the place of code, addresses, HTML tags and HTML entities, as long as before.

    For measures that say where in an answer something stands. As with `running_text`, a code block that is not closed
    reaches to the end.
    """
    for pattern in _needed(text):
        text = pattern.sub(_blank, text)
    return _ENTITY.sub(_blank, text) if "&" in text else text


def _blank(found: re.Match[str]) -> str:
    return "".join(letter if letter == "\n" else " " for letter in found[0])
