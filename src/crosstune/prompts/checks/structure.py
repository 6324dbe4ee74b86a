"""How an answer is laid out: items, arrows, a title, two answers."""

import re

from crosstune.prompts.checks.verdict import Verdict, decided, undecided
from crosstune.records import Reason
from crosstune.text.answers import normalise
from crosstune.text.prose import without_code
from crosstune.text.segments import has_word, is_list_line, list_items

_COLONS = (":", "：")
_EMPHASIS = "*_ \t"


def _filled_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def items(text: str, language: str, *, count: int) -> Verdict:
    """Whether the list in an answer has as many items as asked, at its top level.

    Without any list, lines count as items, but for one before them that ends in a colon. A single line without a list
    is `undetermined`: it may name them one after the other.
    """
    plain = without_code(text)
    found = len(list_items(plain))
    if found:
        return decided(found == count, f"{found} items")
    lines = _filled_lines(plain)
    if len(lines) > 1 and lines[0].rstrip(_EMPHASIS).endswith(_COLONS):
        del lines[0]
    if len(lines) < 2:
        return undecided(Reason.UNDETERMINED, "no list")
    return decided(len(lines) == count, f"{len(lines)} lines, no list")


# `- -->` and `1. -->` are points that begin with the sign; `--&gt;` and `--\>` are how HTML and Markdown write it.
_ARROW = re.compile(r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s{1,4})?(?:\*\*|`)?--\\?(?:>|&gt;)")


def arrows(text: str, language: str) -> Verdict:
    """Whether each point of an answer begins with `-->`.

    A line before the points and one behind them may stand without it, and so may headings, lines that end in a colon,
    and lines that are indented under a point. Another list sign may not.
    """
    lines = _filled_lines(text)
    marked = [_ARROW.match(line) is not None for line in lines]
    if not any(marked):
        return decided(False, "no line begins with -->")
    first, last = marked.index(True), len(marked) - 1 - marked[::-1].index(True)
    for place, line in enumerate(lines):
        if marked[place]:
            continue
        if _arrow_wanted(line) or not (
            (place == 0 and first == 1)
            or (place == last + 1 == len(lines) - 1)
            or line.lstrip().startswith("#")
            or line.rstrip(_EMPHASIS).endswith(_COLONS)
            or (place > first and line[:1].isspace())
        ):
            return decided(False, f"a line begins with {line.strip()[:20]}")
    return decided(True, f"{sum(marked)} points")


def _arrow_wanted(line: str) -> bool:
    return is_list_line(line) and not line.lstrip().startswith("#")


_TITLE = re.compile(r"[\s#*_>]*(?:<<|&lt;&lt;)(?P<title>[^<>\n]{1,300})(?:>>|&gt;&gt;)[\s*_]*(?P<rest>.*)")


def title(text: str, language: str) -> Verdict:
    """Whether an answer has a title of the form `<<title>>`: at its start or alone on a line, with a text besides."""
    lines = _filled_lines(text)
    for place, line in enumerate(lines):
        found = _TITLE.fullmatch(line)
        if found is None or not has_word(found["title"]) or (place > 0 and found["rest"]):
            continue
        others = [found["rest"], *lines[:place], *lines[place + 1 :]]
        if not any(has_word(other) for other in others):
            return decided(False, "nothing but the title")
        return decided(True, found["title"].strip()[:80])
    return decided(False, "no title of the form <<title>>")


_PARTING = re.compile(r"^[ \t]*(?:\\?\*){6}[ \t]*$", re.MULTILINE)


def two_answers(text: str, language: str) -> Verdict:
    """Whether there are two different answers with a line of exactly six asterisks between them."""
    parts = [part.strip() for part in _PARTING.split(text)]
    while len(parts) > 1 and not parts[0]:
        del parts[0]
    while len(parts) > 1 and not parts[-1]:
        del parts[-1]
    if len(parts) != 2 or not all(has_word(part) for part in parts):
        return decided(False, f"{sum(has_word(part) for part in parts)} answers")
    first, second = (normalise(part, language) for part in parts)
    return decided(first != second, "2 answers" if first != second else "the same answer twice")
