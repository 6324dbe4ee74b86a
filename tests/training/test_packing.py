from typing import Any

import pytest
import torch
from training_models import make_model

from crosstune.training.attention import IMPLEMENTATION, use_segmented_attention
from crosstune.training.collate import pack, pad
from crosstune.training.examples import IGNORED, Example
from crosstune.training.loss import add_learned_token_loss

VOCABULARY = 261


def some_examples() -> list[Example]:
    generator = torch.Generator().manual_seed(1)
    # 40 and 23 exceed the tiny Gemma's sliding window of 16.
    lengths = [5, 40, 2, 17, 23, 9, 31, 12]
    examples = []
    for length in lengths:
        ids = torch.randint(5, VOCABULARY, (length,), generator=generator).tolist()
        prompt = max(1, length // 3)
        examples.append(Example(ids, [IGNORED] * prompt + ids[prompt:]))
    return examples


def gradients(model: Any, batches: list[dict[str, Any]], learned: int) -> dict[str, torch.Tensor]:
    model.zero_grad()
    for batch in batches:
        (model(**batch, use_cache=False, learned_token_loss=True)["loss"] / learned).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["gemma3", "llama"])
def test_a_packed_batch_of_8_has_the_gradients_of_8_of_1(kind: str) -> None:
    examples = some_examples()
    learned = sum(example.learned_tokens for example in examples)
    plain = make_model(kind, VOCABULARY)
    add_learned_token_loss(plain)
    alone = gradients(plain, [pad([example], 0) for example in examples], learned)
    padded = gradients(plain, [pad(examples, 0)], learned)

    packing = make_model(kind, VOCABULARY)
    add_learned_token_loss(packing)
    assert use_segmented_attention(packing) is None
    packed = gradients(packing, [pack(examples)], learned)
    in_two = gradients(packing, [pack(examples[:3]), pack(examples[3:])], learned)
    assert alone.keys() == packed.keys()
    for name, gradient in alone.items():
        for other in (padded, packed, in_two):
            torch.testing.assert_close(other[name], gradient, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gemma3", "llama"])
def test_without_segments_examples_would_see_each_other(kind: str) -> None:
    # The guard of the test above: were it not for `segment_lengths`, gradients would differ.
    examples = some_examples()
    model = make_model(kind, VOCABULARY)
    add_learned_token_loss(model)
    assert use_segmented_attention(model) is None
    batch = pack(examples)
    apart = gradients(model, [batch], 1)
    batch.pop("segment_lengths")
    mixed = gradients(model, [batch], 1)
    assert any(not torch.allclose(mixed[name], apart[name], rtol=1e-2) for name in apart)


def test_a_model_that_mixes_examples_is_not_packed() -> None:
    model = make_model("llama", VOCABULARY)
    layer = model.model.layers[0]
    original = layer.forward

    def leaky(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        # Like a recurrent layer: each token takes from all tokens before it.
        return original(hidden.cumsum(dim=1), *args, **kwargs)

    layer.forward = leaky
    reason = use_segmented_attention(model)
    assert reason is not None
    assert "influence" in reason
    assert model.config._attn_implementation == "sdpa"


def test_a_model_with_its_own_attention_is_not_packed() -> None:
    model = make_model("llama", VOCABULARY)
    model.set_attn_implementation("eager")
    assert "cannot be replaced" in (use_segmented_attention(model) or "")


def test_the_implementation_is_not_saved(tmp_path: Any) -> None:
    model = make_model("llama", VOCABULARY)
    assert use_segmented_attention(model) is None
    model.save_pretrained(tmp_path)
    assert IMPLEMENTATION not in (tmp_path / "config.json").read_text()


def test_packed_row_by_hand() -> None:
    batch = pack([Example([5, 6, 7], [IGNORED, 6, 7]), Example([8, 9], [IGNORED, 9])])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
    assert batch["labels"].tolist() == [[-100, 6, 7, -100, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["segment_lengths"] == (3, 2)
