"""Answers in a format: Markdown, HTML, JSON."""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from typing import Any

from crosstune.prompts.checks.verdict import Verdict, decided

_FENCED = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<name>[^\n`~]*)\n(?P<content>.*)(?P=fence)", re.DOTALL)


def _without_fence(text: str, *names: str) -> str:
    """The content of a code block that is the whole answer; else the answer."""
    block = _FENCED.fullmatch(text.strip())
    if block is None or block["fence"] in block["content"] or block["name"].strip().lower() not in ("", *names):
        return text
    return block["content"]


_MARKDOWN = {
    "heading_open": "a heading",
    "em_open": "emphasis",
    "strong_open": "emphasis",
    "table_open": "a table",
    "fence": "code",
    "code_inline": "code",
    "blockquote_open": "a quote",
    "link_open": "a link",
}


@cache
def _markdown_parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("table")


def _is_separator(token: Any, lines: Sequence[str]) -> bool:
    """Whether a heading is only one because `---` stands right under a line of text."""
    if token.type != "heading_open" or token.markup != "-":
        return False
    underline: str = lines[token.map[1] - 1]
    return underline.strip() == "---"


def _has_list(blocks: Sequence[Any]) -> bool:
    """Whether there is a list of at least two items; "1945. It was the year." is a list of one to Markdown."""
    items: list[int] = []  # of the lists that are open
    for block in blocks:
        if block.type in ("bullet_list_open", "ordered_list_open"):
            items.append(0)
        elif block.type in ("bullet_list_close", "ordered_list_close"):
            items.pop()
        elif block.type == "list_item_open":
            items[-1] += 1
            if items[-1] == 2:
                return True
    return False


def markdown(text: str, language: str) -> Verdict:
    """Whether an answer uses any element of Markdown: heading, list, emphasis, table, code, quote or link.

    A list needs two items, and a line `---` is no element. A code block around the whole answer is passed over, as a
    model may quote the Markdown that it was asked for.
    """
    content = _without_fence(text, "markdown", "md")
    lines = content.split("\n")
    blocks = _markdown_parser().parse(content)
    for block in blocks:
        for token in (block, *(block.children or ())):
            if token.type in _MARKDOWN and not _is_separator(token, lines):
                return decided(True, _MARKDOWN[token.type])
    return decided(True, "a list") if _has_list(blocks) else decided(False, "no element of Markdown")


_VOID_NAMES = "area base br col embed hr img input link meta source track wbr"
_OPEN_NAMES = "html head body li p dt dd rt rp option optgroup colgroup caption thead tbody tfoot tr td th"
_OTHER_NAMES = """
    a abbr address article aside audio b bdi bdo big blockquote button canvas center cite code data datalist del details
    dfn dialog div dl em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup i iframe ins kbd
    label legend main map mark math menu meter nav noscript object ol output picture pre progress q ruby s samp script
    search section select slot small span strike strong style sub summary sup svg table template textarea time title tt
    u ul var video
"""
_VOID = frozenset(_VOID_NAMES.split())
"""Elements that are never closed."""
_MAY_STAY_OPEN = frozenset(_OPEN_NAMES.split())
"""Elements whose end may be left out."""
_TAGS = _VOID | _MAY_STAY_OPEN | frozenset(_OTHER_NAMES.split())
"""The elements of the HTML standard, and some that were once."""
_FOREIGN = frozenset({"svg", "math"})
"""Elements whose content is another language, with names of its own."""
_SHOWN = frozenset(["audio", "canvas", "embed", "iframe", "img", "input", "math", "object", "svg", "video"])
"""Elements that are content without any text."""
_HIDDEN = frozenset({"script", "style", "template"})


class _Page(HTMLParser):
    """Reads a page and keeps the first thing that is wrong with it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problem = ""
        self.elements = 0
        self.has_content = False
        self._open: list[str] = []

    def _refuse(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _see(self, tag: str) -> None:
        self.elements += 1
        if tag in _SHOWN:
            self.has_content = True
        if tag not in _TAGS and _FOREIGN.isdisjoint(self._open):
            self._refuse(f"<{tag[:20]}> is no element of HTML")

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._see(tag)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._see(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self._open and self._open[-1] != tag and self._open[-1] in _MAY_STAY_OPEN:
            self._open.pop()
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self._refuse(f"</{tag[:20]}> closes nothing")

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._open:
            self._refuse(f"text outside of elements: {data.strip()[:40]}")
        elif data.strip() and self._open[-1] not in _HIDDEN:
            self.has_content = True

    def finish(self) -> None:
        """Ends the page: what is still open must be what may stay open."""
        self.close()
        unclosed = [tag for tag in self._open if tag not in _MAY_STAY_OPEN]
        if unclosed:
            self._refuse(f"<{unclosed[-1]}> is not closed")


def html(text: str, language: str) -> Verdict:
    """Whether an answer is HTML: known elements, each closed where it must be, and no text outside of them.

    There must be something to see: text or, say, an image. What is inside of SVG and MathML may have any names. A code
    block around the whole answer is passed over.
    """
    page = _Page()
    try:
        page.feed(_without_fence(text, "html"))
        page.finish()
    except AssertionError:  # how html.parser refuses a malformed `<![...`
        return decided(False, "a malformed declaration")
    if not page.elements:
        return decided(False, "no element of HTML")
    if not page.problem and not page.has_content:
        return decided(False, "elements without content")
    return decided(not page.problem, page.problem or f"{page.elements} elements")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {unicodedata.normalize("NFC", key): value for key, value in pairs}
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def json_object(text: str, language: str, *, keys: Sequence[str]) -> Verdict:
    """Whether an answer is a JSON object with exactly these keys and nothing else.

    A code block around the whole answer is passed over.
    """
    content = _without_fence(text, "json").strip()
    try:
        value = json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return decided(False, f"not JSON ({str(error)[:60]})")
    if not isinstance(value, dict):
        return decided(False, "not an object")
    wanted = {unicodedata.normalize("NFC", key) for key in keys}
    return decided(set(value) == wanted, "keys: " + ", ".join(value)[:80])
