"""A root beside a store that machines share, on file systems of fsspec, one of which refuses as it is told."""

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from crosstune.errors import DamagedInStore, InvalidData, InvalidStudy, StepFailed, StorageFailure, StoreUnavailable
from crosstune.steps import remote_files
from crosstune.steps.events import Advanced, Failed, Finished, Found, Started
from crosstune.steps.executors import local
from crosstune.steps.executors.finish import is_settled
from crosstune.steps.remote import RemoteStore
from crosstune.steps.remote_files import checked_url
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step
from crosstune.steps.store import AGAIN, State, Store, require_finished
from crosstune.study.store import making_damaged_again


class Refusing(MemoryFileSystem):
    """Files in memory; refuses as told."""

    protocol = "refusing"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]
    cachable = False
    refuse_writes_after = None
    """How many writes it takes before it refuses all others."""
    error = ConnectionError("the line is down")
    hidden = ""
    """It takes files that end so, and does not show them."""
    refused = 0
    written: ClassVar = []

    def put_file(self, lpath, rpath, **options):
        if self.refuse_writes_after is not None and len(self.written) >= self.refuse_writes_after:
            type(self).refused += 1
            raise self.error
        self.written.append(rpath)
        super().put_file(lpath, rpath, **options)

    def find(self, path, **options):
        found = super().find(path, **options)
        return {name: facts for name, facts in found.items() if not self.hidden or not name.endswith(self.hidden)}


fsspec.register_implementation("refusing", Refusing, clobber=True)


@pytest.fixture(autouse=True)
def refusing(monkeypatch):
    monkeypatch.setattr(remote_files, "_WAITS", (0.0, 0.0))
    MemoryFileSystem.store.clear()
    for name, value in {"store": {}, "pseudo_dirs": [""], "written": [], "refuse_writes_after": None, "hidden": "",
                        "refused": 0, "error": ConnectionError("the line is down")}.items():  # fmt: skip
        monkeypatch.setattr(Refusing, name, value)
    return Refusing


def write(workspace, *, text, ran=None, again=None, error=None):
    if ran is not None:
        ran.append(text)
    if error is not None:
        raise error
    below = [(folder / "deep" / "a.txt").read_text() for _, folder in sorted(workspace.inputs.items())]
    (workspace.out / "deep").mkdir(exist_ok=True)
    (workspace.out / "deep" / "a.txt").write_text(text + "".join(below))
    (workspace.out / "weights.bin").write_bytes(bytes(range(256)) * 40)
    if again:
        (workspace.out / AGAIN).write_text(json.dumps({"why": again}))


def step(name, inputs=(), **options):
    return Step("kind", name, 1, {"name": name}, {other.name: other for other in inputs}, partial(write, text=name,
                **options))  # fmt: skip


def run(store, *steps, executor=local.execute):
    events = []
    if isinstance(store, SharedStore):
        store.remote.bear_refusals()
    try:
        executor(steps, store, events.append)
    except StepFailed as error:
        events.append(error)
    return events


def shared(root, url):
    return SharedStore(root, remote=RemoteStore(str(url)))


def kinds(events):
    return [(type(event), event.step.name) for event in events if not isinstance(event, Advanced)]


def here(root):
    return sorted(path.name.rpartition("-")[0] for path in root.glob("kind/*"))


URLS = ["memory://bucket/pre", "folder"]


@pytest.fixture(params=URLS)
def url(request, tmp_path):
    return str(tmp_path / "the store") if request.param == "folder" else request.param


def test_what_one_machine_finished_another_finds_and_fetches_only_what_it_needs(url, tmp_path):
    ran = []
    trained = step("trained", ran=ran)
    answered = step("answered", [trained], ran=ran)
    run(shared(tmp_path / "one", url), answered)
    there = shared(tmp_path / "two", url)
    assert kinds(run(there, answered)) == [(Found, "trained"), (Found, "answered")]
    assert here(tmp_path / "two") == []  # nothing was needed
    scored = step("scored", [answered], ran=ran)
    assert kinds(run(there, scored)) == [
        (Found, "trained"), (Found, "answered"), (Started, "scored"), (Finished, "scored"),
    ]  # fmt: skip
    assert here(tmp_path / "two") == ["answered", "scored"]  # not what `answered` was made of
    assert ran == ["trained", "answered", "scored"]
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    assert two.damage(answered) is None and two.manifest(answered) == one.manifest(answered)
    assert (two.folder(scored) / "deep" / "a.txt").read_text() == "scoredansweredtrained"
    # What is wanted as a result is fetched as well.
    folder = require_finished(shared(tmp_path / "three", url), scored)
    assert (folder / "deep" / "a.txt").read_text() == "scoredansweredtrained"
    assert here(tmp_path / "three") == ["scored"]
    assert not [*(tmp_path / "three").rglob("*.tmp"), *(tmp_path / "three" / ".fetched" / "kind").iterdir()]


