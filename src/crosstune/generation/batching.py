"""Groups prompts into batches of similar length under a budget of tokens."""

from collections.abc import Sequence


def batches(lengths: Sequence[int], new_tokens: int, tokens_per_batch: int) -> list[list[int]]:
    """Which prompts are answered together.

    Longest first: similar lengths share a batch, so little is padded, and memory runs out at once if at all.

    Args:
        lengths: tokens of each prompt.
        new_tokens: room for each answer.
        tokens_per_batch: most tokens of a batch, padding and answers counted; one prompt always fits.

    Returns:
        Indices into `lengths`, each exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    grouped: list[list[int]] = []
    for index in order:
        # The first of a batch is its longest, so it decides the width of all.
        if grouped and (len(grouped[-1]) + 1) * (lengths[grouped[-1][0]] + new_tokens) <= tokens_per_batch:
            grouped[-1].append(index)
        else:
            grouped.append([index])
    return grouped
