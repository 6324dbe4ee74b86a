"""Lets a model behind an API answer prompts, through Inspect: hosted, or a server of one's own.

Several calls are under way at once, but the first prompt is asked alone: a wrong key, an unknown model or a server that
is not there shows before anything else is sent.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crosstune.errors import ModelUnavailable
from crosstune.generation.api_config import ApiConfig
from crosstune.generation.api_errors import read_error
from crosstune.generation.api_failures import (
    NotAnswered,
    cause_of,
    refuse_unavailable,
    said,
    seconds_to_wait,
)
from crosstune.generation.backend import left_to_ask, not_answered
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Ending, Prompt, Response
from crosstune.storage.tables import RecordLog

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, Model, ModelOutput

_WAITS = (0.5, 2.0, 10.0, 45.0)
"""Seconds before each further try of a call; together about the minute over which limits of rate are counted."""
_SECONDS_TO_WAIT = 600
"""For one try."""
_FAILURES_BEFORE_ANY_ANSWER = 3
_FAILURES_IN_A_ROW = 20
"""After so many prompts without an answer between them, the rest is not asked: each would wait as long."""

_RETRYING_CLIENTS = ("openai", "openai-api", "anthropic", "groq")
"""Providers of Inspect whose client takes `max_retries`: tries are counted here alone."""
_LOCAL_KEY = "none"
"""Servers on one's own machine want some key, and do not look at it."""


def generate(
    prompts: Sequence[Prompt],
    *,
    run: str,
    model: str,
    base_url: str | None = None,
    config: ApiConfig,
    seed: int | None = None,
    log: RecordLog[Response],
    on_progress: OnProgress = ignore_progress,
    connections: int = 10,
) -> None:
    """Asks each prompt once and appends the answers to `log` as they come, in no particular order.

    An answer that a content filter of the API held back is an empty text that ended by itself: scorers then say
    `empty`, and nobody rates the provider's notice as if the model had written it.

    Args:
        prompts: what is asked. Those that `log` already answers for this run are skipped.
        run: written into each response.
        model: as Inspect names it: `openai/<model>`, `anthropic/<model>`, `vllm/<model>`,
            `openai-api/<service>/<model>`, ... The key is read from the environment, where Inspect looks for it
            (`<SERVICE>_API_KEY`).
        base_url: of the API; None: as Inspect finds it (`<SERVICE>_BASE_URL`, or the provider's own).
        config: how to generate.
        seed: sent where the API takes one; None: none.
        log: of `records.Response`. Counts of tokens are those that the API tells, else 0; seconds those of the call.
        on_progress: told after each answer.
        connections: calls under way at once.

    Raises:
        ModelUnavailable: Inspect or the provider's package is not installed, there is no key or it is refused, or the
            API cannot be reached or has no such model. Nothing else is asked then.
        StepFailed: some prompts could not be answered, after several tries where trying again may help. The others are
            in the log, and calling this again asks only those that are missing.
    """
    left = deque(left_to_ask(prompts, log, run, on_progress))
    if not left:
        return
    opened = _open(model, base_url, config, seed)
    asking = _Asking(opened, model, base_url, run, left, len(prompts), log, on_progress)
    _run(asking.all(connections))
    if asking.failed:
        first, reason = asking.failed[0]
        counts = {"failed": len(asking.failed), "not_asked": len(left), "total": len(prompts)}
        raise not_answered(first, reason, where=model, **counts)


def _open(model: str, base_url: str | None, config: ApiConfig, seed: int | None) -> "Model":
    try:
        from inspect_ai.model import GenerateConfig, get_model
    except ImportError as error:
        raise ModelUnavailable(
            "models behind an API need the package inspect-ai", hint="install it with: pip install 'crosstune[judge]'"
        ) from error
    from inspect_ai._util.error import PrerequisiteError

    provider, _, name = model.partition("/")
    arguments: dict[str, Any] = {"max_retries": 0} if provider in _RETRYING_CLIENTS else {}
    if provider == "openai-api" and base_url is not None:
        arguments["api_key"] = _key_or_none(name)
    settings = GenerateConfig(
        max_tokens=config.max_new_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        seed=seed,
        extra_body=config.extra_body or None,
        max_retries=0,
        max_connections=1_000,  # they are counted here: a limit of Inspect's is that of its first caller in a process
        attempt_timeout=_SECONDS_TO_WAIT,
    )
    try:
        return get_model(model, base_url=base_url, config=settings, memoize=False, **arguments)
    except (PrerequisiteError, ValueError, ImportError) as error:
        raise ModelUnavailable(
            f"the model cannot be used ({said(error)})",
            where=model,
            hint="a model is named provider/name, such as openai/<model>; own servers are openai-api/<service>/<model>",
        ) from error


