"""Runs steps as tasks on a Ray cluster, several at once; outputs go through a folder that all nodes share.

A task finishes one step (see `attempt`); which, where and how often is decided by the driver (see `driver`). What a
task tells on its way passes through one small actor beside the driver.
"""

import asyncio
import copy
import logging
import os
import signal
import socket
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from crosstune.errors import InvalidStudy, StepFailed
from crosstune.steps.events import OnEvent
from crosstune.steps.executors.attempt import Attempt, Ending, Message, Place, run_attempt
from crosstune.steps.executors.driver import Cluster, Driver, Lost, Reference, Told
from crosstune.steps.executors.finish import raise_failures
from crosstune.steps.executors.resources import Node, Share
from crosstune.steps.step import Step
from crosstune.steps.store import Store
from crosstune.storage.atomic import write_atomic

_SECONDS_TO_ANSWER = 10.0
_SECONDS_TO_END = 10.0
"""After a polite cancellation, before a rude one."""


def execute(steps: Iterable[Step], store: Store, on_event: OnEvent, *, cluster: Cluster) -> None:
    """Finishes the steps and all that they build on, as many at once as the cluster has room for.

    Args:
        steps: the steps wanted; their inputs are found from them.
        store: where outputs are looked up and written; below a folder that every node sees under the same path.
        on_event: told of everything that happens; events of several steps come mixed.
        cluster: where to run.

    Raises:
        InvalidStudy: the cluster cannot be reached.
        StepFailed: at least one step failed; the others are done.
        StorageFailure: results cannot be written.
    """
    with connected(cluster), _shared(store) as (shared, token):
        driver = Driver(steps, shared, on_event, cluster=cluster, tasks=_RayTasks())
        try:
            driver.run(token)
        except RayTaskError:
            raise  # a bug in a step: its traceback says more
        except RayError as error:
            raise cluster_failed(error) from error
    raise_failures(driver.errors)


