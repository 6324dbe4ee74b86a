"""Marks of chat formats that leak into an answer, and turns that nobody asked for.

`chat_markup.tsv` has them: `mark` and `pattern` (a regular expression) wherever they stand, `end` only where nothing
opened it on its line (`</s>` is HTML as well), `heading` behind `###` and before a colon, and the names of the `user`
and the `assistant` before a colon at the start of a line.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_OPENED = "<s>"
_OPENING = re.compile(re.escape(_OPENED))
_LEAST_WORDS_OF_TURN = 3


@dataclass(frozen=True, slots=True)
class _Markup:
    marks: "re.Pattern[str]"
    end: "re.Pattern[str]"
    headings: "re.Pattern[str]"
    roles: "re.Pattern[str]"


@cache
def _markup() -> _Markup:
    text = files("crosstune").joinpath("scoring/chat_markup.tsv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))

    def one_of(kind: str) -> str:
        return "|".join(sorted((re.escape(row["text"]) for row in rows if row["kind"] == kind), key=len, reverse=True))

    patterns = "|".join(row["text"] for row in rows if row["kind"] == "pattern")
    return _Markup(
        marks=re.compile(f"(?=[<\\[])(?:{one_of('mark')}|{patterns})"),
        end=re.compile(f"(?:{one_of('end')})"),
        headings=re.compile(rf"^[ \t]{{0,3}}#{{2,4}}[ \t]?(?:{one_of('heading')})[ \t]?[:：]", re.MULTILINE),
        roles=re.compile(
            rf"^[ \t]{{0,3}}[*_]{{0,2}}(?:(?P<user>{one_of('user')})|(?P<assistant>{one_of('assistant')}))"
            r"[*_]{0,2}[ \t\u00a0]?[:：]",
            re.MULTILINE,
        ),
    )


def chat_markup(text: str, prompt: str) -> list[tuple[int, int]]:
    """Where marks and turns of a chat format stand.

    Args:
        text: an answer without code, in which they may be meant.
        prompt: what it is to; labels of turns that are in it already are asked for.
    """
    known = _markup()
    found: list[tuple[int, int]] = []
    if "<" in text or "[" in text:
        found += [mark.span() for mark in known.marks.finditer(text)]
        for end in known.end.finditer(text):
            line = text.rfind("\n", 0, end.start()) + 1
            if text.find(_OPENED, line, end.start()) < 0:
                found.append(end.span())
    if "#" in text:
        found += [heading.span() for heading in known.headings.finditer(text)]
    if ":" in text or "：" in text:
        found += _turns(text, prompt, known)
    return sorted(found)


def chat_marks(text: str) -> list[tuple[int, int]]:
    """Where marks stand that a server may read as tokens of a chat format, in order and none inside another.

    Args:
        text: any; of what is HTML as well (`</s>`), each counts.
    """
    known = _markup()
    found: list[tuple[int, int]] = []
    patterns = (known.marks, known.end, _OPENING)
    for place in sorted(mark.span() for pattern in patterns for mark in pattern.finditer(text)):
        if not found or place[0] >= found[-1][1]:
            found.append(place)
    return found


def _turns(text: str, prompt: str, known: _Markup) -> list[tuple[int, int]]:
    labels = list(known.roles.finditer(text))
    if not labels or known.roles.search(prompt):
        return []
    if {label.lastgroup for label in labels} == {"user", "assistant"}:
        return [label.span() for label in labels]
    return [label.span() for label in labels if _is_turn(label, text, labels)]


def _is_turn(label: "re.Match[str]", text: str, labels: Sequence["re.Match[str]"]) -> bool:
    """Whether a label without a counterpart begins a turn: the assistant's at the start, the user's after a blank
    line, with a sentence behind it."""
    before = text[: label.start()]
    if label.lastgroup == "assistant":
        return len(labels) == 1 and not before.strip()
    line = text[label.end() :].partition("\n")[0]
    return bool(before.strip()) and before.rstrip(" \t").endswith("\n\n") and len(line.split()) >= _LEAST_WORDS_OF_TURN
