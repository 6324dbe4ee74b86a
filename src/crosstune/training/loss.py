"""Cross-entropy at learned positions alone, in chunks, so that the logits of a whole batch never exist.

With a vocabulary of 262k a single token's logits take a megabyte. Here the hidden states of learned positions are
picked out first, and for a chunk of them at a time logits, loss and gradient are computed and the logits dropped; the
gradient waits for the backward pass, as in Liger Kernel's fused linear cross-entropy (arXiv 2410.10989).
"""

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from crosstune.training.examples import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CHUNK_BYTES = {"cpu": 64 << 20}
_CHUNK_BYTES_OTHERWISE = 512 << 20
_CHUNKS_WITH_WEIGHT_GRADIENT = 4  # a chunk then also adds into a gradient as large as the vocabulary: fewer, larger

_OTHER_LOGITS = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")


def _chunk_tokens(vocabulary: int, dtype: torch.dtype, device: torch.device, weight_gradient: bool) -> int:
    budget = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES_OTHERWISE)
    if weight_gradient:
        budget *= _CHUNKS_WITH_WEIGHT_GRADIENT
    return max(1, budget // (vocabulary * dtype.itemsize))


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        weight_gradient = weight.requires_grad
        states, matrix = hidden.to(dtype), weight.to(dtype)
        gradient_states = torch.empty_like(states)
        gradient_weight = torch.zeros_like(weight) if weight_gradient else None
        chunk = _chunk_tokens(weight.shape[0], dtype, hidden.device, weight_gradient)
        buffer = states.new_empty(min(chunk, len(targets)), weight.shape[0])  # chunk, vocabulary
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(targets), chunk):
            part, target = states[start : start + chunk], targets[start : start + chunk, None]
            logits = torch.mm(part, matrix.t(), out=buffer[: len(part)])
            highest = logits.amax(dim=1, keepdim=True).float()
            ahead = highest - logits.gather(1, target).float()
            probabilities = torch.softmax(logits, dim=1)
            # The probability of the most likely token is exp(highest - log-sum-exp), which gives the loss without
            # another pass over the vocabulary.
            unlikely = ahead - probabilities.amax(dim=1, keepdim=True).float().log()
            probabilities.scatter_(1, target, 0.0)
            others = probabilities.sum(dim=1, keepdim=True, dtype=torch.float32)
            # Near certainty 1 - p is lost in rounding; the sum of all other probabilities is not.
            loss += torch.where(others < 0.5, -torch.log1p(-others.clamp(max=0.5)), unlikely).sum()
            probabilities.scatter_(1, target, -others.to(dtype))
            gradient_states[start : start + chunk] = torch.mm(probabilities, matrix)
            if gradient_weight is not None:
                gradient_weight += torch.mm(probabilities.t(), part)
        ctx.dtype = hidden.dtype
        ctx.save_for_backward(gradient_states, gradient_weight)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (scale,) = gradient
        states, weight = ctx.saved_tensors
        return (states * scale).to(ctx.dtype), None if weight is None else weight * scale, None


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum over positions of the cross-entropy of `softmax(hidden @ weight.T)`.

    Under autocast the products are in its format. Second derivatives are not defined.

    Args:
        hidden: positions, hidden size.
        weight: vocabulary, hidden size. Its gradient is computed when it requires one.
        targets: positions; token ids.

    Returns:
        A scalar in fp32, in nats; zero for no positions.
    """
    apply: Callable[[Tensor, Tensor, Tensor], Tensor] = _LinearCrossEntropy.apply
    return apply(hidden, weight, targets)


def has_plain_logits(model: "PreTrainedModel") -> bool:
    """Whether a model's logits are its last hidden states times one matrix, neither scaled nor capped."""
    config = model.config.get_text_config()
    head: Any = model.get_output_embeddings()
    neutral = (None, 1, 1.0)
    return (
        type(head) is torch.nn.Linear
        and getattr(head, "bias", None) is None
        and type(head.weight) is torch.nn.Parameter
        and all(getattr(config, name, None) in neutral for name in _OTHER_LOGITS)
    )


def add_learned_token_loss(model: "PreTrainedModel") -> None:
    """Lets `model(..., labels=labels, learned_token_loss=True)` return `{"loss": sum over learned tokens}`.

    `labels` has a row's token ids, `IGNORED` where nothing is learned; position `i` predicts label `i + 1`. The rest
    of the model's forward is as before. It goes through the forward of the model, and of its output layer, so that
    wrappers around them (PEFT, autocast, data parallel, weights in parts) keep working.
    """
    original = model.forward
    head: Any = model.get_output_embeddings()
    product = head.forward

    def head_forward(self: Any, states: Tensor, targets: Tensor | None = None) -> Tensor:
        if targets is None:
            return cast(Tensor, product(states))
        return linear_cross_entropy(states, self.weight, targets)

    def forward(
        self: "PreTrainedModel",
        *args: Any,
        learned_token_loss: bool = False,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if not learned_token_loss:
            return original(*args, labels=labels, **kwargs)
        assert labels is not None
        states = self.base_model(*args, **kwargs).last_hidden_state[:, :-1]  # batch, tokens - 1, hidden size
        targets = labels[:, 1:]
        learned = targets != IGNORED
        return {"loss": head(states[learned], targets=targets[learned])}

    head.forward = types.MethodType(head_forward, head)
    model.forward = types.MethodType(forward, model)
