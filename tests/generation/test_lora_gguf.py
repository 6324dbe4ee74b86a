"""A LoRA adapter as llama.cpp reads it: names, scale, and the order of rows in each head."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from crosstune.errors import ModelUnavailable
from crosstune.generation.lora_gguf import write_lora_gguf

LAYER = "base_model.model.model.layers.1."
QUERY, KEY, DOWN = f"{LAYER}self_attn.q_proj", f"{LAYER}self_attn.k_proj", f"{LAYER}mlp.down_proj"


def matrices(*layers, rank=2, out=8, width=3):
    """Matrices with numbers by which each row can be told: row n of the second one is all n."""
    first = torch.arange(rank * width, dtype=torch.float32).reshape(rank, width)
    second = torch.arange(out, dtype=torch.float32)[:, None].repeat(1, rank)
    pairs = {"A": first, "B": second}
    return {f"{layer}.lora_{half}.weight": matrix.clone() for layer in layers for half, matrix in pairs.items()}


@pytest.fixture
def converted(tmp_path):
    def convert(tensors, model_type="gemma3_text", **settings):
        from gguf import GGUFReader

        adapter, model = tmp_path / "adapter", tmp_path / "model"
        adapter.mkdir()
        model.mkdir()
        plain = {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": "none"}
        (adapter / "adapter_config.json").write_text(json.dumps(plain | settings))
        save_file(tensors, adapter / "adapter_model.safetensors")
        # Two query heads of width 4 share one key head: 8 rows and 4 rows.
        shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
        (model / "config.json").write_text(json.dumps({"model_type": model_type, **shape}))
        write_lora_gguf(adapter, model, tmp_path / "adapter.gguf")
        reader = GGUFReader(tmp_path / "adapter.gguf")
        fields = {name: field.contents() for name, field in reader.fields.items()}
        return fields, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}

    return convert


def test_the_file_says_what_it_is_and_names_layers_as_gguf_does(converted):
    fields, tensors = converted(matrices(QUERY, DOWN))
    assert fields["general.type"] == "adapter"
    assert fields["general.architecture"] == "gemma3"
    assert fields["adapter.type"] == "lora"
    assert fields["adapter.lora.alpha"] == 6
    assert set(tensors) == {
        "blk.1.attn_q.weight.lora_a", "blk.1.attn_q.weight.lora_b",
        "blk.1.ffn_down.weight.lora_a", "blk.1.ffn_down.weight.lora_b",
    }  # fmt: skip
    assert tensors["blk.1.ffn_down.weight.lora_a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["blk.1.ffn_down.weight.lora_b"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_rows_of_queries_and_keys_alternate_between_the_halves_of_a_head_in_llama(converted):
    # A head of four rows 0 1 | 2 3 becomes 0 2 1 3. Keys have one head, queries two; other layers stay as they are.
    tensors = matrices(QUERY, DOWN) | matrices(KEY, out=4)
    fields, found = converted(tensors, model_type="llama")
    assert fields["general.architecture"] == "llama"
    assert found["blk.1.attn_q.weight.lora_b"][:, 1].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert found["blk.1.attn_k.weight.lora_b"][:, 1].tolist() == [0, 2, 1, 3]
    assert found["blk.1.ffn_down.weight.lora_b"][:, 1].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert found["blk.1.attn_q.weight.lora_a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_gemma_keeps_the_order_of_rows(converted):
    _, found = converted(matrices(QUERY))
    assert found["blk.1.attn_q.weight.lora_b"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_scale_by_the_root_of_the_rank_is_put_into_alpha(converted):
    # PEFT: 6 / sqrt(4) = 3. llama.cpp: alpha / 4, so alpha is 12.
    fields, found = converted(matrices(DOWN, rank=4), r=4, use_rslora=True)
    assert fields["adapter.lora.alpha"] == 12
    assert found["blk.1.ffn_down.weight.lora_b"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_layer_with_a_scale_of_its_own_has_it_in_its_second_matrix(converted):
    # The file's alpha is 6. down_proj has alpha 18: three times as much. Queries have rank 4 and alpha 6: llama.cpp
    # divides by 4 as PEFT does.
    tensors = matrices(DOWN) | matrices(QUERY, rank=4)
    settings = {"alpha_pattern": {"down_proj": 18}, "rank_pattern": {"q_proj": 4}}
    fields, found = converted(tensors, **settings)
    assert fields["adapter.lora.alpha"] == 6
    assert found["blk.1.ffn_down.weight.lora_b"][:, 0].tolist() == [0, 3, 6, 9, 12, 15, 18, 21]
    assert found["blk.1.attn_q.weight.lora_b"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_16_bits_become_32(converted):
    _, found = converted({name: tensor.bfloat16() for name, tensor in matrices(DOWN).items()})
    assert found["blk.1.ffn_down.weight.lora_a"].dtype == np.float32
    assert found["blk.1.ffn_down.weight.lora_a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "biases of the model"),
        ({"lora_bias": True}, "biases of its own"),
        ({"modules_to_save": ["lm_head"]}, "whole layers"),
        ({"peft_type": "IA3"}, "the kind IA3"),
    ],
)
def test_more_than_plain_lora_is_refused(converted, settings, said):
    with pytest.raises(ModelUnavailable, match=said):
        converted(matrices(DOWN), **settings)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (matrices("base_model.model.lm_head"), "changes 'lm_head'"),
        (matrices(f"{LAYER}mlp.router"), "changes 'model.layers.1.mlp.router'"),
        ({"base_model.model.model.embed_tokens.lora_embedding_A": torch.ones(2, 3)}, "no LoRA matrix"),
        ({f"{DOWN}.lora_A.weight": torch.ones(2, 3)}, "do not go together"),
        ({f"{DOWN}.lora_A.weight": torch.ones(2, 3), f"{DOWN}.lora_B.weight": torch.ones(8, 4)}, "do not go together"),
    ],
)
def test_what_has_no_place_in_the_file_is_refused(converted, tensors, said):
    with pytest.raises(ModelUnavailable, match=said):
        converted(tensors)


def test_an_unknown_kind_of_model_is_refused_with_those_that_are_known(converted):
    with pytest.raises(ModelUnavailable, match=r"type 'gpt2'.*known: gemma3_text, llama"):
        converted(matrices(DOWN), model_type="gpt2")


def test_an_adapter_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"adapter_config.json.*train it again"):
        write_lora_gguf(tmp_path, tmp_path, tmp_path / "adapter.gguf")
