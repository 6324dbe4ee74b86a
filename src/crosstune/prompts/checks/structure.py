"""How an answer is laid out: items, arrows, a title, two answers."""

import re

import regex

from crosstune.prompts.checks.verdict import Verdict, decided, undecided
from crosstune.records import Reason
from crosstune.text.answers import normalise
from crosstune.text.lists import is_list_line, labelled_lines, list_items, title_counts
from crosstune.text.prose import without_code
from crosstune.text.segments import has_word, title_of

_COLONS = (":", "：")
_EMPHASIS = "*_ \t"


def _filled_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


_ENDS_SENTENCE = regex.compile(r".*\p{Sentence_Terminal}[\p{P}\s]*")


def items(text: str, language: str, *, count: int) -> Verdict:
    """Whether an answer has as many items as asked: of a list at its top level, or of numbered labels ("Option 1").

    Without either, titles or lines may be the items. They show that there are as many as asked, but not that there are
    not, since some may be an introduction or a closing: then the reason is `undetermined`. It is also where a list has
    another number of items and as many titles as asked.
    """
    plain = without_code(text)
    listed, labelled, titles = len(list_items(plain)), len(labelled_lines(plain)), title_counts(plain)
    if count in (listed, labelled):
        return decided(True, f"{count} items")
    found = listed or labelled
    if count > 1 and count in titles.values():
        if found:
            return undecided(Reason.UNDETERMINED, f"{found} items, {count} titles")
        return decided(True, f"{count} titles, no list")
    if found:
        return decided(False, f"{found} items")
    lines = [line for line in _filled_lines(plain) if title_of(line) is None]
    if len(lines) > 1 and lines[0].rstrip(_EMPHASIS).endswith(_COLONS):
        del lines[0]
    # Items are alike: a line that ends a sentence among others that do not is rather an introduction or a closing.
    alike = len({_ENDS_SENTENCE.fullmatch(line) is None for line in lines}) == 1
    if titles.total() < 2 and alike and len(lines) == count > 1:
        return decided(True, f"{count} lines, no list")
    return undecided(Reason.UNDETERMINED, "no list")


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


_TITLE = re.compile(
    r"[\s#*_>]*(?:<<|＜＜|&lt;&lt;)(?P<title>[^<>＜＞\n]{1,300})(?:>>|＞＞|&gt;&gt;)[\s*_]*(?P<rest>.*)"
)


def title(text: str, language: str) -> Verdict:
    """Whether an answer has a title of the form `<<title>>`: at its start or alone on a line, with a text besides.

    The brackets may be full-width.
    """
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
    """Whether there are two different answers with a line of exactly six asterisks between them.

    Such lines may also stand before the first answer and behind the second. Any other one makes three parts, which are
    not two answers, even where a part is empty.
    """
    parts = [part.strip() for part in _PARTING.split(text)]
    while len(parts) > 1 and not parts[0]:
        del parts[0]
    while len(parts) > 1 and not parts[-1]:
        del parts[-1]
    if len(parts) != 2 or not all(has_word(part) for part in parts):
        return decided(False, f"{sum(has_word(part) for part in parts)} answers")
    first, second = (normalise(part, language) for part in parts)
    return decided(first != second, "2 answers" if first != second else "the same answer twice")
