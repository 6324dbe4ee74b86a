"""Several LoRA adapters in one batch, against PEFT's own model of each."""

import json

import pytest
import torch
from lora_adapters import write_adapter
from safetensors.torch import load_file, save_file

from crosstune.errors import ModelUnavailable
from crosstune.generation.lora import attach, read_lora
from crosstune.models.loading import load_model

IDS = torch.arange(5, 45)


def float32(folder):
    return load_model(folder, dtype=torch.float32, device="cpu")


@pytest.fixture
def four(tiny_model, tmp_path):
    """Other ranks, layers and scales: alpha / r = 4, 2 and, with rsLoRA, 16 / sqrt(4) = 8."""
    return [
        write_adapter(tiny_model, tmp_path / "a", 1),
        write_adapter(tiny_model, tmp_path / "b", 2, r=8, target_modules=["q_proj", "down_proj"]),
        write_adapter(tiny_model, tmp_path / "c", 3, std=0.05, use_rslora=True),
        write_adapter(tiny_model, tmp_path / "d", 4, r=2, lora_alpha=4, target_modules=["v_proj"]),
    ]


@torch.no_grad()
def test_each_row_gets_the_logits_of_its_own_adapter(tiny_model, four):
    model = float32(tiny_model)
    untuned = model(IDS[None]).logits[0]
    batch = attach(model, [read_lora(folder) for folder, _ in four])
    rows = [2, None, 0, 3, 1, 0]
    batch.use(rows, model.device)
    logits = model(IDS.expand(len(rows), -1)).logits
    expected = [tuned(IDS[None]).logits[0] for _, tuned in four]
    for mine, adapter in zip(logits, rows, strict=True):
        torch.testing.assert_close(mine, untuned if adapter is None else expected[adapter], atol=1e-4, rtol=1e-4)
    for other in expected:
        assert (other - untuned).abs().max() > 0.01  # far more than the tolerance: a missing adapter shows


@torch.no_grad()
def test_one_adapter_alone_is_used_without_being_told(tiny_model, four):
    folder, tuned = four[0]
    model = float32(tiny_model)
    attach(model, [read_lora(folder)])
    torch.testing.assert_close(model(IDS[None]).logits, tuned(IDS[None]).logits, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_what_overflows_in_one_adapter_does_not_reach_the_rows_of_another(tiny_model, four, tmp_path):
    """Weights of 1e30 times inputs and times 1e30 are infinite in float32; times 0 they would be no numbers."""
    model = float32(tiny_model)
    expected = four[0][1](IDS[None]).logits[0]
    huge = read_lora(write_adapter(tiny_model, tmp_path / "huge", 5)[0])
    for first, second in huge.layers.values():
        first.fill_(3e38)
        second.fill_(3e38)
    batch = attach(model, [read_lora(four[0][0]), huge])
    batch.use([0, 1], model.device)
    logits = model(IDS.expand(2, -1)).logits
    assert not logits[1].isfinite().all()
    torch.testing.assert_close(logits[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"use_dora": True}, {"rank_pattern": {"q_proj": 2}}, {"alpha_pattern": {"q_proj": 2}}, {"lora_bias": True}],
    ids=lambda settings: next(iter(settings)),
)
def test_what_is_no_plain_lora_is_left_to_peft(tiny_model, tmp_path, settings):
    folder, _ = write_adapter(tiny_model, tmp_path / "other", 1, **settings)
    assert read_lora(folder) is None


def test_a_setting_not_heard_of_is_left_to_peft(tiny_model, tmp_path):
    folder, _ = write_adapter(tiny_model, tmp_path / "a", 1)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"new_kind": True}))
    assert read_lora(folder) is None


def test_weights_that_are_no_numbers_are_left_to_peft(tiny_model, tmp_path):
    folder, _ = write_adapter(tiny_model, tmp_path / "a", 1)
    weights = load_file(folder / "adapter_model.safetensors")
    next(iter(weights.values()))[0, 0] = torch.nan
    save_file(weights, folder / "adapter_model.safetensors")
    assert read_lora(folder) is None


def test_an_adapter_of_another_model_is_named_and_changes_nothing(tiny_model, four, tmp_path):
    wrong = read_lora(four[0][0])
    wrong.layers["model.layers.9.self_attn.q_proj"] = wrong.layers.pop("model.layers.1.self_attn.q_proj")
    model = float32(tiny_model)
    with pytest.raises(ModelUnavailable, match=r"no linear layer model\.layers\.9"):
        attach(model, [read_lora(four[1][0]), wrong])
    assert not any("lora" in name for name, _ in model.named_buffers())
