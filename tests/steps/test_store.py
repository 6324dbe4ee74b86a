import json

import pytest

from crosstune.errors import CrosstuneError, StepFailed, StorageFailure
from crosstune.progress import Progress
from crosstune.steps.events import Advanced, Failed, Finished, Found, Skipped, Started
from crosstune.steps.executors.local import execute
from crosstune.steps.step import Step, in_order
from crosstune.steps.store import State, Store, require_finished


def write(text):
    def run(workspace):
        workspace.on_progress(Progress(1, 1, "files"))
        (workspace.out / "a.txt").write_text(
            text + "".join(sorted(f.read_text() for i in workspace.inputs.values() for f in i.glob("a.txt")))
        )

    return run


def step(name="one", config=None, inputs=None, run=None, version=1):
    return Step("kind", name, version, config or {"x": name}, inputs or {}, run or write(name))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", lambda: {"python": "3"})


def run_all(store, *steps):
    events = []
    execute(steps, store, events.append)
    return events


def kinds(events):
    return [(type(event).__name__, event.step.name) for event in events if not isinstance(event, Advanced)]


def test_inputs_run_first_and_the_second_time_nothing_runs(store):
    one = step("one")
    two = step("two", inputs={"first": one})
    assert kinds(run_all(store, two)) == [
        ("Started", "one"),
        ("Finished", "one"),
        ("Started", "two"),
        ("Finished", "two"),
    ]
    assert (store.folder(two) / "a.txt").read_text() == "twoone"
    assert kinds(run_all(store, two)) == [("Found", "one"), ("Found", "two")]


def test_the_manifest_says_what_was_done_with_what(store):
    one, two = step("one"), None
    two = step("two", inputs={"first": one})
    run_all(store, two)
    manifest = json.loads((store.folder(two) / "manifest.json").read_text())
    assert manifest["config"] == {"x": "two"} and manifest["inputs"] == {"first": one.fingerprint}
    assert manifest["files"]["a.txt"]["bytes"] == 6 and manifest["environment"] == {"python": "3"}
    assert store.folder(two).name == f"two-{two.fingerprint[:8]}"


def test_version_config_and_inputs_make_another_step_but_how_it_runs_does_not():
    base = step("one")
    assert step("one", run=write("other")).fingerprint == base.fingerprint
    others = [step("one", version=2), step("one", config={"x": 2}), step("one", inputs={"a": base})]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_an_interrupted_step_goes_on_from_what_is_on_disk(store):
    def interrupted(workspace):
        (workspace.out / "part").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(store, step("one", run=interrupted))
    seen = []

    def resumed(workspace):
        seen.append((workspace.out / "part").read_text())

    one = step("one", run=resumed)
    assert store.state(one) is State.PARTIAL
    events = run_all(store, one)
    assert seen == ["half"] and isinstance(events[0], Started) and events[0].resumed
    assert store.state(one) is State.FINISHED


def test_a_failed_step_stops_only_those_that_need_it(store):
    def fail(workspace):
        raise CrosstuneError("too little memory", hint="lower x")

    bad = step("bad", run=fail)
    needs_bad, good = step("needs-bad", inputs={"a": bad}), step("good")
    top = step("top", inputs={"a": needs_bad, "b": good})
    events = []
    with pytest.raises(StepFailed, match=r"kind bad failed: too little memory; lower x"):
        execute([top], store, events.append)
    assert kinds(events) == [
        ("Started", "bad"), ("Failed", "bad"), ("Skipped", "needs-bad"), ("Started", "good"), ("Finished", "good"),
        ("Skipped", "top"),
    ]  # fmt: skip
    assert [event.because.name for event in events if isinstance(event, Skipped)] == ["bad", "bad"]


