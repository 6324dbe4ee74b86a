"""Trainings in one process share what they can, and come out bit for bit as in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_train import FULL, QUICK, run
from training_models import conversations

from crosstune.models import kept
from crosstune.models.chat_formats import chat_format
from crosstune.models.loading import load_model, load_tokenizer
from crosstune.training import examples as examples_module
from crosstune.training.examples import encode_examples, shared_examples

BF16 = QUICK.model_copy(update={"max_steps": 2, "precision": "bf16"})
_ALONE = """
import sys, pathlib, torch
sys.path[:0] = {path!r}
torch.set_num_threads(1)
from test_train import run
from test_one_after_the_other import BF16
run(pathlib.Path({out!r}), pathlib.Path({folder!r}), config=BF16, seed=1)
"""


def files(out: Path) -> dict[str, bytes]:
    """The weights; other files list names in the order of a set."""
    return {path.name: path.read_bytes() for path in (out / "model").glob("*.safetensors")}


def test_as_in_processes_of_their_own(tmp_path: Path, gemma_folder: Path) -> None:
    kept.let_model_go()
    alone = tmp_path / "alone"
    code = _ALONE.format(path=sys.path, out=str(alone), folder=str(gemma_folder))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    run(tmp_path / "first", gemma_folder, config=BF16, seed=0)
    assert len(kept._kept) == 1
    run(tmp_path / "second", gemma_folder, config=BF16, seed=1)
    assert files(tmp_path / "second") == files(alone)
    assert files(tmp_path / "second") != files(tmp_path / "first")
    fresh = load_model(gemma_folder, dtype=torch.bfloat16, device="cpu")
    assert kept._kept == []  # nothing but what is asked for stays
    run(tmp_path / "third", gemma_folder, config=BF16, seed=0)
    for name, weight in kept._kept[0].model.state_dict().items():
        assert torch.equal(weight, fresh.state_dict()[name]), name
    run(tmp_path / "full", gemma_folder, FULL, BF16)
    assert kept._kept == []  # all weights are trained: they are nobody else's


def test_conversations_are_encoded_once(llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(llama_folder)
    chatml = chat_format("chatml", tokenizer)
    monkeypatch.setattr(examples_module, "_kept", {})
    first = shared_examples(conversations(), chatml, tokenizer, 40)
    assert shared_examples(conversations(), chatml, tokenizer, 40) is first
    assert first == encode_examples(conversations(), chatml, tokenizer, 40)
    for changed in (
        shared_examples(conversations(11), chatml, tokenizer, 40),
        shared_examples(conversations(), chatml, tokenizer, 39),
        shared_examples(conversations(), chat_format("zephyr", tokenizer), tokenizer, 40),
    ):
        assert changed != first
        assert changed.digest != first.digest
    assert len(examples_module._kept) == 2
