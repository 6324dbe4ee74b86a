import math

import pytest
import torch
from training_models import make_model

from crosstune.training import loss as loss_module
from crosstune.training.loss import add_learned_token_loss, has_plain_logits, linear_cross_entropy


@pytest.mark.parametrize("chunk_bytes", [1, 50 * 4 * 3, 1 << 20])  # one token, three tokens, all at once
@pytest.mark.parametrize("scale", [1.0, 30.0])  # 30: some tokens are all but certain
def test_equals_plain_cross_entropy(monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, scale: float) -> None:
    monkeypatch.setitem(loss_module._CHUNK_BYTES, "cpu", chunk_bytes)
    generator = torch.Generator().manual_seed(0)
    hidden = (scale * torch.randn(10, 8, generator=generator)).requires_grad_()
    weight = torch.randn(50, 8, generator=generator).requires_grad_()
    targets = (hidden @ weight.t()).argmax(1)
    targets[:5] = torch.randint(50, (5,), generator=generator)

    plain = torch.nn.functional.cross_entropy(hidden @ weight.t(), targets, reduction="sum") / 7
    expected = torch.autograd.grad(plain, (hidden, weight))
    ours = linear_cross_entropy(hidden, weight, targets) / 7
    got = torch.autograd.grad(ours, (hidden, weight))
    torch.testing.assert_close(ours, plain)
    for gradient, reference in zip(got, expected, strict=True):
        torch.testing.assert_close(gradient, reference, atol=1e-5, rtol=1e-4)


def test_in_bf16_it_is_as_near_as_bf16_allows() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(64, 32, generator=generator)
    weight = torch.randn(1000, 32, generator=generator)
    targets = torch.randint(1000, (64,), generator=generator)
    exact = torch.nn.functional.cross_entropy(hidden @ weight.t(), targets)
    ours = linear_cross_entropy(hidden.bfloat16(), weight.bfloat16(), targets) / 64
    # Logits have a standard deviation of sqrt(32) = 5.7, and bf16 rounds each by up to 1/256 of its size.
    assert abs(ours - exact) < 0.02


def test_no_gradient_for_a_frozen_weight() -> None:
    hidden = torch.randn(3, 4, requires_grad=True)
    weight = torch.randn(9, 4)
    linear_cross_entropy(hidden, weight, torch.tensor([1, 2, 3])).backward()
    assert hidden.grad is not None
    assert weight.grad is None


def test_nothing_to_learn_is_zero_and_differentiable() -> None:
    hidden = torch.randn(0, 4, requires_grad=True)
    loss = linear_cross_entropy(hidden, torch.randn(9, 4), torch.empty(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0.0


def test_prompt_tokens_do_not_count() -> None:
    # By hand: uniform logits over 261 tokens cost log(261) each. The labels below learn 2 tokens, so the sum is
    # 2 log(261), whatever the ids at positions whose label is ignored.
    model = make_model("llama", 261)
    torch.nn.init.zeros_(model.lm_head.weight)
    add_learned_token_loss(model)
    ids = torch.tensor([[1, 10, 11, 12, 4]])
    labels = torch.tensor([[-100, -100, -100, 12, 4]])
    loss = model(input_ids=ids, labels=labels, learned_token_loss=True)["loss"]
    assert loss.item() == pytest.approx(2 * math.log(261))


def test_models_that_scale_or_cap_logits_are_told_apart() -> None:
    model = make_model("gemma3", 261)
    assert has_plain_logits(model)
    model.config.final_logit_softcapping = 30.0
    assert not has_plain_logits(model)
