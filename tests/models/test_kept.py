"""Weights that are loaded once come out of every use as they went in."""

from pathlib import Path

import pytest
import torch

from crosstune.models import kept
from crosstune.models.loading import borrow_model, load_model
from tiny import write_tiny_model


@pytest.fixture(autouse=True)
def nothing_kept():
    kept.let_model_go()
    yield
    kept.let_model_go()


def borrowed(folder: Path):
    return borrow_model(folder, dtype=torch.bfloat16, device="cpu")


def places(model) -> list[int]:
    return [weight.data_ptr() for weight in model.parameters()]


def test_borrowers_share_weights_and_nothing_else(tiny_model):
    first = borrowed(tiny_model)
    first.config.use_cache = False
    first.train()
    for weight in first.parameters():
        weight.requires_grad_(False)
    first.model.layers[0].self_attn.q_proj = torch.nn.Identity()
    second = borrowed(tiny_model)
    fresh = load_model(tiny_model, dtype=torch.bfloat16, device="cpu")
    assert second.model.layers[1].mlp.up_proj.weight.data_ptr() == first.model.layers[1].mlp.up_proj.weight.data_ptr()
    assert second.get_output_embeddings().weight is second.get_input_embeddings().weight
    assert second.config.to_dict() == fresh.config.to_dict()
    assert second.training is fresh.training is False
    assert [w.requires_grad for w in second.parameters()] == [w.requires_grad for w in fresh.parameters()]
    assert [name for name, _ in second.named_modules()] == [name for name, _ in fresh.named_modules()]
    for (name, one), (_, other) in zip(second.state_dict().items(), fresh.state_dict().items(), strict=True):
        assert torch.equal(one, other), name


def test_weights_that_were_changed_are_loaded_anew(tiny_model):
    first = borrowed(tiny_model)
    with torch.no_grad():
        first.model.norm.weight.add_(1)
    second = borrowed(tiny_model)
    assert torch.equal(second.model.norm.weight + 1, first.model.norm.weight)


def test_never_two_models(tiny_model, tmp_path):
    other = write_tiny_model(tmp_path / "other", seed=1)
    one = places(borrowed(tiny_model))
    assert places(borrowed(tiny_model)) == one
    assert places(borrow_model(tiny_model, dtype=torch.float32, device="cpu")) != one
    borrowed(other)
    assert len(kept._kept) == 1
    load_model(tiny_model, dtype=torch.float32, device="cpu")
    assert kept._kept == []


def test_a_model_of_other_content_is_another(tmp_path):
    folder = write_tiny_model(tmp_path / "model", seed=1)
    before = borrowed(folder).model.layers[0].mlp.up_proj.weight
    write_tiny_model(folder, seed=2)
    assert not torch.equal(borrowed(folder).model.layers[0].mlp.up_proj.weight, before)


def test_large_models_are_not_kept(tiny_model, monkeypatch):
    monkeypatch.setattr(kept, "_memory_of", lambda device: 200_000)  # 40,000 weights in bf16 are more than a quarter
    borrowed(tiny_model)
    assert kept._kept == []
