"""Steps on a real Ray cluster of three node processes on this machine; steps that sleep and append stand for work."""

import os
import socket
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from crosstune.errors import InvalidData, InvalidStudy, StepFailed, StorageFailure
from crosstune.progress import Progress
from crosstune.steps.events import Advanced, Failed, Finished, Found, Skipped, Started
from crosstune.steps.executors import local
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.step import Needs, Step
from crosstune.steps.store import State, Store

ray = pytest.importorskip("ray")

from crosstune.steps.executors import ray as on_ray  # noqa: E402

pytestmark = pytest.mark.enable_socket  # of this process and the nodes, all on this machine
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes do not find the tests


def append(workspace, *, text, times=3, seconds=0.0, journal=None):
    """Appends a line at a time, going on after those that are there; then joins the outputs of its inputs."""
    node = ray.get_runtime_context().get_node_id() if journal and ray.is_initialized() else ""
    log = workspace.out / "log.txt"
    done = len(log.read_text().splitlines()) if log.exists() else 0
    for number in range(done, times):
        time.sleep(seconds)
        with log.open("a") as file:
            file.write(f"{text} {number}\n")
        workspace.on_progress(Progress(number + 1, times, "lines", note=node))
    below = [(folder / "joined.txt").read_text() for _, folder in sorted(workspace.inputs.items())]
    (workspace.out / "joined.txt").write_text(log.read_text() + "".join(below))
    if journal is not None:
        with Path(journal).open("a") as file:
            file.write(f"{text}\n")


def refuse(workspace, *, error):
    raise error


def kill_itself_once(workspace):
    with (workspace.out / "tries.txt").open("a") as file:
        file.write("try\n")
    if len((workspace.out / "tries.txt").read_text().splitlines()) == 1:
        os.kill(os.getpid(), 9)


def kill_itself(workspace):
    os.kill(os.getpid(), 9)


def threads(workspace):
    import crosstune

    (workspace.out / "threads.txt").write_text(f"{os.environ['OMP_NUM_THREADS']} {crosstune.__name__}")


def step(name, inputs=(), run=None, **options):
    return Step("kind", name, 1, {"name": name}, {other.name: other for other in inputs}, run or
                partial(append, text=name, **options))  # fmt: skip


NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture
def cluster(ray_cluster):
    return ray_cluster


@pytest.fixture
def run(cluster, tmp_path):
    def execute(*steps, on_event=None, root=tmp_path / "runs", **options):
        events = []

        def watch(event):
            events.append(event)
            if on_event is not None:
                on_event(event)

        try:
            on_ray.execute(steps, Store(root), watch, cluster=Cluster(address=cluster.address, **options))
        except StepFailed as error:
            events.append(error)
        return events

    return execute


def names(events, kind):
    return [event.step.name for event in events if isinstance(event, kind)]


def outputs(root):
    return {
        str(path.relative_to(root)): path.read_text() for path in sorted(root.glob("kind/*/*.txt"))
    }  # fmt: skip


def test_steps_run_at_the_same_time_and_tell_what_the_local_executor_tells(run, tmp_path):
    one, two = step("one", seconds=0.3), step("two", seconds=0.3)
    top = step("top", [one, two])
    events = run(top)
    first_end = next(i for i, event in enumerate(events) if isinstance(event, Finished))
    assert set(names(events[:first_end], Started)) == {"one", "two"}  # neither waited for the other
    locally = []
    local.execute([top], Store(tmp_path / "local"), locally.append)

    def told(happened, name):
        return [
            (type(event), getattr(event, "progress", None), getattr(event, "resumed", None))
            for event in happened if event.step.name == name
        ]  # fmt: skip

    for name in ("one", "two"):  # slow enough that no progress is left out
        assert told(events, name) == told(locally, name)
    assert [type(event) for event in events if event.step is top and not isinstance(event, Advanced)] == [
        Started, Finished,
    ]  # fmt: skip
    assert outputs(tmp_path / "runs") == outputs(tmp_path / "local")
    again = run(top)
    assert [type(event) for event in again] == [Found, Found, Found]


@pytest.mark.chaos
def test_with_a_node_killed_in_the_middle_the_results_are_those_of_the_local_executor(run, cluster, tmp_path):
    journal = tmp_path / "journal.txt"
    cells = []
    for number in range(6):
        trained = step(f"train{number}", times=6, seconds=0.2, journal=journal)
        cells.append(step(f"answer{number}", [trained], times=2, journal=journal))
    top = step("top", cells, journal=journal)
    victim = cluster.add_node(**NODE)
    killed = []

    def kill(event):
        if not killed and isinstance(event, Advanced) and event.progress.note == victim.node_id:
            killed.append(event.step.name)
            cluster.remove_node(victim, allow_graceful=False)

    events = run(top, on_event=kill)
    assert [event.step.name for event in events if isinstance(event, Started) and event.resumed] == killed
    assert Counter(journal.read_text().split()) == Counter(names(events, Finished))  # each to its end once
    assert sorted(names(events, Finished)) == sorted([*(cell.name for cell in cells), "top"] +
                                                     [f"train{number}" for number in range(6)])  # fmt: skip
    local.execute([top], Store(tmp_path / "local"), lambda event: None)
    assert outputs(tmp_path / "runs") == outputs(tmp_path / "local")


