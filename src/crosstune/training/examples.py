"""Conversations as token ids with labels, and which of them cannot be used. Loads no torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crosstune.errors import InvalidData
from crosstune.models.chat_formats import ChatFormat, encode_conversation
from crosstune.records import Conversation

IGNORED = -100
"""Label of a token that is not learned, as transformers and TRL have it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation as tokens.

    Attributes:
        input_ids: token ids.
        labels: as `input_ids` where the loss counts, else `IGNORED`. The first is always `IGNORED`: nothing
            predicts it.
    """

    input_ids: list[int]
    labels: list[int]

    @property
    def learned_tokens(self) -> int:
        """Tokens on which the loss counts."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class ExampleSet:
    """The examples of a training, and what happened to the conversations they come from.

    Attributes:
        examples: in the order of the conversations.
        cut: conversations that were longer than allowed and lost their end.
        left_out: reason -> conversations that are not used: `prompt_too_long` (the answer begins beyond the allowed
            length), `no_answer` (nothing to learn in it at all).
    """

    examples: list[Example]
    cut: int
    left_out: dict[str, int]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all tokens and labels."""
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(repr((example.input_ids, example.labels)).encode())
        return digest.hexdigest()


_KEPT_SETS = 2
_kept: dict[tuple[object, ...], tuple[ExampleSet, Any]] = {}
"""By what they were made of; the tokenizer beside each is the very one, so that its `id` names no other."""


def shared_examples(
    conversations: Sequence[Conversation], fmt: ChatFormat, tokenizer: Any, max_length: int
) -> ExampleSet:
    """As `encode_examples`, done once for trainings that follow each other on the same data. Do not change the result.

    Raises:
        InvalidData: no conversation can be used.
    """
    digest = hashlib.sha256()
    for conversation in conversations:
        digest.update(repr(conversation.messages).encode())
    key = (digest.hexdigest(), fmt.name, id(tokenizer), max_length)
    kept = _kept.pop(key, None)
    examples = encode_examples(conversations, fmt, tokenizer, max_length) if kept is None else kept[0]
    while len(_kept) >= _KEPT_SETS:
        _kept.pop(next(iter(_kept)))
    _kept[key] = examples, tokenizer  # the last used at the end
    return examples


def encode_examples(
    conversations: Sequence[Conversation], fmt: ChatFormat, tokenizer: Any, max_length: int
) -> ExampleSet:
    """Encodes conversations once for a whole training.

    Args:
        conversations: what to learn.
        fmt: the chat format.
        tokenizer: the model's.
        max_length: tokens beyond which a conversation is cut; it is left out when no learned token is before that.

    Raises:
        InvalidData: no conversation can be used.
    """
    examples: list[Example] = []
    cut = 0
    left_out = {"prompt_too_long": 0, "no_answer": 0}
    for conversation in conversations:
        encoded = encode_conversation(fmt, tokenizer, conversation.messages)
        learned = [False, *encoded.learned[1:]]
        if not any(learned):
            left_out["no_answer"] += 1
        elif not any(learned[:max_length]):
            left_out["prompt_too_long"] += 1
        else:
            cut += len(learned) > max_length
            input_ids = encoded.input_ids[:max_length]
            labels = [token if use else IGNORED for token, use in zip(input_ids, learned, strict=False)]
            examples.append(Example(input_ids, labels))
    if not examples:
        raise InvalidData(
            f"none of {len(conversations)} conversations can be learned from: {left_out['prompt_too_long']} have "
            f"prompts that fill max_length ({max_length} tokens), {left_out['no_answer']} have no answer",
            hint="raise training.max_length or choose other instructions",
        )
    return ExampleSet(examples, cut, left_out)
