import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_models import conversations

from crosstune.errors import InvalidStudy
from crosstune.progress import Progress, ignore_progress
from crosstune.storage.tables import read_table
from crosstune.training import trainer as trainer_module
from crosstune.training.config import Adaptation, Full, Lora, TrainingConfig
from crosstune.training.curve import CurveRow
from crosstune.training.train import train
from crosstune.training.trainer import linear_decay

LORA, FULL = Adaptation(lora=Lora(rank=4)), Adaptation(full=Full())
QUICK = TrainingConfig(
    max_steps=6, tokens_per_step=150, tokens_per_device_batch=100, max_length=100, precision="fp32", save_every=2
)


def run(out: Path, folder: Path, adaptation: Adaptation = LORA, config: TrainingConfig = QUICK, **changes: Any) -> None:
    arguments: dict[str, Any] = {
        "model_folder": folder, "chat_format": "chatml", "adaptation": adaptation, "learning_rate": 1e-2,
        "seed": 0, "config": config, "out": out,
    }  # fmt: skip
    train(conversations(), **(arguments | changes))


def curve(out: Path) -> list[CurveRow]:
    return read_table(out / "curve.parquet", CurveRow)


def weights(out: Path) -> dict[str, torch.Tensor]:
    (file,) = (out / "model").glob("*.safetensors")
    return load_file(file)


@pytest.mark.parametrize(("adaptation", "precision"), [(LORA, "fp32"), (LORA, "bf16"), (FULL, "bf16")])
def test_loss_falls_and_everything_is_recorded(
    tmp_path: Path, gemma_folder: Path, capfd: pytest.CaptureFixture[str], adaptation: Adaptation, precision: str
) -> None:
    seen: list[Progress] = []
    config = QUICK.model_copy(update={"max_steps": 20, "precision": precision})
    run(tmp_path, gemma_folder, adaptation, config, on_progress=seen.append)
    rows = curve(tmp_path)
    assert [row.step for row in rows] == list(range(1, 21))
    assert rows[0].loss is not None
    assert rows[-1].loss is not None
    assert rows[-1].loss < rows[0].loss - 0.5
    # Linear decay to a tenth: update s of 20 has 0.1 + 0.9 (21 - s) / 20 of the learning rate.
    assert [row.learning_rate for row in rows[:2]] == pytest.approx([1e-2, 1e-2 * (0.1 + 0.9 * 19 / 20)])
    summary = json.loads((tmp_path / "training.json").read_text())
    assert summary["updates"] == 20
    assert summary["tokens"] == rows[-1].tokens
    assert summary["packed"] is True
    assert summary["precision"] == precision
    assert summary["diverged_at_step"] is None
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 20, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.parquet", "model", "training.json"]
    assert capfd.readouterr() == ("", "")  # somebody else draws on the terminal


def kill_at(step: int) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.done == step:
            raise KeyboardInterrupt

    return on_progress


@pytest.mark.parametrize("adaptation", [Adaptation(lora=Lora(rank=4, dropout=0.2)), FULL])
def test_resumed_training_ends_like_an_undisturbed_one(
    tmp_path: Path, llama_folder: Path, adaptation: Adaptation
) -> None:
    run(tmp_path / "whole", llama_folder, adaptation)
    # Checkpoints after updates 2 and 4; interrupted at 3, so update 3 is done again, then at 5.
    for step in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", llama_folder, adaptation, on_progress=kill_at(step))
        assert not (tmp_path / "parts" / "training.json").exists()
    started_at: list[int] = []
    run(tmp_path / "parts", llama_folder, adaptation, on_progress=lambda p: started_at.append(p.done))
    assert started_at[0] == 4
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, weight in whole.items():
        assert torch.equal(parts[name], weight), name
    columns = [[(r.step, r.tokens, r.loss, r.gradient_norm) for r in curve(tmp_path / p)] for p in ("whole", "parts")]
    assert columns[0] == columns[1]
    seconds = [row.seconds for row in curve(tmp_path / "parts")]
    assert seconds == sorted(seconds)