def test_of_an_input_that_is_read_in_part_only_those_files_are_fetched(url, tmp_path):
    trained = step("trained")
    run(shared(tmp_path / "one", url), trained)
    reading = Step("kind", "reading", 1, {}, {"trained": trained}, partial(write, text="x"),
                   reads={"trained": ("deep/a.txt",)})  # fmt: skip
    assert reading.fingerprint == Step("kind", "reading", 1, {}, {"trained": trained}, write).fingerprint
    store = shared(tmp_path / "two", url)
    run(store, reading)
    assert (store.folder(reading) / "deep" / "a.txt").read_text() == "xtrained" and here(tmp_path / "two") == [
        "reading"
    ]
    assert [path.name for path in (tmp_path / "two" / ".parts").rglob("*") if path.is_file()] == ["a.txt"]
    assert (store.open(trained) / "weights.bin").is_file()  # whoever needs all gets all


def test_many_are_looked_up_at_once_and_of_no_other_kind(url, tmp_path):
    steps = [step(f"s{number}") for number in range(10)]
    run(shared(tmp_path / "one", url), *steps[:9])
    there = shared(tmp_path / "two", url)
    there.look(steps)
    assert [there.state(each) for each in steps] == [State.FINISHED] * 9 + [State.NEW]
    assert "in memory://" in there.explain(steps[0]).reasons[0] or "in file://" in there.explain(steps[0]).reasons[0]


def test_files_go_first_the_manifest_last_and_nothing_is_written_twice(refusing, tmp_path):
    one = step("one")
    run(shared(tmp_path / "one", "refusing://b"), one)
    written = [Path(name).name for name in refusing.written]
    assert written == ["a.txt", "step.json", "weights.bin", f"{one.fingerprint}.json"]
    run(shared(tmp_path / "one", "refusing://b"), one)
    shared(tmp_path / "one", "refusing://b").send_missing([one], lambda step, progress: None)
    assert len(refusing.written) == 4


def test_a_half_upload_is_not_taken_for_whole_and_the_next_run_goes_on_with_it(refusing, tmp_path, caplog):
    refusing.refuse_writes_after = 2
    one = step("one")
    top = step("top", [one])
    store = shared(tmp_path / "one", "refusing://b")
    events = run(store, top)
    assert kinds(events)[-1] == (Finished, "top")  # the rest of the study goes on
    assert refusing.refused == 3  # one try and two more; then the store is left alone for a while
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "kind one is finished on" in caplog.text and "not reached (ConnectionError: the line is down)" in caplog.text
    other = shared(tmp_path / "two", "refusing://b")
    assert other.state(one) is State.NEW
    again = shared(tmp_path / "one", "refusing://b")
    with pytest.raises(StoreUnavailable, match="refusing://b: 2 finished steps are not in the store: it cannot be"):
        again.send_missing([one, top], lambda step, progress: None)
    refusing.refuse_writes_after = None
    shared(tmp_path / "one", "refusing://b").send_missing([one, top], lambda step, progress: None)
    # 2 files of `one` that were taken, its third, its manifest, and the 4 of `top`: none twice.
    assert len(refusing.written) == len(set(refusing.written)) == 8
    assert kinds(run(shared(tmp_path / "two", "refusing://b"), top)) == [(Found, "one"), (Found, "top")]


def test_a_store_that_does_not_keep_what_it_takes_is_found_out(refusing, tmp_path, caplog):
    refusing.hidden = "weights.bin"
    run(shared(tmp_path / "one", "refusing://b"), step("one"))
    assert "weights.bin is not there after its upload" in caplog.text
    assert shared(tmp_path / "two", "refusing://b").state(step("one")) is State.NEW


