"""Generates with llama.cpp, from the quantized weights that a packaged base model comes with, on the CPU.

Prompts are sent as the token ids that the chat format makes of them, and answers come back as token ids, so that they
begin and end as those of the transformers backend do.

responses.jsonl   the answers (what is given as `log`)
llama.cpp.log     beside it: what the server warned of meanwhile, if anything
"""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from crosstune.errors import StepFailed
from crosstune.generation.backend import left_to_ask, not_answered
from crosstune.generation.config import GenerationConfig
from crosstune.generation.llama_cpp_requests import PromptRequests, Request
from crosstune.generation.llama_cpp_server import (
    BadReply,
    LlamaCppServer,
    ServedGguf,
    ServerEnded,
    last_lines,
    llama_cpp_server,
)
from crosstune.generation.lora_gguf import write_lora_gguf
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog

_MOST_SLOTS = 16
_CONTEXT_STEP = 256
"""llama.cpp makes contexts of multiples of it."""
_KEPT = "the other answers are kept; run it again to ask only for those that are missing"
_SECONDS_BETWEEN_SYNCS = 1.0
"""Between waits for the disk; a power cut can cost this much work, a crash none."""


def generate(
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
    gguf: Path,
    threads: int | None = None,
) -> None:
    """Answers prompts; see `generation.backend.Backend`.

    Args:
        prompts: what is asked.
        run: written into each response.
        model_folder: the model as `models.prepare` leaves it, for its tokenizer and settings.
        adapter: for it, or None; it is converted first.
        chat_format: name of the chat format.
        config: how to generate.
        seed: for sampling.
        log: of `records.Response`. The seconds of an answer are those since the answer before.
        on_progress: told after each answer.
        gguf: the file that `model_folder` was made of.
        threads: to compute with; None: as many as torch has.

    Raises:
        ModelUnavailable: xllamacpp is not installed, or the model or adapter cannot be converted or loaded.
        InvalidData: a prompt is longer than the model's context.
        StepFailed: the server ended, or some prompts were not answered. The other answers are in the log, and calling
            this again asks only those that are missing.
    """
    left = left_to_ask(prompts, log, run, on_progress)
    if not left:
        return
    requests = PromptRequests(left, model_folder, chat_format, config=config, seed=seed)
    server_log = log.path.with_name("llama.cpp.log")
    with tempfile.TemporaryDirectory(prefix="crosstune-llama-cpp-") as folder:
        converted = None
        if adapter is not None:
            converted = Path(folder) / "adapter.gguf"
            write_lora_gguf(adapter, model_folder, converted)
        served = ServedGguf(
            gguf=gguf,
            adapter=converted,
            slots=min(_MOST_SLOTS, len(left), max(1, config.tokens_per_batch // requests.longest)),
            context=-(-requests.longest // _CONTEXT_STEP) * _CONTEXT_STEP,
            threads=threads or _threads(),
        )
        with llama_cpp_server(served, server_log) as server:
            answers = _Answers(requests, run, log, on_progress, done=len(prompts) - len(left), total=len(prompts))
            _ask(server, requests, answers, served.slots, server_log)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _ask(server: LlamaCppServer, requests: PromptRequests, answers: "_Answers", at_once: int, server_log: Path) -> None:
    failed: list[tuple[Request, str]] = []
    end: ServerEnded | None = None
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="llama.cpp")
    # Longest first, so that none is left to be answered alone in the end.
    order = sorted(requests.requests, key=lambda request: -request.length)
    asked = {pool.submit(requests.answer, request, server.ask): request for request in order}
    try:
        for future in as_completed(asked):
            try:
                answers.take(asked[future], future.result())
            except BadReply as error:
                failed.append((asked[future], str(error)))
            except ServerEnded as error:  # what came before it may not have been taken yet; what is left fails at once
                end = error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # the end of the server ends what is under way
        answers.sync()
    if end is not None:
        raise StepFailed(
            f"the server ended ({end}); {answers.missing} of {answers.total} prompts are not answered",
            where="llama.cpp",
            hint=f"{_KEPT}\n{last_lines(server_log)}",
        ) from end
    if failed:
        request, reason = failed[0]
        raise not_answered(
            request.prompt, reason, failed=len(failed), not_asked=0, total=answers.total, where="llama.cpp"
        )


class _Answers:
    """Writes answers to the log, and tells how far they are."""

    def __init__(
        self,
        requests: PromptRequests,
        run: str,
        log: RecordLog[Response],
        on_progress: OnProgress,
        *,
        done: int,
        total: int,
    ) -> None:
        self.total = total
        self._requests = requests
        self._run = run
        self._log = log
        self._on_progress = on_progress
        self._done = done
        self._tokens = 0
        self._started = self._last = time.perf_counter()
        self._synced = time.monotonic()

    @property
    def missing(self) -> int:
        """Prompts without an answer."""
        return self.total - self._done

    def take(self, request: Request, answer: Sequence[int]) -> None:
        """Writes an answer to the log."""
        now = time.perf_counter()
        response = self._requests.response(request, answer, self._run, now - self._last)
        self._last = now
        self._log.append([response], sync=False)
        if time.monotonic() - self._synced > _SECONDS_BETWEEN_SYNCS:
            self.sync()
        self._done += 1
        self._tokens += response.completion_tokens
        speed = self._tokens / (now - self._started)
        self._on_progress(Progress(self._done, self.total, "answers", tokens_per_second=speed))

    def sync(self) -> None:
        """Waits until all answers are on the disk."""
        self._log.sync()
        self._synced = time.monotonic()
