"""Base models by name, their sizes and their identity."""

import csv
import json
import subprocess
import sys
from importlib.resources import files

import pytest

from crosstune.errors import ModelUnavailable
from crosstune.models.base import model_identity, resolve_base_model
from crosstune.models.chat_formats import CHAT_FORMATS
from crosstune.models.packaged import PACKAGED_MODELS


def test_packaged_models_are_known_without_being_installed():
    model = resolve_base_model("gemma-3-270m")
    assert (model.kind, model.chat_format, model.revision) == ("packaged", "gemma", None)
    assert model.shape is not None
    assert model.shape.vocab_size == 262_144


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ModelUnavailable, match=r"study\.yaml:3: 'gema-3-270m' is not a base model .*'gemma-3-270m'"):
        resolve_base_model("gema-3-270m", where="study.yaml:3")


def test_hub_ids_with_and_without_revision():
    plain = resolve_base_model("meta-llama/Llama-2-7b-hf")
    assert (plain.kind, plain.location, plain.revision, plain.chat_format) == (
        "hub",
        "meta-llama/Llama-2-7b-hf",
        None,
        "llama-2",
    )
    pinned = resolve_base_model("meta-llama/Llama-2-7b-hf@abc123")
    assert (pinned.location, pinned.revision) == ("meta-llama/Llama-2-7b-hf", "abc123")
    assert pinned.shape == plain.shape
    assert model_identity(plain) != model_identity(pinned)


def test_a_hub_model_in_the_local_cache_has_a_shape(tiny_model, tmp_path, monkeypatch):
    repository = tmp_path / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / "c0ffee").symlink_to(tiny_model)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert resolve_base_model("some/model").shape == resolve_base_model(str(tiny_model)).shape
    assert resolve_base_model("some/other").shape is None


def test_the_shape_of_a_folder_is_counted_from_its_weights(tiny_model):
    """Tied Llama: 261 tokens of 32; two layers of q 32x32, k and v 32x16, o 32x32, three 32x64, two norms; a norm."""
    shape = resolve_base_model(str(tiny_model)).shape
    assert shape is not None
    layer = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64 + 2 * 32
    assert shape.parameters == 261 * 32 + 2 * layer + 32
    assert shape.embedding_parameters == 261 * 32
    assert (shape.head_dim, shape.context_length) == (16, 512)


def test_relative_folders_start_from_the_given_base(tiny_model):
    assert resolve_base_model(f"./{tiny_model.name}", base=tiny_model.parent).location == str(tiny_model)
    with pytest.raises(ModelUnavailable, match="no such folder"):
        resolve_base_model("./nothing", base=tiny_model.parent)


def test_a_folder_without_config_says_what_it_must_hold(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"has no config.json; it must hold config.json, model\*.safetensors"):
        resolve_base_model(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="it holds a LoRA adapter"):
        resolve_base_model(str(tmp_path))


def test_the_identity_of_a_folder_is_its_content(tiny_model, tmp_path):
    import shutil

    copy = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    original = model_identity(resolve_base_model(str(tiny_model)))
    assert model_identity(resolve_base_model(str(copy))) == original
    json.dumps(original)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert model_identity(resolve_base_model(str(copy))) != original


def plain_transformer(row: dict[str, int], *, tied: bool, norms_per_layer: int, **extra: bool) -> int:
    """Parameters from sizes: embeddings, attention, gated feed-forward, norms."""
    h, i, d = row["hidden_size"], row["intermediate_size"], row["head_dim"]
    q, kv = row["attention_heads"] * d, row["key_value_heads"] * d
    attention = 2 * h * q + 2 * h * kv
    if extra.get("query_key_norm"):
        attention += 2 * d
    if extra.get("query_key_value_bias"):
        attention += q + 2 * kv
    layer = attention + 3 * h * i + norms_per_layer * h
    return row["vocab_size"] * h * (1 if tied else 2) + row["layers"] * layer + h


TABLE = list(
    csv.DictReader(files("crosstune.models").joinpath("well_known.tsv").open(encoding="utf-8"), delimiter="\t")
)


@pytest.mark.parametrize("row", TABLE, ids=[row["id"] for row in TABLE])
def test_the_sizes_of_well_known_models_agree_with_their_parameters(row):
    """The table has the published totals; the formula of the architecture must give them from the sizes."""
    sizes = {name: int(value) for name, value in row.items() if name not in ("id", "chat_format")}
    tied = sizes["embedding_parameters"] == sizes["vocab_size"] * sizes["hidden_size"]
    name = row["id"].lower()
    expected = plain_transformer(
        sizes,
        tied=tied,
        norms_per_layer=4 if "gemma" in name else 1 if "aya" in name else 2,
        query_key_norm="gemma-3" in name or "qwen3" in name,
        query_key_value_bias="qwen2.5" in name,
    )
    assert sizes["parameters"] == expected
    assert row["chat_format"] in CHAT_FORMATS


def test_published_parameter_counts():
    """Totals as the model cards and safetensors metadata of the hub give them."""
    published = {
        "meta-llama/Llama-2-7b-hf": 6_738_415_616,
        "meta-llama/Llama-2-13b-hf": 13_015_864_320,
        "meta-llama/Meta-Llama-3-8B": 8_030_261_248,
        "mistralai/Mistral-7B-v0.1": 7_241_732_096,
        "Qwen/Qwen2.5-0.5B": 494_032_768,
        "google/gemma-3-1b-pt": 999_885_952,
        "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    }
    for name, parameters in published.items():
        shape = resolve_base_model(name).shape
        assert shape is not None
        assert shape.parameters == parameters


def test_packaged_models_have_known_formats():
    assert all(model.chat_format in CHAT_FORMATS for model in PACKAGED_MODELS.values())


def test_no_heavy_library_is_loaded():
    """What a plan needs answers at once."""
    code = (
        "import sys, crosstune.models.base as b, crosstune.models.chat_formats, crosstune.generation.config\n"
        "b.resolve_base_model('meta-llama/Llama-2-7b-hf')\n"
        "print([m for m in ('torch', 'transformers', 'polars', 'huggingface_hub', 'numpy') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