def cluster_failed(error: RayError) -> StepFailed:
    """What to say of an error of Ray's own, which may be pages long."""
    return StepFailed(f"the cluster failed: {_first_line(error)}", hint="what is finished is kept; run it again")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """This process as a part of a cluster: of the one that is meant, unless the caller has joined one already.

    Raises:
        InvalidStudy: the cluster cannot be reached.
    """
    if ray.is_initialized():  # by whoever calls, who also ends it
        yield
        return
    if cluster.address is not None and "://" in cluster.address:
        raise InvalidStudy(
            f"'{cluster.address}' is not the address of a node",
            hint="run this on a machine of the cluster, with host:port or auto: results go through a shared folder",
        )
    _require_listening(cluster.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    in_main_thread = threading.current_thread() is threading.main_thread()
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except SystemExit:  # how Ray answers SIGTERM while it starts
        if callable(on_terminate):
            on_terminate(signal.SIGTERM, None)
        raise
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise InvalidStudy(
            f"the Ray cluster {cluster.address or ''} cannot be used: {_first_line(error)}".replace("  ", " "),
            hint="start one with `ray start --head`, with the same versions of Python and Ray as here",
        ) from error
    finally:
        if in_main_thread:
            signal.signal(
                signal.SIGTERM, on_terminate
            )  # Ray puts its own in place, which would end without cleaning up
    try:
        yield
    finally:
        ray.shutdown()


def _require_listening(address: str | None) -> None:
    """Says at once that nobody answers at an address: Ray would try for many minutes.

    Raises:
        InvalidStudy: nobody does.
    """
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return  # none, `auto` or `local`
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise InvalidStudy(
            f"no Ray cluster answers at {address} ({error})",
            hint="start one with `ray start --head`, or give the address that this prints",
        ) from error


@contextmanager
def _shared(store: Store) -> Iterator[tuple[Store, Path]]:
    """The store as other machines find it, and a file by which they see that they do."""
    shared = copy.copy(store)
    shared.root = store.root.resolve()
    token = shared.root / ".locks" / f"run-{uuid4().hex}"
    write_atomic(token, socket.gethostname())
    try:
        yield shared, token
    finally:
        token.unlink(missing_ok=True)


class _Messages:
    """An actor that holds what tasks tell until the driver has taken it."""

    def __init__(self) -> None:
        self._first = 0
        self._held: list[Told] = []
        self._arrived = asyncio.Event()

    async def tell(self, folder: str, number: int, message: Message) -> None:
        """Takes a message of an attempt at a step."""
        self._held.append((folder, number, message))
        self._arrived.set()

    async def after(self, count: int, wait: bool) -> tuple[int, list[Told]]:
        """The messages after the first `count`, waiting for one if asked to, and the number of the first of them."""
        while wait and self._first + len(self._held) <= count:
            self._arrived.clear()
            await self._arrived.wait()
        if count > self._first:
            del self._held[: count - self._first]
            self._first = count
        return self._first, list(self._held)


def _task(attempt: Attempt, number: int, messages: Any) -> Ending:
    place = Place(ray.get_runtime_context().get_node_id(), socket.gethostname(), os.getpid())
    last: list[Any] = []

    def tell(message: Message) -> None:
        last[:] = [messages.tell.remote(attempt.step.folder, number, message)]

    ending = run_attempt(attempt, place, tell)
    ray.get(last)  # calls of one caller arrive in order: with the last, all are there
    return ending


def nodes_up() -> list[Node]:
    """The nodes of the cluster that are up."""
    return [
        Node(
            node["NodeID"],
            node["NodeManagerHostname"],
            Share(has.get("CPU", 0.0), has.get("GPU", 0.0), int(has.get("memory", 0))),
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"] and (has := node["Resources"]) is not None
    ]


def all_but(nodes: Collection[str]) -> dict[str, str] | None:
    """The label selector of all nodes but some."""
    return {"ray.io/node-id": f"!in({','.join(sorted(nodes))})"} if nodes else None


class _RayTasks:
    """Tasks on the cluster that this process is connected to."""

    def __init__(self) -> None:
        self._task = ray.remote(_task)
        self._messages: Any = None  # made for the first task: a run that finds everything finished needs none
        self._heard = 0
        self._news: Any = None

    def nodes(self) -> list[Node]:
        """The nodes that are up."""
        return nodes_up()

    def start(self, attempt: Attempt, number: int, share: Share, without: Collection[str]) -> Reference:
        """Hands over an attempt, to run on any node but some."""
        if self._messages is None:
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            self._messages = ray.remote(_Messages).options(num_cpus=0, scheduling_strategy=here).remote()
            self._news = self._messages.after.remote(0, wait=True)
        task = self._task.options(
            name=str(attempt.step),
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            memory=share.memory_bytes or None,
            max_retries=0,  # the driver tries again: it knows where, how often, and what to say
            label_selector=all_but(without),
        )
        return task.remote(attempt, number, self._messages)

    def wait(
        self, running: Iterable[Reference], seconds: float
    ) -> tuple[list[Told], list[tuple[Reference, Ending | Lost]]]:
        """Waits until something is told or ends: all that was told, and then what ended."""
        references = [self._news, *running]
        ray.wait(references, num_returns=1, timeout=seconds)
        ready, _ = ray.wait(references, num_returns=len(references), timeout=0)
        told: list[Told] = []
        if self._news in ready:
            ready.remove(self._news)
            told += self._new(*ray.get(self._news))
            self._news = self._messages.after.remote(self._heard, wait=True)
        if ready:  # what these told last may be under way still
            told += self._new(*ray.get(self._messages.after.remote(self._heard, wait=False)))
        return told, [(reference, _ending(reference)) for reference in ready]

    def _new(self, first: int, held: list[Told]) -> list[Told]:
        new = held[max(0, self._heard - first) :]
        self._heard += len(new)
        return new

    def withdraw(self, reference: Reference) -> None:
        """Ends a task at once."""
        ray.cancel(reference, force=True)

    def end(self, running: Collection[Reference]) -> None:
        """Ends tasks, politely at first."""
        left = list(running)
        for force, seconds in ((False, _SECONDS_TO_END), (True, 1.0)):
            for reference in left:
                ray.cancel(reference, force=force)
            if left:
                _, left = ray.wait(left, num_returns=len(left), timeout=seconds)


def _ending(reference: Reference) -> Ending | Lost:
    try:
        return cast(Ending, ray.get(reference))
    except NodeDiedError:
        return Lost("node")
    except WorkerCrashedError:
        return Lost("process")
    except OutOfMemoryError:
        return Lost("memory")