def test_a_killed_process_is_tried_again_and_said_so(run, caplog):
    one = step("one", run=kill_itself_once)
    events = run(one)
    assert [(type(event), getattr(event, "resumed", None)) for event in events] == [
        (Started, False), (Started, True), (Finished, None),
    ]  # fmt: skip
    assert "its process was killed" in caplog.text and "(1 of 3)" in caplog.text


def test_what_is_killed_each_time_is_given_up_and_the_rest_goes_on(run):
    bad = step("bad", run=kill_itself)
    events = run(step("top", [bad]), step("other"), retries=1)
    assert (
        names(events, Failed) == ["bad"] and names(events, Skipped) == ["top"] and names(events, Finished) == ["other"]
    )
    assert "given up after 2 tries: its process was killed" in str(events[-1])


def test_a_step_that_fails_stops_only_what_needs_it(run):
    bad = step("bad", run=partial(refuse, error=InvalidData("wrong", where="x.jsonl, line 2", hint="mend it")))
    events = run(step("top", [bad, step("one")]), step("other"))
    assert names(events, Failed) == ["bad"] and names(events, Skipped) == ["top"]
    assert sorted(names(events, Finished)) == ["one", "other"]
    failure = next(event.error for event in events if isinstance(event, Failed))
    assert type(failure) is InvalidData and str(failure) == "x.jsonl, line 2: wrong; mend it"
    assert isinstance(events[-1], StepFailed) and "kind bad failed" in str(events[-1])


def test_a_full_disk_stops_everything(run, tmp_path):
    slow = step("slow", times=200, seconds=0.1)
    full = step("full", run=partial(refuse, error=StorageFailure("no space left")))
    with pytest.raises(StorageFailure, match="no space left"):
        run(slow, full)
    assert Store(tmp_path / "runs").state(slow) is not State.FINISHED


def test_an_interrupt_ends_the_tasks_and_the_next_run_goes_on(run, tmp_path):
    slow = step("slow", times=60, seconds=0.1)

    def interrupt(event):
        if isinstance(event, Advanced) and event.progress.done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(slow, on_event=interrupt)
    log = Store(tmp_path / "runs").partial_folder(slow) / "log.txt"
    written = log.read_text()
    time.sleep(0.5)
    assert 3 <= len(written.splitlines()) < 60 and log.read_text() == written  # nobody writes any more
    events = run(slow)
    assert [event.resumed for event in events if isinstance(event, Started)] == [True]
    assert names(events, Finished) == ["slow"]


def test_a_bug_keeps_its_name(run):
    with pytest.raises(ZeroDivisionError):
        run(step("bug", run=partial(refuse, error=ZeroDivisionError("1/0"))))


def library_versions():
    return {"torch": os.environ.get("FAKE_TORCH", "2.9")}


@pytest.mark.slow
def test_a_node_with_other_libraries_is_left_out(run, cluster, caplog):
    other = cluster.add_node(env_vars={"FAKE_TORCH": "2.5"}, **NODE)
    try:
        events = run(*(step(f"s{number}", times=2, seconds=0.3) for number in range(8)), versions=library_versions)
    finally:
        cluster.remove_node(other, allow_graceful=False)
    assert len(names(events, Finished)) == 8 and not names(events, Failed)
    assert "is left out: it has torch 2.5 instead of 2.9" in caplog.text


def test_without_a_gpu_a_step_that_must_have_one_says_so_and_the_rest_goes_on(run, tmp_path):
    needing = Step("kind", "needing", 1, {"name": "needing"}, {}, threads, needs=Needs(cpus=4, gpus=1))
    events = run(needing, step("other"), gpus=True, patience_seconds=1.0)
    assert names(events, Failed) == ["needing"] and names(events, Finished) == ["other"]
    assert "it needs 1 GPU, 4 CPUs, and the nodes have 1 CPU" in str(events[-1])
    # Unless told to insist, it runs where there is none, with the one core that a node has.
    assert names(run(needing), Finished) == ["needing"]
    written = next((tmp_path / "runs").glob("kind/needing-*/threads.txt")).read_text()
    assert written == "1 crosstune"


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidStudy, match="not the address of a node"):
        on_ray.execute([step("one")], Store(tmp_path), print, cluster=Cluster(address="ray://head:10001"))


def test_that_nobody_answers_at_an_address_is_said_at_once(tmp_path):
    with socket.socket() as silent:  # bound, and nobody listens
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(InvalidStudy, match=f"no Ray cluster answers at {address}.*ray start --head"):
            on_ray.execute([step("one")], Store(tmp_path), print, cluster=Cluster(address=address))
    assert time.monotonic() - began < 20
