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
from crosstune.judging.config import JudgeModel
from crosstune.records import Message, Reason

if TYPE_CHECKING:  # Inspect takes a second to import
    from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

_LOCAL_KEY = "none"
"""Servers on one's own machine want some key, and do not look at it."""
_OPENAI_PROTOCOL = ("openai-api/", "openai/")
_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 522, 524, 529}
_NOT_CONNECTED = {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError", "gaierror"}
_MOST_DETAIL = 300
_BATCHED = 2_000
"""Requests that wait for a batch at once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a try."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Schema:
    """The form that replies must have, where the endpoint can be held to it."""

    name: str
    content: dict[str, Any]
    """JSON Schema."""


class TryFailed(Exception):
    """A try without a reply.

    Attributes:
        reason: what it is when no other try succeeds.
        detail: for readers.
        may_succeed: whether another try may.
        wait: seconds that the endpoint asks to wait; None when it does not.
        is_unreachable: whether nothing answered at all.
        is_rate_limit: whether the endpoint has too much to do.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        may_succeed: bool = False,
        wait: float | None = None,
        is_unreachable: bool = False,
        is_rate_limit: bool = False,
    ) -> None:
        self.reason = reason
        self.detail = " ".join(detail.split())[:_MOST_DETAIL]
        self.may_succeed = may_succeed
        self.wait = wait
        self.is_unreachable = is_unreachable
        self.is_rate_limit = is_rate_limit
        super().__init__(self.detail)


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
        used = schema if self._takes_schema else None
        started = time.perf_counter()
        try:
            # Of the model's provider rather than of the model: what that adds (tries again, a transcript, a condensed
            # copy of each request) is done in `calls` and `inspect_log`, and takes longer than the call itself.
            async with asyncio.timeout(None if self.judge.batch else self.judge.timeout):
                generated = await self._model.api.generate(_chat(messages), [], "none", self._config(used))
            output = generated[0] if isinstance(generated, tuple) else generated
            if isinstance(output, Exception):
                raise output
        except Exception as error:
            if used is not None and _status(error) in (400, 422):
                self._takes_schema = False  # what is wrong may be the schema: another try goes without
                raise TryFailed(Reason.ENDPOINT_FAILED, _said(error), may_succeed=True, wait=0.0) from error
            raise self._failure(error) from error
        return self._reply(output, time.perf_counter() - started)

    def _reply(self, output: "ModelOutput", seconds: float) -> Reply:
        if output.stop_reason == "content_filter":
            raise TryFailed(Reason.JUDGE_REFUSED, output.completion or output.error or "refused by a filter")
        if output.stop_reason == "model_length":
            raise TryFailed(
                Reason.ENDPOINT_FAILED,
                f"the request with its reply is longer than the model's context ({output.completion})",
            )
        if output.error:
            raise TryFailed(Reason.ENDPOINT_FAILED, output.error, may_succeed=True)
        usage = output.usage
        if usage is None:
            return Reply(output.completion, 0, 0, seconds)
        read = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        return Reply(output.completion, read, usage.output_tokens, seconds)

    def _failure(self, error: Exception) -> Exception:
        """What an error of a provider means."""
        where = self.judge.base_url or self.judge.model
        status, said = _status(error), _said(error)
        causes = _causes(error)
        if status in (401, 403):
            return ModelUnavailable(
                f"the endpoint refuses the key ({said})", where=where, hint="set the provider's environment variable"
            )
        if status == 404:
            hint = "a base URL usually ends in /v1" if self.judge.base_url else None
            return ModelUnavailable(f"there is no model '{self.judge.model}' ({said})", where=where, hint=hint)
        if status == 402 or "insufficient_quota" in said:
            return ModelUnavailable(f"the account has no credit left ({said})", where=where)
        decisions = [self._model.api.should_retry(cause) for cause in causes]
        told = [getattr(decision, "retry_after", None) for decision in decisions]
        is_known = any(getattr(decision, "retry", decision) for decision in decisions)
        names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
        is_broken = bool(names & {"APIConnectionError", "ConnectionError", "TransportError", "ClientError"})
        is_unreached = bool(names & _NOT_CONNECTED)  # which the client on aiohttp calls a timeout
        is_slow = any("Timeout" in name for name in names) and not is_unreached
        is_garbled = bool(names & {"JSONDecodeError", "APIResponseValidationError", "ValidationError", "ValueError"})
        return TryFailed(
            Reason.ENDPOINT_FAILED,
            str(causes[-1]) if is_unreached else said,
            may_succeed=is_known or is_broken or is_slow or is_garbled or status in _TRANSIENT,
            wait=next((wait for wait in told if wait is not None), None),
            is_unreachable=is_unreached,
            is_rate_limit=status == 429 or any(getattr(one, "kind", "") == "rate_limit" for one in decisions),
        )

    async def close(self) -> None:
        """Closes its connections."""
        await self._model.api.aclose()


def _chat(messages: Sequence[Message]) -> "list[ChatMessage]":
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[message.role](content=message.content) for message in messages]


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
            f"the judge '{judge.model}' cannot be used: {_said(error)}",
            hint="model names are those of Inspect AI, such as openai/gpt-5-mini; for a server of your own "
            "openai-api/local/NAME with a base URL",
        ) from error


def _fast_client(judge: JudgeModel) -> Any:
    """A client on aiohttp, which takes half the time of the processor; None where it is not installed."""
    if find_spec("httpx_aiohttp") is None:
        return None
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(timeout=judge.timeout)


def _causes(error: BaseException) -> list[BaseException]:
    """An error with those that it came from, that of tenacity's last attempt included."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        attempt = getattr(one, "last_attempt", None)
        waiting += [one.__context__, one.__cause__, attempt.exception() if attempt is not None else None]
    return found


def _status(error: BaseException) -> int | None:
    for one in _causes(error):
        status = getattr(one, "status_code", None) or getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _said(error: BaseException) -> str:
    """What the error that everything came from says."""
    named = [
        one for one in _causes(error) if str(one) and type(one).__name__ not in ("RetryError", "ModelGenerateError")
    ]
    status = _status(error)
    said = str(named[0]) if named else type(error).__name__
    return (said if status is None or str(status) in said else f"{status}: {said}").strip()[:_MOST_DETAIL]
