"""Is an answer broken as text, whatever it says? 1 when any sign of it is there, 0 when none is.

    empty                nothing to see
    cut_off              the limit of tokens was reached; where that is not known, strong signs in the text
    loop                 a unit (words, a line, a sign) follows itself again and again
    repeated_ngrams      too many groups of four words were there before (seq-rep-4, Welleck et al. 2020,
                         arXiv 1908.04319; the trouble is described by Holtzman et al. 2020, arXiv 1904.09751)
    prompt_echo          it repeats the prompt
    chat_markup          marks of a chat format, or turns that nobody asked for
    mixed_script_words   letters of two alphabets in one word
    broken_characters    replacement characters, or UTF-8 read as something else

Weak points: refrains, chants and forms that are asked for may count as repetition; without the reason why an answer
ended most cut-off ones are not seen; a text about chat formats that shows their marks outside code counts as leaking.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice

from crosstune.records import Ending, Span
from crosstune.scoring.answer import Answer
from crosstune.scoring.broken_characters import REPLACEMENT, broken_characters
from crosstune.scoring.chat_markup import chat_markup
from crosstune.scoring.cut_off import cut_off
from crosstune.scoring.measure import Measure, measured
from crosstune.scoring.mixed_scripts import mixed_words
from crosstune.scoring.prompt_echo import prompt_echo
from crosstune.scoring.repetition import Repeats, repeats, sign_loop, token_places
from crosstune.scoring.scorer import Scorer, each
from crosstune.text.normalise import CHARACTERS_LOOKED_AT
from crosstune.text.prose import CODE_BLOCK
from crosstune.text.well_formed import is_blank

MOST_REPEATED = 0.35
"""Of a longer text's n-grams, the share that may have been there before."""
_LEAST_TOKENS = 24
"""Words of a longer text; of scripts without spaces letters."""
_MOST_SPANS = 20
"""Of one sign."""
_CODE = re.compile(CODE_BLOCK + r"|``[^`\n]{1,500}``|`[^`\n]{1,500}`", re.DOTALL | re.MULTILINE)
_TABLES = ("scoring/chat_markup.tsv", "scoring/mixed_scripts.tsv")

_Places = Iterable[tuple[int, int]]


def degeneration(answer: Answer) -> Measure:
    """Whether there is any sign; the detail names them, and spans say where (an empty answer has none)."""
    if is_blank(answer.seen.text):
        return measured(1.0, "empty")
    text = answer.seen.text.rstrip()
    prose = _CODE.sub(lambda code: " " * len(code[0]), text) if "`" in text or "~~~" in text else text
    found: dict[str, list[Span]] = {}
    for sign, places in _SIGNS.items():
        spans = [answer.span(*place, sign) for place in islice(places(answer, text, prose), _MOST_SPANS)]
        if spans:
            found[sign] = spans
    lost = _replacements(answer.text or "")
    if lost:
        found["broken_characters"] = lost + found.get("broken_characters", [])
    spans = sorted((span for spans in found.values() for span in spans), key=lambda span: (span.start, span.end))
    return measured(bool(found), ", ".join(found), tuple(spans))


def _ending(answer: Answer, text: str, prose: str) -> _Places:
    if answer.ending is Ending.LENGTH:
        yield text.rfind("\n") + 1, len(text)
    elif answer.ending is None and len(answer.text or "") <= CHARACTERS_LOOKED_AT:
        place = cut_off(text, answer.requested_language)
        if place is not None:
            yield place


@lru_cache(maxsize=2)
def _repeats(text: str) -> Repeats:
    return repeats(text)


def _loop(answer: Answer, text: str, prose: str) -> _Places:
    signs = sign_loop(text)
    if signs is not None:
        yield signs
        return
    words = _repeats(text).loop()
    if words is not None:
        yield token_places(text, *words)


def _repeated(answer: Answer, text: str, prose: str) -> _Places:
    found = _repeats(prose)
    words = sum(not token.isnumeric() for token in found.tokens) if found.share >= MOST_REPEATED else 0
    if words >= _LEAST_TOKENS:  # tables of numbers repeat themselves
        yield 0, len(text)


def _echo(answer: Answer, text: str, prose: str) -> _Places:
    place = prompt_echo(text, answer.prompt) if answer.prompt else None
    if place is not None:
        yield place


_SIGNS: Mapping[str, Callable[[Answer, str, str], _Places]] = {
    "cut_off": _ending,
    "loop": _loop,
    "repeated_ngrams": _repeated,
    "prompt_echo": _echo,
    "chat_markup": lambda answer, text, prose: chat_markup(prose, answer.prompt),
    "mixed_script_words": lambda answer, text, prose: mixed_words(prose),
    "broken_characters": lambda answer, text, prose: broken_characters(prose),
}
"""Where each sign is, of an answer, its text, and the text with spaces for code."""


def _replacements(text: str) -> list[Span]:
    start = text.find(REPLACEMENT, 0, CHARACTERS_LOOKED_AT)  # in the text as given: cleaning takes them out
    return [] if start < 0 else [Span(start, start + 1, "broken_characters")]


@cache
def _tables_digest() -> str:
    return hashlib.sha256(b"".join(files("crosstune").joinpath(path).read_bytes() for path in _TABLES)).hexdigest()


DEGENERATION = Scorer(
    facet="degeneration",
    version=1,
    measure=each(degeneration),
    supports=lambda code: True,
    identity=lambda: {"tables": _tables_digest()},
    takes_blank=True,
)
