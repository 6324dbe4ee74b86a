"""What every backend does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from crosstune.generation.config import GenerationConfig
from crosstune.progress import OnProgress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog


class Backend(Protocol):
    """Answers prompts with one model."""

    def __call__(
        self,
        prompts: Sequence[Prompt],
        *,
        run: str,
        model_folder: Path,
        adapter: Path | None,
        chat_format: str,
        config: GenerationConfig,
        seed: int,
        log: RecordLog[Response],
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Answers each prompt once and appends the answers to `log` as they finish, in no particular order.

        Args:
            prompts: what is asked. Those that `log` already answers for this run are skipped.
            run: the configuration that answers, written into each response.
            model_folder: a model as `models.prepare` leaves it, or a fully tuned one.
            adapter: folder of a LoRA adapter for that model; None: the model as it is.
            chat_format: name of the chat format the model was tuned with.
            config: how to generate.
            seed: for sampling; greedy answers do not depend on it.
            log: of `records.Response`.
            on_progress: told after each batch.

        Raises:
            OutOfMemory: says which setting to lower. Answers finished before stay in the log.
            ModelUnavailable: the model or adapter cannot be loaded.
            InvalidData: a prompt is longer than the model's context.
        """
