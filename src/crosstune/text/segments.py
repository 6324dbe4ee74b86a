"""Sentences, words and paragraphs of a text, language-aware through ICU.

ICU's sentence rules know no abbreviations: they end a sentence in "Dr. Smith" and "z. B. Quark". `abbreviations.tsv`
says per language after which words a full stop ends none (`abbreviation`; `#` is a number of one or two digits, where
ordinals are written with a full stop), after which it ends none before a number (`before_number`), and with which words
a sentence goes on behind a closing quotation mark (`continuation`). Abbreviations that may also end a sentence ("etc.")
are not in it: ICU then goes by the next letter.
"""

import csv
import itertools
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import regex

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_WORD_CHARACTER = regex.compile(r"[\p{L}\p{N}]")
_MARKS_OF_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_ORDINAL = "#"
_LAST_CHARACTERS, _MOST_PARTS = 60, 4
"""Where an abbreviation before a full stop is looked for: "p. ex", "т. е"."""
_NUMBER_BEHIND_STOP = regex.compile(r"(?<=\.\s{1,3})\p{Nd}")
"""For ICU made a capital: it ends no sentence before "200 g of flour", since a small letter comes before a capital."""
_ELLIPSIS = str.maketrans({"…": "."})  # ICU ends no sentence there; as long as before, so that places stay

_DANDA = regex.compile(r"(?<=[\p{Deva}\p{Beng}\p{Guru}\p{Orya}]\s?)\|(?=\s*(?:[\p{Deva}\p{Beng}\p{Guru}\p{Orya}]|$))")
"""A bar typed for the danda of scripts that end sentences in one."""
_CLOSING = {"「": "」", "『": "』", "“": "”", "„": "“”"}

_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(?P<text>.*)")
_BULLETS = "-*+–—"
_SIGNS = "•‣◦▪▫●○◆◇■□·⁃∙・➢➤→✓✔✅"
"""Bullets that need no space behind them, as in "・りんご"; two in a row are none ("○○さん")."""
_NUMBER = r"(?:\p{Nd}{1,3}|[\p{Numeric_Type=Numeric}&&\p{L}]{1,3})"
# `1.` `1)` `(1)` `١.` `一、` `（一）` `①` `1️⃣`, or a letter with a bracket; Markdown may write `1\.`.
MARKER = regex.compile(
    rf"""(?P<indent>[ \t\u3000]*)
    (?:\#{{1,6}}[ ]+)?
    (?:
      (?P<arrow>--(?:>|&gt;))
    | (?P<bullet>[{regex.escape(_BULLETS)}](?=[\s]|$) | [{_SIGNS}](?![{_SIGNS}])\ufe0f?)
    | (?P<strong>\*\*|__)?
      (?: (?P<number>{_NUMBER}\\?[.．)）、:：](?!\p{{Nd}}) | [(（]{_NUMBER}[)）] | \p{{Nd}}\ufe0f?\u20e3
                   | [\u2460-\u249b\u24ea-\u24ff\u2776-\u2793] )
        | (?P<letter>\p{{L}}\)) )
    )[ \t\u3000\u00a0]*(?P<text>.*)""",
    regex.VERBOSE | regex.V1,
)
"""The sign of a list item, and the text behind it."""
_BOLD = re.compile(r"[ \t]*(?P<mark>\*\*|__)(?=\S)(?P<text>(?:(?!\*\*|__).)+)(?P=mark)(?P<colon>[:：]?)[ \t]*")
_STATEMENT = regex.compile(r".*[\p{Sentence_Terminal}--[?？؟]][\p{Pe}\p{Pf}\"']*", regex.V1)
_CLOSERS = "\"'”’»›“‘)]}」』）】〉》*_"
_OPENERS = "\"'“„«‹‘([{「『（¿¡*_"
_ONLY_CLOSERS = "”»)]}」』）】"
_LAST_OPENERS = regex.compile(r"[“„«‹(\[{「『（【《]+$")
_INITIAL = regex.compile(r"\p{Lu}\p{M}*")


