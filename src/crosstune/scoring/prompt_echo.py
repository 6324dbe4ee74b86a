"""Answers that say the prompt again instead of answering it.

Quoting a part and going on is fine, and so is a short question as a heading; the whole of a longer prompt at the start,
or an answer that is mostly the prompt, is not.
"""

import re

from crosstune.text.normalise import clean

_LEAST_WORDS = 3
_LEAST_LONG = 8
"""Words of a prompt that is more than a heading."""
_LEAST_SHARE = 0.5
"""Of an answer that is the prompt."""
_LEAST_PART = 0.7
"""Of a prompt that is the answer."""
_LOOKED_AT = 4
"""Times a prompt's length: an answer that is longer is not mostly the prompt, and its start tells the rest."""
_WORD = re.compile(r"[^\W_]+")
_WIDE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def _size(text: str) -> float:
    """Words; of scripts that do not part them, two letters count as one."""
    wide = len(_WIDE.findall(text))
    return wide / 2 if wide > len(text) / 4 else len(_WORD.findall(text))


def prompt_echo(text: str, prompt: str) -> tuple[int, int] | None:
    """Where an answer repeats its prompt.

    Args:
        text: an answer, cleaned.
        prompt: what it is to; empty when not known.

    Returns:
        Where the repetition stands; None when the prompt is not repeated. Capitals and white space do not matter.
    """
    prompt = clean(prompt)
    asked = _squeezed(prompt)
    if not asked:
        return None
    begin = _start(text)
    said = "".join(text[begin : begin + _LOOKED_AT * len(asked)].split()).casefold()
    if len(said) <= len(asked) / _LEAST_SHARE:
        said = _squeezed(text)
    if not said:
        return None
    if said != asked and said in asked:
        is_echo = len(said) >= _LEAST_PART * len(asked) and _size(prompt) >= _LEAST_LONG
        return (begin, len(text.rstrip())) if is_echo else None
    is_mostly = len(asked) >= _LEAST_SHARE * len(said)
    start = 0 if said.startswith(asked) else said.find(asked) if is_mostly else -1
    if start < 0 or _size(prompt) < (_LEAST_WORDS if is_mostly else _LEAST_LONG):
        return None
    return _place(text, begin, start, len(asked))


def _start(text: str) -> int:
    """Where the first letter or digit stands."""
    found = _WORD.search(text)
    return found.start() if found else len(text)


def _squeezed(text: str) -> str:
    """From the first letter on, without white space and capitals."""
    return "".join(text[_start(text) :].split()).casefold()


def _place(text: str, begin: int, start: int, length: int) -> tuple[int, int]:
    """Where the characters that are no white space from `start` on stand in a text."""
    first = last = begin
    seen = 0
    for place in range(begin, len(text)):
        if text[place].isspace():
            continue
        if seen <= start:
            first = place
        seen += len(text[place].casefold())
        last = place + 1
        if seen >= start + length:
            break
    return first, last
