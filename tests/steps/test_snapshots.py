"""What steps under way have written, on its way to a store and to another machine; steps that fail stand for kills."""

import json
import logging
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosstune.errors import InvalidData, InvalidStudy, StepFailed, StoreUnavailable
from crosstune.steps import remote_files, snapshots
from crosstune.steps.events import Finished, Found, Started
from crosstune.steps.executors import local
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step, Together
from crosstune.steps.store import State, require_finished
from crosstune.study.store import open_store


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Snapshots every few milliseconds; refusals are tried again at once."""
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", "0.02")
    monkeypatch.setattr(snapshots, "_TIMES_ITS_OWN", 0.0)
    monkeypatch.setattr(remote_files, "_WAITS", (0.0,))


def shared(tmp_path, machine):
    return SharedStore(tmp_path / machine, remote=RemoteStore(str(tmp_path / "store")))


def told(tmp_path):
    """What the snapshot that there is says of itself."""
    (path,) = (tmp_path / "store" / "under-way").rglob("*.json")
    return json.loads(path.read_text())


def wait_until(there_is):
    until = time.monotonic() + 30
    while not there_is():
        assert time.monotonic() < until
        time.sleep(0.01)


def count(workspace, *, upto, tmp_path, dies_at=None):
    """Writes a line for each number, and a file for every third, of which only the last is kept."""
    out = workspace.out
    (out / "checkpoints").mkdir(exist_ok=True)
    log = out / "numbers.txt"
    done = len(log.read_text().splitlines()) if log.exists() else 0
    for number in range(done, upto):
        if number == dies_at:
            wait_until(partial(is_kept, tmp_path, number))
            raise InvalidData("the power went out")
        with log.open("a") as file:
            file.write(f"{number}\n")
        if number % 3 == 0:
            for old in (out / "checkpoints").iterdir():
                old.unlink()
            (out / "checkpoints" / f"{number}.bin").write_bytes(bytes(1000))
    (out / "began-at.txt").write_text(f"{done}")


def contents(tmp_path, snapshot):
    """The files of a snapshot; of one that was replaced meanwhile, those that are left."""
    paths = {name: tmp_path / "store" / facts["at"] for name, facts in snapshot["files"].items()}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def is_kept(tmp_path, numbers):
    is_any = (tmp_path / "store" / "under-way").exists()
    return is_any and len(contents(tmp_path, told(tmp_path)).get("numbers.txt", b"").split()) == numbers


def counting(tmp_path, dies_at=None, **options):
    run = partial(count, upto=10, tmp_path=tmp_path, dies_at=dies_at)
    return Step("kind", "counting", 1, {"upto": 10}, {}, run, **options)


def run(store, *steps):
    events = []
    store.remote.bear_refusals()
    try:
        local.execute(steps, store, events.append)
    except StepFailed as error:
        events.append(error)
    return events


def objects(tmp_path):
    found = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
    return sorted(path.relative_to(tmp_path / "store").parts for path in found)


def test_an_interrupted_step_goes_on_at_another_machine_from_where_it_was(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=7))
    assert sorted(told(tmp_path)["files"]) == ["checkpoints/6.bin", "numbers.txt", "step.json"]
    two = shared(tmp_path, "two")
    events = run(two, counting(tmp_path))
    assert [event.resumed for event in events if isinstance(event, Started)] == [True]
    folder = require_finished(two, counting(tmp_path))
    assert (folder / "began-at.txt").read_text() == "7"
    assert (folder / "numbers.txt").read_text().split() == [str(number) for number in range(10)]
    assert (folder / "checkpoints" / "9.bin").exists() and not (folder / "checkpoints" / "6.bin").exists()
    # Of the finished step there is no snapshot any more, nor a file of one, here or there.
    assert [parts for parts in objects(tmp_path) if "under-way" in parts or ".partial" in parts[1]] == []
    assert not [path for path in (tmp_path / "two" / ".snapshots").rglob("*") if path.is_file()]
    assert {event.step.name for event in run(shared(tmp_path, "three"), counting(tmp_path)) if isinstance(event, Found)}


def test_files_that_no_snapshot_holds_any_more_are_removed(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=7))
    held = {facts["at"] for facts in told(tmp_path)["files"].values()}
    there = {"/".join(parts) for parts in objects(tmp_path) if ".partial" in parts[1]}
    assert there == held


def test_others_see_that_a_step_is_under_way(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    two = shared(tmp_path, "two")
    two.look([counting(tmp_path)])
    assert two.state(counting(tmp_path)) is State.PARTIAL
    (reason,) = two.explain(counting(tmp_path)).reasons
    host, _ = told(tmp_path)["by"]
    assert reason.startswith(f"under way or interrupted on {host}; in file://") and "as it was at 20" in reason


def test_the_machine_that_was_interrupted_goes_on_with_what_it_has(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    log = tmp_path / "one" / (counting(tmp_path).folder + ".partial") / "numbers.txt"
    log.write_text("".join(f"{number}\n" for number in range(6)))  # two more than the snapshot has
    one = shared(tmp_path, "one")
    run(one, counting(tmp_path))
    assert (require_finished(one, counting(tmp_path)) / "began-at.txt").read_text() == "6"


@pytest.mark.parametrize(("age", "began_at"), [(-3600, "6"), (3600, "4")], ids=["newer here", "newer there"])
def test_of_what_two_machines_have_the_newer_counts(tmp_path, age, began_at):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    (path,) = (tmp_path / "store" / "under-way").rglob("*.json")
    saved = time.time() + age
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(saved))
    path.write_text(json.dumps(told(tmp_path) | {"saved": stamp}))
    log = tmp_path / "two" / (counting(tmp_path).folder + ".partial") / "numbers.txt"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"{number}\n" for number in range(6)))
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == began_at


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../evil.txt": {"bytes": 1, "at": "kind/x"}}},
        {"files": {"evil.txt": {"bytes": 1, "at": "../../secret"}}},
        {"files": {"evil.txt": {"bytes": 1}}},
        {"files": None},
        {"identity": {"kind": "another"}},
        {"saved": "yesterday"},
        {"saved": "2026-01-01T00:00:00"},
        {"by": "somebody"},
    ],
)
def test_a_snapshot_that_somebody_tampered_with_is_none(change, tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    (path,) = (tmp_path / "store" / "under-way").rglob("*.json")
    path.write_text(json.dumps(told(tmp_path) | change))
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == "0"
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    "harm", [lambda path: path.write_bytes(b"9\n9\n9\n9\n"), Path.unlink], ids=["change", "remove"]
)
def test_a_damaged_snapshot_is_reported_and_the_step_starts_anew(harm, tmp_path, caplog):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    harm(tmp_path / "store" / told(tmp_path)["files"]["numbers.txt"]["at"])
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == "0"
    assert "what kind counting had done on" in caplog.text and "is damaged in the store" in caplog.text


def test_a_store_that_refuses_snapshots_is_told_of_once_and_stops_nothing(tmp_path, monkeypatch, caplog):
    refused = threading.Event()
    tries = []

    def refuse(self, *args, **options):
        tries.append(args)
        if len(tries) > 3:
            refused.set()
        raise StoreUnavailable("it cannot be written: the line is down", where="s3://b")

    def patient(workspace):
        (workspace.out / "a.txt").write_text("a")
        assert refused.wait(30)

    monkeypatch.setattr(remote_files.RemoteFiles, "put", refuse)
    with caplog.at_level(logging.WARNING):
        events = run(shared(tmp_path, "one"), Step("kind", "patient", 1, {}, {}, patient))
    assert [type(event) for event in events if isinstance(event, Finished)] == [Finished]
    warnings = [
        record.getMessage() for record in caplog.records if "has done is not in the store yet" in record.message
    ]
    assert warnings == [
        "what kind patient has done is not in the store yet: s3://b: it cannot be written: the line is down; "
        "it is tried again"
    ]


def keeper(tmp_path, folder):
    store = shared(tmp_path, "one")
    return store._snapshots.keeper(counting(tmp_path), folder, tmp_path / "beside")


def test_a_large_file_gets_a_second_name_and_one_that_still_grows_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "DIGEST_UP_TO_BYTES", 10)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "large.bin").write_bytes(bytes(100))
    (folder / "small.txt").write_text("small")
    linked = []
    link = snapshots.os.link
    monkeypatch.setattr(snapshots, "os", SimpleNamespace(link=lambda *names: linked.append(names) or link(*names)))
    kept = keeper(tmp_path, folder)
    assert kept.take() and not kept.take()  # once more, when something has changed
    assert [source.name for source, _ in linked] == ["large.bin"]
    facts = told(tmp_path)["files"]
    assert "sha256" in facts["small.txt"] and facts["large.bin"].keys() == {"bytes", "at"}
    put = remote_files.RemoteFiles.put

    def grows(self, source, name, progress, **options):
        put(self, source, name, progress, **options)
        with (folder / "more.bin").open("ab") as file:
            file.write(b"x")

    monkeypatch.setattr(remote_files.RemoteFiles, "put", grows)
    (folder / "more.bin").write_bytes(bytes(50))
    assert not kept.take()
    monkeypatch.setattr(remote_files.RemoteFiles, "put", put)
    assert kept.take() and told(tmp_path)["files"]["more.bin"]["bytes"] == 51
    assert told(tmp_path)["files"]["large.bin"] == facts["large.bin"]  # not uploaded again


def test_what_is_removed_or_half_written_meanwhile_is_not_in_it(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("gone.bin", "kept.txt", ".torn.abc.tmp", "manifest.json"):
        (folder / name).write_text(name)
    staged = snapshots._staged

    def remove_first(source, target, size):
        (folder / "gone.bin").unlink(missing_ok=True)
        return staged(source, target, size)

    monkeypatch.setattr(snapshots, "_staged", remove_first)
    assert keeper(tmp_path, folder).take()
    assert list(told(tmp_path)["files"]) == ["kept.txt"]


@pytest.mark.parametrize("seconds", ["60", "0"], ids=["shorter than that", "none wanted"])
def test_nothing_is_kept_of_an_empty_folder_or_a_short_step(seconds, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    assert not keeper(tmp_path, tmp_path / "out").take()
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", seconds)
    run(shared(tmp_path, "one"), counting(tmp_path))
    assert not (tmp_path / "store" / "under-way").exists()


def count_together(workspaces, subjects):
    for workspace in workspaces:
        count(workspace, upto=4, tmp_path=subjects[0])
    wait_until(lambda: len(list((subjects[0] / "store" / "under-way").rglob("*.json"))) == len(workspaces))
    for workspace in workspaces:
        digest = workspace.out.name.removesuffix(".partial")[-8:]
        (path,) = (subjects[0] / "store" / "under-way").rglob(f"{digest}*.json")
        wait_until(lambda path=path: "began-at.txt" in json.loads(path.read_text())["files"])
    raise KeyboardInterrupt


def test_steps_that_work_together_are_kept_and_go_on_elsewhere(tmp_path):
    def like(name, runs):
        together = Together("same", 2, tmp_path, runs)
        return Step("kind", name, 1, {"name": name}, {}, partial(count, upto=10, tmp_path=tmp_path), together=together)

    names = ("a", "b")
    with pytest.raises(KeyboardInterrupt):
        run(shared(tmp_path, "one"), *(like(name, count_together) for name in names))
    two = shared(tmp_path, "two")
    found = []
    events = run(two, *(like(name, lambda spaces, subjects: found.extend(spaces)) for name in names))
    assert len(found) == 2 and [event.resumed for event in events if isinstance(event, Started)] == [True, True]
    assert [(require_finished(two, like(name, None)) / "began-at.txt").read_text() for name in names] == ["4", "4"]


def part(workspace, *, seen):
    seen.append(workspace.earlier)
    before = (workspace.earlier / "a.txt").read_text() if workspace.earlier else ""
    (workspace.out / "a.txt").write_text(before + workspace.out.name[0])


def test_a_part_that_another_machine_has_done_is_brought_to_go_on_from(tmp_path, caplog):
    seen = []
    first = Step("kind", "first", 1, {"part": 1}, {}, partial(part, seen=seen))
    second = Step("kind", "second", 1, {"part": 2}, {}, partial(part, seen=seen), earlier=first)
    assert second.fingerprint == Step("kind", "second", 1, {"part": 2}, {}, part).fingerprint
    run(shared(tmp_path, "one"), first)
    two = shared(tmp_path, "two")
    run(two, second)
    assert (require_finished(two, second) / "a.txt").read_text() == "fs"
    assert seen == [None, tmp_path / "two" / first.folder] and not caplog.records
    # Where it is nowhere to be had, the step does without, and says so.
    alone = SharedStore(tmp_path / "three", remote=RemoteStore(str(tmp_path / "another store")))
    run(alone, second)
    assert seen[-1] is None and (require_finished(alone, second) / "a.txt").read_text() == "s"
    assert "kind second is done from its beginning: kind first is not there any more" in caplog.text


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_what_is_no_number_of_seconds_is_said_before_anything_runs(text, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", text)
    with pytest.raises(InvalidStudy, match=f"CROSSTUNE_SNAPSHOT_SECONDS is '{text}'; give a number of seconds"):
        open_store(tmp_path, str(tmp_path / "store"))
    open_store(tmp_path, None)  # nobody asks for it
