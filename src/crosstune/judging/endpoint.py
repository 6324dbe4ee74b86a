"""A judge as something that can be asked: one try of one call, through Inspect AI, and what its errors mean.

Tries again are made by `calls`, which has other work to do meanwhile: Inspect's own, and those of the providers'
packages, hold their connection while they wait.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from crosstune.errors import ModelUnavailable
from crosstune.generation.api_errors import read_error
from crosstune.judging.config import JudgeModel
from crosstune.judging.failures import TryFailed, meaning
from crosstune.records import Message, Reason

if TYPE_CHECKING:  # Inspect takes a second to import
    from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

_LOCAL_KEY = "none"
"""Servers on one's own machine want some key, and do not look at it."""
_OPENAI_PROTOCOL = ("openai-api/", "openai/")
_BYTES_PER_TOKEN = 4
"""Where an endpoint does not say what a call took."""
_BATCHED = 2_000
"""Requests that wait for a batch at once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a try."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    is_cut_off: bool = False
    """Whether it ended at the limit of tokens."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The form that replies must have, where the endpoint can be held to it."""

    name: str
    content: dict[str, Any]
    """JSON Schema."""


class _Refused(Exception):
    """The endpoint says that the request is wrong."""

    def __init__(self, meaning: Exception) -> None:
        self.meaning = meaning
        super().__init__(str(meaning))


class Endpoint:
    """One judge. Its calls are made in one event loop."""

    def __init__(self, judge: JudgeModel) -> None:
        """Prepares a client; nothing is sent yet.

        Args:
            judge: which model.

        Raises:
            ModelUnavailable: Inspect or the provider's package is not installed, there is no key, or no such provider.
        """
        if find_spec("inspect_ai") is None:
            raise ModelUnavailable(
                "judging needs the package inspect-ai", hint="install it with: pip install 'crosstune[judge]'"
            )
        self.judge = judge
        self._takes_schema = judge.structured
        self._has_replied = False
        self._model = _inspect_model(judge)
        self._configs: dict[str, GenerateConfig] = {}

    @property
    def connections(self) -> int | None:
        """How many calls may be under way at once; None: that is to be found out."""
        return self.judge.connections or (_BATCHED if self.judge.batch else None)

    def _config(self, schema: Schema | None) -> "GenerateConfig":
        name = "" if schema is None else schema.name
        if name not in self._configs:
            self._configs[name] = self._new_config(schema)
        return self._configs[name]

    def _new_config(self, schema: Schema | None) -> "GenerateConfig":
        from inspect_ai.model import GenerateConfig, ResponseSchema
        from inspect_ai.util import JSONSchema

        judge = self.judge
        return GenerateConfig(
            max_retries=0,
            max_tokens=judge.max_tokens,
            temperature=judge.temperature,
            reasoning_effort=judge.reasoning_effort,
            batch=True if judge.batch else None,
            response_schema=None
            if schema is None
            else ResponseSchema(name=schema.name, json_schema=JSONSchema.model_validate(schema.content), strict=True),
        )

    async def ask(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        """Makes one try.

        Args:
            messages: all that is sent.
            schema: the form of the reply; None: free text.

        Raises:
            TryFailed: there is no reply.
            ModelUnavailable: the endpoint refuses the key, or has no such model.
        """
        if schema is not None and self._takes_schema:
            try:
                return await self._try(messages, schema)
            except _Refused:  # what is wrong may be the schema, or the request
                pass
        try:
            reply = await self._try(messages, None)
        except _Refused as error:
            raise error.meaning from error.__cause__
        if schema is not None:
            self._takes_schema = False
        return reply

    async def _try(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        started = time.perf_counter()
        try:
            # Of the model's provider rather than of the model: what that adds (tries again, a transcript, a condensed
            # copy of each request) is done in `calls` and `inspect_log`, and takes longer than the call itself.
            async with asyncio.timeout(None if self.judge.batch else self.judge.timeout):
                generated = await self._model.api.generate(_chat(messages), [], "none", self._config(schema))
            output = generated[0] if isinstance(generated, tuple) else generated
            if isinstance(output, Exception):
                raise output
            reply = self._reply(output, messages, time.perf_counter() - started)
        except TryFailed:
            raise
        except Exception as error:
            read = read_error(error, self._model.api.should_retry)
            found = meaning(read, self.judge, has_replied=self._has_replied)
            raise (_Refused(found) if read.status in (400, 422) else found) from error
        self._has_replied = True
        return reply

    def _reply(self, output: "ModelOutput", messages: Sequence[Message], seconds: float) -> Reply:
        if output.error and not output.choices:
            raise TryFailed(Reason.ENDPOINT_FAILED, output.error, may_succeed=True)
        if output.stop_reason == "content_filter":
            raise TryFailed(Reason.JUDGE_REFUSED, output.completion or output.error or "refused by a filter")
        if output.stop_reason == "model_length":
            raise TryFailed(
                Reason.ENDPOINT_FAILED,
                f"the request with its reply is longer than the model's context ({output.completion})",
            )
        if output.error:
            raise TryFailed(Reason.ENDPOINT_FAILED, output.error, may_succeed=True)
        is_cut_off = output.stop_reason == "max_tokens"
        usage = output.usage
        if usage is None or not (usage.input_tokens or usage.output_tokens):  # a budget must be kept all the same
            asked = sum(_tokens(message.content) for message in messages)
            return Reply(output.completion, asked, _tokens(output.completion), seconds, is_cut_off)
        read = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        return Reply(output.completion, read, usage.output_tokens, seconds, is_cut_off)

    async def close(self) -> None:
        """Closes its connections."""
        await self._model.api.aclose()


def _tokens(text: str) -> int:
    """About how many a text has."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def _chat(messages: Sequence[Message]) -> "list[ChatMessage]":
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    # Halves of characters, which a reply that is sent back may have, cannot be sent.
    return [
        kinds[message.role](content=message.content.encode("utf-8", "replace").decode("utf-8")) for message in messages
    ]


def _inspect_model(judge: JudgeModel) -> Any:
    from inspect_ai.model import get_model

    arguments: dict[str, Any] = {}
    key = None
    if judge.model.startswith(_OPENAI_PROTOCOL):
        arguments["max_retries"] = 0
        if (client := _fast_client(judge)) is not None:
            arguments["http_client"] = client
    if judge.base_url is not None and judge.model.startswith("openai-api/"):
        service = judge.model.split("/")[1]
        key = os.environ.get(f"{service.upper().replace('-', '_')}_API_KEY") or _LOCAL_KEY
    try:
        return get_model(judge.model, base_url=judge.base_url, api_key=key, memoize=False, **arguments | judge.args)
    except Exception as error:  # of a provider: a missing package or key, an unknown name
        raise ModelUnavailable(
            f"the judge '{judge.model}' cannot be used: {read_error(error).said}",
            hint="model names are those of Inspect AI, such as openai/gpt-5-mini; for a server of your own "
            "openai-api/local/NAME with a base URL",
        ) from error


def _fast_client(judge: JudgeModel) -> Any:
    """A client on aiohttp, which takes half the time of the processor; None where it is not installed."""
    if find_spec("httpx_aiohttp") is None:
        return None
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(timeout=judge.timeout)
