"""Pieces of work on a Ray cluster of three node processes on this machine; workers that write a line stand for work."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from crosstune.errors import InvalidData, ModelUnavailable, StepFailed, StorageFailure
from crosstune.progress import Progress
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.executors.pieces import Done, GivenUp, do_here
from crosstune.steps.step import Needs

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

from crosstune.steps.executors.ray_data import Pool, do_on_cluster  # noqa: E402

pytestmark = pytest.mark.enable_socket  # of this process and the nodes, all on this machine
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes do not find the tests


ONE_CORE = Needs()


class Worker:
    """Notes each piece that it does in a file of the piece: node, process. `faults` are by piece or by node.

    Workers on other nodes than `after` begin once one there has begun.
    """

    def __init__(self, folder, faults, after=""):
        self._folder, self._faults, self._after = Path(folder), faults, after
        self._node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""

    def __call__(self, piece, on_progress):
        if self._after and self._node != self._after:
            until = time.monotonic() + 120
            while not (self._folder / f"began-{self._after}").exists() and time.monotonic() < until:
                time.sleep(0.05)
        (self._folder / f"began-{self._node}").touch()
        with (self._folder / f"tried-{piece}.txt").open("a") as file:
            file.write(f"{self._node} {os.getpid()}\n")
        tries = len((self._folder / f"tried-{piece}.txt").read_text().splitlines())
        fault = self._faults.get(piece) or self._faults.get(self._node)
        if fault == "killed" or (fault == "killed once" and tries == 1):
            os.kill(os.getpid(), 9)
        if isinstance(fault, Exception):
            raise fault
        on_progress(Progress(1, 2, "lines"))
        time.sleep(0.05)
        return piece * piece


@pytest.fixture
def do(ray_cluster, tmp_path):
    def run(pieces, faults=None, *, after="", needs=ONE_CORE, workers=None, **options):
        pool = Pool(tmp_path / "work", Cluster(address=ray_cluster.address, **options), needs, workers)
        make = partial(Worker, tmp_path, faults or {}, after)
        return list(do_on_cluster(pieces, make, lambda piece, progress: None, pool=pool))

    return run


def tried(tmp_path, piece):
    return [line.split() for line in (tmp_path / f"tried-{piece}.txt").read_text().splitlines()]


def test_pieces_are_done_once_but_for_those_at_fault_and_those_under_which_a_process_died(do, tmp_path):
    faults = {
        1: "killed once",
        2: "killed",
        3: InvalidData("too long", where="prompt 3"),
        4: StepFailed("no answer"),
    }
    endings = do(range(9), faults, retries=1)
    done = sorted((ending.piece, ending.result) for ending in endings if isinstance(ending, Done))
    assert done == [(piece, piece * piece) for piece in (0, 1, 5, 6, 7, 8)]
    # Not again, or once again, as may help.
    assert [len(tried(tmp_path, piece)) for piece in range(9)] == [1, 2, 2, 1, 2, 1, 1, 1, 1]
    given_up = {ending.piece: ending.error for ending in endings if isinstance(ending, GivenUp)}
    assert "given up after 2 tries: the process was killed each time" in str(given_up[2])
    assert (type(given_up[3]), str(given_up[3])) == (InvalidData, "prompt 3: too long")
    assert (type(given_up[4]), str(given_up[4])) == (StepFailed, "no answer")
    assert list((tmp_path / "work").glob("run-*")) == []


def test_a_node_that_fails_at_everything_is_left_out_and_its_pieces_are_done_elsewhere(
    do, ray_cluster, tmp_path, caplog
):
    bad = ray_cluster.list_all_nodes()[-1].node_id
    endings = do(range(8), {bad: ModelUnavailable("its GPU is broken")}, after=bad)
    assert sorted(ending.piece for ending in endings if isinstance(ending, Done)) == list(range(8))
    there = [piece for piece in range(8) for node, _ in tried(tmp_path, piece) if node == bad]
    assert len(there) == 1  # after that it took no more, and handed none back while others were at work
    assert "its GPU is broken" in caplog.text


def test_a_full_disk_stops_everything_and_a_bug_keeps_its_name(do):
    with pytest.raises(StorageFailure, match="no space"):
        do([0], {0: StorageFailure("no space left")})
    with pytest.raises(ZeroDivisionError):
        do([0], {0: ZeroDivisionError("1/0")})


def other_versions():
    return {"torch": f"2.{os.getpid()}"}


def test_nodes_with_other_libraries_do_nothing(do):
    with pytest.raises(StepFailed, match=r"no node can do what is left: .*it has torch 2\.\d+ instead of"):
        do([0, 1], versions=other_versions)


def test_without_a_node_that_fits_it_says_what_is_wanted_and_what_there_is(do):
    with pytest.raises(StepFailed, match="a worker needs 1 GPU, 1 CPU, and the nodes have 1 CPU"):
        do([0], needs=Needs(gpus=1.0), gpus=True, patience_seconds=0.5)


def test_here_a_piece_at_fault_leaves_the_others_and_a_machine_at_fault_ends_it(tmp_path):
    make = partial(Worker, tmp_path, {1: InvalidData("too long")})
    first, second, third = do_here([0, 1, 2], make, lambda piece, progress: None)
    assert (first, type(second), third) == (Done(0, 0), GivenUp, Done(2, 4))
    with pytest.raises(StepFailed):
        list(do_here([0], partial(Worker, tmp_path, {0: StepFailed("broken")}), lambda piece, progress: None))
