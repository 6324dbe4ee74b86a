"""Attention within each of several examples that lie end to end in one sequence.

Scaled-dot-product attention is run once an example, so no mask is built, nothing is padded, and no token can see
another example. Plugs into transformers as an attention implementation; the lengths of the examples arrive as the
keyword argument `segment_lengths`, which models hand through to their attention layers.
"""

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IMPLEMENTATION = "crosstune_segments"

_LAYER_TYPES = {"full_attention", "sliding_attention"}


def _sliding_mask(length: int, window: int, device: torch.device) -> torch.Tensor:
    position = torch.arange(length, device=device)
    distance = position[:, None] - position[None, :]
    return ((distance >= 0) & (distance < window))[None, None]  # 1, 1, queries, keys


def segmented_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    segment_lengths: tuple[int, ...] | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside each segment.

    Args:
        module: the attention layer.
        query: batch, heads, tokens, head dimension.
        key: batch, key-value heads, tokens, head dimension.
        value: as `key`.
        attention_mask: not used; transformers makes none for this implementation.
        segment_lengths: tokens of each segment, adding up to the tokens of the sequence. None: one segment.
        sliding_window: how many tokens back, itself included, a token sees. None: all.
        kwargs: passed on, such as `scaling` and `dropout`.

    Returns:
        batch, tokens, heads, head dimension; and None in place of attention weights.
    """
    lengths = [query.shape[2]] if segment_lengths is None else list(segment_lengths)
    outputs = []
    for q, k, v in zip(*(torch.split(part, lengths, dim=2) for part in (query, key, value)), strict=True):
        length = q.shape[2]
        mask = None
        if sliding_window is not None and length > sliding_window:
            mask = _sliding_mask(length, sliding_window, q.device)
        outputs.append(sdpa_attention_forward(module, q, k, v, mask, **kwargs)[0])
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)), None


def _hidden_states(
    model: "PreTrainedModel", segments: tuple[torch.Tensor, ...], **kwargs: Any
) -> tuple[torch.Tensor, ...]:
    lengths = tuple(len(segment) for segment in segments)
    positions = torch.cat([torch.arange(length, device=model.device) for length in lengths])
    output = model.base_model(
        input_ids=torch.cat(segments)[None], position_ids=positions[None], use_cache=False, **kwargs
    )
    states: torch.Tensor = output.last_hidden_state[0].float()
    return torch.split(states, list(lengths))


def _relative_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    distance = torch.linalg.vector_norm(one - other) / torch.linalg.vector_norm(other).clamp(min=1e-9)
    return float(distance)


def use_segmented_attention(model: "PreTrainedModel") -> str | None:
    """Switches a model to `segmented_attention`, if a trial shows that it then keeps examples apart.

    The trial packs two short examples: the second must come out as it does alone with the model's own attention, and
    must not move when the first is replaced.

    Returns:
        None when the model was switched, else the reason why not (the model is left as it was).
    """
    text_config = model.config.get_text_config()
    own = model.config._attn_implementation
    layer_types = set(getattr(text_config, "layer_types", None) or ())
    if own != "sdpa" or not getattr(model, "_supports_attention_backend", False):
        return f"its attention ('{own}') cannot be replaced"
    if not layer_types <= _LAYER_TYPES:
        return f"it has layers of other kinds ({', '.join(sorted(layer_types - _LAYER_TYPES))})"
    if getattr(text_config, "attn_logit_softcapping", None) is not None:
        return "its attention caps logits"

    AttentionInterface.register(IMPLEMENTATION, segmented_attention)
    generator = torch.Generator().manual_seed(0)
    first, other, second = (
        torch.randint(text_config.vocab_size, (length,), generator=generator).to(model.device) for length in (9, 9, 7)
    )
    was_training = model.training
    model.eval()
    tolerance = 1e-3 if model.dtype == torch.float32 else 5e-2
    with torch.no_grad():
        (alone,) = _hidden_states(model, (second,))
        model.set_attn_implementation(IMPLEMENTATION)
        lengths = (len(first), len(second))
        packed = _hidden_states(model, (first, second), segment_lengths=lengths)[1]
        beside_another = _hidden_states(model, (other, second), segment_lengths=lengths)[1]
    model.train(was_training)
    if max(_relative_difference(packed, alone), _relative_difference(beside_another, packed)) < tolerance:
        return None
    model.set_attn_implementation(own)
    return "examples in one sequence influence each other"
