"""Steps on a Ray cluster whose nodes share no folder: inputs and outputs go through a store."""

import shutil
import sys
import time
from functools import partial

import pytest

from crosstune.errors import StepFailed, StoreUnavailable
from crosstune.steps.events import Advanced, Failed, Finished, Found, Skipped
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step
from crosstune.steps.store import require_finished

ray = pytest.importorskip("ray")

from crosstune.steps.executors import ray as on_ray  # noqa: E402

pytestmark = pytest.mark.enable_socket  # of this process and the nodes, all on this machine
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes do not find the tests


def write(workspace, *, text, seconds=0.3):
    time.sleep(seconds)  # so that steps which can run at once are on several nodes
    below = [(folder / "a.txt").read_text() for _, folder in sorted(workspace.inputs.items())]
    (workspace.out / "a.txt").write_text(f"{text} on {ray.get_runtime_context().get_node_id()}\n" + "".join(below))


def step(name, inputs=(), run=None):
    return Step("kind", name, 1, {"name": name}, {other.name: other for other in inputs}, run or
                partial(write, text=name))  # fmt: skip


@pytest.fixture
def run(ray_cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_NODE_ROOT", str(tmp_path / "node-{node}"))

    def execute(*steps, store, prepare=True):
        events = []
        if prepare:
            store.remote.prepare()
        cluster = Cluster(address=ray_cluster.address, variables=("CROSSTUNE_NODE_ROOT",))
        try:
            on_ray.execute(steps, store, events.append, cluster=cluster)
        except StepFailed as error:
            events.append(error)
        return events

    return execute


def names(events, kind):
    return sorted(event.step.name for event in events if isinstance(event, kind))


def shared(tmp_path):
    return SharedStore(tmp_path / "runs", remote=RemoteStore(str(tmp_path / "store")))


def test_nodes_with_roots_of_their_own_hand_steps_over_through_the_store(run, tmp_path):
    trained = [step(f"train{number}") for number in range(3)]
    top = step("top", trained)
    events = run(top, store=shared(tmp_path))
    assert names(events, Finished) == ["top", "train0", "train1", "train2"] and not names(events, Failed)
    lines = (require_finished(shared(tmp_path), top) / "a.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["top", "train0", "train1", "train2"]
    nodes = {line.split()[2] for line in lines}
    assert len(nodes) > 1 and {path.name for path in tmp_path.glob("node-*")} == {f"node-{node}" for node in nodes}
    assert [path.name.partition("-")[0] for path in (tmp_path / "runs" / "kind").iterdir()] == ["top"]  # fetched
    # The next run finds all of it, on whatever machine, and fetches nothing.
    again = SharedStore(tmp_path / "elsewhere", remote=RemoteStore(str(tmp_path / "store")))
    assert names(run(top, store=again), Found) == ["top", "train0", "train1", "train2"]
    assert not (tmp_path / "elsewhere" / "kind").exists()


def away(workspace, *, store):
    """The store is gone when the step is done."""
    shutil.rmtree(store)
    store.write_text("in the way")


def test_a_step_that_cannot_be_handed_over_fails_is_kept_and_what_does_not_need_it_goes_on(run, tmp_path):
    first = step("first", run=partial(away, store=tmp_path / "store"))
    events = run(step("top", [first]), store=shared(tmp_path))
    assert names(events, Failed) == ["first"] and names(events, Skipped) == ["top"]
    failure = next(event.error for event in events if isinstance(event, Failed))
    assert isinstance(failure, StoreUnavailable) and "but could not be uploaded" in str(failure)
    (kept,) = tmp_path.glob("node-*/kind/first-*/manifest.json")
    assert str(kept.parent) in str(failure)


def test_nodes_that_do_not_find_the_store_are_left_out(run, tmp_path, caplog):
    store = SharedStore(tmp_path / "runs", remote=RemoteStore("memory://of-this-process"))
    events = run(step("one"), store=store)
    assert names(events, Failed) == ["one"]
    assert "is left out: it does not find at memory://of-this-process what the machine that started" in caplog.text
    assert not [event for event in events if isinstance(event, Advanced)]