@dataclass(frozen=True, slots=True)
class _Exceptions:
    """Where a language's sentences go on though ICU would end them."""

    abbreviations: frozenset[str]
    before_numbers: frozenset[str]
    continuations: tuple[str, ...]


@cache
def _exceptions(language: str) -> _Exceptions:
    text = files("crosstune").joinpath("text/abbreviations.tsv").read_text("utf-8")
    rows = [
        row
        for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        if row["language"] == language
    ]
    abbreviations: set[str] = set()
    for row in rows:
        if row["kind"] == "abbreviation":
            parts = (
                row["text"].casefold().split()
            )  # "z. B" is also written without the space, and its "z." ends nothing
            abbreviations |= {"".join(parts[:count]).removesuffix(".") for count in range(1, len(parts) + 1)}
    return _Exceptions(
        frozenset(abbreviations),
        frozenset(row["text"].casefold() for row in rows if row["kind"] == "before_number"),
        tuple(row["text"] for row in rows if row["kind"] == "continuation"),
    )


def _whole(text: str) -> str:
    """A text that ICU takes: without half characters, in NFC."""
    return unicodedata.normalize("NFC", _HALF_CHARACTER.sub("\ufffd", text))


def _segments(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """The pieces of a text at ICU's places, which count UTF-16 units."""
    if text.isascii() or max(text, default="") <= "\uffff":
        return [text[start:end] for start, end in spans]
    units = text.encode("utf-16-le")
    return [units[2 * start : 2 * end].decode("utf-16-le", "replace") for start, end in spans]


def has_word(text: str) -> bool:
    """Whether a text holds a letter or a digit."""
    return _WORD_CHARACTER.search(text) is not None


def words(text: str, language: str) -> list[str]:
    """The words of a text, without spaces, punctuation and emoji.

    Args:
        text: any text; half characters part words.
        language: code of the language it is in; Chinese, Japanese, Thai and the like are cut by ICU's dictionaries.

    Returns:
        Words as they stand in the text (in NFC), in order; each has a letter or a digit.
    """
    from icu4py.breakers import WordBreaker

    text = _whole(text)
    return [word for word in _segments(text, list(WordBreaker(text, language).segments())) if has_word(word)]


def plain_lines(text: str) -> list[str]:
    """The lines of a text in NFC, without marks of direction and half characters."""
    return _MARKS_OF_DIRECTION.sub("", _whole(text)).splitlines()


def _line_text(line: str) -> str:
    """A line without the marks of quotes, headings and list items before it."""
    line = _QUOTE.sub("", line, count=1) if line.lstrip().startswith(">") else line
    if heading := _HEADING.fullmatch(line):
        line = heading["text"]
    elif marker := MARKER.fullmatch(line):
        line = (marker["strong"] or "") + marker["text"]
    return line.strip()


def _capitals(text: str) -> str:
    """All letters as capitals, at the same places; for ICU, which sees no end before a small letter."""
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)


def _goes_on(before: str, after: str, known: _Exceptions) -> bool:
    """Whether the sentence `before` goes on in `after`, though ICU would end it."""
    bare = before.rstrip()
    if bare.endswith("."):
        last_words = [word.lstrip(_OPENERS) for word in bare[-_LAST_CHARACTERS:-1].split()[-_MOST_PARTS:]]
        endings = {"".join(last_words[start:]).casefold() for start in range(len(last_words))}
        if endings & known.abbreviations or (after[:1].isdecimal() and endings & known.before_numbers):
            return True
        word = last_words[-1] if last_words else ""
        if _ORDINAL in known.abbreviations and word.isdecimal() and len(word) <= 2:
            return True
        return _INITIAL.fullmatch(word) is not None  # "J. S. Bach"; also "Plan B.", which is rarer
    start = after.lstrip()
    if start[:1] in _ONLY_CLOSERS:  # « Bonjour ! » dit-il
        return start.lstrip(_ONLY_CLOSERS).lstrip()[:1].islower()
    if bare and bare[-1] in _CLOSERS:
        return start[:1].islower() or (before == bare and after.startswith(known.continuations or ("\0",)))
    return False


