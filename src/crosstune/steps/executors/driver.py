"""Decides which steps run on a cluster, and what to do when one ends, fails or is lost. Knows no particular cluster."""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from crosstune.errors import CrosstuneError, OutOfMemory, StepFailed, StorageFailure
from crosstune.steps.events import Failed, Finished, Found, OnEvent, Skipped, Started
from crosstune.steps.executors.attempt import Attempt, Ending, Message, Note, Place, Unfit
from crosstune.steps.executors.finish import is_settled
from crosstune.steps.executors.frontier import Frontier
from crosstune.steps.executors.resources import Node, Share, share_of
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Needs, Step
from crosstune.steps.store import Store

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 2.0
"""At the nodes, while steps wait for a place."""
_WAITING_FOR_A_PLACE = 8
"""Steps that are handed to the cluster beyond those that it has room for; a scaling cluster grows by them."""


def no_versions() -> dict[str, Any]:
    """For runs that do not compare libraries."""
    return {}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where and how to run.

    Attributes:
        address: of the cluster, as `ray.init` takes it; None: `$RAY_ADDRESS`, else a cluster of this machine alone.
        gpus: True: steps that make use of a GPU wait for one; False: no step gets one; None: where there are any.
        steps_on_a_gpu: how many steps share one.
        cpus: cores for each step that makes use of several or of a GPU; None: as the step says.
        retries: how often a step is tried again after its node or process was lost.
        patience_seconds: how long a step waits for a node that could run it at all.
        versions: of the libraries that must be the same on all nodes; a module-level function.
        variables: names of environment variables that tasks get from here; nothing secret.
    """

    address: str | None = None
    gpus: bool | None = None
    steps_on_a_gpu: int = 1
    cpus: int | None = None
    retries: int = 3
    patience_seconds: float = 600.0
    versions: Callable[[], Mapping[str, Any]] = no_versions
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt ended without an ending: what was lost under it."""

    what: Literal["node", "process", "memory"]


Reference = Any
"""By which a cluster knows a task."""
Told = tuple[str, int, Message]
"""The folder of the step, the number of the attempt at it, what it told."""


class Tasks(Protocol):
    """What a cluster does for the driver."""

    def nodes(self) -> list[Node]:
        """The nodes that are up."""

    def start(self, attempt: Attempt, number: int, share: Share, without: Collection[str]) -> Reference:
        """Hands over an attempt, to run on any node but some."""

    def wait(
        self, running: Iterable[Reference], seconds: float
    ) -> tuple[list[Told], list[tuple[Reference, Ending | Lost]]]:
        """Waits until something is told or ends: all that was told, and then what ended."""

    def withdraw(self, reference: Reference) -> None:
        """Ends a task at once."""

    def end(self, running: Collection[Reference]) -> None:
        """Ends tasks, politely at first."""


@dataclass(slots=True)
class _Running:
    """An attempt under way."""

    step: Step
    number: int
    share: Share
    place: Place | None = None
    no_place_since: float | None = None


