"""What a translation must leave as it is: code, addresses, placeholders. Hidden behind marks, or looked for after.

Hello {name}, run `make` in ⟦...⟧       what is sent: Hello ⟦1⟧, run ⟦2⟧
"""

import re
from collections import Counter
from dataclasses import dataclass

from crosstune.text.prose import CODE_BLOCK

_PIECES = (
    r"``[^`\n]{1,500}``|`[^`\n]{1,500}`",
    r"(?:[A-Za-z][A-Za-z0-9+.-]{1,15}://|www\.)[!-;=?-~]+[/0-9A-Za-z]",  # a period behind an address is the sentence's
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    r"\{\{\s{0,3}[A-Za-z_][\w.]{0,60}\s{0,3}\}\}|\$?\{[A-Za-z_]?[\w.:!]{0,60}\}",
    r"%\([A-Za-z_]\w{0,60}\)[sdfr]|%[sdr](?![A-Za-z])",
    r"</?[A-Za-z][A-Za-z0-9-]{0,30}(?:\s[^<>\n]{0,300})?/?>",
)
_ALL = re.compile("|".join((CODE_BLOCK, *_PIECES)), re.DOTALL | re.MULTILINE | re.ASCII)
_BLOCK = re.compile(f"({CODE_BLOCK})", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"⟦\s{0,2}(\d{1,4})\s{0,2}⟧")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with its protected pieces behind marks.

    Attributes:
        text: with `⟦1⟧`, `⟦2⟧` ... where the pieces stood.
        pieces: what stood there, in order.
    """

    text: str
    pieces: tuple[str, ...]

    def unmask(self, translation: str) -> str:
        """A translation of `text` with the pieces back in their places; marks that were invented are dropped."""

        def piece(match: re.Match[str]) -> str:
            number = int(match[1])
            return self.pieces[number - 1] if 1 <= number <= len(self.pieces) else ""

        return _MARK.sub(piece, translation)

    def missing(self, translation: str) -> list[str]:
        """The marks that do not stand in a translation exactly once."""
        found = Counter(int(number) for number in _MARK.findall(translation))
        return [f"⟦{number}⟧" for number in range(1, len(self.pieces) + 1) if found[number] != 1]


def mask(text: str) -> Masked:
    """Hides code blocks, inline code, addresses, placeholders and tags behind marks.

    Marks that the text itself has are hidden like any other piece, so that they come back as they were.
    """
    pieces: list[str] = []

    def hide(match: re.Match[str]) -> str:
        pieces.append(match[0])
        return f"⟦{len(pieces)}⟧"

    pattern = re.compile(f"{_MARK.pattern}|{_ALL.pattern}", _ALL.flags)
    return Masked(pattern.sub(hide, text), tuple(pieces))


def code_blocks_apart(text: str) -> list[tuple[bool, str]]:
    """A text cut into code blocks (True) and what stands between them (False), in order; nothing is lost."""
    return [(bool(index % 2), part) for index, part in enumerate(_BLOCK.split(text)) if part]


def lost_pieces(source: str, translation: str) -> list[str]:
    """The protected pieces of a text that its translation has fewer of."""
    wanted = Counter(match[0] for match in _ALL.finditer(source))
    return [piece for piece, count in wanted.items() if translation.count(piece) < count]
