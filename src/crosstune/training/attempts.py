"""A training as one or several attempts: where memory runs out, the next has smaller device batches.

Each goes on from the newest checkpoint. The examples of every update are the same in all of them.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosstune.models.loading import load_model
from crosstune.models.memory import is_out_of_memory
from crosstune.progress import OnProgress
from crosstune.storage.tables import RecordLog
from crosstune.training.batches import BatchPlan
from crosstune.training.checkpoints import newest_whole, remove_beyond, step_of, whole_checkpoint
from crosstune.training.config import Adaptation, TrainingConfig
from crosstune.training.curve import CurveRow, open_curve, recorded_updates, take_over_curve
from crosstune.training.device_batch import known_device_tokens, remember_device_tokens, smaller_device_tokens
from crosstune.training.examples import ExampleSet
from crosstune.training.processes import by_first_process, is_first_process, process_count
from crosstune.training.setup import Arithmetic, build_trainer, plan_training, prepare_model
from crosstune.training.sharding import unsharded, whole_weights
from crosstune.training.trainer import Diverged, Recorder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What a training comes to."""

    model: Any
    weights: Mapping[str, torch.Tensor] | None
    """Of an adapter, where the model has only a part of them."""
    plan: BatchPlan
    rows: Sequence[CurveRow]
    arithmetic: Arithmetic
    device_tokens: int | None
    """The most tokens of a device batch, where memory did not hold those of the settings."""
    diverged_at_step: int | None

    @property
    def updates(self) -> int:
        """Updates that were made."""
        return len(self.rows) if self.diverged_at_step is None else self.diverged_at_step - 1


@dataclass(frozen=True, slots=True)
class Attempts:
    """A training, with all that does not change when it is tried again."""

    model_folder: Path
    tokenizer: Any
    examples: ExampleSet
    identity: str
    adaptation: Adaptation
    learning_rate: float
    seed: int
    config: TrainingConfig
    out: Path
    on_progress: OnProgress
    stop_at: int | None
    start_from: Path | None

    def next(self) -> Result | None:
        """Trains from the newest checkpoint on.

        Returns:
            None when memory ran out and the next attempt is to have smaller device batches.

        Raises:
            RuntimeError: memory ran out, and there are no smaller ones; or not in this process alone.
        """
        config, out = self.config, self.out
        most = self.stop_at or config.max_steps
        checkpoint = by_first_process(lambda: _checkpoint(out, self.identity, self.start_from, most=most))
        device_tokens = known_device_tokens(out / "checkpoints", config)
        log: RecordLog[CurveRow] | None = None
        rows: list[CurveRow] = []
        if is_first_process():
            log, rows = open_curve(out / "curve.jsonl", step_of(checkpoint) if checkpoint is not None else 0)
        model, arithmetic = prepare_model(self.model_folder, self.adaptation, config)
        if config.packing and not arithmetic.packed:
            logger.warning("examples are padded instead of packed: %s", arithmetic.unpacked_because)
        packed = arithmetic.packed
        lengths = [len(example.input_ids) for example in self.examples.examples]
        plan = plan_training(lengths, seed=self.seed, config=config, packed=packed, device_tokens=device_tokens)
        tokens = [sum(lengths[index] for batch in update for index in batch) for update in plan.updates]
        is_to_go_on = self.stop_at is not None
        recorder = Recorder(log, rows, tokens[: self.stop_at], self.on_progress, is_to_go_on=is_to_go_on)
        trainer = build_trainer(
            model,
            self.tokenizer,
            self.examples.examples,
            plan,
            arithmetic,
            recorder=recorder,
            adaptation=self.adaptation,
            learning_rate=self.learning_rate,
            seed=self.seed,
            config=config,
            out=out,
        )
        diverged_at_step = None
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
        except Diverged as outcome:
            diverged_at_step = outcome.step
            logger.warning("training diverged at update %d; the weights before it are kept", outcome.step)
        except (RuntimeError, MemoryError) as error:
            smaller = smaller_device_tokens(plan, lengths, packed=packed) if is_out_of_memory(error) else None
            if smaller is None:
                raise
            remember_device_tokens(out / "checkpoints", config, smaller)
            if process_count() > 1:
                raise  # the others wait for this one: they end together, and are started again together
            warn_of_smaller(smaller)
            return None
        trained = trainer.accelerator.unwrap_model(trainer.model)
        weights = None
        if arithmetic.sharded and self.adaptation.lora is not None:
            weights = whole_weights(trained, trained_alone=True)
        elif arithmetic.sharded:
            trained = unsharded(trained, lambda: load_model(self.model_folder, dtype=torch.float32, device="cpu"))
        return Result(trained, weights, plan, recorder.rows, arithmetic, device_tokens, diverged_at_step)


def warn_of_smaller(tokens: int) -> None:
    """Says that device batches will be smaller from now on."""
    logger.warning(
        "out of memory: going on from the last checkpoint with at most %d tokens on a device at once "
        "(training.tokens_per_device_batch); updates stay the same",
        tokens,
    )


def _checkpoint(out: Path, identity: str, start_from: Path | None, most: int) -> Path | None:
    """The checkpoint to go on from: one's own, or that of an earlier part where it is farther."""
    remove_beyond(out / "checkpoints", recorded_updates(out / "curve.jsonl"))
    own = newest_whole(out / "checkpoints", identity)
    while own is not None and step_of(own) >= most:
        # Killed between its last checkpoint and its result. Trainer does one update at least, so some are done again.
        shutil.rmtree(own)
        own = newest_whole(out / "checkpoints", identity)
    if start_from is None:
        return own
    other = whole_checkpoint(start_from / "checkpoints", identity)
    if other is None:
        logger.warning("%s cannot be gone on with: this training starts from the beginning", start_from.name)
        return own
    step = step_of(other)
    if step >= most or (own is not None and step_of(own) >= step):
        return own
    return other if take_over_curve(out / "curve.jsonl", start_from / "curve.parquet", step) else own
