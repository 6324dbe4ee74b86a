"""Calls over an endpoint that is away for a while, and the loop they are made in."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import ModelUnavailable
from crosstune.judging import calls as module
from crosstune.judging.calls import BudgetSpent, Calls
from crosstune.judging.config import Budget, JudgeModel
from crosstune.judging.endpoint import Reply
from crosstune.judging.exchange import open_ledger
from crosstune.judging.failures import TryFailed
from crosstune.judging.loop import run_to_end
from crosstune.judging.spending import Purse
from crosstune.records import Message, Reason


class FakeEndpoint:
    """Away for some seconds after its first reply."""

    judge = JudgeModel(model="openai-api/local/x", base_url="http://127.0.0.1:1/v1")
    connections = 40

    def __init__(self, away: float = 0.0) -> None:
        self.away = away
        self.replied = 0.0
        self.tries = 0

    async def ask(self, messages: Any, schema: Any) -> Reply:
        self.tries += 1
        await asyncio.sleep(0.01)
        if self.replied and time.monotonic() - self.replied < self.away:
            raise TryFailed(Reason.ENDPOINT_FAILED, "refused", may_succeed=True, is_unreachable=True)
        self.replied = self.replied or time.monotonic()
        return Reply("yes", 10, 1, 0.01)

    async def close(self) -> None:
        pass


def made(endpoint: FakeEndpoint, folder: Path, count: int, budget: Budget | None = None) -> list[Any]:
    """What came of so many calls, each an exchange or an error."""
    found: list[Any] = []

    async def main(calls: Calls) -> None:
        asked = (calls.call([Message("user", str(number))]) for number in range(count))
        found.extend(await asyncio.gather(*asked, return_exceptions=True))

    with open_ledger(folder / "x.jsonl") as ledger:
        run_to_end(main(Calls(endpoint, ledger, Purse(budget or Budget()))))  # type: ignore[arg-type]
    return found


def test_an_endpoint_that_starts_again_is_waited_for(tmp_path: Path) -> None:
    endpoint = FakeEndpoint(0.4)
    assert {exchange.reply for exchange in made(endpoint, tmp_path, 60)} == {"yes"}
    assert endpoint.tries > 60


def test_one_that_stays_away_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UNREACHABLE_SECONDS", 0.3)
    found = made(FakeEndpoint(999), tmp_path, 60)
    assert any(isinstance(one, ModelUnavailable) for one in found)
    assert not any(getattr(one, "failure", "") for one in found)


def test_calls_under_way_count_in_a_budget(tmp_path: Path) -> None:
    endpoint = FakeEndpoint()
    found = made(endpoint, tmp_path, 60, Budget(calls=7))
    assert endpoint.tries == 7 and sum(isinstance(one, BudgetSpent) for one in found) == 53


def test_a_cancelled_call_is_no_call(tmp_path: Path) -> None:
    endpoint = FakeEndpoint()

    async def main(calls: Calls) -> None:
        message = [Message("user", "same")]
        first, second = (asyncio.ensure_future(calls.call(message)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()  # who waits for the other's reply goes; the other does not
        assert (await first).reply == "yes"
        assert second.cancelled()
        assert (await calls.call(message)).reply == "yes"

    with open_ledger(tmp_path / "x.jsonl") as ledger:
        run_to_end(main(Calls(endpoint, ledger, Purse(Budget()))))  # type: ignore[arg-type]
    assert endpoint.tries == 1


def test_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loops: list[str] = []

    async def main() -> None:
        loops.append(type(asyncio.get_running_loop()).__module__)

    run_to_end(main())
    assert loops[0].startswith("asyncio")


IN_A_RUNNING_LOOP = """
import asyncio, os, signal, threading
from crosstune.judging.loop import run_to_end

async def work():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        await asyncio.sleep(30)
    finally:
        print("ended", flush=True)

async def cell():
    run_to_end(work())

# Not asyncio.run, which takes the signal to itself; a notebook's kernel leaves it to the cell.
loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(cell())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_in_a_running_loop_ctrl_c_ends_what_runs() -> None:
    command = [sys.executable, "-c", IN_A_RUNNING_LOOP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split() == ["ended", "interrupted"]


def test_errors_come_through_a_running_loop() -> None:
    async def work() -> None:
        raise ModelUnavailable("no")

    async def cell() -> None:
        run_to_end(work())

    with pytest.raises(ModelUnavailable, match="no"):
        asyncio.run(cell())
