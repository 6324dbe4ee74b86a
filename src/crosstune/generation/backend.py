"""What every backend does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crosstune.errors import StepFailed
from crosstune.generation.config import GenerationConfig
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog


@dataclass(frozen=True, slots=True)
class Answerer:
    """One of several configurations that answer together, each with its own adapter of one model.

    Attributes:
        run: the configuration, written into each response.
        adapter: folder of its LoRA adapter; None: the model as it is.
        seed: for sampling.
        log: takes its answers, and may have some.
        on_progress: told after each batch.
    """

    run: str
    adapter: Path | None
    seed: int
    log: RecordLog[Response]
    on_progress: OnProgress = ignore_progress


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


def left_to_ask(prompts: Sequence[Prompt], log: RecordLog[Response], run: str, on_progress: OnProgress) -> list[Prompt]:
    """The prompts that a log does not answer yet; says how many it does.

    Args:
        prompts: what is asked.
        log: of `records.Response`.
        run: whose answers count.
        on_progress: told.
    """
    answered = {(response.prompt_id, response.language) for response in log.read() if response.run == run}
    left = [prompt for prompt in prompts if (prompt.id, prompt.language) not in answered]
    on_progress(Progress(len(prompts) - len(left), len(prompts), "answers"))
    return left


def not_answered(first: Prompt, reason: str, *, failed: int, not_asked: int, total: int, where: str) -> StepFailed:
    """What to say of prompts without an answer, where others have one.

    Args:
        first: one of them.
        reason: why it has none.
        failed: how many were asked in vain.
        not_asked: how many were not asked any more after that.
        total: prompts in all.
        where: what was asked.
    """
    given_up = f", {not_asked} more were not asked after so many failures" if not_asked else ""
    return StepFailed(
        f"{failed} of {total} prompts were not answered{given_up}; the first is '{first.id}' ({first.language}): "
        f"{reason}",
        where=where,
        hint="the other answers are kept; run it again to ask only for those that are missing",
    )
