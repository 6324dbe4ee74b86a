"""What the driver of a cluster decides, on a cluster that is made up."""

import fcntl
import json
import os
import socket

import pytest

from crosstune.errors import OutOfMemory
from crosstune.progress import Progress
from crosstune.steps.events import Finished
from crosstune.steps.executors import attempt as attempts
from crosstune.steps.executors.attempt import Attempt, Place, Unfit, run_attempt
from crosstune.steps.executors.driver import Cluster, Driver, Lost
from crosstune.steps.executors.frontier import Frontier
from crosstune.steps.executors.resources import Node, Share, share_of
from crosstune.steps.step import Needs, Step
from crosstune.steps.store import Store

GIB = 1 << 30


def write(workspace):
    workspace.on_progress(Progress(1, 1, "files"))
    (workspace.out / "a.txt").write_text("a")


def step(name, inputs=(), run=write, needs=None):
    return Step("kind", name, 1, {"name": name}, {other.name: other for other in inputs}, run, needs=needs or Needs())


def node(name, cpus=2.0, gpus=0.0, memory=8 * GIB):
    return Node(name, f"host of {name}", Share(cpus, gpus, memory))


class MadeUp:
    """Runs attempts here, one when waited for; `endings` holds what befalls the first attempts at a step instead."""

    def __init__(self, nodes, endings=()):
        self.up = list(nodes)
        self.endings = {name: list(of_it) for name, of_it in dict(endings).items()}
        self.handed_over = []

    def nodes(self):
        return self.up

    def start(self, attempt, number, share, without):
        self.handed_over.append((attempt, number, share, frozenset(without)))
        return len(self.handed_over) - 1

    def wait(self, running, seconds):
        reference = next(iter(running))
        attempt, number, share, without = self.handed_over[reference]
        fit = [node for node in self.up if share.fits(node) and node.id not in without]
        if not fit:
            return [], []
        place = Place(fit[0].id, fit[0].host, 1000 + reference)
        told = []
        of_it = self.endings.get(attempt.step.name)
        if of_it:
            return [(attempt.step.folder, number, place)], [(reference, of_it.pop(0))]
        ending = run_attempt(attempt, place, lambda message: told.append((attempt.step.folder, number, message)))
        return told, [(reference, ending)]

    def withdraw(self, reference):
        pass

    def end(self, running):
        pass


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("")
    return path


@pytest.fixture(autouse=True)
def unchanged_environment(monkeypatch):
    for name in attempts._THREADS:
        monkeypatch.setenv(name, os.environ.get(name, "1"))


def drive(steps, tasks, token, **options):
    events = []
    driver = Driver(steps, Store(token.parent / "runs"), events.append, cluster=Cluster(**options), tasks=tasks)
    driver.run(token)
    return driver, [(type(event).__name__, event.step.name) for event in events if not hasattr(event, "progress")]


def test_steps_are_handed_over_in_the_order_of_one_process_and_only_so_many(token):
    cells = [step(f"answer{i}", [step(f"train{i}")]) for i in range(40)]
    tasks = MadeUp([node("a")])
    drive([step("top", cells)], tasks, token)
    names = [attempt.step.name for attempt, *_ in tasks.handed_over]
    # 8 waiting and 2 cores' worth are handed over; each that ends makes room for what its cell needs next.
    assert names[:10] == [f"train{i}" for i in range(10)]
    assert names[10:14] == ["answer0", "answer1", "answer2", "answer3"]
    assert names[-1] == "top" and len(names) == 81


def test_a_lost_attempt_knows_where_its_predecessors_died(token, caplog):
    tasks = MadeUp([node("a" * 12)], {"one": [Lost("node"), Lost("process")]})
    _, events = drive([step("one")], tasks, token)
    assert events == [("Started", "one"), ("Finished", "one")]
    host = f"host of {'a' * 12}"
    assert [[place.process for place in attempt.lost] for attempt, *_ in tasks.handed_over] == [
        [],
        [1000],
        [1000, 1001],
    ]
    assert f"its node was lost ({host}, node aaaaaaaa, process 1000)" in caplog.text and "(2 of 3)" in caplog.text


def test_what_runs_out_of_memory_each_time_fails_as_that(token):
    tasks = MadeUp([node("a")], {"one": [Lost("memory")] * 3})
    driver, events = drive([step("top", [step("one")]), step("two")], tasks, token, retries=2)
    assert {("Failed", "one"), ("Skipped", "top"), ("Finished", "two")} <= set(events)
    (failed, error), *others = driver.errors
    assert failed.name == "one" and type(error) is OutOfMemory and "given up after 3 tries" in str(error) and not others


def test_a_step_finished_by_an_attempt_that_was_lost_right_after_is_not_done_twice(token):
    calls = []
    one = step("one", run=calls.append)

    class LosesTheFirstEnding(MadeUp):
        def wait(self, running, seconds):
            told, ended = super().wait(running, seconds)
            lost = [(reference, Lost("process")) for reference, _ in ended]
            return told, lost if len(self.handed_over) == 1 else ended

    tasks = LosesTheFirstEnding([node("a")])
    driver, events = drive([one], tasks, token)
    assert len(calls) == 1 and len(tasks.handed_over) == 2 and not driver.errors
    assert events == [("Started", "one"), ("Finished", "one")]


