"""Tunes a model on conversations.

<out>/
  model/            the result (see `artifacts`)
  curve.parquet     one row an update (see `curve`)
  training.json     what was done, written last
  checkpoints/      while running (see `checkpoints` and `device_batch`); the newest stays where another training is to
                    go on from it
  curve.jsonl       while running
  tensorboard/      when reporting to it
"""

import contextlib
import gc
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crosstune.errors import InvalidData, OutOfMemory, StorageFailure
from crosstune.models import chat_formats
from crosstune.models.kept import let_model_go
from crosstune.models.loading import load_tokenizer, pick_device
from crosstune.models.memory import memory_errors, peak_memory_bytes, restart_peak_memory
from crosstune.progress import OnProgress, ignore_progress
from crosstune.records import Conversation
from crosstune.storage.atomic import storage_errors, write_atomic
from crosstune.storage.digests import file_digest
from crosstune.storage.tables import read_frame, write_table
from crosstune.training.artifacts import save_model, stored_dtype
from crosstune.training.attempts import Attempts, Result, warn_of_smaller
from crosstune.training.checkpoints import file_sizes, keep_newest
from crosstune.training.config import Adaptation, TrainingConfig
from crosstune.training.curve import CurveRow
from crosstune.training.device_batch import known_device_tokens
from crosstune.training.examples import ExampleSet, shared_examples
from crosstune.training.processes import is_first_process, join_processes, process_count
from crosstune.training.quiet import quiet_libraries
from crosstune.training.setup import check_trackers, launch_training, library_versions

logger = logging.getLogger(__name__)

_HINT = (
    "not even one example fits. Set training.gradient_checkpointing: true, which goes on with what is done; lower "
    "training.max_length; or use lora, a smaller base model, or a device with more memory"
)
_NOT_IN_IDENTITY = {"save_every", "report_to", "gradient_checkpointing", "processes", "sharding"}