class Driver:
    """One run on a cluster."""

    def __init__(
        self, steps: Iterable[Step], store: Store, on_event: OnEvent, *, cluster: Cluster, tasks: Tasks
    ) -> None:
        """Args:
        steps: the steps wanted.
        store: with a root that is the same folder on all nodes.
        on_event: told of everything that happens.
        cluster: how to run.
        tasks: where to run.
        """
        self.errors: list[tuple[Step, CrosstuneError]] = []
        self._frontier = Frontier(steps)
        self._store = store
        self._on_event = on_event
        self._cluster = cluster
        self._tasks = tasks
        self._running: dict[Reference, _Running] = {}
        self._numbers: dict[str, int] = {}
        self._lost: dict[str, list[Place | None]] = {}
        self._started: set[str] = set()
        self._unfit: set[str] = set()
        self._identity = store.remote.identity() if isinstance(store, SharedStore) else None
        self._versions = cluster.versions()
        self._variables = {name: os.environ[name] for name in cluster.variables if name in os.environ}
        self._nodes: list[Node] = []
        self._looked = float("-inf")
        self._waited_for: set[Share] = set()

    def run(self, token: Path) -> None:
        """Runs until every step is settled; `errors` then holds those that failed.

        Args:
            token: a file below the root of the store.

        Raises:
            StorageFailure: results cannot be written.
        """
        try:
            while not self._frontier.is_empty:
                self._submit_ready(token)
                if self._running:
                    self._wait(token)
        finally:
            if self._running:
                self._tasks.end(list(self._running))

    def _submit_ready(self, token: Path) -> None:
        while (step := self._frontier.take(self._has_room)) is not None:
            if is_settled(step, self._store):
                self._on_event(Found(step))
                self._frontier.finish(step)
            else:
                self._submit(step, token)

    def _has_room(self, needs: Needs) -> bool:
        under_way = sum((item.step.needs.gpus > 0) == (needs.gpus > 0) for item in self._running.values())
        if under_way < _WAITING_FOR_A_PLACE:
            return True
        share = self._share(needs)
        rooms = sum(share.rooms(node) for node in self._nodes)
        return under_way < rooms + _WAITING_FOR_A_PLACE

    def _share(self, needs: Needs) -> Share:
        how = self._cluster
        return share_of(needs, self._nodes, gpus=how.gpus, steps_on_a_gpu=how.steps_on_a_gpu, cpus=how.cpus)

    def _submit(self, step: Step, token: Path) -> None:
        if not self._nodes:
            self._look_at_nodes()
        share = self._share(step.needs)
        number = self._numbers[step.folder] = self._numbers.get(step.folder, 0) + 1
        attempt = Attempt(
            step=step,
            store=self._store,
            token=token,
            lost=tuple(place for place in self._lost.get(step.folder, ()) if place is not None),
            versions=self._versions,
            found_versions=self._cluster.versions,
            variables=self._variables,
            cpus=max(1, int(share.cpus)),
            identity=self._identity,
        )
        self._running[self._tasks.start(attempt, number, share, self._unfit)] = _Running(step, number, share)

    def _wait(self, token: Path) -> None:
        told, ended = self._tasks.wait(self._running, _SECONDS_BETWEEN_LOOKS)
        self._hear(told)
        for reference, ending in ended:
            running = self._running.pop(reference)
            if isinstance(ending, Lost):
                self._try_again(running, ending, token)
            elif isinstance(ending, Unfit):
                self._leave_out(running, ending, token)
            else:
                self._settle(running.step, ending(running.step))
        if any(running.place is None for running in self._running.values()):
            self._look_for_places(token)

    def _hear(self, told: Sequence[Told]) -> None:
        under_way = {running.step.folder: running for running in self._running.values()}
        for folder, number, message in told:
            running = under_way.get(folder)
            if running is None or running.number != number:
                continue  # of an attempt that was given up
            match message:
                case Place():
                    running.place = message
                case Note(name, text):
                    logging.getLogger(name).warning("%s", text)
                case _:
                    event = message(running.step)
                    if isinstance(event, Started):
                        self._started.add(folder)
                    self._on_event(event)

    def _settle(self, step: Step, event: Any) -> None:
        self._store.look([step], again=True)
        if isinstance(event, Failed):
            if isinstance(event.error, StorageFailure):
                raise event.error
            self._fail(step, event.error)
            return
        if isinstance(event, Found) and step.folder in self._started:  # by an attempt that was lost right after
            manifest = self._store.current(step) or {}
            event = Finished(step, float(manifest.get("seconds", 0.0)))
        self._on_event(event)
        self._frontier.finish(step)

    def _fail(self, step: Step, error: CrosstuneError) -> None:
        self.errors.append((step, error))
        self._on_event(Failed(step, error))
        for other in self._frontier.fail(step):
            self._on_event(Skipped(other, step))

    def _try_again(self, running: _Running, ending: Lost, token: Path) -> None:
        step, place = running.step, running.place
        lost = self._lost.setdefault(step.folder, [])
        lost.append(place)
        what = {
            "node": "its node was lost",
            "process": "its process was killed",
            "memory": "its machine ran out of memory",
        }[ending.what]
        if place is not None:
            what += f" ({place.host}, node {place.node[:8]}, process {place.process})"
        retries = self._cluster.retries
        if len(lost) <= retries:
            logger.warning(
                "%s: %s; it is tried again from what it had written%s (%d of %d)",
                step,
                what,
                ", and where only the store is shared, from its last snapshot"
                if isinstance(self._store, SharedStore)
                else "",
                len(lost),
                retries,
            )
            self._submit(step, token)
            return
        kind = OutOfMemory if ending.what == "memory" else StepFailed
        hint = "let fewer steps run at once (more cores a step, fewer steps a GPU), or look at what kills it"
        self._fail(step, kind(f"given up after {len(lost)} tries: {what}", hint=hint))

    def _leave_out(self, running: _Running, ending: Unfit, token: Path) -> None:
        if ending.node not in self._unfit:
            self._unfit.add(ending.node)
            logger.warning("node %s on %s is left out: %s", ending.node[:8], ending.host, ending.why)
        self._look_at_nodes()
        if self._nodes:
            self._submit(running.step, token)
        else:
            self._fail(running.step, StepFailed(f"no node of the cluster can run it: {ending.why}"))

    def _look_at_nodes(self) -> None:
        self._looked = time.monotonic()
        self._nodes = [node for node in self._tasks.nodes() if node.id not in self._unfit]

    def _look_for_places(self, token: Path) -> None:
        """Gives up steps that no node could run, or asks for less where the largest nodes are gone."""
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS / 2:
            return
        self._look_at_nodes()
        for reference, running in list(self._running.items()):
            if running.place is not None or any(running.share.fits(node) for node in self._nodes):
                running.no_place_since = None
                continue
            if self._nodes and self._share(running.step.needs) != running.share:
                del self._running[reference]
                self._tasks.withdraw(reference)
                self._submit(running.step, token)
                continue
            if running.no_place_since is None:
                running.no_place_since = now
                self._say_that_it_waits(running)
            if now - running.no_place_since >= self._cluster.patience_seconds:
                del self._running[reference]
                self._tasks.withdraw(reference)
                why = f"it needs {running.share}, and the nodes have {self._has()}"
                self._fail(running.step, StepFailed(why, hint="start a node that has it"))

    def _has(self) -> str:
        return "; ".join(sorted({str(node.all) for node in self._nodes})) or "nothing"

    def _say_that_it_waits(self, running: _Running) -> None:
        if running.share not in self._waited_for:  # once, not for each of a thousand cells
            self._waited_for.add(running.share)
            minutes = self._cluster.patience_seconds / 60
            what = "%s waits up to %.0f min for a node with %s; those that are up have %s"
            logger.warning(what, running.step, minutes, running.share, self._has())
