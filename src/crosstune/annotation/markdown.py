"""Untrusted texts as HTML that does nothing: Markdown without HTML, links and images, and plain text.

Links and images stay as they were written, so that a reader sees where they would lead. Characters that could hide or
turn text are shown as their code point. Nothing has an attribute that the text could decide.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

SHOWN_CHARACTERS = 60_000
"""Of a text; more than that nobody rates."""
FOLDED_FROM = 1_800
"""Characters of a text that is folded at first."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2060-\u2064\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text to be shown."""

    html: Markup
    is_long: bool
    """Whether it is folded at first."""
    is_shortened: bool
    """Whether not all of it is shown."""


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable("table")
    # Indented text is seldom meant as code, least of all in scripts where that is how a paragraph starts.
    parser.disable(["html_block", "html_inline", "link", "image", "autolink", "reference", "code"])
    return parser


_MARKDOWN = _parser()


def _without_effects(tokens: Iterable[Token]) -> None:
    for token in tokens:
        token.attrs = {}
        token.info = ""
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"  # headings are the page's own
        if token.type == "heading_open":
            token.attrs = {"class": "heading"}
        # Of the outermost blocks alone: what is inside of one with a direction of its own does not count for its.
        if token.block and token.level == 0 and token.nesting == 1:
            token.attrs["dir"] = "auto"
        if token.children:
            _without_effects(token.children)


@lru_cache(maxsize=2_000)
def shown_markdown(text: str) -> ShownText:
    """A text in Markdown."""
    kept = visible(text[:SHOWN_CHARACTERS].replace("\r\n", "\n"))
    tokens = _MARKDOWN.parse(kept)
    _without_effects(tokens)
    html = Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
    return ShownText(html, len(text) > FOLDED_FROM or text.count("\n") > 40, len(text) > SHOWN_CHARACTERS)


def visible(text: str) -> str:
    """The text with characters that could hide or turn it shown as their code point.

    U+200E and U+200F stay: they belong to ordinary text in scripts written from right to left.
    """
    return _HIDDEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