def test_device_batches_and_packing_do_not_change_the_result(tmp_path: Path, gemma_folder: Path) -> None:
    one_batch = QUICK.model_copy(update={"tokens_per_device_batch": 400})
    padded = one_batch.model_copy(update={"packing": False})
    for name, config in (("two", QUICK), ("one", one_batch), ("padded", padded)):
        run(tmp_path / name, gemma_folder, config=config.model_copy(update={"max_steps": 1}), learning_rate=1e-3)
    losses = [curve(tmp_path / name)[0] for name in ("one", "padded")]
    assert losses[0].tokens == losses[1].tokens
    assert losses[0].loss == pytest.approx(losses[1].loss, rel=1e-5)
    assert losses[0].gradient_norm == pytest.approx(losses[1].gradient_norm, rel=1e-4)


def test_adapter_is_loaded_by_plain_transformers_and_peft(tmp_path: Path, gemma_folder: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    run(tmp_path, gemma_folder)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= names
    saved = weights(tmp_path)
    assert all("lora_" in name for name in saved)
    assert not any("embed" in name or "lm_head" in name for name in saved)
    # 2 layers with 7 linear maps each, 2 matrices a map.
    assert len(saved) == 2 * 7 * 2
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, return_tensors="pt"
    )
    with model.disable_adapter():
        base = model(**ids).logits
    assert not torch.allclose(model(**ids).logits, base)


def test_adapter_names_its_base(tmp_path: Path, gemma_folder: Path) -> None:
    config = QUICK.model_copy(update={"max_steps": 1})
    run(tmp_path, gemma_folder, config=config, base_model_name="org/name")
    written = json.loads((tmp_path / "model" / "adapter_config.json").read_text())
    assert written["base_model_name_or_path"] == "org/name"


def test_full_model_is_loaded_by_plain_transformers(tmp_path: Path, llama_folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run(tmp_path, llama_folder, FULL)
    tuned = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    base = AutoModelForCausalLM.from_pretrained(llama_folder)
    assert not torch.equal(tuned.lm_head.weight, base.lm_head.weight)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in tuned.generation_config.eos_token_id


def test_prompts_are_read_but_not_learned(tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The batches Trainer really gets: wrong targets at prompt positions must not move the loss, wrong targets at
    # answer positions must.
    losses: dict[str, float | None] = {}
    original = trainer_module.add_learned_token_loss

    def spoil(kind: str) -> Callable[[Any], None]:
        def add(model: Any) -> None:
            original(model)
            inner = model.forward

            def forward(*args: Any, **kwargs: Any) -> Any:
                if kwargs.get("learned_token_loss"):
                    ids, labels = kwargs["input_ids"], kwargs["labels"]
                    answers = labels != -100
                    assert torch.equal(labels[answers], ids[answers])
                    if kind == "answers":
                        kwargs["labels"] = torch.where(answers, (labels + 1) % 200, labels)
                return inner(*args, **kwargs)

            model.forward = forward

        return add

    for kind in ("none", "answers"):
        monkeypatch.setattr(trainer_module, "add_learned_token_loss", spoil(kind))
        run(tmp_path / kind, llama_folder, config=QUICK.model_copy(update={"max_steps": 1}))
        losses[kind] = curve(tmp_path / kind)[0].loss
    assert losses["none"] != losses["answers"]


def test_divergence_is_recorded_and_spoils_no_weights(tmp_path: Path, llama_folder: Path) -> None:
    # Adam moves weights by about the learning rate: after one update of 1e30 activations overflow.
    run(tmp_path, llama_folder, FULL, learning_rate=1e30)
    summary = json.loads((tmp_path / "training.json").read_text())
    assert summary["diverged_at_step"] == 2
    assert summary["updates"] == 1
    assert curve(tmp_path)[-1].loss is None
    assert all(torch.isfinite(weight).all() for weight in weights(tmp_path).values())


def test_a_tracker_that_is_not_installed_is_refused_first(tmp_path: Path, llama_folder: Path) -> None:
    with pytest.raises(InvalidStudy, match="swanlab"):
        run(tmp_path, llama_folder, config=QUICK.model_copy(update={"report_to": ("swanlab",)}))
    assert list(tmp_path.iterdir()) == []


def test_schedule_by_hand() -> None:
    factor = linear_decay(10, 2, 0.1)
    # Warmup 0, 1/2; then from 1 down to 0.1 over 8 updates, half way at update 6: 0.55.
    assert [factor(step) for step in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.5, 1, 0.55, 0.1])


def test_ignore_progress_is_the_default(tmp_path: Path, llama_folder: Path) -> None:
    run(tmp_path, llama_folder, config=QUICK.model_copy(update={"max_steps": 1}), on_progress=ignore_progress)
    assert (tmp_path / "training.json").exists()
