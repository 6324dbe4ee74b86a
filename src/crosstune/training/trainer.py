"""TRL's SFTTrainer, fed with planned batches and computing logits at learned positions alone."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME
from trl import SFTTrainer

from crosstune.progress import OnProgress, Progress
from crosstune.storage.tables import RecordLog
from crosstune.training.checkpoints import mark_whole
from crosstune.training.curve import CurveRow, finite
from crosstune.training.loss import add_learned_token_loss, has_plain_logits
from crosstune.training.sharding import load_whole_optimizer, shard_without_gpus, whole_optimizer, whole_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerControl, TrainerState


class Diverged(Exception):
    """An update would have made weights infinite or not a number; it was not done."""

    def __init__(self, step: int) -> None:
        super().__init__(f"gradients of update {step} are not finite")
        self.step = step


def linear_decay(max_steps: int, warmup_steps: int, final_ratio: float) -> Callable[[int], float]:
    """The factor on the learning rate after so many updates.

    Rises linearly from 0 to 1 over the warmup, then falls linearly so that `final_ratio` would be reached at
    `max_steps`, as transformers' linear schedule reaches zero there; the last update is one step above it.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return step / warmup_steps
        left = max(0, max_steps - step) / max(1, max_steps - warmup_steps)
        return final_ratio + (1 - final_ratio) * left

    return factor


class LearnedTokenTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer whose data set is a list of numbers of planned batches.

    Differs from its base in the loss (at learned positions alone), the schedule (linear decay to a share), and
    checkpoints that carry a mark of wholeness and no model card, and are the same for any number of processes, whether
    each holds the whole model or a part of it.
    """

    is_fsdp_enabled: bool
    loss_is_scaled_for_ga = True  # the loss is divided by the learned tokens of the whole update

    def __init__(self, *, schedule: Callable[[int], float], sharded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._schedule = schedule
        self._sharded = sharded
        if sharded and not self.is_fsdp_enabled:
            shard_without_gpus(self.accelerator)
            self.is_fsdp_enabled = True
        if self.args.bf16:
            # Autocast decides the format. Left to itself, PEFT copies the inputs of every layer to fp32 first.
            for module in self.model.modules():
                if isinstance(module, BaseTunerLayer):
                    module.cast_input_dtype_enabled = False
        base = self._language_model()
        self._own_loss = has_plain_logits(base) and not self.aux_loss_enabled
        if self._own_loss:
            add_learned_token_loss(base)
        self.model_accepts_loss_kwargs = True  # so that Trainer counts the learned tokens of an update
        self.processing_class = None  # the tokenizer does not change: it need not be in every checkpoint

    def _language_model(self) -> "PreTrainedModel":
        model = self.model
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Sum of cross-entropy over a batch's learned tokens, divided by those of the whole update."""
        with self._autocast():
            if not self._own_loss or return_outputs:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            assert num_items_in_batch is not None
            total = model(**inputs, use_cache=False, learned_token_loss=True)["loss"]
        # Gradients are averaged over processes, while the divisor counts the learned tokens of all of them.
        return total / num_items_in_batch * (self.accelerator.num_processes // self.get_tp_size())

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        """What Accelerate wraps models in, except those that it shards."""
        if not self._sharded or not self.args.bf16:
            return contextlib.nullcontext()
        # Without a cache: it would keep a copy of all weights of the model in each process.
        return torch.autocast(self.args.device.type, torch.bfloat16, cache_enabled=False)

    lr_scheduler: LambdaLR | None

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """Linear decay to a share of the learning rate, which transformers' linear schedule cannot do."""
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, self._schedule)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Writes none: checkpoints are private to a training."""

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            mark_whole(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    # What follows writes and reads checkpoints of a sharded model in one piece.

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Writes the weights of a checkpoint."""
        if not self._sharded:
            super().save_model(output_dir, _internal_call)
            return
        is_adapter = self._language_model() is not self.model
        self._save(output_dir, state_dict=whole_weights(self.model, trained_alone=is_adapter))

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self._sharded:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        state = whole_optimizer(self.optimizer)
        if self.args.should_save:
            torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
            assert self.lr_scheduler is not None
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def train(self, resume_from_checkpoint: str | None = None, **kwargs: Any) -> Any:
        """Trains, from a checkpoint on if one is given."""
        if self._sharded and resume_from_checkpoint is not None:
            self.is_fsdp_enabled = False
            super()._load_from_checkpoint(resume_from_checkpoint)
            self.is_fsdp_enabled = True
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        if not self._sharded:  # else it was read before the weights were shared out
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if not self._sharded or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        state = torch.load(Path(checkpoint) / OPTIMIZER_NAME, map_location="cpu", weights_only=True, mmap=True)
        load_whole_optimizer(self.optimizer, state)
        assert self.lr_scheduler is not None
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER_NAME, weights_only=True))


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Appends each update to the curve, tells how far the training is, and stops it when it diverges."""

    def __init__(
        self,
        log: RecordLog[CurveRow] | None,
        rows: list[CurveRow],
        tokens: Sequence[int],
        on_progress: OnProgress,
        *,
        is_to_go_on: bool = False,
    ) -> None:
        """Records updates.

        Args:
            log: where rows go; None in processes that do not write.
            rows: those it holds; new ones are added.
            tokens: of each update to do; the training stops after the last of them.
            on_progress: told after each update.
            is_to_go_on: whether another training goes on from the checkpoint after the last update.
        """
        self._log = log
        self.rows = rows
        self._tokens = list(accumulate(tokens))
        self._on_progress = on_progress
        self._is_to_go_on = is_to_go_on
        self._seconds_before = rows[-1].seconds if rows else 0.0
        self._tokens_before = rows[-1].tokens if rows else 0
        self._started = time.perf_counter()

    def _append(self, step: int, learning_rate: float, loss: float, gradient_norm: float) -> CurveRow:
        row = CurveRow(
            step=step,
            tokens=self._tokens[step - 1],
            learning_rate=learning_rate,
            loss=finite(loss),
            gradient_norm=finite(gradient_norm),
            seconds=self._seconds_before + time.perf_counter() - self._started,
        )
        if self._log is not None:
            self._log.append([row])
        self.rows.append(row)
        return row

    def on_train_begin(self, args: Any, state: "TrainerState", control: "TrainerControl", **kwargs: Any) -> None:
        """Starts the clock when all is loaded."""
        self._started = time.perf_counter()
        self._on_progress(Progress(len(self.rows), len(self._tokens), "updates"))

    def on_pre_optimizer_step(self, args: Any, state: "TrainerState", control: "TrainerControl", **kwargs: Any) -> None:
        """Refuses an update with gradients that are not finite, before it spoils the weights."""
        gradients = [p.grad for p in kwargs["model"].parameters() if p.grad is not None]
        total = torch.nn.utils.get_total_norm(gradients)
        norm = (total.full_tensor() if isinstance(total, DTensor) else total).item()  # the same in all processes
        if not math.isfinite(norm):
            step = state.global_step + 1
            if state.is_world_process_zero:
                self._append(step, kwargs["optimizer"].param_groups[0]["lr"], math.nan, norm)
            raise Diverged(step)

    def on_log(
        self, args: Any, state: "TrainerState", control: "TrainerControl", logs: dict[str, float], **kwargs: Any
    ) -> None:
        """Records an update; Trainer also logs a summary at the end, which has no `loss`."""
        if "loss" not in logs or not state.is_world_process_zero:
            return
        row = self._append(state.global_step, logs["learning_rate"], logs["loss"], logs["grad_norm"])
        seconds = max(1e-9, row.seconds - self._seconds_before)
        note = "loss not finite" if row.loss is None else f"loss {row.loss:.3f}"
        speed = (row.tokens - self._tokens_before) / seconds
        self._on_progress(Progress(row.step, len(self._tokens), "updates", speed, note))

    def on_step_end(self, args: Any, state: "TrainerState", control: "TrainerControl", **kwargs: Any) -> None:
        """Stops after the last update, and spares its checkpoint where nothing goes on from it."""
        if state.global_step >= len(self._tokens):
            control.should_training_stop = True
            control.should_save = self._is_to_go_on
