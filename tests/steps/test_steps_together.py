"""Steps that share their work in the local executor."""

import threading
import time

import pytest

from crosstune.errors import CrosstuneError, OutOfMemory, StepFailed, StorageFailure
from crosstune.progress import Progress
from crosstune.steps.events import Advanced, Failed, Finished, Found, Skipped, Started
from crosstune.steps.executors.local import execute
from crosstune.steps.step import Step, Together, in_order
from crosstune.steps.store import State, Store

LOG: list[tuple[str, ...]] = []


def share(workspaces, subjects):
    """Writes each one's part; `damaged` cannot take part, `full` finds no room."""
    LOG.append(("together", *subjects))
    for workspace, subject in zip(workspaces, subjects, strict=True):
        if subject == "damaged":
            raise OutOfMemory("no room")
        if subject == "full":
            raise StorageFailure("disk full")
        if subject == "slow":
            time.sleep(0.4)
        if subject == "interrupted":
            raise KeyboardInterrupt
        if not (workspace.out / "part.txt").exists():
            (workspace.out / "part.txt").write_text(f"{subject} together")
        workspace.on_progress(Progress(len(subject), 9, "letters"))


def answer(name):
    def run(workspace):
        LOG.append(("alone", name))
        if name == "damaged":
            raise CrosstuneError("damaged")
        part = workspace.out / "part.txt"
        (workspace.out / "a.txt").write_text(part.read_text() if part.exists() else f"{name} alone")

    return run


def train(name):
    def run(workspace):
        LOG.append(("trained", name))
        if name == "untrainable":
            raise CrosstuneError("diverged")
        (workspace.out / "a.txt").write_text(name)

    return run


def training(name):
    return Step("training", name, 1, {"x": name}, {}, train(name))


def generation(name, key="k", most=3, inputs=None):
    inputs = {"training": training(name)} if inputs is None else inputs
    shared = Together(key, most, name, share) if key else None
    return Step("generation", name, 1, {"x": name}, inputs, answer(name), together=shared)


@pytest.fixture
def store(tmp_path):
    LOG.clear()
    return Store(tmp_path / "runs")


def run(store, *steps):
    events = []
    try:
        execute(steps, store, events.append)
    finally:
        run.events = events
    return events


def told(events, kind):
    return [event.step.name for event in events if isinstance(event, kind) and event.step.kind == "generation"]


def text(store, step):
    return (store.folder(step) / "a.txt").read_text()


def test_what_they_build_on_comes_first_then_all_work_together_and_each_is_finished(store):
    one, two, three = generation("one"), generation("two"), generation("three")
    events = run(store, one, two, three)
    assert LOG == [
        ("trained", "one"), ("trained", "two"), ("trained", "three"), ("together", "one", "two", "three"),
        ("alone", "one"), ("alone", "two"), ("alone", "three"),
    ]  # fmt: skip
    assert [text(store, step) for step in (one, two, three)] == ["one together", "two together", "three together"]
    names = ["one", "two", "three"]
    assert told(events, Started) == told(events, Finished) == names
    done = [(event.step.name, event.progress.done) for event in events if isinstance(event, Advanced)]
    assert done == [("one", 3), ("two", 3), ("three", 5)]
    assert told(run(store, one, two, three), Found) == names
    assert sum(entry[0] == "together" for entry in LOG) == 1


def test_time_spent_together_is_shared_out(store):
    """0.4 seconds for two: 0.2 each, in the event and in the manifest; alone neither takes that long."""
    one, slow = generation("one"), generation("slow")
    events = run(store, one, slow)
    for event in events:
        if isinstance(event, Finished) and event.step.kind == "generation":
            assert event.seconds >= 0.2
            assert store.manifest(event.step)["seconds"] >= 0.2


def test_no_more_than_allowed_work_together_and_only_with_the_same_key(store):
    same = [generation(name) for name in ("a", "b", "c", "d", "e")]
    run(store, generation("x", key="other"), generation("y", key=None), *same)
    assert [entry for entry in LOG if entry[0] == "together"] == [("together", "a", "b", "c"), ("together", "d", "e")]


def test_it_is_no_part_of_the_identity():
    assert generation("a", key=None).fingerprint == generation("a").fingerprint == generation("a", "z", 9).fingerprint


def test_a_fault_of_one_stops_only_that_one(store):
    names = ["one", "damaged", "two"]
    steps = [generation(name) for name in names]
    with pytest.raises(StepFailed, match=r"damaged failed: damaged"):
        run(store, *steps)
    assert ("together", *names) in LOG
    assert [text(store, steps[0]), text(store, steps[2])] == ["one together", "two alone"]
    assert told(run.events, Failed) == ["damaged"]
    assert told(run.events, Started) == names


def test_one_whose_input_failed_is_left_out(store):
    steps = [generation(name) for name in ("one", "untrainable", "two")]
    with pytest.raises(StepFailed):
        run(store, *steps)
    assert ("together", "one", "two") in LOG
    assert told(run.events, Skipped) == ["untrainable"]
    assert store.state(steps[2]) is State.FINISHED


def test_one_that_another_process_holds_is_left_out_and_waited_for_at_the_end(store):
    steps = [generation(name) for name in ("held", "one", "two")]
    held, release = threading.Event(), threading.Event()

    def hold():
        with Store(store.root).lock(steps[0]):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    events = []

    def on_event(event):
        events.append(event)
        if type(event).__name__ == "Waiting":
            release.set()

    execute(steps, store, on_event)
    holder.join()
    assert ("together", "one", "two") in LOG
    assert [text(store, step) for step in steps] == ["held alone", "one together", "two together"]


@pytest.mark.parametrize(("name", "error"), [("full", StorageFailure), ("interrupted", KeyboardInterrupt)])
def test_a_full_disk_and_an_interrupt_stop_everything_and_the_next_run_goes_on(store, name, error):
    first, bad = generation("one"), generation(name)
    with pytest.raises(error):
        run(store, first, bad)
    assert ("alone", "one") not in LOG
    assert store.state(first) is State.PARTIAL
    assert (store.partial_folder(first) / "part.txt").read_text() == "one together"
    events = run(store, first)
    assert text(store, first) == "one together"
    assert [event.resumed for event in events if isinstance(event, Started) and event.step.kind == "generation"] == [
        True
    ]


def test_one_that_is_finished_takes_no_part(store):
    one, two, three = generation("one"), generation("two"), generation("three")
    run(store, two)
    run(store, one, two, three)
    assert [entry for entry in LOG if entry[0] == "together"] == [("together", "one", "three")]
    assert text(store, two) == "two alone"


def test_order_of_other_steps_is_kept(store):
    """A step that builds on the first answer comes after it, and sees it."""
    one, two = generation("one"), generation("two")
    after = Step(
        "scoring", "s", 1, {}, {"g": one}, lambda w: LOG.append(("scored", (w.inputs["g"] / "a.txt").read_text()))
    )
    run(store, *in_order([after, two]))
    assert LOG[-1] == ("scored", "one together")
