"""Does pieces of work with a pool of actors of Ray Data, one worker in each, spread over the GPUs of a cluster.

Through Ray go the numbers of pieces and what they came to, no data: that lies in the folder that all nodes share. Ray
Data keeps the pool, hands out pieces, and starts actors anew that died. Whether a piece is tried again, how often and
where, is decided here, as for steps (see `driver`); what an actor does is in `ray_actor`.
"""

import logging
import pickle
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
import ray.data
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from crosstune.errors import InvalidData, StepFailed, StorageFailure
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.executors.pieces import Done, GivenUp, MakeWorker, OnPiece
from crosstune.steps.executors.ray import all_but, cluster_failed, connected, nodes_up
from crosstune.steps.executors.ray_actor import Board, Outcome, PieceActor, Terms, tries_folder
from crosstune.steps.executors.resources import Node, Share, share_of
from crosstune.steps.step import Needs
from crosstune.storage.atomic import make_folder, write_atomic

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0
_MOST_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class Pool:
    """What the workers of a run share.

    Attributes:
        folder: where their work lies; the same folder on all nodes.
        cluster: where they run.
        needs: of one worker.
        workers: how many at once; None: as many as the cluster has room for.
    """

    folder: Path
    cluster: Cluster
    needs: Needs
    workers: int | None = None


@dataclass(slots=True)
class _Left:
    """What is still to be done."""

    pieces: list[int]
    failures: dict[int, int] = field(default_factory=dict)
    barred: dict[str, str] = field(default_factory=dict)
    """Nodes with a worker that gave up, and why."""


def do_on_cluster(
    pieces: Sequence[int], make_worker: MakeWorker, on_piece: OnPiece, *, pool: Pool
) -> Iterator[Done | GivenUp]:
    """Does pieces on a cluster, several at once; a piece that fails is tried again, on another node if there is one.

    Args:
        pieces: which.
        make_worker: called in each actor; is sent there.
        on_piece: told about once a second how far pieces are, from a thread of its own.
        pool: where and with what.

    Returns:
        What became of each piece, in no particular order, as they end.

    Raises:
        InvalidStudy: the cluster cannot be reached.
        StepFailed: no node can take part, or the cluster fails.
        StorageFailure: results cannot be written.
    """
    left = _Left(list(pieces))
    shutil.rmtree(tries_folder(pool.folder), ignore_errors=True)  # of a run that was ended: no fault of the pieces
    make_folder(tries_folder(pool.folder))
    with connected(pool.cluster), _token(pool.folder) as token, _Watch(on_piece) as watch:
        versions = pool.cluster.versions()
        terms = Terms(make_worker, token, pool.folder, pool.cluster, versions, watch.board)
        try:
            while left.pieces:
                yield from _one_pass(left, terms, pool)
        except RayTaskError:
            raise  # a bug in a worker: its traceback says more
        except RayError as error:
            raise cluster_failed(error) from error


def _one_pass(left: _Left, terms: Terms, pool: Pool) -> Iterator[Done | GivenUp]:
    """Has each piece that is left tried once."""
    before = (len(left.pieces), sum(left.failures.values()), len(left.barred))
    again: list[int] = []
    for outcome in _outcomes(left, terms, pool):
        if outcome.leaves and outcome.node not in left.barred:
            left.barred[outcome.node] = f"{outcome.host}: {outcome.error or outcome.refusal}"
            logger.warning("a worker is out of it: %s", left.barred[outcome.node])
        if outcome.refusal:
            again.append(outcome.piece)
        elif outcome.error is None:
            yield Done(outcome.piece, outcome.result)
        elif _is_tried_again(left, outcome, pool.cluster.retries):
            again.append(outcome.piece)
        else:
            yield GivenUp(outcome.piece, outcome.error)
    # Those that failed come last: what ails them may be their own.
    left.pieces = sorted(again, key=lambda piece: (left.failures.get(piece, 0), piece))
    if (len(left.pieces), sum(left.failures.values()), len(left.barred)) == before:
        why = "; ".join(left.barred.values())
        raise StepFailed(f"no node can do what is left: {why}", hint="what is finished is kept; run it again")