def _identity(model_folder: Path, examples: ExampleSet, **decided: Any) -> str:
    """What a checkpoint must have been made of to be gone on with, on whatever machine."""
    weights = {path.name: path.stat().st_size for path in sorted(model_folder.glob("*.safetensors"))}
    # Machines keep models in different places; the last folder of a model from the hub is its commit.
    model = {"name": model_folder.name, "config": file_digest(model_folder / "config.json"), "weights": weights}
    content = {"model": model, "examples": examples.digest, **decided}
    return json.dumps({"sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()})


@contextlib.contextmanager
def _tensorboard_folder(out: Path, config: TrainingConfig) -> Iterator[None]:
    """Where TensorBoard's events go, unless the user chose: left alone they would go with the checkpoints."""
    name = "TENSORBOARD_LOGGING_DIR"
    if "tensorboard" not in config.report_to or name in os.environ:
        yield
        return
    os.environ[name] = str(out / "tensorboard")
    try:
        yield
    finally:
        del os.environ[name]


@contextlib.contextmanager
def _write_errors(out: Path) -> Iterator[None]:
    """Torch and safetensors report a full disk in their own words."""
    from safetensors import SafetensorError

    try:
        with storage_errors(out):
            yield
    except (RuntimeError, SafetensorError) as error:
        words = str(error)
        if "No space left" in words or "file write failed" in words or "unexpected pos" in words:
            raise StorageFailure(
                f"a checkpoint could not be written ({words.splitlines()[0]})",
                where=str(out),
                hint="free some space and run the same command again: it goes on from the checkpoint before",
            ) from error
        raise


def _warn_about(examples: ExampleSet, conversations: int, config: TrainingConfig) -> None:
    if examples.cut:
        logger.warning(
            "%d of %d conversations are cut at training.max_length (%d tokens)",
            examples.cut, conversations, config.max_length,
        )  # fmt: skip
    if left_out := sum(examples.left_out.values()):
        reasons = ", ".join(f"{reason} {number}" for reason, number in examples.left_out.items() if number)
        logger.warning("%d of %d conversations are left out: %s", left_out, conversations, reasons)


def _launch(work: Callable[..., None], config: TrainingConfig, out: Path, on_progress: OnProgress) -> None:
    """Trains in several processes, anew with smaller device batches where one of them runs out of memory."""
    let_model_go()  # they have their own
    while True:
        before = known_device_tokens(out / "checkpoints", config)
        try:
            launch_training(work, config.processes, on_progress)
            return
        except OutOfMemory:
            smaller = known_device_tokens(out / "checkpoints", config)
            if smaller is None or smaller == before:
                raise
        warn_of_smaller(smaller)


def _summary(examples: ExampleSet, result: Result) -> dict[str, Any]:
    """What the finished updates amount to."""
    rows, done = result.rows, result.updates
    used = [index for update in result.plan.updates[:done] for batch in update for index in batch]
    tokens = sum(len(examples.examples[index].input_ids) for index in used)
    seconds = rows[-1].seconds if rows else 0.0
    return {
        "conversations": len(examples.examples) + sum(examples.left_out.values()),
        "examples": len(examples.examples),
        "cut_at_max_length": examples.cut,
        "left_out": examples.left_out,
        "updates": done,
        "epochs": len(used) / len(examples.examples),
        "tokens": tokens,
        "learned_tokens": sum(examples.examples[index].learned_tokens for index in used),
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else None,
        "final_loss": rows[done - 1].loss if done else None,
    }


def is_trained(out: Path) -> bool:
    """Whether a training has written all of its results, and they are whole."""
    try:
        summary = json.loads((out / "training.json").read_text("utf-8"))  # written last
        read_frame(out / "curve.parquet")
        return bool(summary["model_files"] == file_sizes(out / "model"))
    except (OSError, ValueError, KeyError, TypeError, StorageFailure):
        return False


def remove_scratch(out: Path, *, is_to_go_on: bool = False) -> None:
    """Removes what a training needed while it ran.

    Args:
        out: its folder of results.
        is_to_go_on: whether the newest checkpoint stays, for another training to go on from.
    """
    if is_to_go_on:
        keep_newest(out / "checkpoints")
    else:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    (out / "curve.jsonl").unlink(missing_ok=True)


def train(
    conversations: Sequence[Conversation],
    *,
    model_folder: Path,
    chat_format: str,
    adaptation: Adaptation,
    learning_rate: float,
    seed: int,
    config: TrainingConfig,
    out: Path,
    on_progress: OnProgress = ignore_progress,
    base_model_name: str | None = None,
    base_model_revision: str | None = None,
    stop_at: int | None = None,
    start_from: Path | None = None,
) -> None:
    """Tunes a model on the answers of conversations, and writes the result into `out`.

    Called again after an interruption it goes on from the newest whole checkpoint, and the result is the same as
    without the interruption. An update with a gradient that is not finite is not done and ends the training: the
    weights before it are the result, and `diverged_at_step` in `training.json` says so.

    A training can be done in parts, each in a folder of its own: one that stops early (`stop_at`) keeps a checkpoint,
    from which the next (`start_from`) goes on. Schedule and data are those of the whole, so the end is the same.

    Args:
        conversations: what to learn.
        model_folder: the base model, as `models.prepare.prepare` leaves it.
        chat_format: name of the chat format.
        adaptation: which weights are trained.
        learning_rate: of AdamW, at its highest.
        seed: decides the order of the examples, adapters' first weights and dropout.
        config: everything else.
        out: the folder of results.
        on_progress: told after each update.
        base_model_name: what an adapter names as its base model, such as a hub id; None: `model_folder`.
        base_model_revision: the revision of it that an adapter names; None: none.
        stop_at: updates after which to stop, fewer than `config.max_steps`; None: all.
        start_from: results of an earlier part of this very training. Where it is of another training, damaged or gone,
            this one starts from the beginning: the result is the same.

    Raises:
        InvalidData: no conversation can be learned from.
        InvalidStudy: unknown chat format, or a tracker that is not installed.
        ModelUnavailable: the base model cannot be loaded.
        OutOfMemory: the device has too little memory for a single example; says what to change. Where it has too
            little for a device batch, smaller ones are used, and `tokens_per_device_batch_used` in `training.json` says
            so: the examples of every update are the same, and its numbers differ by rounding alone.
        StorageFailure: results cannot be written.
    """
    if not conversations:
        raise InvalidData("there are no conversations to learn from")
    check_trackers(config)
    if config.processes > 1 and process_count() == 1:
        shared = partial(
            train,
            conversations,
            model_folder=model_folder,
            chat_format=chat_format,
            adaptation=adaptation,
            learning_rate=learning_rate,
            seed=seed,
            config=config,
            out=out,
            base_model_name=base_model_name,
            base_model_revision=base_model_revision,
            stop_at=stop_at,
            start_from=start_from,
        )
        _launch(shared, config, out, on_progress)
        return
    join_processes(pick_device())
    tokenizer = load_tokenizer(model_folder)
    fmt = chat_formats.chat_format(chat_format, tokenizer)
    examples = shared_examples(conversations, fmt, tokenizer, config.max_length)
    _warn_about(examples, len(conversations), config)
    decided = {"adaptation": adaptation.model_dump(mode="json"), "learning_rate": learning_rate, "seed": seed}
    identity = _identity(
        model_folder,
        examples,
        config=config.model_dump(mode="json", exclude=_NOT_IN_IDENTITY),
        versions=library_versions(),
        **decided,
    )
    attempts = Attempts(
        model_folder=model_folder,
        tokenizer=tokenizer,
        examples=examples,
        identity=identity,
        adaptation=adaptation,
        learning_rate=learning_rate,
        seed=seed,
        config=config,
        out=out,
        on_progress=on_progress,
        stop_at=stop_at,
        start_from=start_from,
    )
    restart_peak_memory(pick_device())
    with quiet_libraries(), _tensorboard_folder(out, config), _write_errors(out), memory_errors("training", _HINT):
        while (result := attempts.next()) is None:
            gc.collect()  # trainers hold on to themselves
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        if not is_first_process():
            return

        dtype = stored_dtype(model_folder)
        save_model(
            result.model,
            tokenizer,
            fmt,
            out / "model",
            dtype=dtype,
            base_model_name=base_model_name,
            base_model_revision=base_model_revision,
            weights=result.weights,
        )
        write_table(out / "curve.parquet", CurveRow, result.rows)
        arithmetic = result.arithmetic
        summary = {
            **_summary(examples, result),
            "diverged_at_step": result.diverged_at_step,
            **decided,
            "chat_format": chat_format,
            "config": config.model_dump(mode="json"),
            "tokens_per_device_batch_used": result.device_tokens or config.tokens_per_device_batch,
            "trained_parameters": sum(p.numel() for p in result.model.parameters() if p.requires_grad),
            "processes": process_count(),
            "sharded": arithmetic.sharded,
            "device": arithmetic.device,
            "precision": arithmetic.precision,
            "packed": arithmetic.packed,
            "unpacked_because": arithmetic.unpacked_because,
            "peak_memory_bytes": peak_memory_bytes(arithmetic.device),
            "versions": library_versions(),
            "model_files": file_sizes(out / "model"),
        }
        write_atomic(out / "training.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        remove_scratch(out, is_to_go_on=stop_at is not None)
