"""The items of a list in a text, and lines that stand for items: numbered labels and titles."""

import unicodedata
from collections import Counter
from dataclasses import dataclass

import regex

from crosstune.text.segments import MARKER, plain_lines, title_of

_HAN_NUMBER = r"[\p{Han}&&\p{Numeric_Type=Numeric}]{1,3}"
# `Option 1`, `Option A.`, `第一，`, `方案A：`; or without a word `A. Apple` and `1- Elma`. Alone such a line says
# little ("3-day trips", "J. Smith"), so two of them must run on.
_LABEL = regex.compile(
    rf"""(?P<indent>[ \t\u3000]*) (?:\#{{1,6}}[ ]+)? (?:\*\*|__)?
    (?:
      (?P<label>[\p{{L}}\p{{M}} ]{{1,30}}?)
      (?: [ \u00a0]\#?(?:(?P<number>\p{{Nd}}{{1,3}})|(?P<letter>\p{{L}}))
        | (?P<number>\p{{Nd}}{{1,3}}) | (?P<han>{_HAN_NUMBER})
        | (?<=[\p{{Line_Break=ID}}\p{{Line_Break=CJ}}])(?P<letter>\p{{L}}) )
      (?: \s?[.．。:：,，、)）–—\-](?!\p{{Nd}}) (?P<text>.*) | (?:\*\*|__)?\s* )
    | (?P<number>\p{{Nd}}{{1,3}}) \s?[–—\-](?=\s|\p{{L}})(?!\s*\p{{Nd}}) (?P<text>.*)
    | (?P<letter>\p{{L}}) [.．、] (?P<text>\s*[^\s.].*)
    )""",
    regex.VERBOSE | regex.V1,
)


@dataclass(frozen=True, slots=True)
class _Item:
    sign: str
    indent: int
    text: str


def _item(line: str) -> _Item | None:
    marker = MARKER.fullmatch(line)
    if marker is None or not marker["text"].strip("*_ \t"):
        return None
    sign = marker["arrow"] or marker["bullet"] or ("number" if marker["number"] else "letter")
    return _Item(sign, len(marker["indent"].expandtabs(4)), marker["text"].strip())


def list_items(text: str) -> list[str]:
    """The items of the list in a text, at the top level only.

    Items begin with a bullet or with a number in any digits (`1.`, `1)`, `(1)`, `١.`, `१.`, `①`, `一、`). The first one
    decides what the top level is: its indent and its kind of sign.

    Returns:
        The first line of each item, without its sign; empty when there is no list.
    """
    items = [item for line in plain_lines(text) if (item := _item(line)) is not None]
    if not items:
        return []
    first = items[0]
    return [item.text for item in items if item.sign == first.sign and item.indent <= first.indent + 1]


def is_list_line(line: str) -> bool:
    """Whether a line begins with a list's sign, at any level."""
    return any(_item(part) is not None for part in plain_lines(line)[:1])


@dataclass(frozen=True, slots=True)
class _Label:
    kind: tuple[str, str]
    """The word, and what it is numbered with."""
    value: str
    indent: int
    line: str


def _label(line: str) -> _Label | None:
    found = _LABEL.fullmatch(line)
    if found is None:
        return None
    numbering = next(name for name in ("number", "han", "letter") if found[name] is not None)
    kind = ((found["label"] or "").strip().casefold(), numbering)
    return _Label(kind, found[numbering].casefold(), len(found["indent"].expandtabs(4)), line.strip())


def _place(label: _Label) -> int | None:
    """Where a label stands in its order; of letters that is the code point."""
    if len(label.value) == 1 and label.kind[1] == "letter":
        return ord(label.value)
    if label.value.isdecimal():
        return int(label.value)
    value = unicodedata.numeric(label.value, None) if len(label.value) == 1 else None
    return None if value is None else int(value)


def _run_on(labels: list[_Label]) -> bool:
    """Whether the labels begin as 1, 2 or as two letters that follow each other, and none comes twice."""
    if len(labels) < 2 or len({label.value for label in labels}) < len(labels):
        return False
    first, second = _place(labels[0]), _place(labels[1])
    if first is None or second != first + 1:
        return False
    return first == 1 or labels[0].kind[1] == "letter"


def labelled_lines(text: str) -> list[str]:
    """Lines numbered by a label that runs on: `Option 1`, `Option 2`; `第一，`, `第二，`; `A.`, `B.`; `1-`, `2-`.

    Returns:
        The lines of the first such run, at its top level only; empty when there is none.
    """
    found = [label for line in plain_lines(text) if (label := _label(line)) is not None]
    for kind in dict.fromkeys(label.kind for label in found):
        same = [label for label in found if label.kind == kind]
        top = [label for label in same if label.indent <= same[0].indent + 1]
        if _run_on(top):
            return [label.line for label in top]
    return []


def title_counts(text: str) -> Counter[str]:
    """How many titles of each kind a text has (see `segments.title_of`)."""
    return Counter(title for line in plain_lines(text) if (title := title_of(line)) is not None)
