"""How an answer ends: which tokens and strings stop it, and what its text is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crosstune.models.chat_formats.encoding import control_id
from crosstune.models.chat_formats.format import ChatFormat
from crosstune.models.chat_formats.special_tokens import special_tokens
from crosstune.records import Ending

_END_OF_TEXT = ("<eos>", "</s>", "<|endoftext|>", "<|end_of_text|>", "<|EOS_TOKEN|>", "<|END_OF_TURN_TOKEN|>")
"""What well-known tokenizers call their end of text. A model tuned for chat often names its end of turn
`eos_token`, and still ends with the token of its pretraining."""


@dataclass(frozen=True, slots=True)
class Endings:
    """What ends an answer, for one format and tokenizer."""

    end_ids: frozenset[int]
    """The format's end of turn."""
    end_of_text_ids: frozenset[int]
    """The model's own end of text."""
    next_turn_ids: frozenset[int]
    """Special tokens that begin another turn: the answer is over though its end mark is missing."""
    strings: tuple[str, ...]
    """The text of the end of turn and of a next turn, which a model may spell out in ordinary tokens."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """All tokens after which nothing more need be generated."""
        return self.end_ids | self.end_of_text_ids | self.next_turn_ids


def endings(fmt: ChatFormat, tokenizer: Any) -> Endings:
    """What ends an answer in this format with this tokenizer.

    Raises:
        InvalidStudy: the format does not go with this tokenizer.
    """
    end, next_turns = fmt.end(tokenizer), fmt.next_turns(tokenizer)
    end_id = control_id(tokenizer, end) if end else None
    end_ids = frozenset() if end_id is None else frozenset({end_id})
    special = special_tokens(tokenizer).ids
    own = {tokenizer.eos_token_id, *(special.get(name) for name in _END_OF_TEXT)}
    turn_ids = (control_id(tokenizer, mark) for mark in next_turns)
    next_turn_ids = frozenset(number for number in turn_ids if number is not None)
    return Endings(
        end_ids=end_ids,
        end_of_text_ids=frozenset(number for number in own if number is not None) - end_ids - next_turn_ids,
        next_turn_ids=next_turn_ids - end_ids,
        strings=tuple(mark for mark in (end, *next_turns) if mark),
    )


def find_stop_string(text: str, strings: Sequence[str]) -> int | None:
    """Where the first stop string begins, or None."""
    places = [place for place in (text.find(string) for string in strings) if place >= 0]
    return min(places, default=None)


def read_answer(
    fmt: ChatFormat, tokenizer: Any, token_ids: Sequence[int], *, reached_limit: bool
) -> tuple[str, Ending]:
    """The text of an answer without its end marks, and why it ended.

    Args:
        fmt: the chat format.
        tokenizer: the model's.
        token_ids: what was generated after the prompt, the end token included; anything after an end is ignored.
        reached_limit: whether generation stopped at the limit of new tokens.

    Raises:
        InvalidStudy: the format does not go with this tokenizer.
    """
    stops = endings(fmt, tokenizer)
    end = next((place for place, number in enumerate(token_ids) if number in stops.stop_ids), None)
    text = str(tokenizer.decode(list(token_ids[:end]), skip_special_tokens=True, clean_up_tokenization_spaces=False))
    cut = find_stop_string(text, stops.strings)
    if cut is not None:
        return text[:cut].strip(), Ending.STOP_STRING
    if end is not None:
        number = token_ids[end]
        if number in stops.end_ids:
            return text.strip(), Ending.END_TOKEN
        return text.strip(), Ending.STOP_STRING if number in stops.next_turn_ids else Ending.END_OF_TEXT
    if reached_limit:
        # The limit may fall inside a character of several tokens, which decodes to replacement characters.
        return text.rstrip("\N{REPLACEMENT CHARACTER}").strip(), Ending.LENGTH
    return text.strip(), Ending.END_OF_TEXT
