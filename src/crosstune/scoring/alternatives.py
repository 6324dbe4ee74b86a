"""Does an answer name a thing as one of several? The other things that stand beside it, in a line or in a list.

    Paris, London, Berlin or Rome          The answer could be 1789, 1790, 1791.          1. Paris
    It is Paris. Or London.                A) Paris B) London C) Rome                     2. London

Structure alone is looked at, since what is of the same kind is not known: short pieces beside each other that look
alike (numbers, words with a capital, other words). Names that say where a place is ("Dallas, Texas, USA") look the same
as three guesses, the first of them right; they pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import regex

from crosstune.scoring.conjunctions import Join, joints
from crosstune.scoring.lengths import unit_of
from crosstune.text.case import is_capital
from crosstune.text.segments import MARKER

Place = tuple[int, int]
"""Where a piece of a text begins and ends."""

_AROUND = 300
"""Characters before and behind a place that are looked at."""
_LINES_AROUND = 30
_MOST_WORDS, _MOST_LETTERS = 3, 10
"""Of a piece that may be an alternative; letters where words are not parted."""
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}'’‑-]*")
_APOSTROPHE = regex.compile("['’]")
_HEAD = regex.compile(r"[\s*_\"“”„«»'‘’「『《]*(?P<head>[^:：(（–—,，،、;；.。!！?？*\"”»」』》]*)")


@dataclass(frozen=True, slots=True)
class Alternatives:
    """What to tell alternatives by, the same for all places of a text."""

    text: str
    language: str
    """Code of the language the text should be in."""
    own: Sequence[Place]
    """Where the thing itself is named; what these stand in is no alternative."""
    rivals: Sequence[Place] = ()
    """Where things are named that are known to be others."""
    prompt: str = ""
    """What the answer is to; its words are no alternatives."""
    _asked: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", frozenset(_WORD.findall(self.prompt.casefold())))

    def beside(self, start: int, end: int) -> list[Place]:
        """The alternatives among which the text names `text[start:end]`; none when it is named alone."""
        return self._in_lines(start, end) or self._in_sentence(start, end)

    def _words(self, start: int, end: int) -> list[str]:
        return _WORD.findall(self.text, start, end)

    def _is_short(self, words: Sequence[str]) -> bool:
        if unit_of(self.language) == "character":
            return bool(words) and sum(map(len, words)) <= _MOST_LETTERS
        return 0 < len(words) <= _MOST_WORDS

    def _is_other(self, start: int, end: int) -> bool:
        """Whether a piece is neither the thing itself nor what the prompt names."""
        if any(own[0] < end and start < own[1] for own in self.own):
            return False
        words = [word.casefold() for word in self._words(start, end)]
        if unit_of(self.language) == "character":
            prompt = self.prompt.casefold()
            return not all(word in prompt for word in words)
        return not self._asked.issuperset(words)

    # In a line

    def _pieces(self, start: int, end: int) -> tuple[list[Place], list[Join]]:
        """The pieces around a place, and how each is joined to the next."""
        first, last = max(0, start - _AROUND), min(len(self.text), end + _AROUND)
        pieces: list[Place] = []
        joins: list[Join] = []
        begin = first
        for joint in joints(self.text, self.language, first, last):
            if any(own[0] < joint.end and joint.start < own[1] for own in self.own):
                continue  # "Orville and Wilbur"
            if self._words(begin, joint.start):
                pieces.append((begin, joint.start))
                joins.append(joint.kind)
            elif joins:  # ", or", ". Or", ", but"
                joins[-1] = joint.kind if Join.STOP in (joint.kind, joins[-1]) else max(joins[-1], joint.kind)
            begin = joint.end
        pieces.append((begin, last))
        whole = first == 0 and last == len(self.text) and set(joins) == {Join.SENTENCE}
        if whole and all(self._is_short(self._words(*piece)) for piece in pieces[:-1]):
            joins = [Join.COMMA] * len(joins)  # "1789. 1790. 1791."
        return pieces, joins

    def _in_sentence(self, start: int, end: int) -> list[Place]:
        pieces, joins = self._pieces(start, end)
        own = next((number for number, piece in enumerate(pieces) if piece[0] <= start and end <= piece[1]), None)
        if own is None:
            return []
        kind = _kind(self._words(start, end))
        before: list[tuple[Place, Join]] = []
        behind: list[tuple[Place, Join]] = []
        if len(self._words(end, pieces[own][1])) <= 1:
            for piece, join in zip(pieces[own + 1 :], joins[own:], strict=True):
                if not _go_on(behind, join) or not self._may_follow(piece, join, kind):
                    break
                behind.append((piece, join))
        if len(self._words(pieces[own][0], start)) <= 1:
            for piece, join in zip(reversed(pieces[:own]), reversed(joins[:own]), strict=True):
                is_joined = any(other > Join.COMMA for other in (join, *(other for _, other in (*before, *behind))))
                if not _go_on(before or behind, join) or not self._may_precede(piece, kind, is_joined):
                    break
                before.append((piece, join))
        before.reverse()
        chain = [join for _, join in (*before, *behind)]
        found = [piece for piece, _ in (*before, *behind) if self._is_other(*piece)]
        is_first = not any(self._is_other(*piece) for piece, _ in before)
        least = 3 if is_first and kind != "number" else 2
        if Join.OR in chain:
            least = 1
        elif Join.AND in chain or Join.MARK in chain:
            least = 2
        return [self._bare(piece, start) for piece in found] if len(found) >= least else []

    def _bare(self, piece: Place, start: int) -> Place:
        """Of a piece that is more than an alternative, the word beside the thing that begins at `start`."""
        words = list(_WORD.finditer(self.text, *piece))
        if not self._is_short([word[0] for word in words]):
            words = words[-1:] if piece[0] < start else words[:1]
        return words[0].start(), words[-1].end()

    def _may_follow(self, piece: Place, join: Join, kind: str) -> bool:
        words = self._words(*piece)
        if self._is_short(words):
            return _kind(words) == kind
        if join is Join.OR and any(piece[0] <= rival[0] and rival[1] <= piece[1] for rival in self.rivals):
            return True
        # What is joined last may run on: "or Rome, I think", "or Berlin is the capital".
        return join > Join.COMMA and unit_of(self.language) == "word" and _kind(words[:2]) == kind != "word"

    def _may_precede(self, piece: Place, kind: str, is_joined: bool) -> bool:
        words = self._words(*piece)
        if self._is_short(words):
            return _kind(words) == kind
        return is_joined and _kind(words[-1:]) == kind != "word"  # "The answer is Sydney, Canberra or ..."

    # In a list

    def _in_lines(self, start: int, end: int) -> list[Place]:
        begin = self.text.rfind("\n", 0, start) + 1
        for _ in range(_LINES_AROUND):
            begin = self.text.rfind("\n", 0, max(begin - 1, 0)) + 1
        lines: list[_Line] = []
        while begin <= len(self.text) and len(lines) < 2 * _LINES_AROUND:
            stop = self.text.find("\n", begin)
            stop = len(self.text) if stop < 0 else stop
            lines.append(_line(self.text, begin, stop))
            begin = stop + 1
        own = next((line for line in lines if line.head[0] <= start and end <= line.head[1]), None)
        if own is None or len(self._words(own.head[0], start)) > 1 or not self._is_item(own):
            return []
        is_number = _kind(self._words(start, end)) == "number"
        others = [line for line in lines if line.sign == own.sign] if own.sign else self._run(lines, own)
        found = [
            line.head
            for line in others
            if self._is_item(line)
            and (_kind(self._words(*line.head)) == "number") == is_number
            and self._is_other(*line.head)
        ]
        return found if len(found) >= 2 else []

    def _run(self, lines: Sequence["_Line"], own: "_Line") -> list["_Line"]:
        """The lines without a sign that follow each other around one, each an item and nothing more."""
        place = next(number for number, line in enumerate(lines) if line is own)
        behind = takewhile(self._is_item, lines[place:])
        before = takewhile(self._is_item, reversed(lines[:place]))
        return [line for line in (*before, *behind) if not line.sign]

    def _is_item(self, line: "_Line") -> bool:
        return self._is_short(self._words(*line.head)) and (bool(line.sign) or not self._words(line.head[1], line.end))


def _go_on(chain: Sequence[tuple[Place, Join]], join: Join) -> bool:
    """Whether a chain of pieces goes on over a join: not over a comma when it is parted by other marks, or the reverse
    (长江，流经重庆、武汉)."""
    marks = {other for _, other in chain} & {Join.COMMA, Join.MARK}
    return join > Join.SENTENCE and (join not in (Join.COMMA, Join.MARK) or not marks or join in marks)


@dataclass(frozen=True, slots=True)
class _Line:
    head: Place
    """What it says before the first mark: "1. **Paris**: the capital"."""
    end: int
    sign: str
    """The kind of list sign before it; empty for a line without."""


def _line(text: str, start: int, end: int) -> _Line:
    begin, sign = start, ""
    if marker := MARKER.fullmatch(text, start, end):
        begin = marker.start("text")
        sign = marker["arrow"] or marker["bullet"] or ("number" if marker["number"] else "letter")
    head = _HEAD.match(text, begin, end)
    first, last = head.span("head") if head else (begin, end)
    return _Line((first, first + len(text[first:last].rstrip())), end, sign)


def _kind(words: Sequence[str]) -> str:
    """What words look like, by their first two."""
    if not words:
        return ""
    numbers = sum(word[0].isnumeric() for word in words)
    if numbers:
        return "number" if 2 * numbers >= len(words) else "mixed"
    parts = [part for word in words[:2] for part in _APOSTROPHE.split(word) if part]  # l’Amazone
    return "name" if any(is_capital(part[0]) for part in parts) else "word"
