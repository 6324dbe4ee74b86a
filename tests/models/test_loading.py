"""Loading into memory, precision, and telling memory trouble from other failures."""

import shutil

import pytest
import torch

from crosstune.errors import ModelUnavailable, OutOfMemory
from crosstune.models.loading import load_model, load_tokenizer, pick_device, pick_dtype
from crosstune.models.memory import memory_errors


def test_loads_in_the_precision_asked_for(tiny_model):
    model = load_model(tiny_model, dtype=torch.bfloat16, device="cpu")
    assert model.dtype == torch.bfloat16
    assert not model.training


def test_tokenizers_are_shared_by_content(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    assert load_tokenizer(copy) is load_tokenizer(tiny_model)
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert load_tokenizer(copy) is not load_tokenizer(tiny_model)
    assert load_tokenizer(copy).chat_template == "{{ messages[0].content }}"


def test_a_damaged_model_is_named(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(ModelUnavailable, match=str(copy)):
        load_model(copy, device="cpu")
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(Exception, match="tokenizer") as caught:
        load_tokenizer(copy)
    assert isinstance(caught.value, ModelUnavailable)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: ..."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_what_to_lower(error):
    with (
        pytest.raises(OutOfMemory, match="out of memory while answering; lower x"),
        memory_errors("answering", "lower x"),
    ):
        raise error


def test_other_failures_keep_their_own_error():
    with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_errors("answering", "lower x"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_a_real_allocation_too_large_is_recognised():
    with pytest.raises(OutOfMemory), memory_errors("answering", "lower x"):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_float32_where_bfloat16_is_not_native(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False}, raising=False)
    assert pick_dtype("cpu") == torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert pick_dtype("cpu") == torch.bfloat16


def test_the_device_can_be_forced(monkeypatch):
    monkeypatch.setenv("CROSSTUNE_DEVICE", "cpu")
    assert pick_device() == "cpu"