def test_what_is_refused_once_is_tried_again(refusing, tmp_path, monkeypatch, caplog):
    refusals = [ConnectionError("reset"), TimeoutError()]
    put = MemoryFileSystem.put_file

    def put_file(self, *args, **options):
        if refusals:
            raise refusals.pop()
        put(self, *args, **options)

    monkeypatch.setattr(Refusing, "put_file", put_file)
    run(shared(tmp_path / "one", "refusing://b"), step("one"))
    assert not caplog.records and shared(tmp_path / "two", "refusing://b").state(step("one")) is State.FINISHED


def test_no_permission_is_not_tried_again(refusing, tmp_path):
    refusing.refuse_writes_after, refusing.error = 0, PermissionError("Access Denied")
    with pytest.raises(StoreUnavailable, match=r"//b: it cannot be written: not allowed .*Access Denied.*must allow"):
        RemoteStore("refusing://b").prepare()
    assert refusing.refused == 1


def flip(path):
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [flip, Path.unlink, lambda path: os.truncate(path, 3)], ids=["flip", "remove", "cut"])
def test_a_damaged_object_is_reported_never_used_and_made_and_uploaded_again(harm, tmp_path):
    ran = []
    trained = step("trained", ran=ran)
    top = step("top", [trained], ran=ran)
    run(shared(tmp_path / "one", tmp_path / "store"), trained)
    (damaged,) = (tmp_path / "store").glob("kind/trained-*/*/weights.bin")
    harm(damaged)
    store = shared(tmp_path / "two", tmp_path / "store")
    events = run(store, top, executor=making_damaged_again(local.execute))
    assert kinds(events) == [
        (Found, "trained"), (Started, "top"), (Failed, "top"),
        (Started, "trained"), (Finished, "trained"), (Started, "top"), (Finished, "top"),
    ]  # fmt: skip
    failure = next(event.error for event in events if isinstance(event, Failed))
    assert isinstance(failure, DamagedInStore) and "kind trained in the store is damaged: weights.bin" in str(failure)
    assert ran == ["trained", "trained", "top"]
    # Others get the new upload; the old one is left as it was.
    folder = require_finished(shared(tmp_path / "three", tmp_path / "store"), trained)
    assert (folder / "weights.bin").read_bytes() == bytes(range(256)) * 40
    assert len(list((tmp_path / "store").glob("kind/trained-*/*"))) == 2


def test_one_who_only_reads_is_told_of_the_damage(tmp_path):
    one = step("one")
    run(shared(tmp_path / "one", tmp_path / "store"), one)
    flip(next((tmp_path / "store").glob("kind/one-*/*/weights.bin")))
    with pytest.raises(DamagedInStore, match=r"weights.bin has other content .*; it is made again by the next"):
        require_finished(shared(tmp_path / "two", tmp_path / "store"), one)
    # Where it was made it is whole, so it is uploaded anew under the same name once it has been found damaged.
    assert shared(tmp_path / "two", tmp_path / "store").state(one) is State.NEW
    assert shared(tmp_path / "one", tmp_path / "store").is_unsent(one)


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../evil.txt": {"bytes": 1}}},
        {"files": {"/etc/evil": {"bytes": 1}}},
        {"files_at": "../elsewhere"},
        {"fingerprint": "0" * 64},
        {"config": {"name": "another"}},
        {"inputs": []},
        {"seconds": "many"},
        {"files": None},
    ],
)
def test_a_manifest_that_somebody_tampered_with_is_none(change, tmp_path):
    one = step("one")
    run(shared(tmp_path / "one", tmp_path / "store"), one)
    (path,) = (tmp_path / "store" / "manifests" / "kind").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert shared(tmp_path / "two", tmp_path / "store").state(one) is State.NEW


def test_a_fetch_that_was_interrupted_brings_only_what_is_missing(tmp_path, monkeypatch):
    one = step("one")
    run(shared(tmp_path / "one", tmp_path / "store"), one)
    fetched, get = [], remote_files.RemoteFiles.get

    def cut(self, name, target, progress):
        fetched.append(Path(name).name)
        if len(fetched) == 2:
            raise KeyboardInterrupt
        return get(self, name, target, progress)

    monkeypatch.setattr(remote_files.RemoteFiles, "get", cut)
    with pytest.raises(KeyboardInterrupt):
        shared(tmp_path / "two", tmp_path / "store").open(one)
    assert shared(tmp_path / "two", tmp_path / "store").state(one) is State.FINISHED
    assert here(tmp_path / "two") == []
    shared(tmp_path / "two", tmp_path / "store").open(one)
    assert fetched == ["a.txt", "step.json", "step.json", "weights.bin"]
    assert Store(tmp_path / "two").damage(one) is None