def test_nodes_that_cannot_take_part_are_left_out_until_none_is_left(token, caplog):
    tasks = MadeUp([node("a"), node("b")], {"one": [Unfit("a", "host of a", "it has torch 1 instead of 2")]})
    _, events = drive([step("one")], tasks, token)
    assert [without for *_, without in tasks.handed_over] == [frozenset(), {"a"}]
    assert events[-1] == ("Finished", "one") and "node a on host of a is left out: it has torch 1" in caplog.text
    tasks = MadeUp([node("a")], {"other": [Unfit("a", "host of a", "it has torch 1 instead of 2")]})
    driver, events = drive([step("other")], tasks, token)
    assert events == [("Failed", "other")] and "no node of the cluster can run it: it has torch 1" in str(driver.errors)


def test_when_the_largest_node_goes_steps_ask_for_less(token, monkeypatch):
    monkeypatch.setattr("crosstune.steps.executors.driver._SECONDS_BETWEEN_LOOKS", 0.0)
    big, small = node("big", cpus=4.0), node("small", cpus=1.0)

    class Shrinks(MadeUp):
        def wait(self, running, seconds):
            self.up = [small]
            return super().wait(running, seconds)

    tasks = Shrinks([big, small])
    _, events = drive([step("one", needs=Needs(cpus=4.0))], tasks, token)
    assert [share.cpus for _, _, share, _ in tasks.handed_over] == [4.0, 1.0]
    assert events[-1] == ("Finished", "one")


@pytest.mark.parametrize(
    ("needs", "options", "expected"),
    [
        (Needs(), {"gpus": None}, Share(1, 0, 0)),
        (Needs(cpus=4, gpus=1, memory_bytes=5 * GIB), {"gpus": None}, Share(4, 1, 0)),  # memory is the GPU's then
        (Needs(cpus=4, gpus=1), {"gpus": None, "steps_on_a_gpu": 4}, Share(4, 0.25, 0)),
        (Needs(cpus=4, gpus=2), {"gpus": None, "steps_on_a_gpu": 4}, Share(4, 2, 0)),
        (Needs(cpus=4, gpus=1, memory_bytes=5 * GIB), {"gpus": False}, Share(4, 0, 5 * GIB)),
        (Needs(cpus=4, gpus=1, memory_bytes=90 * GIB), {"gpus": False, "cpus": 6}, Share(6, 0, 64 * GIB)),
        (Needs(cpus=32, gpus=1), {"gpus": None}, Share(8, 1, 0)),  # the node with the GPU has 8 cores
        (Needs(cpus=32), {"gpus": None}, Share(16, 0, 0)),
        (Needs(), {"gpus": None, "cpus": 6}, Share(1, 0, 0)),
    ],
)
def test_a_step_asks_for_what_it_needs_or_the_most_there_is(needs, options, expected):
    nodes = [node("a", cpus=16.0, memory=64 * GIB), node("b", cpus=8.0, gpus=2.0, memory=32 * GIB)]
    assert share_of(needs, nodes, **options) == expected


def test_a_step_on_several_gpus_waits_for_one_node_that_has_them(token):
    needing = step("needing", needs=Needs(cpus=16, gpus=4))
    nodes = [node("a", cpus=8.0, gpus=2.0), node("b", cpus=8.0, gpus=2.0)]
    driver, events = drive([step("top", [needing]), step("other")], MadeUp(nodes), token, patience_seconds=0.0)
    assert {("Failed", "needing"), ("Skipped", "top"), ("Finished", "other")} <= set(events)
    ((_, error),) = driver.errors
    assert "it needs 4 GPUs, 8 CPUs, and the nodes have 2 GPUs, 8 CPUs, 8.0 GiB" in str(error)
    tasks = MadeUp([*nodes, node("c", cpus=32.0, gpus=4.0)])
    _, events = drive([step("another", needs=Needs(cpus=16, gpus=4))], tasks, token)
    assert events[-1] == ("Finished", "another") and tasks.handed_over[0][2] == Share(16, 4, 0)


def test_without_a_gpu_a_step_runs_on_cores_unless_it_must_not():
    needs, nodes = Needs(cpus=4, gpus=1, memory_bytes=5 * GIB), [node("a")]
    assert share_of(needs, nodes, gpus=None) == Share(2, 0, 5 * GIB)
    insisted = share_of(needs, nodes, gpus=True)
    assert insisted == Share(4, 1, 0) and not insisted.fits(nodes[0])
    assert str(insisted) == "1 GPU, 4 CPUs"


def test_a_step_whose_input_failed_never_becomes_ready():
    bad, good = step("bad"), step("good")
    top = step("top", [bad, good])
    above = step("above", [top])
    frontier = Frontier([above])
    assert [frontier.take(lambda needs: True).name for _ in range(2)] == ["bad", "good"]
    assert [other.name for other in frontier.fail(bad)] == ["top", "above"]
    frontier.finish(good)
    assert frontier.take(lambda needs: True) is None and frontier.is_empty


def test_the_lock_of_a_dead_process_is_taken_away_where_the_file_system_keeps_it(token, monkeypatch):
    monkeypatch.setattr(attempts, "_SECONDS_TO_LET_GO", 0.3)
    store, one = Store(token.parent / "runs"), step("one")
    path = store.root / ".locks" / "kind" / f"{one.fingerprint[:8]}.lock"
    with store.lock(one):
        pass  # makes the folder
    dead = Place("n", socket.gethostname(), 4_000_000)
    holder = {"pid": dead.process, "host": dead.host, "since": "today", "what": "kind one"}
    path.with_name(path.name + ".holder").write_text(json.dumps(holder))
    with path.open() as kept:  # as by a file system that has not noticed
        fcntl.flock(kept, fcntl.LOCK_EX)
        again = Attempt(one, store, token, lost=(dead,), versions={}, found_versions=dict, variables={}, cpus=1)
        ending = run_attempt(again, Place("a", "host", 1), lambda message: None)
    assert isinstance(ending(one), Finished)