def _is_tried_again(left: _Left, outcome: Outcome, retries: int) -> bool:
    error, failures = outcome.error, left.failures
    if isinstance(error, StorageFailure):
        raise error
    failures[outcome.piece] = failures.get(outcome.piece, 0) + 1
    if isinstance(error, InvalidData) or outcome.is_final or failures[outcome.piece] > retries:
        return False
    where = f"part {outcome.piece} failed on {outcome.host}: {error}"
    logger.warning("%s; it is tried again (%d of %d)", where, failures[outcome.piece], retries)
    return True


def _outcomes(left: _Left, terms: Terms, pool: Pool) -> Iterator[Outcome]:
    """Hands the pieces that are left to workers, on nodes that are not barred while there are others."""
    nodes = nodes_up()
    fit = [node for node in nodes if node.id not in left.barred] or nodes
    how = pool.cluster
    share = share_of(pool.needs, fit, gpus=how.gpus, steps_on_a_gpu=how.steps_on_a_gpu, cpus=how.cpus)
    if not any(share.fits(node) for node in fit):
        fit = nodes = _awaited(share, how.patience_seconds)
    size = max(1, min(pool.workers or _rooms(share, fit), len(left.pieces)))
    selector = all_but([node.id for node in nodes if node not in fit])
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = ray.data.from_items(
        [{"piece": piece} for piece in left.pieces], override_num_blocks=len(left.pieces)
    ).map_batches(
        PieceActor,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        fn_constructor_args=(terms,),
        num_cpus=share.cpus,
        num_gpus=share.gpus or None,
        memory=share.memory_bytes or None,
        label_selector=selector,
    )
    ray.get(terms.board.begin.remote(len(left.pieces), size))
    for batch in rows.iter_batches(batch_size=None, prefetch_batches=0, batch_format="numpy"):
        for outcome in batch["outcome"]:
            yield pickle.loads(outcome)


def _awaited(share: Share, patience_seconds: float) -> list[Node]:
    """The nodes, once one of them could hold a worker; a cluster that scales is told what is wanted."""
    from ray.autoscaler.sdk import request_resources

    logger.warning("no node could hold a worker, which needs %s; waiting for one", share)
    request_resources(bundles=[{"CPU": share.cpus} | ({"GPU": share.gpus} if share.gpus else {})])
    nodes, until = nodes_up(), time.monotonic() + patience_seconds
    while not any(share.fits(node) for node in nodes):
        if time.monotonic() > until:
            there = ", ".join(sorted({str(node.all) for node in nodes}))
            raise StepFailed(
                f"a worker needs {share}, and the nodes have {there}",
                hint="add such a node, ask for less with --cpus or --device, or wait longer with --patience",
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        nodes = nodes_up()
    return nodes


def _rooms(share: Share, nodes: Sequence[Node]) -> int:
    return min(_MOST_WORKERS, sum(int(share.rooms(node)) for node in nodes if share.fits(node)))


@contextmanager
def _token(folder: Path) -> Iterator[Path]:
    """A file by which other machines see that they see the folder."""
    token = folder.resolve() / f"run-{uuid4().hex}"
    write_atomic(token, socket.gethostname())
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


class _Watch:
    """The board on which workers tell how far they are, and a thread that passes it on."""

    def __init__(self, on_piece: OnPiece) -> None:
        self._on_piece = on_piece
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="pieces", daemon=True)
        self.board: Any = None

    def __enter__(self) -> "_Watch":
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": here, "max_restarts": -1, "max_task_retries": -1}
        self.board = ray.remote(Board).options(**options).remote()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)

    def _look(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                news = ray.get(self.board.news.remote(), timeout=30)
            except (RayError, TimeoutError):
                continue  # what it is about shows where results come in
            for piece, progress in news.items():
                self._on_piece(piece, progress)
