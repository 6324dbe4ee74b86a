"""A planned device batch as tensors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from crosstune.training.batches import DeviceBatch
from crosstune.training.examples import IGNORED, Example


def pack(examples: Sequence[Example]) -> dict[str, Any]:
    """Examples end to end in one row, without padding.

    Positions start anew with each example, and `segment_lengths` tells attention where. Since the first label of an
    example is ignored, nothing is predicted across a border.

    Returns:
        `input_ids`, `labels`, `position_ids`: 1, tokens; `segment_lengths`: tokens of each example.
    """
    return {
        "input_ids": torch.tensor([[token for example in examples for token in example.input_ids]]),
        "labels": torch.tensor([[label for example in examples for label in example.labels]]),
        "position_ids": torch.tensor([[i for example in examples for i in range(len(example.input_ids))]]),
        "segment_lengths": tuple(len(example.input_ids) for example in examples),
    }


def pad(examples: Sequence[Example], pad_token: int) -> dict[str, Tensor]:
    """Examples in a row each, padded at the end.

    No attention mask is needed: with causal attention nothing that is learned can see what comes after it, and
    without a mask the fastest kernels apply.

    Returns:
        `input_ids`, `labels`, `position_ids`: examples, tokens of the longest.
    """
    longest = max(len(example.input_ids) for example in examples)
    input_ids = torch.full((len(examples), longest), pad_token)
    labels = torch.full((len(examples), longest), IGNORED)
    for row, example in enumerate(examples):
        input_ids[row, : len(example.input_ids)] = torch.tensor(example.input_ids)
        labels[row, : len(example.labels)] = torch.tensor(example.labels)
    positions = torch.arange(longest).repeat(len(examples), 1)
    return {"input_ids": input_ids, "labels": labels, "position_ids": positions}


class Collator:
    """Turns the number of a device batch into its tensors; what Trainer calls a data collator."""

    def __init__(
        self, examples: Sequence[Example], batches: Sequence[DeviceBatch], *, packed: bool, pad_token: int
    ) -> None:
        self._examples = examples
        self._batches = batches
        self._packed = packed
        self._pad_token = pad_token

    def __call__(self, items: Sequence[dict[str, int]]) -> dict[str, Any]:
        """The tensors of the one batch asked for; of an empty one, an example of which nothing is learned.

        Processes that share an update take part in all of its rounds, even where one has nothing to do.
        """
        (item,) = items
        examples = [self._examples[index] for index in self._batches[item["batch"]]]
        if not examples:
            ids = self._examples[0].input_ids[:2]
            examples = [Example(ids, [IGNORED] * len(ids))]
        return pack(examples) if self._packed else pad(examples, self._pad_token)