def test_a_full_disk_stops_everything(store):
    def full(workspace):
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFailure, match="no space"):
        run_all(store, step("one", run=full), step("two"))
    assert store.state(step("two")) is State.NEW


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest"])
def test_a_damaged_result_is_made_again(store, damage):
    one = step("one")
    run_all(store, one)
    path = store.folder(one) / "a.txt"
    if damage == "truncate":
        path.write_text("o")
    elif damage == "remove":
        path.unlink()
    else:
        (store.folder(one) / "manifest.json").write_text('{"format": 1, "fin')
    assert store.state(one) is State.NEW
    with pytest.raises(StorageFailure):
        require_finished(store, one)
    run_all(store, one)
    assert path.read_text() == "one"


def test_explain_names_what_differs_from_the_nearest_finished_step(store):
    base = {"lr": 0.1, "seed": 0, "model": {"name": "a"}}
    run_all(store, step("one", config=base), step("far", config={"lr": 0.9, "seed": 7, "model": {"name": "z"}}))
    explanation = store.explain(step("one", config={**base, "lr": 0.5}))
    assert explanation.state is State.NEW and explanation.reasons == ("lr: 0.1 -> 0.5",)
    assert store.explain(step("one", config=base)).state is State.FINISHED


def test_shared_inputs_appear_once_in_order():
    a = step("a")
    b, c = step("b", inputs={"a": a}), step("c", inputs={"a": a})
    top = step("top", inputs={"c": c, "b": b})
    assert [item.name for item in in_order([top, c])] == ["a", "c", "b", "top"]


def test_a_step_finished_by_another_process_while_waiting_is_not_run_again(store):
    import threading

    one = step("one", run=lambda workspace: pytest.fail("ran twice"))
    entered, events = threading.Event(), []

    def other():
        with store.lock(step("one")):
            entered.set()
            with store.writing(step("one")) as out:
                (out / "a.txt").write_text("theirs")

    # Locks belong to a process, so another one is needed to hold it for real; see tests/storage/test_locks.py. Here the
    # second look after the lock is what is tested: the step finishes between the first look and the lock.
    first_look = store.state
    store.state = lambda asked: (State.NEW, setattr(store, "state", first_look), other())[0]
    execute([one], store, events.append)
    assert [type(event) for event in events] == [Found]


def test_finished_and_failed_carry_what_a_display_needs(store):
    events = run_all(store, step("one"))
    assert [event.seconds >= 0 for event in events if isinstance(event, Finished)] == [True]
    assert not [event for event in events if isinstance(event, Failed)]


def test_what_a_step_is_called_is_not_what_it_is(store):
    run_all(store, step("one", config={"x": 1}))
    renamed = step("another-name", config={"x": 1}, run=lambda workspace: pytest.fail("ran twice"))
    assert kinds(run_all(Store(store.root), renamed)) == [("Found", "another-name")]
    assert (Store(store.root).folder(renamed) / "a.txt").read_text() == "one"


def test_two_names_of_one_step_in_one_run_are_done_once(store):
    one, two = step("one", config={"x": 1}), step("two", config={"x": 1})
    assert kinds(run_all(store, one, two)) == [("Started", "one"), ("Finished", "one"), ("Found", "two")]


def test_an_equal_short_hash_is_not_taken_for_the_same_step(store):
    one = step("one")
    run_all(store, one)
    impostor = store.folder(one).with_name(f"x-{step('two').fingerprint[:8]}")
    store.folder(one).rename(impostor)
    assert Store(store.root).state(step("two")) is State.NEW


def test_foreign_files_in_the_root_are_passed_over(store):
    run_all(store, step("one"))
    for name, content in (("a", "[]"), ("b", '{"fingerprint": "x", "files": {}}'), ("c", "torn")):
        (store.root / "kind" / name).mkdir()
        (store.root / "kind" / name / "manifest.json").write_text(content)
    assert store.explain(step("two")).reasons == ('x: "one" -> "two"',)


@pytest.mark.parametrize("root", ["a-file", "a-file/below", "x" * 300])
def test_a_root_that_cannot_be_is_named(tmp_path, root):
    (tmp_path / "a-file").write_text("")
    with pytest.raises(StorageFailure, match=r"cannot be made|cannot be written"):
        run_all(Store(tmp_path / root), step("one"))
