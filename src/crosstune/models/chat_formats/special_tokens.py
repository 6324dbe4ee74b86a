"""The special tokens of a tokenizer, found once for each tokenizer."""

import re
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Tokens that stand for no text."""

    ids: dict[str, int]
    pattern: re.Pattern[str]
    """Matches any of them in text, the longest first."""


_found: WeakKeyDictionary[Any, tuple[int, SpecialTokens]] = WeakKeyDictionary()


def special_tokens(tokenizer: Any) -> SpecialTokens:
    """The special tokens of `tokenizer`."""
    size = len(tokenizer)  # grows when tokens are added
    if tokenizer in _found and _found[tokenizer][0] == size:
        return _found[tokenizer][1]
    added = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    longest_first = sorted(added, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) if added else r"(?!)")
    special = SpecialTokens(ids=added, pattern=pattern)
    _found[tokenizer] = (size, special)
    return special
