"""A study that is killed at random moments, and whose files, disk, clock and endpoint fail, ends as if it were not.

docs/robustness.md says what is promised. Each round is a study in a folder of its own, gone on with until it is
finished; what is done to it is drawn with a seed, when exactly it strikes depends on the machine.
"""

import hashlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from benchmarks.chat_endpoint import FACETS, ChatEndpoint, chat_endpoint

from crosstune import Study
from crosstune.study.document import dump_yaml

sys.path.insert(0, str(Path(__file__).parent / "chaos"))
from attempts import Attempts, attempts, damage_finished, finished_steps, spread_times, truncate_newest

pytestmark = [pytest.mark.chaos, pytest.mark.enable_socket, pytest.mark.timeout(300)]

SEED = os.environ.get("CROSSTUNE_CHAOS_SEED", "0")
KILLS = 20
CONNECTIONS = 2
LONGEST_TRY_SHARE = 0.3
"""Kills come before this share of the time that the study takes undisturbed, so that it takes several tries."""
MOST_CHANGES = 60
"""Kills come before so many changes to files, of a few hundred."""
FAULTS = ["none", "change", "change", "stage", "stage", "endpoint", "endpoint", "clock", "full", "largest_file"]
LATE_KINDS = ["training", "scoring", "judging", "judging", "results", "report"]
"""Kinds of steps that are killed on purpose: left to chance, most kills would meet the first and the longest."""
DEPEND_ON_MARKS = {"judging", "results", "report"}
"""Kinds of steps that are rightly taken up again when marks were missing because the endpoint was away."""


def mark(body: dict[str, Any]) -> str:
    """Marks that depend on what is asked alone, so that asking twice cannot be seen in the tables."""
    digest = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()
    return json.dumps({facet: {"reason": "drawn", "mark": 1 + digest[n] % 2} for n, facet in enumerate(FACETS)})


@dataclass
class JudgeServer:
    """The judge's endpoint, which can be away."""

    endpoint: ChatEndpoint = field(default_factory=lambda: ChatEndpoint(milliseconds=25, say=mark))
    url: str = ""
    _serving: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        port = int(self.url.rpartition(":")[2].removesuffix("/v1")) if self.url else 0
        self.url = self._serving.enter_context(chat_endpoint(self.endpoint, port))

    def stop(self) -> None:
        self._serving.close()

    @contextmanager
    def away(self, after: float, seconds: float) -> Iterator[None]:
        """Is away for a while, from some time after now on."""

        def drop() -> None:
            time.sleep(after)
            self.stop()
            time.sleep(seconds)
            self.start()

        thread = threading.Thread(target=drop)
        thread.start()
        try:
            yield
        finally:
            thread.join()


@pytest.fixture
def judge() -> Iterator[JudgeServer]:
    server = JudgeServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def study(judge: JudgeServer, tiny_model: Path, tmp_path: Path) -> Path:
    data = {
        "name": "chaos",
        "base_models": [str(tiny_model)],
        "instructions": [{"source": "starter-en", "examples": 20}],
        "learning_rate": [5e-4, 5e-3],
        "training": {
            "max_steps": 3,
            "tokens_per_step": 900,
            "tokens_per_device_batch": 512,
            "max_length": 512,
            "save_every": 1,
        },
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
        "generation": {"max_new_tokens": 8, "tokens_per_batch": 200},
        "judge": {
            "models": [{"model": "openai-api/local/judge", "base_url": judge.url, "connections": CONNECTIONS}],
            "repeat": 0.5,
        },
    }
    path = tmp_path / "chaos.yaml"
    path.write_text(dump_yaml(data))
    return path


def tables_of(study: Path, root: Path) -> dict[str, pl.DataFrame]:
    """All final tables, without the columns that measure time."""
    tables = Study.load(study, root=root).results()
    assert tables.checks is not None
    return {
        "cells": tables.cells,
        "prompts": tables.prompts,
        "responses": tables.responses.drop("seconds"),
        "scores": tables.scores,
        "curves": tables.curves.drop("seconds"),
        "checks": tables.checks,
    }


def replies_kept(root: Path) -> list[str]:
    """The requests whose replies are kept, in the order in which they came."""
    return [
        row["request"]
        for path in (root / "judge").glob("*.jsonl")
        for row in map(json.loads, path.read_text("utf-8").splitlines())
        if not row["failure"]
    ]


