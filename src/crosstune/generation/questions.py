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
    if context is None:
        return dict.fromkeys(encoded, most)
    for (identifier, language), ids in encoded.items():
        if len(ids) >= context:
            raise InvalidData(
                f"prompt '{identifier}' ({language}) has {len(ids)} tokens, and the model reads {context}",
                hint="shorten it, or choose a model with a longer context",
            )
    return {key: min(most, context - len(ids)) for key, ids in encoded.items()}


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
