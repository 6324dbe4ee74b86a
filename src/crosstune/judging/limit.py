"""How many calls may be under way at once: a fixed number, or as many as the endpoint turns out to allow."""

import asyncio
from collections import deque
from types import TracebackType

START, MOST = 20, 200
"""Of a limit that adapts."""
_GROWTH = 1.2
_SHRINK = 0.7
"""Additive increase would take minutes to reach what hosted endpoints allow, hence factors, as Inspect AI has them."""


class Limit:
    """Slots for calls; use as an asynchronous context manager. For one event loop."""

    def __init__(self, fixed: int | None) -> None:
        """All slots are free.

        Args:
            fixed: how many; None: found out, starting with `START`.
        """
        self.slots = fixed or START
        self._adapts = fixed is None
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._successes = 0
        self._since_shrunk = 0

    async def __aenter__(self) -> None:
        if self._taken < self.slots and not self._waiting:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # its turn came just now
                self._release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        self._taken -= 1
        while self._waiting and self._taken < self.slots:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)

    def succeeded(self) -> None:
        """Takes note of a reply; after as many as there are slots, there are more."""
        self._since_shrunk += 1
        if not self._adapts:
            return
        self._successes += 1
        if self._successes >= self.slots and self._waiting:
            self._successes = 0
            self.slots = min(MOST, max(self.slots + 1, int(self.slots * _GROWTH)))

    def refused(self) -> None:
        """Takes note that the endpoint had too much to do; those refused together count once."""
        if self._adapts and self._since_shrunk >= self.slots:
            self.slots = max(1, int(self.slots * _SHRINK))
            self._since_shrunk = 0
        self._successes = 0