def _pieces(line: str, language: str, *, small: bool) -> list[str]:
    """A line as ICU cuts it, but that an opening bracket or quotation mark begins a sentence and does not end one."""
    from icu4py.breakers import SentenceBreaker

    seen = _NUMBER_BEHIND_STOP.sub("A", line.translate(_ELLIPSIS))
    if not line.lstrip().startswith("|"):  # a row of a table
        seen = _DANDA.sub("।", seen)
    pieces = _segments(line, list(SentenceBreaker(_capitals(seen) if small else seen, language).segments()))
    for place in range(len(pieces) - 1):
        if openers := _LAST_OPENERS.search(pieces[place]):
            pieces[place + 1] = openers[0] + pieces[place + 1]
            pieces[place] = pieces[place][: openers.start()]
    return pieces


def _quoted(line: str) -> list[bool]:
    """Of each place in a line, whether it is inside a quotation that closes; one that is the whole line is none."""
    opened: list[int] = []
    changes = [0] * (len(line) + 1)
    start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    for place, letter in enumerate(line):
        if opened and letter in _CLOSING[line[opened[-1]]]:
            first = opened.pop()
            if (first, place + 1) != (start, end):
                changes[first + 1] += 1
                changes[place + 1] -= 1
        elif letter in _CLOSING:
            opened.append(place)
    return [depth > 0 for depth in itertools.accumulate(changes)]


def sentences(text: str, language: str) -> list[str]:
    """The sentences of a text.

    A line's end ends a sentence, an end mark is not needed at the last one, and the marks of list items, headings and
    quotes are no part of it. A quotation within a line ends none before it closes. In a text without capitals (of a
    script that has them) a sentence may begin with a small letter.

    Args:
        text: any text.
        language: code of the language it is in. Where sentences end in no mark (`Language.sentence_marks`), each line
            is one.

    Returns:
        Sentences without the spaces around them; each has a letter or a digit.
    """
    known = _exceptions(language)
    small = not any(letter.isupper() for letter in text)
    found: list[str] = []
    for line in map(_line_text, plain_lines(text)):
        if not line:
            continue
        joined: list[str] = []
        quoted, place = _quoted(line), 0
        for piece in _pieces(line, language, small=small):
            if joined and (quoted[place] or _goes_on(joined[-1], piece, known)):
                joined[-1] += piece
            else:
                joined.append(piece)
            place += len(piece)
        found += [piece.strip() for piece in joined if has_word(piece)]
    return found


def title_of(line: str) -> str | None:
    """What kind of title a line is: `#` to `######` for a heading, `**` when it is wholly bold, None for no title.

    A bold line that ends as a statement does ("**Eat it at once.**") is text with emphasis.
    """
    if heading := _HEADING.fullmatch(line):
        return line[: heading.start("text")].strip()
    bold = _BOLD.fullmatch(line)
    return "**" if bold and (bold["colon"] or not _STATEMENT.fullmatch(bold["text"])) else None


def without_titles(text: str) -> str:
    """A text with a blank line in the place of each title (see `title_of`)."""
    return "\n".join("" if title_of(line) else line for line in plain_lines(text))


def blocks(text: str) -> list[str]:
    """What stands between blank lines, titles too; each has a letter or a digit."""
    groups = itertools.groupby(plain_lines(text), key=lambda line: not line.strip())
    found = ("\n".join(lines).strip() for blank, lines in groups if not blank)
    return [block for block in found if has_word(block)]


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text: what stands between blank lines and titles, but for lines of signs alone.

    Returns:
        Paragraphs without the spaces around them; each has a letter or a digit.
    """
    return blocks(without_titles(text))
