"""Rendered conversations as token ids.

Ordinary text is encoded as the tokenizer encodes it inside the whole string, with three exceptions that training and
generation need alike: marks of the format become their special tokens and nothing else does, and an answer always
begins with a token of its own, because in generation the prompt ends there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from crosstune.models.chat_formats.format import ChatFormat, Piece
from crosstune.models.chat_formats.special_tokens import special_tokens
from crosstune.records import Message

_ANCHORS = ("\n", ":", "a", "。")
"""Text put before other text to learn how that is encoded in the middle of a string."""

_CONTEXT_CHARACTERS = 200
"""How much of the text before is encoded again to learn how text after it is encoded."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation as tokens."""

    input_ids: list[int]
    learned: list[bool]
    """Whether the loss counts on each token: those of answers and of the ends of their turns."""


def control_id(tokenizer: Any, mark: str) -> int | None:
    """The id of a mark of the format, or None when the tokenizer has no such token."""
    special = special_tokens(tokenizer).ids.get(mark)
    if special is not None:
        return special
    number = tokenizer.convert_tokens_to_ids(mark)
    known = number is not None and tokenizer.convert_ids_to_tokens(number) == mark
    return int(number) if known else None


class _TextEncoder:
    """Encodes ordinary text so that no token of it is a mark."""

    def __init__(self, tokenizer: Any, marks: dict[str, int]) -> None:
        self._tokenizer = tokenizer
        self._marks = marks
        self._mark_ids = set(marks.values()) | set(special_tokens(tokenizer).ids.values())
        self._unknown = tokenizer.unk_token_id
        bos_or_eos = tokenizer.bos_token or tokenizer.eos_token
        # Some tokenizers put a space before the first word of a string, but not before one after a special token.
        self._start_differs = bool(bos_or_eos) and (
            tokenizer.encode(f"{bos_or_eos}a", add_special_tokens=False)[1:] != self._plain("a")
        )

    def _plain(self, text: str) -> list[int]:
        ids = self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return list(ids)

    def alone(self, text: str) -> list[int]:
        """Text at the beginning of a string."""
        ids = self._plain(text)
        forged = self._mark_ids.intersection(ids) - {self._unknown}
        if not forged:
            return ids
        # The tokenizer takes the text of a mark for the mark itself: cut it after its first character.
        for mark in sorted({str(m) for m in self._tokenizer.convert_ids_to_tokens(sorted(forged))} | set(self._marks)):
            cut = text.find(mark)
            if cut >= 0 and len(mark) > 1:
                first, rest = text[: cut + 1], text[cut + 1 :]
                return self.alone(first) + self.after(first, rest)
        return ids

    def _continued(self, context: str, text: str) -> list[int] | None:
        before, both = self.alone(context), self.alone(context + text)
        return both[len(before) :] if both[: len(before)] == before else None

    def after(self, context: str, text: str) -> list[int]:
        """Text in the middle of a string, beginning with a token of its own."""
        for anchor in (context, *_ANCHORS):
            ids = self._continued(anchor, text)
            if ids is not None:
                return ids
        return self.alone(text)

    def after_mark(self, text: str) -> list[int]:
        """Text after a special token."""
        if not self._start_differs:
            return self.alone(text)
        for anchor in _ANCHORS:
            ids = self._continued(anchor, text)
            if ids is not None:
                return ids
        return self.alone(text)


def _encode(pieces: Sequence[Piece], tokenizer: Any) -> Encoded:
    found = {piece.text: control_id(tokenizer, piece.text) for piece in pieces if piece.control}
    marks = {mark: number for mark, number in found.items() if number is not None}
    encoder = _TextEncoder(tokenizer, marks)
    input_ids: list[int] = []
    learned: list[bool] = []
    # Neighbours of one kind make one text, as they do in the string that the tokenizer would see.
    context = ""
    for (mark, is_learned), group in groupby(
        pieces, key=lambda piece: (marks.get(piece.text) if piece.control else None, piece.learned)
    ):
        members = list(group)
        if mark is not None:
            ids, context = [mark] * len(members), ""
        else:
            text = "".join(member.text for member in members)
            if not text:
                continue
            if context:
                ids = encoder.after(context, text)
            else:
                ids = encoder.after_mark(text) if input_ids else encoder.alone(text)
            context = (context + text)[-_CONTEXT_CHARACTERS:]
        input_ids += ids
        learned += [is_learned] * len(ids)
    return Encoded(input_ids, learned)


def encode_conversation(fmt: ChatFormat, tokenizer: Any, messages: Sequence[Message]) -> Encoded:
    """A whole conversation as tokens, for training.

    Begins with exactly the tokens of `encode_prompt` for the same messages without the last answer.

    Args:
        fmt: the chat format.
        tokenizer: the model's.
        messages: ending with the assistant's.

    Raises:
        InvalidData: the roles are not in order.
        InvalidStudy: the format does not go with this tokenizer.
    """
    return _encode(fmt.pieces(messages, tokenizer), tokenizer)


def encode_prompt(fmt: ChatFormat, tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """A conversation as tokens, up to where the answer begins, for generation.

    Args:
        fmt: the chat format.
        tokenizer: the model's.
        messages: ending with the user's.

    Raises:
        InvalidData: the roles are not in order.
        InvalidStudy: the format does not go with this tokenizer.
    """
    return _encode(fmt.pieces(messages, tokenizer), tokenizer).input_ids
