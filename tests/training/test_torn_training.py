"""Files of a training that lost their ends, as in a power cut: gone on with from what is whole, to the same end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_models import conversations

from crosstune.progress import Progress, ignore_progress
from crosstune.storage.tables import read_table
from crosstune.training.config import Adaptation, Lora, TrainingConfig
from crosstune.training.curve import CurveRow
from crosstune.training.train import is_trained, train

SIX_UPDATES = TrainingConfig(
    max_steps=6, tokens_per_step=150, tokens_per_device_batch=100, max_length=100, precision="fp32", save_every=2
)


def run(out: Path, folder: Path, on_progress: Callable[[Progress], None] = ignore_progress) -> None:
    train(
        conversations(), model_folder=folder, chat_format="chatml", adaptation=Adaptation(lora=Lora(rank=4)),
        learning_rate=1e-2, seed=0, config=SIX_UPDATES, out=out, on_progress=on_progress,
    )  # fmt: skip


def result(out: Path) -> tuple[dict[str, torch.Tensor], list[tuple[int, int, float | None]]]:
    rows = read_table(out / "curve.parquet", CurveRow)
    return load_file(out / "model" / "adapter_model.safetensors"), [(row.step, row.tokens, row.loss) for row in rows]


def assert_same(first: Path, second: Path) -> None:
    (weights, curve), (others, other_curve) = result(first), result(second)
    assert curve == other_curve and [step for step, _, _ in curve] == [1, 2, 3, 4, 5, 6]
    assert weights.keys() == others.keys()
    assert all(torch.equal(weight, others[name]) for name, weight in weights.items())


def test_a_curve_that_lost_its_end_is_whole_at_the_end(tmp_path: Path, llama_folder: Path) -> None:
    run(tmp_path / "whole", llama_folder)

    def killed_after_five(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "torn", llama_folder, killed_after_five)
    log = tmp_path / "torn" / "curve.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]))  # the newest checkpoint is of update 4
    run(tmp_path / "torn", llama_folder)
    assert_same(tmp_path / "whole", tmp_path / "torn")


@pytest.mark.parametrize("name", ["training.json", "curve.parquet", "model/adapter_model.safetensors"])
def test_results_that_lost_their_ends_are_not_taken_for_done(tmp_path: Path, llama_folder: Path, name: str) -> None:
    assert not is_trained(tmp_path)
    run(tmp_path, llama_folder)
    assert is_trained(tmp_path)
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size // 2)
    assert not is_trained(tmp_path)
