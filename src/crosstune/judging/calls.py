"""Many calls to one judge at once: tried again, never paid for twice, within a budget.

A call that fails for now waits without holding a connection. The first call goes alone: a wrong key or a dead endpoint
shows before hundreds are sent. When an endpoint goes dead in the middle, judging stops; what was replied is kept.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from crosstune.errors import ModelUnavailable
from crosstune.judging.endpoint import Endpoint, Reply, Schema, TryFailed
from crosstune.judging.exchange import Exchange, Ledger, request_digest
from crosstune.judging.limit import MOST, Limit
from crosstune.judging.spending import Purse
from crosstune.records import Message, Reason

MOST_TRIES = 8
_FIRST_WAIT, _FIRST_WAIT_OF_RATE_LIMIT, _LONGEST_WAIT = 0.1, 0.5, 60.0
"""Seconds before the second try, doubled for each that follows: 13 s in all, or a minute."""
_TRIES_OF_FIRST = 3
"""While nothing has answered yet."""
_WORKERS_PER_CONNECTION = 3
_UNREACHABLE_IN_A_ROW = 20
"""Tries that reached nothing, one after the other, after which an endpoint is taken to be dead."""


class BudgetSpent(Exception):
    """No call is made any more."""


class Calls:
    """The calls to one judge in one run."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, purse: Purse, *, seed: int = 0) -> None:
        """Makes no call yet.

        Args:
            endpoint: the judge.
            ledger: where exchanges are looked up and kept.
            purse: what may be spent; shared with other judges.
            seed: of the jitter between tries.
        """
        self._endpoint = endpoint
        self._ledger = ledger
        self._purse = purse
        self._random = random.Random(seed)
        self._slots = Limit(endpoint.connections)
        self._first = asyncio.Lock()
        self._has_answered = False
        self._unreachable = 0
        self._dead: ModelUnavailable | None = None
        self._identity = endpoint.judge.identity()
        self._under_way: dict[str, asyncio.Future[Exchange]] = {}
        self._sent = 0
        self.made: list[Exchange] = []
        """Of this run, in the order in which they ended."""
        self.used: dict[str, Exchange] = {}
        """All that were asked for, those of earlier runs included."""

    def known(self, messages: Sequence[Message], *, repeat: int = 0) -> Exchange | None:
        """The exchange of an earlier run with a reply, which then counts as spent; None when it must be paid for."""
        request = request_digest(self._identity, messages, repeat=repeat)
        known = self._ledger.reply(request)
        if known is not None and request not in self.used:
            self.used[request] = known
            self._purse.add(known, self._endpoint.judge.price)
        return known

    def spoil(self, exchange: Exchange, reason: Reason, detail: str) -> None:
        """Has a reply that cannot be used asked for again by the next run."""
        spoilt = replace(exchange, failure=reason.value, detail=detail)
        self._ledger.add(spoilt)
        self.used[exchange.request] = spoilt

    async def call(self, messages: Sequence[Message], schema: Schema | None = None, *, repeat: int = 0) -> Exchange:
        """The exchange for a request: an earlier one where there is a reply, else a new one.

        Args:
            messages: all that is sent.
            schema: see `Endpoint.ask`.
            repeat: see `request_digest`.

        Raises:
            BudgetSpent: it would have to be paid for, and the budget is spent.
            ModelUnavailable: the endpoint is dead, refuses the key, or has no such model.
        """
        if (known := self.known(messages, repeat=repeat)) is not None:
            return known
        request = request_digest(self._identity, messages, repeat=repeat)
        if (same := self._under_way.get(request)) is not None:
            return await asyncio.shield(same)
        future: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._under_way[request] = future
        try:
            exchange = await self._made(request, messages, schema)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # it is raised here, and need not be looked at by others
            raise
        else:
            future.set_result(exchange)
        finally:
            del self._under_way[request]
        self.used[request] = exchange
        return exchange

    @property
    def workers(self) -> int:
        """How many answers may be under way: more than there are connections, since some wait for another try."""
        return _WORKERS_PER_CONNECTION * (self._endpoint.connections or MOST)

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    async def _made(self, request: str, messages: Sequence[Message], schema: Schema | None) -> Exchange:
        """Makes a call, with as many tries as it needs, and keeps what came of it."""
        tries = 0
        while True:
            tries += 1
            try:
                reply = await self._try(messages, schema)
                if reply.text.strip():
                    exchange = self._exchange(request, tries, reply)
                    break
                failure = TryFailed(Reason.JUDGE_UNPARSABLE, "the reply is empty", may_succeed=tries < 3)
            except TryFailed as error:
                failure = error
            if not failure.may_succeed or tries == MOST_TRIES:
                exchange = self._exchange(request, tries, failure)
                break
            if failure.is_unreachable and not self._has_answered and tries >= _TRIES_OF_FIRST:
                raise self._give_up(failure)
            await asyncio.sleep(self._wait(tries, failure))
        self._ledger.add(exchange)
        self._purse.add(exchange, self._endpoint.judge.price)
        self.made.append(exchange)
        return exchange

    async def _try(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        if not self._has_answered:
            async with self._first:
                if not self._has_answered:
                    return await self._in_slot(messages, schema)
        return await self._in_slot(messages, schema)

    async def _in_slot(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        async with self._slots:
            if self._dead is not None:
                raise self._dead
            if self._purse.is_spent(self._sent):
                raise BudgetSpent
            self._sent += 1
            try:
                reply = await self._endpoint.ask(messages, schema)
            except TryFailed as failure:
                self._unreachable = self._unreachable + 1 if failure.is_unreachable else 0
                if failure.is_rate_limit:
                    self._slots.refused()
                self._has_answered = self._has_answered or not failure.is_unreachable
                if self._unreachable >= _UNREACHABLE_IN_A_ROW:
                    raise self._give_up(failure) from failure
                raise
            except ModelUnavailable as error:
                self._dead = error
                raise
            finally:
                self._sent -= 1
        self._has_answered = True
        self._unreachable = 0
        self._slots.succeeded()
        return reply

    def _give_up(self, failure: TryFailed) -> ModelUnavailable:
        judge = self._endpoint.judge
        self._dead = self._dead or ModelUnavailable(
            f"the endpoint cannot be reached ({failure.detail})",
            where=judge.base_url or judge.model,
            hint="is the server running? marks so far are kept; the same command goes on from there",
        )
        return self._dead

    def _wait(self, tries: int, failure: TryFailed) -> float:
        """Seconds until the next try: what the endpoint says, else twice as long as before, give or take a quarter."""
        if failure.wait is not None:
            return min(failure.wait, _LONGEST_WAIT)
        first = _FIRST_WAIT_OF_RATE_LIMIT if failure.is_rate_limit else _FIRST_WAIT
        return min(first * 2.0 ** (tries - 1), _LONGEST_WAIT) * self._random.uniform(0.75, 1.25)

    def _exchange(self, request: str, tries: int, came: Reply | TryFailed) -> Exchange:
        reply = came if isinstance(came, Reply) else Reply("", 0, 0, 0.0)
        failed = came if isinstance(came, TryFailed) else None
        return Exchange(
            request=request,
            model=self._endpoint.judge.model,
            reply=reply.text,
            failure="" if failed is None else failed.reason.value,
            detail="" if failed is None else failed.detail,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            seconds=round(reply.seconds, 4),
            tries=tries,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
