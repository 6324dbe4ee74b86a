"""A training in parts, each of which goes on from the one before, ends like one without interruption."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_models import conversations

from crosstune.progress import Progress
from crosstune.storage.tables import read_table
from crosstune.training.config import Adaptation, Full, Lora, TrainingConfig
from crosstune.training.curve import CurveRow
from crosstune.training.train import train

LORA = Adaptation(lora=Lora(rank=4, dropout=0.2))
QUICK = TrainingConfig(
    max_steps=8, tokens_per_step=150, tokens_per_device_batch=100, max_length=100, precision="fp32", save_every=3
)


def run(out: Path, folder: Path, **changes: Any) -> list[int]:
    """Trains, and gives the updates that were reported."""
    seen: list[int] = []
    arguments: dict[str, Any] = {
        "model_folder": folder, "chat_format": "chatml", "adaptation": LORA, "learning_rate": 1e-2, "seed": 0,
        "config": QUICK, "out": out, "on_progress": lambda progress: seen.append(progress.done),
    }  # fmt: skip
    train(conversations(), **(arguments | changes))
    return seen


def facts(out: Path) -> list[tuple[Any, ...]]:
    rows = read_table(out / "curve.parquet", CurveRow)
    return [(row.step, row.tokens, row.learning_rate, row.loss, row.gradient_norm) for row in rows]


def weights(out: Path) -> dict[str, torch.Tensor]:
    (file,) = (out / "model").glob("*.safetensors")
    return load_file(file)


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, weight in first.items():
        assert torch.equal(second[name], weight), name


@pytest.mark.parametrize("adaptation", [LORA, Adaptation(full=Full())])
def test_parts_end_like_the_whole(tmp_path: Path, llama_folder: Path, adaptation: Adaptation) -> None:
    whole, first, second, last = (tmp_path / name for name in ("whole", "first", "second", "last"))
    run(whole, llama_folder, adaptation=adaptation)
    # Stops at 2 and at 5 fall on no checkpoint that is taken every 3 updates.
    assert run(first, llama_folder, adaptation=adaptation, stop_at=2) == [0, 1, 2]
    assert run(second, llama_folder, adaptation=adaptation, stop_at=5, start_from=first) == [2, 3, 4, 5]
    assert run(last, llama_folder, adaptation=adaptation, start_from=second) == [5, 6, 7, 8]
    assert facts(last) == facts(whole)
    assert facts(second) == facts(whole)[:5]
    assert_same_weights(whole, last)
    assert sorted(path.name for path in last.iterdir()) == ["curve.parquet", "model", "training.json"]
    assert [path.name for path in (second / "checkpoints").glob("checkpoint-*")] == ["checkpoint-5"]
    assert [json.loads((out / "training.json").read_text())["updates"] for out in (first, second, last)] == [2, 5, 8]
    seconds = [row.seconds for row in read_table(last / "curve.parquet", CurveRow)]
    assert seconds == sorted(seconds)


def kill_at(step: int) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.done == step:
            raise KeyboardInterrupt

    return on_progress


def test_a_part_that_is_killed_goes_on_from_the_farthest_checkpoint(tmp_path: Path, llama_folder: Path) -> None:
    whole, first, last = (tmp_path / name for name in ("whole", "first", "last"))
    run(whole, llama_folder)
    run(first, llama_folder, stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        run(last, llama_folder, start_from=first, on_progress=kill_at(3))  # before its own first checkpoint
    with pytest.raises(KeyboardInterrupt):
        run(last, llama_folder, start_from=first, on_progress=kill_at(5))  # after it, at 3
    assert run(last, llama_folder, start_from=first)[0] == 3
    assert facts(last) == facts(whole)
    assert_same_weights(whole, last)


def test_on_a_machine_with_its_models_elsewhere_it_goes_on_too(
    tmp_path: Path, llama_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "whole", llama_folder)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "one" / "out", llama_folder, on_progress=kill_at(5))
    shutil.copytree(tmp_path / "one" / "out", tmp_path / "two" / "out")
    there = tmp_path / "two" / "cache" / llama_folder.name
    shutil.copytree(llama_folder, there)
    assert run(tmp_path / "two" / "out", there)[0] == 3
    assert_same_weights(tmp_path / "whole", tmp_path / "two" / "out")
    # Another model of that name is another training, and that its checkpoints are of no use is said.
    config = json.loads((there / "config.json").read_text())
    (there / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert not caplog.records
    assert run(tmp_path / "one" / "out", there)[0] == 0
    assert "the training starts from its beginning" in caplog.text


def test_a_part_that_is_killed_after_its_last_checkpoint_gives_the_same(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("crosstune.training.train.save_model", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", llama_folder, stop_at=5)
    assert run(tmp_path / "killed", llama_folder, stop_at=5) == [3, 4, 5]
    run(tmp_path / "undisturbed", llama_folder, stop_at=5)
    assert facts(tmp_path / "killed") == facts(tmp_path / "undisturbed")
    assert_same_weights(tmp_path / "undisturbed", tmp_path / "killed")


def damage_checkpoint(first: Path) -> None:
    weights = next((first / "checkpoints" / "checkpoint-2").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-10])


def other_training(first: Path) -> None:
    (first / "checkpoints" / "training.json").write_text('{"sha256": "of another"}')


@pytest.mark.parametrize(
    "spoil", [damage_checkpoint, other_training, shutil.rmtree, lambda first: (first / "curve.parquet").unlink()]
)
def test_what_cannot_be_gone_on_with_is_done_again(
    tmp_path: Path, llama_folder: Path, spoil: Callable[[Path], None]
) -> None:
    whole, first, last = (tmp_path / name for name in ("whole", "first", "last"))
    run(whole, llama_folder)
    run(first, llama_folder, stop_at=2)
    spoil(first)
    assert run(last, llama_folder, start_from=first)[0] == 0
    assert facts(last) == facts(whole)
    assert_same_weights(whole, last)


def test_another_learning_rate_does_not_go_on(tmp_path: Path, llama_folder: Path) -> None:
    run(tmp_path / "first", llama_folder, stop_at=2, learning_rate=1e-3)
    assert run(tmp_path / "last", llama_folder, start_from=tmp_path / "first")[0] == 0


def test_divergence_before_the_stop_is_recorded(tmp_path: Path, llama_folder: Path) -> None:
    # Adam moves weights by about the learning rate: after one update of 1e30 activations overflow.
    run(tmp_path, llama_folder, adaptation=Adaptation(full=Full()), learning_rate=1e30, stop_at=5)
    summary = json.loads((tmp_path / "training.json").read_text())
    assert (summary["diverged_at_step"], summary["updates"]) == (2, 1)
