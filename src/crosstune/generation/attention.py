"""Attention of one new token to those before it, on a CPU in bfloat16, where torch's own is slow.

Torch's `scaled_dot_product_attention` takes 10 to 40 times as long there as the products it consists of, and then a
decoding step spends a third of its time in it. Here scores and weights are in float32, so nothing is lost beside it.
"""

from typing import Any

import torch

_NAME = "crosstune"
_VALUES_AT_ONCE = 1 << 20
"""Of the cache, turned into float32 together: as much as stays in the processor's own memory."""


def use_fast_attention(model: Any) -> None:
    """Lets a model on a CPU use it, where its attention is torch's.

    Args:
        model: of transformers; changed.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    is_slow = model.device.type == "cpu" and model.dtype in (torch.bfloat16, torch.float16)
    if is_slow and model.config._attn_implementation == "sdpa":
        AttentionInterface.register(_NAME, _attention)
        AttentionMaskInterface.register(_NAME, sdpa_mask)
        model.set_attn_implementation(_NAME)


def _attention(  # noqa: PLR0917 - transformers passes them in this order
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it: query (rows, heads, tokens, width), the others (rows, fewer heads, tokens, width)."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    is_mask_known = attention_mask is None or (attention_mask.dtype == torch.bool and attention_mask.shape[1] == 1)
    is_plain = all(settings.get(name) is None for name in ("position_bias", "softcap"))
    if query.shape[2] != 1 or not is_mask_known or not is_plain:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **settings)
        return output, None
    rows, heads, _, width = query.shape
    rows_at_once = max(1, _VALUES_AT_ONCE // key[0].numel())
    scale = width**-0.5 if scaling is None else scaling
    parts = []
    for start in range(0, rows, rows_at_once):
        some = slice(start, start + rows_at_once)
        hidden = None if attention_mask is None else ~attention_mask[some]
        parts.append(_attend(query[some], key[some], value[some], hidden, scale))
    return torch.cat(parts).view(rows, 1, heads, -1).to(query.dtype), None


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor | None, scale: float
) -> torch.Tensor:
    rows, kept_heads, tokens, width = key.shape
    queries = query.reshape(rows, kept_heads, -1, width).float()  # heads that share a key are beside each other
    scores = queries.flatten(0, 1) @ key.flatten(0, 1).float().mT
    scores = scores.view(rows, kept_heads, -1, tokens) * scale
    if hidden is not None:
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
    return (scores.softmax(dim=-1).flatten(0, 1) @ value.flatten(0, 1).float()).view(rows, -1, value.shape[-1])
