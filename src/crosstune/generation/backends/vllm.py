"""Generates with a vLLM server on a GPU: one for a base model and all its adapters, kept from step to step.

Prompts are sent as the token ids that the chat format makes of them, and answers come back as token ids, so that they
begin and end as those of the transformers backend do.

responses.jsonl   the answers (what is given as `log`)
vllm.log          beside it: what the server wrote meanwhile
"""

import importlib.util
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from crosstune.errors import ModelUnavailable, StepFailed
from crosstune.generation.backend import left_to_ask, not_answered
from crosstune.generation.config import GenerationConfig
from crosstune.generation.vllm_adapters import SMALLEST_RANK, rank_for
from crosstune.generation.vllm_client import Answer, Asking, run_to_end
from crosstune.generation.vllm_config import VllmConfig
from crosstune.generation.vllm_failures import ServerDied
from crosstune.generation.vllm_pool import shared_server
from crosstune.generation.vllm_requests import PromptRequests
from crosstune.generation.vllm_server import Served, VllmServer
from crosstune.models.loading import pick_device, pick_dtype
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog

_SECONDS_TO_START = 1200.0
"""Loading weights from a slow disk and compiling take minutes."""
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
    shared: bool = True,
    takes_adapters: bool = True,
    command: Sequence[str] | None = None,
    seconds_to_start: float = _SECONDS_TO_START,
) -> None:
    """Answers prompts; see `generation.backend.Backend`.

    Args:
        prompts: what is asked.
        run: written into each response.
        model_folder: the model.
        adapter: for it, or None.
        chat_format: name of the chat format.
        config: how to generate, and how the server is run.
        seed: for sampling.
        log: of `records.Response`. The seconds of an answer are those since the answer before.
        on_progress: told after each answer, and while the server starts.
        shared: whether others will want the same model: its server is then kept, and takes adapters. Else, as for a
            fully tuned model, it ends with this call.
        takes_adapters: whether a shared server can be given adapters, which costs it some speed.
        command: starts vLLM's server when its options are added; None: that of the installed package.
        seconds_to_start: after which a start is given up.

    Raises:
        OutOfMemory: the server says that the model or its cache does not fit.
        ModelUnavailable: vLLM is not installed, does not know the model or the adapter, or the server that is named
            is not there.
        InvalidData: a prompt is longer than the model's context, or than the server takes.
        StepFailed: the server ended, and again after it was started anew, or some prompts were not answered. The
            other answers are in the log, and calling this again asks only those that are missing.
    """
    left = left_to_ask(prompts, log, run, on_progress)
    if not left:
        return
    options = config.vllm or VllmConfig()
    if options.server is not None and not shared:
        raise ModelUnavailable(
            "a server that runs already cannot be given a fully tuned model",
            where=options.server,
            hint="remove generation.vllm.server: a server is then started for each",
        )
    requests = PromptRequests(left, model_folder, chat_format, config=config, seed=seed)
    requests.require_room(options.max_model_len if options.server is None else None)
    answers = _Answers(requests, run, log, on_progress, total=len(prompts))
    new = VllmServer(
        _served(model_folder, config, options, shared=shared, adapters=shared and takes_adapters),
        _installed(options) if command is None else command,
        largest_rank=rank_for(adapter) if adapter is not None else SMALLEST_RANK,
        seconds_to_start=seconds_to_start,
    )
    with shared_server(new, keep=shared, log=log.path.with_name("vllm.log"), on_wait=answers.waiting) as server:
        _ask(server, adapter, requests, answers, options.connections)


def _installed(options: VllmConfig) -> list[str]:
    if options.server is None and importlib.util.find_spec("vllm") is None:
        raise ModelUnavailable(
            "the backend vllm needs the package vllm, and an NVIDIA or AMD GPU",
            hint="install it with: pip install 'crosstune[vllm]', or set generation.backend: transformers",
        )
    return [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve"]


def _served(
    model_folder: Path, config: GenerationConfig, options: VllmConfig, *, shared: bool, adapters: bool
) -> Served:
    device = pick_device()
    return Served(
        model_folder=model_folder.resolve(),
        dtype=str(pick_dtype(device)).removeprefix("torch.") if config.dtype == "auto" else config.dtype,
        options=options,
        adapters=adapters,
        sleeps=shared and options.sleep and options.server is None and device.startswith("cuda"),
    )


def _ask(server: VllmServer, adapter: Path | None, requests: PromptRequests, answers: "_Answers", most: int) -> None:
    requests.require_room(server.max_model_len)
    asking = Asking(server, deque(requests.requests), answers.take)
    for is_last in (False, True):
        starts = server.starts
        try:
            asking.model = server.model if adapter is None else server.adapter(adapter)
            run_to_end(asking.all(most))
            break
        except ServerDied as error:
            if is_last:
                raise StepFailed(
                    f"the server ended twice ({error}); {answers.missing} of {answers.total} prompts are not answered",
                    where="vLLM",
                    hint="the other answers are kept; vllm.log in the folder of the step has what the server wrote",
                ) from error
            answers.waiting("the server ended; it is started again")
            server.restart(starts, answers.waiting)
        finally:
            answers.sync()
    if asking.failed:
        request, reason = asking.failed[0]
        counts = {"failed": len(asking.failed), "not_asked": len(asking.left), "total": answers.total}
        raise not_answered(requests.prompts[request.number], reason, where="vLLM", **counts)


class _Answers:
    """Writes answers to the log, and tells how far they are."""

    def __init__(
        self, requests: PromptRequests, run: str, log: RecordLog[Response], on_progress: OnProgress, total: int
    ) -> None:
        self.total = total
        self._requests = requests
        self._run = run
        self._log = log
        self._on_progress = on_progress
        self._done = total - len(requests.prompts)
        self._tokens, self._seconds = 0, 0.0
        self._synced = time.monotonic()

    @property
    def missing(self) -> int:
        """Prompts without an answer."""
        return self.total - self._done

    def waiting(self, note: str) -> None:
        """Tells how the server stands."""
        self._on_progress(Progress(self._done, self.total, "answers", note=note))

    def take(self, answer: Answer) -> None:
        """Writes an answer to the log."""
        response = self._requests.response(answer, self._run)
        self._log.append([response], sync=False)
        if time.monotonic() - self._synced > _SECONDS_BETWEEN_SYNCS:
            self.sync()
        self._done += 1
        self._tokens += response.completion_tokens
        self._seconds += response.seconds
        speed = self._tokens / self._seconds if self._seconds else None
        self._on_progress(Progress(self._done, self.total, "answers", tokens_per_second=speed))

    def sync(self) -> None:
        """Waits until all answers are on the disk."""
        self._log.sync()
        self._synced = time.monotonic()
