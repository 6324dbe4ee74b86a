"""Chooses the next token of each answer from the logits."""

import hashlib
from collections.abc import Sequence

import torch

from crosstune.generation.config import GenerationConfig
from crosstune.records import Prompt

_PIECE = 512
"""Of a vocabulary, in ids."""


def prompt_generator(seed: int, prompt: Prompt) -> torch.Generator:
    """Random numbers for one prompt, the same whichever prompts share its batch."""
    key = f"{seed}\0{prompt.id}\0{prompt.language}".encode()
    digest = hashlib.sha256(key).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _penalized(logits: torch.Tensor, seen: torch.Tensor, penalty: float) -> torch.Tensor:
    """Logits of the tokens in `seen`, in float32, with the repetition penalty.  # answers, tokens seen"""
    scores = logits.gather(1, seen).float()
    return torch.where(scores < 0, scores * penalty, scores / penalty)


def _first_largest(logits: torch.Tensor) -> torch.Tensor:
    """Of each row the first of its largest values: `argmax`, which on a CPU takes 20 times as long in bfloat16.

    Finding how large the largest is goes fast. So that is done for pieces of a row, and `argmax` looks only at the
    first piece that has it.
    """
    rows, vocabulary = logits.shape
    if logits.device.type != "cpu" or vocabulary < 4 * _PIECE:
        return logits.argmax(dim=1)
    pieces = vocabulary // _PIECE
    whole = logits[:, : pieces * _PIECE].reshape(rows, pieces, _PIECE)
    largest = whole.amax(dim=2)  # rows, pieces
    first = largest.argmax(dim=1)  # rows
    within = whole[torch.arange(rows), first].argmax(dim=1)
    ids = first * _PIECE + within
    if vocabulary == pieces * _PIECE:
        return ids
    rest = logits[:, pieces * _PIECE :]
    is_in_rest = rest.amax(dim=1) > largest.amax(dim=1)
    return torch.where(is_in_rest, pieces * _PIECE + rest.argmax(dim=1), ids)


def greedy(logits: torch.Tensor, seen: torch.Tensor, penalty: float) -> torch.Tensor:
    """The most likely token of each answer after the repetition penalty.

    A vocabulary is large and the tokens seen are few, so only these are computed on; equal to penalizing all logits
    in float32 and taking the first largest.

    Args:
        logits: overwritten.  # answers, vocabulary
        seen: ids of the tokens of prompt and answer so far, repeated at will.  # answers, tokens seen
        penalty: 1 for none.

    Returns:
        Token ids.  # answers
    """
    if penalty == 1:
        return _first_largest(logits)
    penalized = _penalized(logits, seen, penalty)
    # Not `scatter_`, which copies all logits on a CPU.
    logits[torch.arange(len(logits), device=logits.device)[:, None], seen] = -torch.inf
    fresh_ids = _first_largest(logits)
    fresh = logits.gather(1, fresh_ids[:, None]).squeeze(1).float()
    best = penalized.max(dim=1).values
    # Of several equal ones the smallest id is taken, as argmax would over all of them.
    ids_at_best = torch.where(penalized == best[:, None], seen, torch.iinfo(seen.dtype).max)
    seen_ids = ids_at_best.min(dim=1).values
    takes_seen = (best > fresh) | ((best == fresh) & (seen_ids < fresh_ids))
    return torch.where(takes_seen, seen_ids, fresh_ids)


def sample(
    logits: torch.Tensor, seen: torch.Tensor, config: GenerationConfig, generators: Sequence[torch.Generator]
) -> torch.Tensor:
    """A token for each answer, drawn with its own generator.

    Order as in transformers: repetition penalty, temperature, top-k, top-p.

    Args:
        logits: overwritten when float32.  # answers, vocabulary
        seen: as for `greedy`.
        config: with a temperature.
        generators: one an answer; each gives one number.

    Returns:
        Token ids.  # answers
    """
    assert config.temperature is not None
    scores = logits.float()
    if config.repetition_penalty != 1:
        scores.scatter_(1, seen, _penalized(scores, seen, config.repetition_penalty))
    count = min(config.top_k or scores.shape[1], scores.shape[1])
    top, ids = (scores / config.temperature).topk(count, dim=1)  # answers, count; best first
    probabilities = top.softmax(dim=1)
    cumulative = probabilities.cumsum(dim=1)
    if config.top_p is not None:
        # A token stays while those before it have less than top_p together; the first always stays.
        before = cumulative - probabilities
        probabilities = probabilities.masked_fill(before >= config.top_p, 0)
        cumulative = probabilities.cumsum(dim=1)
    draws = torch.stack([torch.rand(1, generator=generator) for generator in generators]).to(cumulative)  # answers, 1
    chosen = torch.searchsorted(cumulative, draws * cumulative[:, -1:], right=True)
    last = (probabilities > 0).sum(dim=1, keepdim=True) - 1  # rounding may put a draw beyond the last one
    return ids.gather(1, chosen.minimum(last)).squeeze(1)