def test_a_copy_here_that_is_damaged_or_interrupted_gives_way_to_the_one_there(tmp_path):
    ran = []
    one = step("one", ran=ran)
    store = shared(tmp_path / "one", tmp_path / "store")
    run(store, one)
    (store.folder(one) / "weights.bin").write_bytes(b"short")
    partial_folder = tmp_path / "two" / (one.folder + ".partial")
    partial_folder.mkdir(parents=True)
    for root in ("one", "two"):
        store = shared(tmp_path / root, tmp_path / "store")
        assert store.state(one) is State.FINISHED
        assert (store.open(one) / "weights.bin").stat().st_size == 10_240
        assert Store(tmp_path / root).damage(one) is None
    assert ran == ["one"] and not partial_folder.exists()


def test_what_is_to_be_taken_up_again_is_so_everywhere_and_what_was_bettered_elsewhere_counts(tmp_path):
    ran = []
    judged = step("judged", again="2 marks are missing", ran=ran)
    top = step("top", [judged], ran=ran)
    run(shared(tmp_path / "one", tmp_path / "store"), top)
    two = shared(tmp_path / "two", tmp_path / "store")
    assert two.again(judged) == "2 marks are missing" and not is_settled(judged, two)
    settled = step("judged", ran=ran)
    top_again = step("top", [settled], ran=ran)
    events = run(two, top_again)  # fetched, taken up again with what was there, and what builds on it made anew
    assert [(type(e), e.step.name, getattr(e, "resumed", None)) for e in events if not isinstance(e, Advanced)] == [
        (Started, "judged", True), (Finished, "judged", None), (Started, "top", False), (Finished, "top", None),
    ]  # fmt: skip
    # On the first machine the copies there count now, and nothing is made once more.
    one = shared(tmp_path / "one", tmp_path / "store")
    assert one.again(judged) is None
    assert kinds(run(one, top_again)) == [(Found, "judged"), (Found, "top")]
    assert ran == ["judged", "top", "judged", "top"]
    require_finished(one, settled)
    assert not (one.folder(settled) / AGAIN).exists()


def test_two_that_upload_the_same_step_do_not_mix_their_files(tmp_path):
    one = step("one")
    first, second = shared(tmp_path / "one", tmp_path / "store"), shared(tmp_path / "two", tmp_path / "store")
    for store in (first, second):
        run(Store(store.root), one)
        store.remote.look([one])  # both see that it is not there
    first.send(one, must=True)
    second.send(one, must=True)
    assert len(list((tmp_path / "store").glob("kind/one-*/*"))) == 2
    third = shared(tmp_path / "three", tmp_path / "store")
    third.open(one)
    assert third.manifest(one) == second.manifest(one) != first.manifest(one)  # the last manifest wins


def test_with_must_an_upload_that_fails_fails_the_step_which_is_kept(refusing, tmp_path):
    from crosstune.steps.executors.finish import finish

    refusing.refuse_writes_after, refusing.error = 0, PermissionError("no")
    one = step("one")
    store = shared(tmp_path / "one", "refusing://b")
    with pytest.raises(StoreUnavailable, match=r"one is finished on .*, but could not be uploaded.*it is kept in"):
        finish(one, store, lambda event: None, must_send=True)
    assert Store(tmp_path / "one").state(one) is State.FINISHED


def test_an_input_that_is_not_given_fails_what_needs_it_and_nothing_else(refusing, tmp_path, monkeypatch):
    one = step("one")
    run(shared(tmp_path / "one", "refusing://b"), one)

    def get_file(self, *args, **options):
        raise ConnectionError("the line is down")

    monkeypatch.setattr(Refusing, "get_file", get_file)
    events = run(shared(tmp_path / "two", "refusing://b"), step("top", [one]), step("other"))
    assert kinds(events[:-1])[-2:] == [(Started, "other"), (Finished, "other")]
    failure = next(event for event in events if isinstance(event, Failed))
    assert failure.step.name == "top" and "refusing://b: it cannot be read: not reached" in str(failure.error)