class Round:
    """One study, disturbed until it is finished."""

    def __init__(self, number: int, root: Path, tries: Attempts, judge: JudgeServer, longest: float) -> None:
        self.draw = random.Random(f"{SEED} {number}")
        self.root = root
        self.tries = tries
        self.judge = judge
        self.longest = longest
        """Seconds until a kill, at most."""
        self.kills = 0
        self.done: Counter[str] = Counter()
        self.finished: dict[Path, str] = {}
        """Steps that were found finished after a try, and must stay as they are."""
        self.damaged: dict[Path, str] = {}
        """Steps that were damaged, with when they had been finished; they may be made again, once."""
        self.marks_may_come_later = False

    def disturb(self, kills: int) -> None:
        """Tries until the study is finished; the first `kills` tries are disturbed and killed."""
        for _ in range(100):
            if self.kills >= kills:
                status = self.tries.run(self.root)
                assert status == 0, self.tries.said()
            else:
                status = self._try()
            self._look()
            if status == 0:
                return
            self._damage()
        pytest.fail("it never ends")

    def _try(self) -> int:
        kill_after = self.draw.uniform(0.05, self.longest)
        fault = self.draw.choice(FAULTS)
        self.done[fault] += 1
        match fault:
            case "endpoint":
                self.marks_may_come_later = True
                away = self.judge.away(self.draw.uniform(0, kill_after), self.draw.uniform(0.1, 0.6))
                with away:
                    status = self.tries.run(self.root, kill_after=kill_after)
            case "clock":
                shift = self.draw.choice((-1, 1)) * self.draw.choice((3_600, 400 * 86_400))
                status = self.tries.run(self.root, kill_after=kill_after, clock=shift)
            case "change":
                status = self.tries.run(self.root, kill_at=self.draw.randint(1, MOST_CHANGES))
            case "stage":
                kind, seconds = self.draw.choice(LATE_KINDS), self.draw.uniform(0, self.longest / 4)
                status = self.tries.run(self.root, kill_in=kind, kill_after_start=seconds)
            case "full":
                status = self.tries.run(self.root, kill_after=kill_after, full=self.draw.randrange(60))
            case "largest_file":
                most = int(10 ** self.draw.uniform(2.5, 5.5))
                status = self.tries.run(self.root, kill_after=kill_after, largest_file=most)
            case _:
                status = self.tries.run(self.root, kill_after=kill_after)
        if status < 0:
            self.kills += 1
            under_way = {path.parent.name for path in self.root.glob("*/*.partial")}
            self.done[f"killed in {'+'.join(sorted(under_way)) or 'no step'}"] += 1
        return status

    def _look(self) -> None:
        """Nothing that was finished is done again, unless it was damaged."""
        now = finished_steps(self.root)
        for folder, when in self.finished.items():
            is_of_marks = self.marks_may_come_later and folder.parent.name in DEPEND_ON_MARKS
            if folder not in self.damaged and not is_of_marks:
                assert now.get(folder) == when, f"{folder.name} was finished and is done again"
        self.damaged = {folder: when for folder, when in self.damaged.items() if now.get(folder, when) == when}
        self.finished = now

    def _damage(self) -> None:
        match self.draw.choice(["none", "truncated", "damaged", "dated"]):
            case "truncated":
                if (file := truncate_newest(self.root, self.draw)) is not None:
                    self.done[f"truncated {file.name}"] += 1
            case "damaged":
                if (damaged := damage_finished(self.root, self.draw)) is not None:
                    folder, file = damaged
                    self.damaged[folder] = self.finished[folder]
                    self.done[f"damaged {folder.parent.name}/{file.name}"] += 1
            case "dated":
                self.done["dated"] += 1
                spread_times(self.root, self.draw)


def test_the_tables_are_those_of_an_undisturbed_run(
    study: Path, judge: JudgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills, number, done = 0, 0, Counter[str]()
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    with attempts(study) as tries:
        started = time.monotonic()
        assert tries.run(tmp_path / "undisturbed") == 0
        longest = LONGEST_TRY_SHARE * (time.monotonic() - started)
        expected = tables_of(study, tmp_path / "undisturbed")
        asked = len(set(replies_kept(tmp_path / "undisturbed")))
        while kills < KILLS:
            root = tmp_path / f"round-{number}"
            judge.endpoint.served.clear()
            one = Round(number, root, tries, judge, longest)
            one.disturb(KILLS - kills)
            kills, number, done = kills + one.kills, number + 1, done + one.done
            found = tables_of(study, root)
            for name, table in expected.items():
                assert table.equals(found[name]), f"{name} of round {number - 1} differs"
            # A reply that was kept is not asked for again; one may be lost in each connection at each kill.
            kept = replies_kept(root)
            assert len(kept) == len(set(kept)) == asked
            assert sum(judge.endpoint.served.values()) <= asked + CONNECTIONS * one.kills
            # The name of a holder that was killed may stay beside a lock: it holds nobody up.
            left = [path for path in root.rglob("*") if path.suffix in (".tmp", ".partial")]
            assert not left, left
            before = finished_steps(root)
            assert tries.run(root) == 0 and finished_steps(root) == before  # and there is nothing left to do
    print("done:", dict(done), "rounds:", number)
