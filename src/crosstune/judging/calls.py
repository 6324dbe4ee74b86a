"""Many calls to one judge at once: tried again, never paid for twice, within a budget.

A call that fails for now waits without holding a connection. The first call goes alone: a wrong key or a dead endpoint
shows before hundreds are sent. When an endpoint goes dead in the middle, judging stops; what was replied is kept.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from crosstune.errors import ModelUnavailable
from crosstune.judging.endpoint import Endpoint, Reply, Schema
from crosstune.judging.exchange import CUT_OFF, Exchange, Ledger, request_digest
from crosstune.judging.failures import TryFailed
from crosstune.judging.limit import MOST, Limit
from crosstune.judging.spending import Purse
from crosstune.records import Message, Reason

MOST_TRIES, MOST_TRIES_AT_A_RATE_LIMIT = 8, 10
_MOST_TRIES_THAT_COST = 3
"""Of tries that may have been paid for: those without a reply in time, and empty replies."""
_WAITS_AS_TOLD = 3
"""Tries before which an endpoint's own word is taken for how long to wait; then it is no less than ours."""
_USELESS_AT_FIRST = 20
"""Calls that failed for good without one that got a reply, after which nothing is expected any more."""
_FIRST_WAIT, _FIRST_WAIT_OF_RATE_LIMIT, _LONGEST_WAIT = 0.1, 0.15, 60.0
"""Seconds before the second try, doubled for each that follows: 13 s in all, or more than a minute."""
_TRIES_OF_FIRST = 3
"""While nothing has answered yet."""
_WORKERS_PER_CONNECTION = 3
_UNREACHABLE_IN_A_ROW, _UNREACHABLE_SECONDS = 20, 5.0
"""Tries that reached nothing, one after the other, after which an endpoint is taken to be dead; one that has answered
may be away for as long, as when it starts again."""


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
        self._has_answered = endpoint.judge.batch  # one alone would wait hours for a batch of its own
        self._unreachable = 0
        self._unreachable_since = 0.0
        self._dead: ModelUnavailable | None = None
        self._identity = endpoint.judge.identity()
        self._under_way: dict[str, asyncio.Future[Exchange]] = {}
        self._settled: dict[str, Exchange] = {}
        """What requests of this run got, as it came: the same is not paid for again, be it of use or not."""
        self._counted: set[str] = set()
        """Requests whose exchanges of earlier runs are in the purse."""
        # Where there were replies before, those that fail now may be all that are left.
        self._useless = -1 if any(not one.failure for one in ledger.exchanges.values()) else 0
        self.made: list[Exchange] = []
        """Of this run, in the order in which they ended."""
        self.used: dict[str, Exchange] = {}
        """All that were asked for, those of earlier runs included."""
        self.wasted: list[Exchange] = []
        """Replies of earlier runs that were paid for and are of no use."""

    def earlier(self, messages: Sequence[Message], *, repeat: int = 0) -> list[Exchange]:
        """What earlier runs paid for a request, of use or not; from now on it counts as spent."""
        request = request_digest(self._identity, messages, repeat=repeat)
        known = self._known(request)
        wasted = self._ledger.wasted(request)
        return wasted if known is None else [*wasted, known]

    def _known(self, request: str) -> Exchange | None:
        known = self._ledger.reply(request)
        if request not in self._counted:
            self._counted.add(request)
            wasted = self._ledger.wasted(request)
            self.wasted += wasted
            if known is not None:
                self.used[request] = known
            for exchange in wasted if known is None else [*wasted, known]:
                self._purse.add(exchange, self._endpoint.judge.price)
        return known

    def spoil(self, exchange: Exchange, reason: Reason, detail: str) -> None:
        """Has a reply that cannot be used asked for again by the next run."""
        self._settled[exchange.request] = exchange
        if self._ledger.reply(exchange.request) is not None:
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
        request = request_digest(self._identity, messages, repeat=repeat)
        if (settled := self._settled.get(request)) is not None:
            return settled
        if (known := self._known(request)) is not None:
            return known
        if (same := self._under_way.get(request)) is not None:
            return await asyncio.shield(same)
        future: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._under_way[request] = future
        try:
            exchange = await self._made(request, messages, schema)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # it is raised here, and need not be looked at by others
            raise
        else:
            future.set_result(exchange)
        finally:
            del self._under_way[request]
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
        empty: list[Reply] = []
        while True:
            tries += 1
            try:
                reply = await self._try(messages, schema)
                if reply.text.strip():
                    exchange = self._exchange(request, tries, reply, empty)
                    break
                empty.append(reply)
                failure = self._empty(reply)
            except TryFailed as error:
                failure = error
            most = MOST_TRIES_AT_A_RATE_LIMIT if failure.is_rate_limit else MOST_TRIES
            if failure.is_timeout or empty:
                most = _MOST_TRIES_THAT_COST
            if not failure.may_succeed or tries >= most:
                exchange = self._exchange(request, tries, failure, empty)
                break
            if failure.is_unreachable and not self._has_answered and tries >= _TRIES_OF_FIRST:
                raise self._give_up(failure)
            await asyncio.sleep(self._wait(tries, failure))
        self._ledger.add(exchange)
        self._purse.add(exchange, self._endpoint.judge.price)
        self.made.append(exchange)
        self._settled[request] = self.used[request] = exchange
        self._look_for_use(exchange)
        return exchange

    def _empty(self, reply: Reply) -> TryFailed:
        if not reply.is_cut_off:
            return TryFailed(Reason.JUDGE_UNPARSABLE, "the reply is empty", may_succeed=True)
        limit = self._endpoint.judge.max_tokens
        return TryFailed(
            Reason.JUDGE_UNPARSABLE,
            f"the reply is empty: all {limit} tokens went into thoughts (allow more of a reply)",
        )

    def _look_for_use(self, exchange: Exchange) -> None:
        """Gives up where every call so far failed for good: an address or a setting that no request gets past.

        Raises:
            ModelUnavailable: so it is.
        """
        if exchange.is_paid or exchange.failure != Reason.ENDPOINT_FAILED:
            self._useless = -1
        elif self._useless >= 0:
            self._useless += 1
        if self._useless >= _USELESS_AT_FIRST:
            judge = self._endpoint.judge
            self._dead = self._dead or ModelUnavailable(
                f"none of the first {self._useless} calls got a reply ({exchange.detail})",
                where=judge.base_url or judge.model,
                hint="is this the right address, and does this model take these settings (--temperature -1)?",
            )
            raise self._dead

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
            if self._purse.is_spent:
                raise BudgetSpent
            self._purse.under_way += 1
            try:
                reply = await self._endpoint.ask(messages, schema)
            except TryFailed as failure:
                self._take_note(failure)
                if self._is_away():
                    raise self._give_up(failure) from failure
                raise
            except ModelUnavailable as error:
                self._dead = error
                raise
            finally:
                self._purse.under_way -= 1
        self._has_answered = True
        self._unreachable = 0
        self._slots.succeeded()
        return reply

    def _take_note(self, failure: TryFailed) -> None:
        if failure.is_unreachable:
            if not self._unreachable:
                self._unreachable_since = time.monotonic()
            self._unreachable += 1
        else:
            self._unreachable = 0
            self._has_answered = True
        if failure.is_rate_limit:
            self._slots.refused()

    def _is_away(self) -> bool:
        away = time.monotonic() - self._unreachable_since
        return self._unreachable >= _UNREACHABLE_IN_A_ROW and (not self._has_answered or away >= _UNREACHABLE_SECONDS)

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
        told = None if failure.wait is None else min(max(failure.wait, 0.0), _LONGEST_WAIT)
        if told is not None and tries <= _WAITS_AS_TOLD:
            return told
        first = _FIRST_WAIT_OF_RATE_LIMIT if failure.is_rate_limit else _FIRST_WAIT
        ours = min(first * 2.0 ** (tries - 1), _LONGEST_WAIT) * self._random.uniform(0.75, 1.25)
        return max(told or 0.0, ours)

    def _exchange(self, request: str, tries: int, came: Reply | TryFailed, empty: Sequence[Reply]) -> Exchange:
        """What came of a call; its empty replies were paid for too."""
        reply = came if isinstance(came, Reply) else Reply("", 0, 0, 0.0)
        failed = came if isinstance(came, TryFailed) else None
        detail = CUT_OFF if reply.is_cut_off else ""
        return Exchange(
            request=request,
            model=self._endpoint.judge.model,
            reply=reply.text,
            failure="" if failed is None else failed.reason.value,
            detail=detail if failed is None else failed.detail,
            input_tokens=reply.input_tokens + sum(one.input_tokens for one in empty),
            output_tokens=reply.output_tokens + sum(one.output_tokens for one in empty),
            seconds=round(reply.seconds, 4),
            tries=tries,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
