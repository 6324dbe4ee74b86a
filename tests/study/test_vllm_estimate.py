"""What vLLM is planned to take: worked out by hand for a round model on a round GPU."""

import importlib.util
import json

import pytest

from crosstune.generation.config import GenerationConfig
from crosstune.models.base import BaseModel, ModelShape
from crosstune.study.document import dump_yaml
from crosstune.study.machines import Machine
from crosstune.study.study import Study
from crosstune.study.vllm_estimate import answering_cost, vllm_notes

GPU = Machine("a GPU", True, 100 << 30, 1e15, 1e12)
CPU = Machine("a CPU", False, 100 << 30, 1e12, 1e10)
# 10 layers × 2 heads × 50 numbers × keys and values × 2 bytes = 4,000 bytes of cache a token.
SHAPE = ModelShape(
    parameters=3_000_000_000,
    embedding_parameters=500_000_000,
    hidden_size=5_000,
    intermediate_size=10_000,
    layers=10,
    attention_heads=4,
    key_value_heads=2,
    head_dim=50,
    vocab_size=100_000,
    context_length=4096,
)
MODEL = BaseModel("three-b", "hub", "org/three-b", None, SHAPE, None)


def config(**vllm):
    return GenerationConfig(backend="vllm", max_new_tokens=136, vllm=vllm or None)


def test_time_is_that_of_reading_weights_and_cache_and_memory_is_the_share_of_the_gpu():
    cost = answering_cost(SHAPE, 640, config(), GPU, None)
    # 64 answers at once, 10 rounds of 136 steps. A step reads 2 × (3e9 - 5e8 + 5000 × 1e5) = 6e9 bytes of weights and
    # 64 × 4,000 × (64 + 136/2) = 33.8e6 of cache at 0.6e12 a second: 10.06 ms; multiplying would take
    # 2 × 3e9 × 64 / 0.3e15 = 1.28 ms. And 4 ms to launch it: 1,360 × 14.06 ms = 19.1 s, and 60 s to start.
    assert cost.seconds == pytest.approx(60 + 1360 * (6.0338e9 / 0.6e12 + 0.004), rel=1e-4)
    assert cost.memory_bytes == int(0.9 * (100 << 30))
    assert cost.tokens == 640 * 136
    half = answering_cost(SHAPE, 640, config(gpu_memory_utilization=0.5), GPU, None)
    assert half.memory_bytes == 50 << 30


def test_few_answers_fit_where_there_is_little_cache():
    # 6e9 bytes of weights and 10.5 × 200 × 4,000 of cache: 10 answers of 64 + 136 tokens at once, so 64 rounds.
    share = (6e9 + 10.5 * 200 * 4000) / (100 << 30)
    cost = answering_cost(SHAPE, 640, config(gpu_memory_utilization=share), GPU, None)
    read = 2 * 3e9 + 10 * 4000 * (64 + 68)
    assert cost.seconds == pytest.approx(60 + 64 * 136 * (read / 0.6e12 + 0.004), rel=1e-4)


def test_what_cannot_be_known_is_not_a_number():
    without = answering_cost(SHAPE, 640, config(), CPU, None)
    assert (without.seconds, without.memory_bytes) == (None, None)
    elsewhere = answering_cost(SHAPE, 640, config(server="http://gpu:8000"), CPU, None)
    assert (elsewhere.seconds, elsewhere.memory_bytes) == (None, 0)
    too_large = answering_cost(SHAPE, 640, config(gpu_memory_utilization=0.01), GPU, None)
    assert too_large.seconds is None
    unknown = answering_cost(None, 640, config(), GPU, None)
    assert (unknown.seconds, unknown.memory_bytes) == (None, int(0.9 * (100 << 30)))
    measured = answering_cost(SHAPE, 640, config(), GPU, 1000.0)
    assert measured.seconds == pytest.approx(640 * 136 / 1000)


def test_notes_say_what_is_in_the_way(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    missing, no_gpu = vllm_notes([(MODEL, config())], CPU, is_here=True)
    assert "pip install 'crosstune[vllm]'" in missing and "a CPU has no GPU" in no_gpu
    assert list(vllm_notes([(MODEL, config())], GPU, is_here=False)) == []
    (small,) = vllm_notes([(MODEL, config(gpu_memory_utilization=0.05))] * 2, GPU, is_here=False)
    assert "three-b: weights of 6 GiB and the cache of one answer are more than the 5 GiB" in small
    (server,) = vllm_notes([(MODEL, config(server="http://gpu:8000"))], CPU, is_here=True)
    assert "runs already" in server
    assert list(vllm_notes([(MODEL, GenerationConfig())], CPU, is_here=True)) == []


def test_a_plan_of_a_study_says_so(quick, tiny_model, tmp_path):
    quick |= {"base_models": [str(tiny_model)], "generation": {"max_new_tokens": 8, "backend": "vllm"}}
    (tmp_path / "quick.yaml").write_text(dump_yaml(quick))
    study = Study.load(tmp_path / "quick.yaml", root=tmp_path / "runs")
    on_gpu = study.plan(accelerator="h100")
    assert not [note for note in on_gpu.notes if "vllm" in note]
    assert on_gpu.peak_memory_bytes == int(0.9 * (80 << 30))
    assert on_gpu.seconds_left is not None


def test_speeds_measured_with_one_backend_say_nothing_of_another(quick, tiny_model, tmp_path):
    quick |= {"base_models": [str(tiny_model)], "generation": {"max_new_tokens": 8}}
    (tmp_path / "quick.yaml").write_text(dump_yaml(quick))
    study = Study.load(tmp_path / "quick.yaml", root=tmp_path / "runs")
    with_vllm = Study.load(tmp_path / "quick.yaml", root=tmp_path / "runs", overrides=["generation.backend=vllm"])
    # An untuned model has answered with transformers, at 123 tokens a second.
    step = study.graph.cells[0].generation
    with study.store.lock(step), study.store.writing(step) as out:
        facts = {"completion_tokens": 5000, "tokens_per_second": 123.0}
        (out / "generation.json").write_text(json.dumps(facts))
    assert [cell.generation.measured for cell in study.plan().cells] == [True, True, True]
    assert [cell.generation.measured for cell in with_vllm.plan().cells] == [False, False, False]