def _key_or_none(name: str) -> str | None:
    """The key of a server that is named by its address; None where Inspect finds it itself."""
    variable = name.partition("/")[0].upper().replace("-", "_") + "_API_KEY"
    return None if os.environ.get(variable) else _LOCAL_KEY


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end, also where a loop is running already, as in a notebook."""

    def run() -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
        return
    with ThreadPoolExecutor(1, thread_name_prefix="answers") as pool:
        pool.submit(run).result()


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@dataclass
class _Asking:
    """The prompts of one run that are still to be asked."""

    model: "Model"
    name: str
    base_url: str | None
    run: str
    left: deque[Prompt]
    total: int
    log: RecordLog[Response]
    on_progress: OnProgress
    failed: list[tuple[Prompt, str]] = field(default_factory=list)
    done: int = field(init=False)
    held_back: int = 0
    completion_tokens: int = 0
    in_a_row: int = 0
    """Prompts that failed since the last answer."""
    any_answer: bool = False
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.done = self.total - len(self.left)

    async def all(self, connections: int) -> None:
        """Asks what is left, one prompt at a time until one is answered."""
        async with self.model:
            while self.left and not self.any_answer and self.in_a_row < _FAILURES_BEFORE_ANY_ANSWER:
                await self._one(self.left.popleft())
            if not self.any_answer:
                return
            workers = [asyncio.create_task(self._worker()) for _ in range(min(connections, len(self.left)))]
            try:
                await asyncio.gather(*workers)
            except BaseException:
                await self._end(workers)
                raise

    async def _worker(self) -> None:
        while self.left and self.in_a_row < _FAILURES_IN_A_ROW:
            await self._one(self.left.popleft())

    async def _end(self, workers: Sequence["asyncio.Task[None]"]) -> None:
        """What is under way when the key is refused was asked and perhaps paid for: it is waited for, unless the loop
        itself is ending."""
        self.left.clear()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _one(self, prompt: Prompt) -> None:
        try:
            response = await self._answer(prompt)
        except NotAnswered as error:
            self.failed.append((prompt, str(error)))
            self.in_a_row += 1
            return
        self.log.append([response])
        self.any_answer, self.in_a_row = True, 0
        self.done += 1
        self.completion_tokens += response.completion_tokens
        self.on_progress(
            Progress(
                self.done,
                self.total,
                "answers",
                tokens_per_second=self.completion_tokens / (time.perf_counter() - self.started),
                note=self._note(),
            )
        )

    def _note(self) -> str:
        counts = {"failed": len(self.failed), "held back by a content filter": self.held_back}
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)

    async def _answer(self, prompt: Prompt) -> Response:
        """Asks up to five times.

        While it waits between tries its connection is not used for other prompts: a server that is asked too much
        would only refuse those as well.
        """
        messages = chat_messages(prompt)
        for wait in (*_WAITS, None):
            started = time.perf_counter()
            try:
                output = await self._call(messages)
            except Exception as error:  # providers' libraries raise what they like; it is told of each prompt
                found = read_error(error)
                cause = cause_of(found)
                where = self.base_url or self.name
                refuse_unavailable(found, model=self.model.name, where=where, any_answer=self.any_answer)
                if wait is None or not found.may_pass:
                    raise NotAnswered(said(cause)) from error
                await asyncio.sleep(seconds_to_wait(wait, cause))
                continue
            if output.stop_reason == "content_filter":
                self.held_back += 1
            return _response(self.run, prompt, output, time.perf_counter() - started)
        raise AssertionError("the last try has no wait after it")

    async def _call(self, messages: "list[ChatMessage]") -> "ModelOutput":
        from inspect_ai.log._transcript import Transcript, init_transcript

        init_transcript(Transcript(log_model_api=False))  # else one grows with all calls of the process
        output = await self.model.generate(messages)
        if output.empty:
            raise ValueError("the reply has no answer in it")
        if output.stop_reason == "model_length" and output.usage is None:
            # Inspect makes an answer of the error, and the model did not write that.
            raise ValueError(output.completion)
        return output


def chat_messages(prompt: Prompt) -> "list[ChatMessage]":
    """The messages of a prompt, as Inspect has them."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[message.role](content=message.content) for message in prompt.messages]


def ending_of(output: "ModelOutput") -> Ending:
    """Why an answer ended. Of an API there is no telling what made it stop, but for the limit."""
    return Ending.LENGTH if output.stop_reason in ("max_tokens", "model_length") else Ending.END_TOKEN


def text_of(output: "ModelOutput") -> str:
    """What the model wrote: nothing, where a content filter held it back and left a notice of the provider's."""
    return "" if output.stop_reason == "content_filter" else output.completion


def _response(run: str, prompt: Prompt, output: "ModelOutput", seconds: float) -> Response:
    usage = output.usage
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0) if usage else 0
    return Response(
        run=run,
        prompt_id=prompt.id,
        language=prompt.language,
        text=text_of(output),
        ending=ending_of(output),
        prompt_tokens=usage.input_tokens + cached if usage else 0,
        completion_tokens=usage.output_tokens if usage else 0,
        seconds=output.time if output.time is not None else seconds,
    )
