"""Asks a vLLM server for the answers to prompts that are token ids already, many at once.

Knows nothing of chat formats and of how a server is started.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from crosstune.errors import ModelUnavailable
from crosstune.generation.vllm_failures import ServerDied, said
from crosstune.generation.vllm_server import VllmServer

_WAITS = (0.5, 2.0)
"""Seconds before each further try of a prompt that the server, though well, did not answer."""
_FAILURES_IN_A_ROW = 20
"""After so many prompts without an answer between them, the rest is not asked."""
_SECONDS_FOR_A_REPLY = 1800.0
_SECONDS_TO_CONNECT = 30.0
_LARGEST_ID = 1 << 31


class BadReply(Exception):
    """A reply that is no answer.

    Attributes:
        final: whether the same request would get the same again.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        self.final = final
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for the server.

    Attributes:
        number: whatever the caller knows it by.
        prompt_ids: its tokens.
        max_tokens: most tokens of its answer.
        sampling: further fields of the request's body.
    """

    number: int
    prompt_ids: Sequence[int]
    max_tokens: int
    sampling: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    Attributes:
        number: of the request.
        token_ids: what was generated, the token that ended it included.
        reached_limit: whether it was cut off.
        seconds: since the answer before, so that those of all answers are the time that all took.
    """

    number: int
    token_ids: list[int]
    reached_limit: bool
    seconds: float


def read_reply(body: bytes, request: Request) -> tuple[list[int], bool]:
    """The tokens of an answer, and whether it was cut off.

    Args:
        body: of a reply of `/v1/completions`.
        request: what was asked.

    Raises:
        BadReply: it is not what the server was asked for.
        ModelUnavailable: it has no token ids, so that no reply of this server will.
    """
    try:
        (choice,) = json.loads(body)["choices"]
        reason = choice["finish_reason"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadReply(f"the reply is not one of /v1/completions: {said(body)}") from error
    if reason not in ("stop", "length"):
        raise BadReply(f"the answer ended for the reason {reason!r}")
    ids = choice.get("token_ids")
    if ids is None:
        raise ModelUnavailable(
            "the server's replies have no token ids",
            hint="vLLM gives them from 0.10.2 on; a server of another kind is asked as one of `api_models`",
        )
    is_list = isinstance(ids, list) and all(_is_id(number) for number in ids)
    stopped_by = choice.get("stop_reason")
    if is_list and reason == "stop" and _is_id(stopped_by) and ids[-1:] != [stopped_by]:
        ids = [*ids, stopped_by]  # should a server leave out the token that ended the answer
    if not is_list or not 0 < len(ids) <= request.max_tokens:
        raise BadReply(f"the answer is not 1 to {request.max_tokens} token ids")
    read = choice.get("prompt_token_ids")
    if read is not None and read != list(request.prompt_ids):
        raise BadReply("the server read another prompt than it was sent")
    return ids, reason == "length"


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_ID


@dataclass
class Asking:
    """Requests of one run, and how far they are."""

    server: VllmServer
    left: deque[Request]
    on_answer: Callable[[Answer], None]
    model: str = ""
    """What the server calls the model or adapter."""
    failed: list[tuple[Request, str]] = field(default_factory=list)
    in_a_row: int = 0
    last: float = field(default_factory=time.perf_counter)

    async def all(self, connections: int) -> None:
        """Asks all that is left; calls `on_answer` for each that comes.

        Raises:
            ServerDied: the server does not answer any more. What was under way is in `left` again.
            ModelUnavailable: it does not know the model, or refuses the key.
        """
        self.last = time.perf_counter()
        limits = aiohttp.ClientTimeout(sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_FOR_A_REPLY)
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(connector=connector, timeout=limits, headers=self.server.headers) as session:
            workers = [asyncio.create_task(self._worker(session)) for _ in range(min(connections, len(self.left)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self, session: aiohttp.ClientSession) -> None:
        while self.left and self.in_a_row < _FAILURES_IN_A_ROW:
            request = self.left.popleft()
            try:
                ids, reached_limit = await self._answer(session, request)
            except BadReply as error:
                self.failed.append((request, str(error)))
                self.in_a_row += 1
                continue
            except BaseException:
                self.left.appendleft(request)
                raise
            now = time.perf_counter()
            answer = Answer(request.number, ids, reached_limit, now - self.last)
            self.last, self.in_a_row = now, 0
            self.on_answer(answer)

    async def _answer(self, session: aiohttp.ClientSession, request: Request) -> tuple[list[int], bool]:
        for wait in (*_WAITS, None):
            try:
                return await self._once(session, request)
            except (BadReply, aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
                failure = error if isinstance(error, BadReply) else BadReply(str(error) or type(error).__name__)
            if not await asyncio.to_thread(self.server.is_well):
                raise ServerDied(str(failure)) from failure
            if wait is None or failure.final:
                raise failure
            await asyncio.sleep(wait)
        raise AssertionError("the last try has no wait after it")

    async def _once(self, session: aiohttp.ClientSession, request: Request) -> tuple[list[int], bool]:
        status, body = await self._post(session, request)
        if status == 200:
            return read_reply(body, request)
        self._refuse(status, body)
        raise BadReply(f"status {status}: {said(body)}", final=status < 500 and status != 429)

    def _refuse(self, status: int, body: bytes) -> None:
        """Ends all when the next request would fare no better."""
        if status in (401, 403):
            raise ModelUnavailable(
                "the server refuses the key", where=self.server.url, hint="set VLLM_API_KEY to the server's"
            )
        if status == 404:
            raise ModelUnavailable(f"the server has no such model ({said(body)})", where=self.server.url)

    async def _post(self, session: aiohttp.ClientSession, request: Request) -> tuple[int, bytes]:
        body = {
            "model": self.model,
            "prompt": list(request.prompt_ids),
            "max_tokens": request.max_tokens,
            "return_token_ids": True,
            "add_special_tokens": False,
            **request.sampling,
        }
        async with session.post(f"{self.server.url}/v1/completions", json=body) as reply:
            return reply.status, await reply.read()


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end, also where a loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="vllm") as pool:
        pool.submit(asyncio.run, work).result()