def test_a_full_disk_here_is_not_the_stores_fault(tmp_path, monkeypatch, refusing):
    one = step("one")
    run(shared(tmp_path / "one", "refusing://b"), one)

    def get_file(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Refusing, "get_file", get_file)
    with pytest.raises(StorageFailure, match="no space left"):
        shared(tmp_path / "two", "refusing://b").open(one)


def test_long_transfers_are_told_in_megabytes(tmp_path):
    def write_much(workspace):
        (workspace.out / "weights.bin").write_bytes(bytes(9_000_000))

    one = Step("kind", "one", 1, {}, {}, write_much)
    events = run(shared(tmp_path / "one", "memory://b"), one)
    uploads = [event.progress for event in events if isinstance(event, Advanced)]
    assert {(each.unit, each.note, each.total) for each in uploads} == {("MB", "uploading", 9)}
    assert [each.done for each in uploads] == sorted(each.done for each in uploads) and uploads[-1].done == 9
    told = []
    shared(tmp_path / "two", "memory://b").open(one, told.append)
    assert told[-1].done == 9 and told[-1].note == "fetching kind"


def test_failures_of_steps_are_not_uploaded(tmp_path):
    bad = step("bad", error=InvalidData("wrong"))
    run(shared(tmp_path / "one", "memory://b"), bad)
    assert shared(tmp_path / "two", "memory://b").state(bad) is State.NEW


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://me:secret@bucket/x", r"s3://…@bucket/x: the URL of the store holds a password; leave it out"),
        ("https://host/x?token=secret", "^https://host/x: the URL of the store cannot be used"),
        ("s3:/bucket", "'s3:/bucket' is neither a URL nor a folder"),
        ("s3://", "names no bucket"),
        ("", "neither a URL nor a folder"),
        ("simplecache::s3://bucket", "cannot be used"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_no_secret_shown(url, message):
    with pytest.raises(InvalidStudy, match=message) as caught:
        RemoteStore(url)
    assert "secret" not in str(caught.value)


def test_a_folder_is_a_store_by_its_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked_url("store") == checked_url("file://store/") == f"file://{tmp_path}/store"
    assert checked_url("abfs://data@account.dfs.core.windows.net/x/") == "abfs://data@account.dfs.core.windows.net/x"


def test_unknown_kinds_of_stores_and_missing_libraries_are_named(monkeypatch):
    with pytest.raises(InvalidStudy, match=r"s4://b/x: no kind of store is called s4://; known: s3, s3a, gs"):
        RemoteStore("s4://b/x").prepare()

    def missing(*args, **options):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(InvalidStudy, match=r"s3://b: stores of s3:// need a library .*pip install 'crosstune\[s3\]'"):
        RemoteStore("s3://b").prepare()


def test_what_can_only_be_read_says_so(refusing):
    refusing.refuse_writes_after, refusing.error = 0, NotImplementedError()
    with pytest.raises(StoreUnavailable, match=r"//b: it cannot be written: refusing:// cannot do that; choose a"):
        RemoteStore("refusing://b").prepare()


def test_another_things_store_json_is_left_alone(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.json").write_text('{"shop": 1}')
    with pytest.raises(StoreUnavailable, match=r"its store.json is not that of a store; give a prefix"):
        RemoteStore(str(tmp_path / "store")).prepare()


def test_a_store_keeps_its_identity_and_takes_nothing_along_but_its_url(tmp_path):
    import pickle

    remote = RemoteStore(str(tmp_path / "store"))
    assert remote.identity() is None
    remote.prepare()
    identity = remote.identity()
    remote.prepare()
    sent = pickle.dumps(remote)
    assert identity and pickle.loads(sent).identity() == identity and len(sent) < 400
    shutil.rmtree(tmp_path / "store")
    assert pickle.loads(sent).identity() is None


def test_planning_loads_no_library_of_stores(tmp_path):
    import subprocess
    import sys

    code = "import crosstune.study.store as s, sys; s.open_store(s.Path('x'), 's3://b'); print('fsspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_folder_has_permissions_and_no_credentials(tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.put_file", refuse)
    with pytest.raises(StoreUnavailable, match="the folder's permissions must allow to list, read and write there"):
        RemoteStore(str(tmp_path)).prepare()
