"""Generates token by token for a batch of prompts; an answer that is finished leaves the batch.

`transformers.generate` keeps finished answers in the batch to the end, penalizes repetitions over the whole
vocabulary and draws for all answers from one generator, so that an answer depends on its neighbours. Otherwise this
does the same, and gives the same tokens (tested).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

Choose = Callable[[torch.Tensor, torch.Tensor, Sequence[int]], torch.Tensor]
"""From logits (answers, vocabulary), the ids seen (answers, tokens) and the numbers of the prompts that are still in
the batch: the next token of each (answers)."""

IsFinished = Callable[[Sequence[int]], bool]
"""Whether an answer is over, given its tokens so far."""

OnRows = Callable[[Sequence[int]], None]
"""Told the number of the prompt in each row of the batch, before the model sees other rows than before."""

_LEAVE_AT = 1 / 8
"""Share of finished answers in a batch at which it is worth copying the cache without them."""


@contextmanager
def contiguous_head_input(model: Any) -> Iterator[None]:
    """Makes the last positions, cut out of the prompt's hidden states, contiguous before the output layer.

    Else torch's `matmul` with a frozen weight does not fold the batch into rows but copies the weight once for each
    answer: 5 GB for a batch of 16 and Gemma's vocabulary.
    """
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    try:
        yield
    finally:
        hook.remove()


@torch.inference_mode()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    limits: Sequence[int],
    choose: Choose,
    is_finished: IsFinished,
    on_rows: OnRows = lambda active: None,
) -> list[list[int]]:
    """Answers as token ids.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        prompts: token ids of each prompt.
        limits: most new tokens of each.
        choose: picks the next tokens.
        is_finished: asked after each token.
        on_rows: told which prompts are in the batch.

    Returns:
        For each prompt the new tokens, a stop token included.
    """
    from transformers import DynamicCache

    device = model.device
    width = max(map(len, prompts))
    # Padding on the left repeats the first token: `seen` then holds no token that the prompt has not.
    rows = [[*[prompt[0]] * (width - len(prompt)), *prompt] for prompt in prompts]
    mask_rows = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    seen = torch.tensor(rows, device=device)  # answers, tokens so far
    mask = torch.tensor(mask_rows, device=device)  # answers, tokens so far
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)  # answers, tokens of this step
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    answers: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))  # row of the batch -> number of the prompt
    unfinished = set(active)
    step = seen
    on_rows(active)
    while True:
        with contiguous_head_input(model):
            logits = model(
                input_ids=step,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]  # answers, vocabulary
        chosen = choose(logits, seen, active)  # answers
        for number, token in zip(active, chosen.tolist(), strict=True):
            if number not in unfinished:
                continue
            answers[number].append(token)
            if len(answers[number]) >= limits[number] or is_finished(answers[number]):
                unfinished.discard(number)
        if not unfinished:
            return answers
        step = chosen[:, None]
        seen = torch.cat([seen, step], dim=1)
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
        positions = positions[:, -1:] + 1
        if len(active) - len(unfinished) >= _LEAVE_AT * len(active):
            kept = [row for row, number in enumerate(active) if number in unfinished]
            rows_kept = torch.tensor(kept, device=device)
            cache.batch_select_indices(rows_kept)
            step, seen, mask, positions = (tensor[rows_kept] for tensor in (step, seen, mask, positions))
            active = [active[row] for row in kept]
            on_rows(active)
