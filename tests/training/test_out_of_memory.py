"""Where memory does not hold a device batch, smaller ones are used, and what is learned stays the same."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from test_train import FULL, LORA, QUICK, curve, run, weights

from crosstune.errors import OutOfMemory
from crosstune.progress import ignore_progress
from crosstune.training import attempts
from crosstune.training import train as train_module
from crosstune.training.batches import BatchPlan
from crosstune.training.config import Adaptation
from crosstune.training.device_batch import known_device_tokens, remember_device_tokens, smaller_device_tokens

ONE_BATCH = QUICK.model_copy(update={"tokens_per_step": None, "tokens_per_device_batch": 150})


def hold(tokens: int, monkeypatch: pytest.MonkeyPatch, *, after: int = 0) -> list[int]:
    """Lets models that are trained run out of memory above some tokens, from the call `after` on; gives those tried."""
    tried: list[int] = []
    prepare = attempts.prepare_model

    def look(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        tried.append(arguments[0].numel())
        if tried[-1] > tokens and len(tried) > after:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def prepared(*arguments: Any) -> Any:
        model, arithmetic = prepare(*arguments)
        model.get_input_embeddings().register_forward_pre_hook(look)
        return model, arithmetic

    monkeypatch.setattr(attempts, "prepare_model", prepared)
    return tried


def assert_same(one: Path, other: Path) -> None:
    for first, second in zip(curve(one), curve(other), strict=True):
        assert (second.step, second.tokens, second.learning_rate) == (first.step, first.tokens, first.learning_rate)
        assert second.loss == pytest.approx(first.loss, rel=1e-4)
    theirs = weights(other)
    for name, weight in weights(one).items():
        torch.testing.assert_close(theirs[name], weight, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(("adaptation", "packing"), [(LORA, True), (FULL, False)])
def test_it_goes_on_with_smaller_batches(  # noqa: PLR0917 - pytest passes them by name
    tmp_path: Path, gemma_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    adaptation: Adaptation, packing: bool,
) -> None:  # fmt: skip
    config = ONE_BATCH.model_copy(update={"packing": packing})
    run(tmp_path / "undisturbed", gemma_folder, adaptation, config)
    # One batch an update. The fourth update does not fit: two updates stand in the checkpoint of the second.
    tried = hold(90, monkeypatch, after=3)
    seen: list[int] = []
    run(tmp_path / "held", gemma_folder, adaptation, config, on_progress=lambda progress: seen.append(progress.done))
    assert seen == [0, 1, 2, 3, 2, 3, 4, 5, 6]
    assert max(tried[:4]) > 90 >= max(tried[4:])
    assert_same(tmp_path / "undisturbed", tmp_path / "held")
    summary = json.loads((tmp_path / "held" / "training.json").read_text())
    used = summary["tokens_per_device_batch_used"]
    assert max(tried[4:]) <= used < summary["config"]["tokens_per_device_batch"]
    assert json.loads((tmp_path / "undisturbed" / "training.json").read_text())["tokens_per_device_batch_used"] == 150
    assert caplog.text.count("out of memory: going on from the last checkpoint") == 1


def test_an_interrupted_training_remembers_what_fits(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = hold(90, monkeypatch)

    def interrupt(progress: Any) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, llama_folder, config=ONE_BATCH, on_progress=interrupt)
    before = len(tried)
    run(tmp_path, llama_folder, config=ONE_BATCH)
    assert max(tried[:before]) > 90 >= max(tried[before:])


def test_it_fails_when_one_example_is_too_much(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = hold(10, monkeypatch)
    with pytest.raises(OutOfMemory, match=r"not even one example fits\. Set training\.gradient_checkpointing"):
        run(tmp_path, llama_folder)
    assert len(tried) == 2  # the batches of the settings, then those of the longest example


def test_less_memory_than_the_model_needs_is_not_tried_again(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def exhausted(*arguments: Any) -> None:
        calls.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(attempts, "prepare_model", exhausted)
    with pytest.raises(OutOfMemory):
        run(tmp_path, llama_folder)
    assert calls == [1]


def test_sizes_by_hand() -> None:
    lengths = [10, 40, 30, 25]
    plan = BatchPlan((((0, 1, 2), (3,)), ((2, 3), ())), 2)
    # Packed 10 + 40 + 30 = 80 tokens; padded three rows of 40.
    assert smaller_device_tokens(plan, lengths, packed=True) == 40
    assert smaller_device_tokens(plan, lengths, packed=False) == 60
    # Never below the longest example, and no smaller one where that is the largest batch.
    assert smaller_device_tokens(BatchPlan((((0, 1),),), 1), lengths, packed=True) == 40
    assert smaller_device_tokens(BatchPlan((((1,), (2,)),), 2), lengths, packed=True) is None


def test_what_fits_is_known_for_the_settings_it_was_found_with(tmp_path: Path) -> None:
    assert known_device_tokens(tmp_path, QUICK) is None
    remember_device_tokens(tmp_path, QUICK, 64)
    assert known_device_tokens(tmp_path, QUICK) == 64
    assert known_device_tokens(tmp_path, QUICK.model_copy(update={"gradient_checkpointing": True})) is None
    (tmp_path / "device_batch.json").write_text("{")
    assert known_device_tokens(tmp_path, QUICK) is None


def test_processes_that_share_a_training_are_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [64, 32, 32]  # what three starts find out; the third finds out nothing new
    starts: list[int | None] = []

    def start(work: Any, processes: int, on_progress: Any) -> None:
        starts.append(known_device_tokens(tmp_path / "checkpoints", QUICK))
        remember_device_tokens(tmp_path / "checkpoints", QUICK, held[len(starts) - 1])
        raise OutOfMemory("out of memory while training")

    monkeypatch.setattr(train_module, "launch_training", start)
    with pytest.raises(OutOfMemory):
        train_module._launch(lambda: None, QUICK, tmp_path, ignore_progress)
    assert starts == [None, 64, 32]
