"""A prompt as it is put to a model: its tokens, who is asked, and how much room the answer has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crosstune.errors import InvalidData
from crosstune.records import Prompt


def new_token_limits(
    encoded: Mapping[tuple[str, str], Sequence[int]], model: Any, most: int
) -> dict[tuple[str, str], int]:
    """New tokens that each answer may have: as configured, or what the model's context leaves.

    Args:
        encoded: tokens of each prompt, by its id and language.
        model: of transformers.
        most: as configured.

    Raises:
        InvalidData: a prompt leaves no room for an answer.
    """
    context = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    return {
        (identifier, language): room_for_answer(identifier, language, len(ids), context, most)
        for (identifier, language), ids in encoded.items()
    }


def room_for_answer(identifier: str, language: str, tokens: int, context: int | None, most: int) -> int:
    """New tokens that an answer may have: as configured, or what the model's context leaves.

    Args:
        identifier: of the prompt, for errors.
        language: of the prompt, for errors.
        tokens: of the prompt.
        context: tokens that the model reads; None: not known.
        most: as configured.

    Raises:
        InvalidData: the context leaves none.
    """
    if context is None:
        return most
    if tokens >= context:
        raise InvalidData(
            f"prompt '{identifier}' ({language}) has {tokens} tokens, and the model reads {context}",
            hint="shorten it, or choose a model with a longer context",
        )
    return min(most, context - tokens)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt as one configuration is asked it.

    Attributes:
        prompt: the prompt.
        ids: its tokens.
        limit: most new tokens.
        run: the configuration.
        seed: for sampling.
        adapter: number of its adapter on the model; None: the model as it is loaded.
        answerer: number of the configuration.
    """

    prompt: Prompt
    ids: Sequence[int]
    limit: int
    run: str
    seed: int
    adapter: int | None
    answerer: int
