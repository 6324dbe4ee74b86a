"""Capitals and small letters, as each language has them."""

from crosstune.languages import languages

_DOTTED = str.maketrans({"I": "ı", "İ": "i"})
_DOT_ABOVE = "i\u0307"


def fold(text: str, language: str) -> str:
    """A text without the difference of capitals, for comparing.

    Args:
        text: any text.
        language: code of `languages.Language` (or another: then as most languages do).

    Returns:
        Unicode's case folding (ß is ss), but where i and ı are two letters, I is ı and İ is i. May be longer than the
        text.
    """
    entry = languages().get(language)
    if entry is not None and entry.case == "dotted":
        text = text.translate(_DOTTED)
    return text.casefold().replace(_DOT_ABOVE, "i")  # casefold() makes i and a dot of İ


def has_case(language: str) -> bool:
    """Whether the letters of a language's script have capitals; True for a language that is not in the table."""
    entry = languages().get(language)
    return entry is None or entry.case != "none"


def is_cased(letter: str) -> bool:
    """Whether a character is a letter that has a capital and a small form.

    Georgian letters are not: their capitals stand only in texts wholly in capitals, never at the start of a word.
    """
    return letter.isalpha() and (letter.lower() != letter or letter.title() != letter)


def is_capital(letter: str) -> bool:
    """Whether a character is a capital, or a title-case letter such as ǅ."""
    return letter.isalpha() and letter.lower() != letter
