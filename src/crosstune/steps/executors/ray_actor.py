"""One worker in an actor of a cluster: does pieces, counts how often its like have died of one, and knows when to stop.

<folder>/tries/000017   a line for each try at a piece that has not ended: the machine it was on
"""

import os
import pickle
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from crosstune.errors import CrosstuneError, InvalidData, StepFailed
from crosstune.progress import OnProgress, Progress
from crosstune.steps.executors.attempt import unfitness, use_cpus
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.executors.finish import forget_frames
from crosstune.steps.executors.pieces import MakeWorker, Worker

_SECONDS_BETWEEN_PROGRESS = 1.0
_SECONDS_BETWEEN_ASKS = 1.0
_FAILURES_IN_A_ROW = 2
"""After so many, or one before anything was done, a worker takes no more pieces: it is its machine that is at fault."""


def tries_folder(folder: Path) -> Path:
    """Where tries are counted."""
    return folder / "tries"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try at a piece."""

    piece: int
    node: str
    host: str
    result: Any = None
    error: CrosstuneError | None = None
    refusal: str = ""
    """Why it was not tried; empty where it was."""
    leaves: bool = False
    """Whether the worker takes no more pieces."""
    is_final: bool = False
    """Whether it is not to be tried again."""


class Board:
    """An actor beside the driver: how far pieces are, and who waits to hand back what it holds.

    A worker that gave up waits until nobody else could want its pieces any more: else it would be handed all that are
    left, one after the other.
    """

    def __init__(self) -> None:
        self._news: dict[int, Progress] = {}
        self._asked: dict[str, float] = {}
        self._left = self._workers = 0
        self._is_over = False

    def begin(self, pieces: int, workers: int) -> None:
        """A new pass begins."""
        self._asked.clear()
        self._left, self._workers, self._is_over = pieces, workers, False

    def tell(self, piece: int, progress: Progress) -> None:
        """Takes how far a piece is."""
        self._news[piece] = progress

    def ended(self) -> None:
        """Takes that a try at a piece has ended."""
        self._left -= 1

    def news(self) -> dict[int, Progress]:
        """What was told since the last call."""
        news, self._news = self._news, {}
        return news

    def may_hand_back(self, worker: str) -> bool:
        """Whether a worker that gave up may hand its pieces back; it asks about once a second until it may."""
        now = time.monotonic()
        self._asked[worker] = now
        waiting = sum(now - asked < 5 * _SECONDS_BETWEEN_ASKS for asked in self._asked.values())
        self._is_over = self._is_over or waiting >= min(self._left, self._workers)
        return self._is_over


@dataclass(frozen=True)
class Terms:
    """What every actor is told.

    Attributes:
        make_worker: makes its worker.
        token: a file in `folder` that the watching machine wrote.
        folder: where the work lies.
        cluster: what is to be the same everywhere, and how often a piece is tried again.
        versions: of the libraries on the watching machine.
        board: the `Board`.
        variables: of the environment, set before a worker is made.
    """

    make_worker: MakeWorker
    token: Path
    folder: Path
    cluster: Cluster
    versions: Mapping[str, Any]
    board: Any
    variables: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        there = {name: os.environ[name] for name in self.cluster.variables if name in os.environ}
        object.__setattr__(self, "variables", there)


class PieceActor:
    """A process of a node with a worker in it."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        context = ray.get_runtime_context()
        self._id, self._node, self._host = context.get_actor_id(), context.get_node_id(), socket.gethostname()
        os.environ.update(terms.variables)
        assigned = context.get_assigned_resources()  # type: ignore[no-untyped-call]
        use_cpus(max(1, int(assigned.get("CPU", 1.0))))
        self._refusal = unfitness(terms.token, terms.folder, terms.versions, terms.cluster.versions) or ""
        self._worker: Worker | None = None
        self._failures = 0
        self._any_done = False

    def __call__(self, batch: Mapping[str, Sequence[int]]) -> dict[str, list[bytes]]:
        """Does the piece of a batch; what became of it as bytes, which every version of Arrow holds."""
        outcomes = [self._piece(int(piece)) for piece in batch["piece"]]
        self._terms.board.ended.remote()
        return {"outcome": [pickle.dumps(outcome) for outcome in outcomes]}

    def _piece(self, piece: int) -> Outcome:
        if self._refusal:
            while not ray.get(self._terms.board.may_hand_back.remote(self._id)):
                time.sleep(_SECONDS_BETWEEN_ASKS)
            return Outcome(piece, self._node, self._host, refusal=self._refusal, leaves=True)
        tries = tries_folder(self._terms.folder) / f"{piece:06d}"
        if (killed := self._killed(tries)) is not None:
            return Outcome(piece, self._node, self._host, error=killed, is_final=True)
        with tries.open("a") as file:
            file.write(f"{self._host}\n")
        try:
            if self._worker is None:
                self._worker = self._terms.make_worker()
            result = self._worker(piece, self._tell(piece))
        except CrosstuneError as error:
            return self._failed(piece, error)
        finally:
            tries.unlink(missing_ok=True)  # the process is alive, so it is nothing that kills
        self._failures, self._any_done = 0, True
        return Outcome(piece, self._node, self._host, result=result)

    def _killed(self, tries: Path) -> CrosstuneError | None:
        """What to say of a piece whose tries have ended with their process too often."""
        hosts = tries.read_text("utf-8").split() if tries.is_file() else []
        if len(hosts) <= self._terms.cluster.retries:
            return None
        return StepFailed(
            f"given up after {len(hosts)} tries: the process was killed each time (on {', '.join(sorted(set(hosts)))})",
            hint="is there enough memory? Fewer workers on a node, by more --cpus for each, leave each more of it",
        )

    def _failed(self, piece: int, error: CrosstuneError) -> Outcome:
        forget_frames(error)
        error.__cause__ = error.__context__ = None  # what led to it may not survive the journey
        if not isinstance(error, InvalidData):  # which is the piece's own fault
            self._failures += 1
            if self._failures >= _FAILURES_IN_A_ROW or not self._any_done:
                self._refusal = str(error)
        return Outcome(piece, self._node, self._host, error=error, leaves=bool(self._refusal))

    def _tell(self, piece: int) -> OnProgress:
        last = 0.0

        def tell(progress: Progress) -> None:
            nonlocal last
            if time.monotonic() - last >= _SECONDS_BETWEEN_PROGRESS:
                last = time.monotonic()
                self._terms.board.tell.remote(piece, progress)

        return tell
