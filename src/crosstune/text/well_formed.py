"""Whether a text is fit to be asked or trained on: what no encoding holds, what turns lines of others around, too long.

Text from right to left beside Latin words is fine as it stands. Characters that command the direction are fine too, as
long as each is closed on its line; one that is not closed, or that overrides how letters run, shows a reader something
else than a model reads.
"""

import re

import regex

LONGEST_TEXT = 100_000
"""Characters; more is no prompt but a file that went wrong, and no model that is tuned here could read it."""

_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]")  # U+2800: Braille without a dot
_CONTROL = regex.compile(r"[\p{Cc}\u2028\u2029]")
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069\n]")
_OVERRIDES = "\u202d\u202e"
_CLOSES = {"\u202c": "\u202a\u202b", "\u2069": "\u2066\u2067\u2068"}


def text_problem(text: str) -> str | None:
    """Why a text cannot be used.

    Args:
        text: any text.

    Returns:
        A sentence without a period, or None when it can be used.
    """
    if len(text) > LONGEST_TEXT:
        return f"a text of {len(text):,} characters; at most {LONGEST_TEXT:,}"
    if _HALF_CHARACTER.search(text):
        return "there is half a character in it (a lone surrogate)"
    return _direction_problem(text)


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text: no character but spaces and those that are never shown."""
    return _VISIBLE.search(text) is None


def control_character(text: str) -> str | None:
    """The first control character of a text that should be one line, such as `U+001B`; None when there is none."""
    found = _CONTROL.search(text)
    return f"U+{ord(found.group()):04X}" if found else None


def _direction_problem(text: str) -> str | None:
    opened: list[str] = []
    for letter in [*_DIRECTION.findall(text), "\n"]:
        name = f"U+{ord(letter):04X}"
        if letter in _OVERRIDES:
            return f"it overrides the direction of writing ({name})"
        if letter == "\n":  # by Unicode's rules each line begins anew
            if opened:
                return f"it turns the direction of writing and not back (U+{ord(opened[-1]):04X} is not closed)"
        elif letter not in _CLOSES:
            opened.append(letter)
        elif not opened or opened.pop() not in _CLOSES[letter]:
            return f"it ends a change of direction that did not begin ({name})"
    return None
