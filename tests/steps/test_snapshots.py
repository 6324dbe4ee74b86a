"""What steps under way have written, on its way to a store and to another machine; steps that fail stand for kills."""

import json
import logging
import os
import shutil
import threading
import time
from functools import partial
from math import inf, nan
from pathlib import Path

import pytest

from crosstune.errors import InvalidData, InvalidStudy, StepFailed, StorageFailure, StoreUnavailable
from crosstune.steps import keeper, remote_files
from crosstune.steps.events import Finished, Found, Started
from crosstune.steps.executors import local
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step, Together
from crosstune.steps.store import State, Store, require_finished, work_path
from crosstune.steps.work import Work, guessed_work, known_work, save_work
from crosstune.study.store import open_store, prepare_store, send_missing


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Snapshots every few milliseconds; refusals are tried again at once."""
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", "0.02")
    monkeypatch.setattr(keeper, "_TIMES_ITS_OWN", 0.0)
    monkeypatch.setattr(remote_files, "_WAITS", (0.0,))


def shared(tmp_path, machine):
    return SharedStore(tmp_path / machine, remote=RemoteStore(str(tmp_path / "store")))


def told(tmp_path):
    """What the snapshot that there is says of itself."""
    return json.loads(manifest(tmp_path).read_text())


def manifest(tmp_path):
    (path,) = (tmp_path / "store" / "under-way").rglob("snapshot.json")
    return path


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
    paths = {name: manifest(tmp_path).with_name(facts["at"]) for name, facts in snapshot["files"].items()}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def is_kept(tmp_path, numbers):
    is_any = any((tmp_path / "store").glob("under-way/*/*/snapshot.json"))
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
    assert [parts for parts in objects(tmp_path) if "under-way" in parts] == []
    assert list((tmp_path / "store" / "under-way" / "kind").iterdir()) == []
    assert not [path for path in (tmp_path / "two" / ".snapshots").rglob("*") if path.is_file()]
    assert {event.step.name for event in run(shared(tmp_path, "three"), counting(tmp_path)) if isinstance(event, Found)}


def kill(self, *exits):
    self._stop.set()


def test_a_machine_that_was_killed_goes_on_with_its_own(tmp_path, monkeypatch):
    fetched = []
    with monkeypatch.context() as patched:
        patched.setattr(keeper.Keeper, "__exit__", kill)  # it writes nothing down any more
        run(shared(tmp_path, "one"), counting(tmp_path, dies_at=7))
    monkeypatch.setattr(remote_files.RemoteFiles, "get", lambda self, name, *others: fetched.append(name))
    one = shared(tmp_path, "one")
    run(one, counting(tmp_path))
    assert (require_finished(one, counting(tmp_path)) / "began-at.txt").read_text() == "7" and fetched == []


def test_others_see_that_a_step_is_under_way(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    two = shared(tmp_path, "two")
    two.look([counting(tmp_path)])
    assert two.state(counting(tmp_path)) is State.PARTIAL
    (reason,) = two.explain(counting(tmp_path)).reasons
    host = told(tmp_path)["host"]
    assert reason.startswith(f"under way or interrupted on {host}: 0:00:0") and "of work, saved at 20" in reason


def test_the_machine_that_was_interrupted_goes_on_with_what_it_has(tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    log = tmp_path / "one" / (counting(tmp_path).folder + ".partial") / "numbers.txt"
    log.write_text("".join(f"{number}\n" for number in range(6)))  # two more than the snapshot has
    one = shared(tmp_path, "one")
    run(one, counting(tmp_path))
    assert (require_finished(one, counting(tmp_path)) / "began-at.txt").read_text() == "6"


@pytest.mark.parametrize(
    ("work", "is_counted", "began_at"), [(3599, True, "6"), (3601, True, "4"), (1e9, False, "6")],
    ids=["farther here", "farther there", "not counted here"],
)  # fmt: skip
def test_of_what_two_machines_have_the_farther_counts(tmp_path, work, is_counted, began_at):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    manifest(tmp_path).write_text(json.dumps(told(tmp_path) | {"work": work}))
    step = counting(tmp_path)
    log = tmp_path / "two" / (step.folder + ".partial") / "numbers.txt"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"{number}\n" for number in range(6)))
    if is_counted:  # by an earlier try with the store
        path = work_path(tmp_path / "two", step)
        path.parent.mkdir(parents=True)
        path.write_text('{"seconds": 3600.0}')
    two = shared(tmp_path, "two")
    run(two, step)
    assert (require_finished(two, step) / "began-at.txt").read_text() == began_at
    assert not any(tmp_path.glob("two/.snapshots/kind/*"))


def test_where_a_snapshot_cannot_take_its_place_what_is_here_stays_and_is_not_overrated(tmp_path, monkeypatch, caplog):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    two, step = shared(tmp_path, "two"), counting(tmp_path)
    (two.begin(step) / "numbers.txt").write_text("0\n")
    save_work(work_path(tmp_path / "two", step), 0.0)
    manifest(tmp_path).write_text(json.dumps(told(tmp_path) | {"work": 99.0}))
    rename = Path.rename

    def refuse(path, target):
        if path.parent.name.startswith(step.fingerprint[:8]) and path.name != "replaced":
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    two.take_up(step)
    assert (two.partial_folder(step) / "numbers.txt").read_text() == "0\n"
    assert known_work(work_path(tmp_path / "two", step)) == 0.0 and "cannot be fetched" in caplog.text


def test_a_try_without_the_store_makes_what_was_counted_before_worthless(tmp_path):
    step = counting(tmp_path)
    save_work(work_path(tmp_path / "two", step), 5.0)
    Store(tmp_path / "two").begin(step)
    assert known_work(work_path(tmp_path / "two", step)) is None


def test_work_is_what_lies_between_writes(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    work = Work(tmp_path / "work.json", 50.0)
    work.note("nothing")
    for seconds, written, known in [(10, "a line", 60.0), (500, "a line", 60.0), (10, "two lines", 570.0)]:
        clock[0] += seconds
        work.note(written)
        work.save()
        assert known_work(tmp_path / "work.json") == known
    # Where nobody has counted, times of files tell, and pauses are not counted.
    for name, time_then in (("a", 0), ("b", 60), ("c", 86_400), ("d", 86_430)):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / name).touch()
        os.utime(tmp_path / "folder" / name, (time_then, time_then))
    assert guessed_work(tmp_path / "folder") == 60 + 600 + 30


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../evil.txt": {"bytes": 1, "at": "0123456789abcdef-0"}}},
        {"files": {".evil.txt": {"bytes": 1, "at": "0123456789abcdef-0"}}},
        {"files": {"evil.txt": {"bytes": 1, "at": "../../secret"}}},
        {"files": {"evil.txt": {"bytes": 1, "at": "snapshot.json"}}},
        {"files": {"evil.txt": {"bytes": inf, "at": "0123456789abcdef-0"}}},
        {"files": {"evil.txt": {"bytes": True, "at": "0123456789abcdef-0"}}},
        {"files": {"evil.txt": {"bytes": 1}}},
        {"files": {}},
        {"files": None},
        {"identity": {"kind": "another"}},
        {"format": 2},
        {"saved": "yesterday"},
        {"work": "much"},
        {"work": nan},
        {"id": "../../evil"},
        {"host": None},
    ],
)
def test_a_snapshot_that_somebody_tampered_with_is_none(change, tmp_path):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    manifest(tmp_path).write_text(json.dumps(told(tmp_path) | change))
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == "0"
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    "harm", [lambda path: path.write_bytes(b"9\n9\n9\n9\n"), Path.unlink], ids=["change", "remove"]
)
def test_a_damaged_snapshot_is_reported_and_the_step_starts_anew(harm, tmp_path, caplog):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))
    harm(manifest(tmp_path).with_name(told(tmp_path)["files"]["numbers.txt"]["at"]))
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == "0"
    assert "what kind counting had done on" in caplog.text and "is damaged in the store" in caplog.text
    assert not any((tmp_path / "store" / "under-way").rglob("*-*"))


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
    warnings = [record.getMessage() for record in caplog.records if "is not kept in the store" in record.message]
    assert warnings == [
        "what kind patient has done is not kept in the store: s3://b: it cannot be written: the line is down; "
        "it is tried again"
    ]


@pytest.fixture
def taking(tmp_path):
    """Takes snapshots of a folder, when asked to."""
    (tmp_path / "out").mkdir()
    work = Work(tmp_path / "work.json", 100.0)
    kept = keeper.Kept(counting(tmp_path), tmp_path / "out", tmp_path / "beside", work)
    return partial(keeper.Keeper(f"file://{tmp_path}/store", [kept]).take, kept)


def test_a_large_file_gets_a_second_name_and_one_that_grows_a_copy_the_next_time(tmp_path, monkeypatch, taking):
    monkeypatch.setattr(keeper, "DIGEST_UP_TO_BYTES", 10)
    folder = tmp_path / "out"
    (folder / "large.bin").write_bytes(bytes(100))
    (folder / "small.txt").write_text("small")
    linked, link = [], os.link
    monkeypatch.setattr(os, "link", lambda *names: linked.append(names[0].name) or link(*names))
    assert taking() and not taking()  # once more, when something has changed
    assert linked == ["large.bin"]
    facts = told(tmp_path)["files"]
    assert "sha256" in facts["small.txt"] and facts["large.bin"].keys() == {"bytes", "at"}
    put, uploads = remote_files.RemoteFiles.put, []

    def grows(self, source, name, progress, **options):
        put(self, source, name, progress, **options)
        uploads.append(source.name)
        with (folder / "log.bin").open("ab") as file:
            file.write(b"x")

    monkeypatch.setattr(remote_files.RemoteFiles, "put", grows)
    (folder / "another.txt").write_text("another")
    (folder / "log.bin").write_bytes(bytes(50))
    assert not taking()
    assert taking() and told(tmp_path)["files"]["log.bin"]["bytes"] == 52  # as it was when it was copied
    assert told(tmp_path)["files"]["large.bin"] == facts["large.bin"]
    assert uploads == ["another.txt", "log.bin", "log.bin"]  # what was broken off is gone on with
    assert linked == ["large.bin", "log.bin"]


def test_what_is_removed_or_half_written_meanwhile_is_not_in_it(tmp_path, monkeypatch, taking):
    for name in ("gone.bin", "kept.txt", ".torn.abc.tmp", "manifest.json", ".model.partial/weights.bin"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text(name)
    copy = keeper._copy

    def remove_first(kept, name, key):
        (tmp_path / "out" / "gone.bin").unlink(missing_ok=True)
        (tmp_path / "out" / "instead.bin").touch()
        return copy(kept, name, key)

    monkeypatch.setattr(keeper, "_copy", remove_first)
    assert taking()
    assert sorted(told(tmp_path)["files"]) == ["instead.bin", "kept.txt"]  # what came for it is


def test_a_snapshot_that_is_farther_is_not_replaced(tmp_path, taking, caplog):
    (tmp_path / "out" / "a.txt").write_text("a")
    assert taking()
    farther = told(tmp_path) | {"work": 5000.0, "id": "0" * 16, "host": "another"}
    manifest(tmp_path).write_text(json.dumps(farther))
    (tmp_path / "out" / "a.txt").write_text("ab")
    assert not taking() and told(tmp_path) == farther
    assert "not kept in the store: it holds what was done on another, which is farther" in caplog.text
    # One that is less far is, and what it held goes with it.
    manifest(tmp_path).write_text(json.dumps(farther | {"work": 50.0}))
    assert taking() and told(tmp_path)["work"] >= 100
    assert contents(tmp_path, told(tmp_path)) == {"a.txt": b"ab"} and len(objects(tmp_path)) == 2


def test_files_that_no_snapshot_holds_any_more_are_removed(tmp_path, taking):
    for text in ("a", "ab", "abc"):
        (tmp_path / "out" / "a.txt").write_text(text)
        (tmp_path / "out" / f"{text}.bin").touch()
        assert taking()
        (tmp_path / "out" / f"{text}.bin").unlink()
    held = told(tmp_path)["files"]
    assert sorted(held) == ["a.txt", "abc.bin"] and contents(tmp_path, told(tmp_path))["a.txt"] == b"abc"
    assert {parts[-1] for parts in objects(tmp_path)} == {facts["at"] for facts in held.values()} | {"snapshot.json"}


def test_what_somebody_removed_from_the_store_is_uploaded_again(tmp_path, taking):
    for name in ("a.txt", "b.txt"):
        (tmp_path / "out" / name).write_text(name)
    assert taking()
    shutil.rmtree(manifest(tmp_path).parent)
    (tmp_path / "out" / "c.txt").write_text("c.txt")
    assert not taking()  # what it would name is gone
    assert taking()
    assert contents(tmp_path, told(tmp_path)) == {name: name.encode() for name in ("a.txt", "b.txt", "c.txt")}


def test_what_was_fetched_is_not_uploaded_again(tmp_path, taking, monkeypatch):
    for name in ("a.txt", "b.txt"):
        (tmp_path / "out" / name).write_text(name)
    assert taking()
    before = told(tmp_path)["files"]
    work = Work(tmp_path / "work.json", 200.0)
    shutil.copytree(tmp_path / "out", tmp_path / "there")
    (tmp_path / "there" / "b.txt").write_text("longer")
    kept = keeper.Kept(counting(tmp_path), tmp_path / "there", tmp_path / "beside", work)
    assert keeper.Keeper(f"file://{tmp_path}/store", [kept]).take(kept)
    after = told(tmp_path)["files"]
    assert after["a.txt"] == before["a.txt"] and after["b.txt"] != before["b.txt"] and len(objects(tmp_path)) == 3


def test_of_one_that_is_replaced_while_it_is_fetched_the_next_is_taken(tmp_path, monkeypatch, taking):
    (tmp_path / "out" / "a.txt").write_text("a")
    assert taking()
    get, replaced = remote_files.RemoteFiles.get, []

    def replace_first(self, name, target, progress):
        if not replaced:
            replaced.append(name)
            (tmp_path / "out" / "a.txt").write_text("another")
            assert taking()
        return get(self, name, target, progress)

    monkeypatch.setattr(remote_files.RemoteFiles, "get", replace_first)
    two = shared(tmp_path, "two")
    two.take_up(counting(tmp_path))
    assert (two.partial_folder(counting(tmp_path)) / "a.txt").read_text() == "another"


@pytest.mark.parametrize("error", [StorageFailure("no space left"), OSError(36, "File name too long")])
def test_one_that_cannot_be_brought_is_done_without(error, tmp_path, monkeypatch, caplog):
    run(shared(tmp_path, "one"), counting(tmp_path, dies_at=4))

    def get(self, *args):
        raise error

    monkeypatch.setattr(remote_files.RemoteFiles, "get", get)
    two = shared(tmp_path, "two")
    run(two, counting(tmp_path))
    assert (require_finished(two, counting(tmp_path)) / "began-at.txt").read_text() == "0"
    assert "what kind counting may have done elsewhere cannot be fetched" in caplog.text


@pytest.mark.parametrize("when", ["its beginning", "its end"])
def test_a_snapshot_of_a_finished_step_is_removed_by_the_next_run(when, tmp_path, taking):
    run(shared(tmp_path, "one"), counting(tmp_path))
    (tmp_path / "out" / "a.txt").write_text("a")
    assert taking()  # of a machine that was lost right after it
    two = shared(tmp_path, "two")
    if when == "its beginning":
        prepare_store(two, [counting(tmp_path)])
    else:
        send_missing([counting(tmp_path)], two, lambda event: None, is_end=True)
    assert not any("under-way" in parts for parts in objects(tmp_path))
    assert two.state(counting(tmp_path)) is State.FINISHED


@pytest.mark.parametrize("seconds", ["60", "0"], ids=["shorter than that", "none wanted"])
def test_nothing_is_kept_of_an_empty_folder_or_a_short_step(seconds, tmp_path, monkeypatch, taking):
    assert not taking()
    (tmp_path / "out" / "step.json").write_text("{}")  # what it is, and nothing that it has done
    assert not taking()
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", seconds)
    run(shared(tmp_path, "one"), counting(tmp_path))
    assert not (tmp_path / "store" / "under-way").exists()


def count_together(workspaces, subjects):
    for workspace in workspaces:
        count(workspace, upto=4, tmp_path=subjects[0])
    manifests = subjects[0].glob
    wait_until(lambda: len(list(manifests("store/under-way/kind/*/snapshot.json"))) == len(workspaces))
    for path in manifests("store/under-way/kind/*/snapshot.json"):
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
    assert "kind second does without what was done before: kind first is not there any more" in caplog.text


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", "1e10"])
def test_what_is_no_number_of_seconds_is_said_before_anything_runs(text, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", text)
    store = open_store(tmp_path, str(tmp_path / "store"))  # a report needs none
    with pytest.raises(InvalidStudy, match=f"CROSSTUNE_SNAPSHOT_SECONDS is '{text}'; give seconds, at most 604800"):
        prepare_store(store, [])
    prepare_store(open_store(tmp_path, None), [])  # nobody asks for it
