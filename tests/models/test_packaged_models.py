"""The packaged models themselves, converted: the right weights, and a tokenizer that speaks many languages."""

import json

import pytest
import torch

from crosstune.models.base import resolve_base_model
from crosstune.models.chat_formats import chat_format, encode_prompt, endings
from crosstune.models.loading import load_model, load_tokenizer
from crosstune.models.packaged import PACKAGED_MODELS, packaged_parts
from crosstune.models.prepare import prepare
from crosstune.models.shape import shape_of_folder
from crosstune.records import Message

pytestmark = pytest.mark.packaged_model

TEXTS = [
    "Il était une fois, dans l'été, une sœur naïve ; ça va ?",
    "Жили-были дед да баба, ели кашу с молоком.",
    "从前有一座山，山里有一座庙。",
    "a 👍🏽 b\n\n\n  c\tx = 1  # two  spaces",
]


def folder_of(name):
    from crosstune.errors import ModelUnavailable

    try:
        packaged_parts(PACKAGED_MODELS[name])
    except ModelUnavailable as error:
        pytest.skip(str(error))
    return prepare(resolve_base_model(name))


@pytest.mark.parametrize("name", PACKAGED_MODELS)
def test_the_conversion_has_the_sizes_of_the_table(name):
    assert shape_of_folder(folder_of(name)) == PACKAGED_MODELS[name].shape


@pytest.mark.parametrize("name", PACKAGED_MODELS)
def test_text_in_many_scripts_comes_back(name):
    tokenizer = load_tokenizer(folder_of(name))
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text


def test_gemma_has_the_settings_of_the_original():
    """As google/gemma-3-270m: every sixth layer attends to all, the others to 512 tokens; weights tied, bfloat16."""
    folder = folder_of("gemma-3-270m")
    config = json.loads((folder / "config.json").read_text())
    assert [n for n, kind in enumerate(config["layer_types"]) if kind == "full_attention"] == [5, 11, 17]
    assert (config["sliding_window"], config["dtype"], config["tie_word_embeddings"]) == (512, "bfloat16", True)
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (2, 1, 0)
    assert config["rope_parameters"]["full_attention"]["rope_theta"] == 1_000_000
    assert config["rope_parameters"]["sliding_attention"]["rope_theta"] == 10_000
    assert (config["query_pre_attn_scalar"], config["rms_norm_eps"]) == (256, 1e-6)
    assert "quantization_config" not in config
    tokenizer = load_tokenizer(folder)
    assert tokenizer.encode("Hi")[0] == 2
    # The original's ids: <bos> <start_of_turn> user \n Hi <end_of_turn> \n <start_of_turn> model \n
    prompt = encode_prompt(chat_format("gemma"), tokenizer, [Message("user", "Hi")])
    assert prompt == [2, 105, 2364, 107, 10979, 106, 107, 105, 4368, 107]
    stops = endings(chat_format("gemma"), tokenizer)
    assert (stops.end_ids, stops.end_of_text_ids) == ({106}, {1})


@pytest.mark.slow
def test_gemmas_weights_are_those_of_the_gguf_file(tmp_path):
    """One matrix and one norm against the gguf package; llama.cpp stores Gemma's norms with 1 added."""
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from safetensors import safe_open

    folder = folder_of("gemma-3-270m")
    joined = tmp_path / "model.gguf"
    with joined.open("wb") as file:
        for part in packaged_parts(PACKAGED_MODELS["gemma-3-270m"]):
            file.write(part.read_bytes())
    source = {tensor.name: tensor for tensor in GGUFReader(joined).tensors}

    def weights(name):
        return torch.tensor(dequantize(source[name].data, source[name].tensor_type))

    with safe_open(folder / "model.safetensors", framework="pt") as converted:
        for ours, theirs, shift in (
            ("model.layers.3.mlp.down_proj.weight", "blk.3.ffn_down.weight", 0),
            ("model.layers.17.self_attn.q_proj.weight", "blk.17.attn_q.weight", 0),
            ("model.layers.5.post_feedforward_layernorm.weight", "blk.5.post_ffw_norm.weight", 1),
        ):
            expected = (weights(theirs) - shift).to(torch.bfloat16)
            assert torch.equal(converted.get_tensor(ours).reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("name", "beginning", "continuation"),
    [
        ("gemma-3-270m", "The capital of France is", " Paris"),
        ("gemma-3-270m", "Столица Франции —", " Париж"),
        ("smollm2-135m", "The capital of France is", " Paris"),
    ],
)
def test_knows_what_it_was_trained_on(name, beginning, continuation):
    folder = folder_of(name)
    tokenizer, model = load_tokenizer(folder), load_model(folder, device="cpu")
    ids = torch.tensor([tokenizer.encode(beginning)])
    with torch.inference_mode():
        best = model(ids).logits[0, -1].topk(5).indices
    assert continuation in [tokenizer.decode(token) for token in best]
