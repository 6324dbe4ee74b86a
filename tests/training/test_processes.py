"""A training shared by two processes learns what one learns, whether each holds the whole model or a part of it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from test_train import FULL, LORA, QUICK, curve, kill_at, run

from crosstune.errors import InvalidStudy, OutOfMemory
from crosstune.progress import OnProgress, Progress
from crosstune.training import setup
from crosstune.training import train as train_module
from crosstune.training.config import Adaptation, TrainingConfig
from crosstune.training.device_batch import known_device_tokens, remember_device_tokens
from crosstune.training.launch import launch

ONE_BATCH = QUICK.model_copy(update={"tokens_per_step": None})
"""One device batch an update, so that two processes share its examples out anew."""
BF16 = {"precision": "bf16", "tokens_per_step": 350}
"""Four device batches an update, two for each process, and the same for one: else they would round apart."""
TRAININGS: dict[str, tuple[Adaptation, dict[str, Any]]] = {
    "lora-none": (LORA, {"sharding": "none"}),
    "lora-fsdp": (LORA, {"sharding": "fsdp"}),
    "full-none": (FULL, {"sharding": "none"}),
    "full-fsdp": (FULL, {"sharding": "fsdp"}),
    "full-fsdp-resumed": (FULL, {"sharding": "fsdp"}),
    "lora-fsdp-resumed": (LORA, {"sharding": "fsdp"}),
    "bf16-fsdp-recomputed": (FULL, {"sharding": "fsdp", **BF16, "gradient_checkpointing": True}),
    "full-fsdp-diverging": (FULL, {"sharding": "fsdp"}),
}


def train_all(folder: Path, model: Path, *, on_progress: OnProgress) -> None:
    """What each of two processes does: all trainings, one after the other."""
    from accelerate.state import AcceleratorState

    for name, (adaptation, settings) in TRAININGS.items():
        AcceleratorState._reset_state()  # it is made for one training a process
        config = TrainingConfig(**{**ONE_BATCH.model_dump(), **settings})
        rate = 1e30 if "diverging" in name else 1e-2
        run(folder / name, model, adaptation, config, learning_rate=rate, on_progress=on_progress)


def weights(out: Path) -> dict[str, torch.Tensor]:
    (file,) = (out / "model").glob("*.safetensors")
    return load_file(file)


def assert_alike(one: Path, other: Path, tolerance: float = 1e-5) -> None:
    assert curve(other)[0].loss == pytest.approx(curve(one)[0].loss, rel=1e-6)  # before rounding adds up
    for first, second in zip(curve(one), curve(other), strict=True):
        assert (second.step, second.tokens, second.learning_rate) == (first.step, first.tokens, first.learning_rate)
        assert second.loss == pytest.approx(first.loss, rel=tolerance)
        assert second.gradient_norm == pytest.approx(first.gradient_norm, rel=10 * tolerance)
    of_one, of_other = weights(one), weights(other)
    assert of_one.keys() == of_other.keys()
    for name, weight in of_one.items():
        torch.testing.assert_close(of_other[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def stopped_at_3(out: Path, model: Path, adaptation: Adaptation, config: TrainingConfig) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(out, model, adaptation, config, on_progress=kill_at(3))
    assert (out / "checkpoints" / "checkpoint-2" / "whole.json").exists()


def test_two_processes_learn_what_one_does(tmp_path: Path, gemma_folder: Path) -> None:
    # Its input and output embeddings are one tensor, the harder case for weights in parts.
    for name, adaptation in (("lora", LORA), ("full", FULL)):
        run(tmp_path / name, gemma_folder, adaptation, ONE_BATCH)
        # What one process has begun, two go on with.
        stopped_at_3(tmp_path / f"{name}-fsdp-resumed", gemma_folder, adaptation, ONE_BATCH)
    run(tmp_path / "bf16", gemma_folder, FULL, ONE_BATCH.model_copy(update=BF16))
    seen: list[Progress] = []
    launch(
        partial(train_all, tmp_path, gemma_folder), processes=2, on_progress=seen.append,
        variables={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    for name in TRAININGS:
        summary = json.loads((tmp_path / name / "training.json").read_text())
        assert (summary["processes"], summary["sharded"]) == (2, "fsdp" in name), name
        if "diverging" not in name:
            tolerance = 1e-4 if "bf16" in name else 1e-5
            assert_alike(tmp_path / name.split("-")[0], tmp_path / name, tolerance)
            assert sorted(path.name for path in (tmp_path / name).iterdir()) == sorted(
                path.name for path in (tmp_path / name.split("-")[0]).iterdir()
            )
    # Six updates each; those resumed begin at 2. The last breaks off in its second update.
    undisturbed, resumed = list(range(7)), list(range(2, 7))
    assert [progress.done for progress in seen] == undisturbed * 4 + resumed * 2 + undisturbed + [0, 1]
    one, two = (json.loads((tmp_path / name / "model" / "config.json").read_text()) for name in ("full", "full-fsdp"))
    assert one == two
    diverged = tmp_path / "full-fsdp-diverging"
    assert json.loads((diverged / "training.json").read_text())["diverged_at_step"] == 2
    assert all(torch.isfinite(weight).all() for weight in weights(diverged).values())


def test_processes_are_started_and_one_goes_on_with_what_two_did(tmp_path: Path, llama_folder: Path) -> None:
    run(tmp_path / "one", llama_folder, FULL)
    two = QUICK.model_copy(update={"processes": 2, "sharding": "fsdp"})
    stopped_at_3(tmp_path / "two", llama_folder, FULL, two)
    seen: list[int] = []
    run(tmp_path / "two", llama_folder, FULL, on_progress=lambda progress: seen.append(progress.done))
    assert seen == [2, 3, 4, 5, 6]
    assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cuda", "training.processes is 4, a GPU each, and this machine gives 2; set training.processes to 2 or less"),
        ("cuda:1", "CROSSTUNE_DEVICE names one (cuda:1)"),
        ("mps", "there is one device (mps)"),
    ],
)
def test_more_processes_than_gpus_are_refused(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    monkeypatch.setenv("CROSSTUNE_DEVICE", device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(setup, "launch", None)
    with pytest.raises(InvalidStudy, match=re.escape(words)):
        run(tmp_path, llama_folder, config=QUICK.model_copy(update={"processes": 4}))
    assert list(tmp_path.iterdir()) == []


def test_where_one_runs_out_of_memory_all_start_again_with_smaller_batches(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = QUICK.model_copy(update={"processes": 2})
    held: list[int | None] = []

    def launch_training(work: object, processes: int, on_progress: OnProgress) -> None:
        held.append(known_device_tokens(tmp_path / "checkpoints", config))
        if len(held) == 1:
            remember_device_tokens(tmp_path / "checkpoints", config, 50)
        if len(held) != 2:
            raise OutOfMemory("out of memory while training")

    monkeypatch.setattr(train_module, "launch_training", launch_training)
    run(tmp_path, llama_folder, config=config)
    assert held == [None, 50]
    assert "with at most 50 tokens on a device at once" in caplog.text
    with pytest.raises(OutOfMemory):  # and none that are smaller are left to try
        run(tmp_path, llama_folder, config=config)
