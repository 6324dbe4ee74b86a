"""A changed byte in a finished step: found before anything is built on it or handed out."""

import json
from pathlib import Path

import pytest

from crosstune.steps.contents import content_damage, discard_damaged
from crosstune.steps.executors.local import execute
from crosstune.steps.step import Step, Workspace
from crosstune.steps.store import AGAIN, State, Store


def joined(workspace: Workspace) -> None:
    """Its own name, and what its inputs say."""
    inputs = [(folder / "a.txt").read_text() for folder in workspace.inputs.values()]
    (workspace.out / "a.txt").write_text("".join(["+", *inputs]))


def step(name: str, *inputs: Step) -> Step:
    return Step("kind", name, 1, {"name": name}, {one.name: one for one in inputs}, joined)


FIRST = step("first")
SECOND = step("second", FIRST)
THIRD = step("third", SECOND)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    execute([THIRD], store, lambda event: None)
    return store


def change(store: Store, step: Step) -> None:
    path = store.folder(step) / "a.txt"
    path.write_text("x" * path.stat().st_size)


def test_whole_steps_are_left_alone(store: Store) -> None:
    assert content_damage(THIRD, store) is None
    assert discard_damaged([THIRD], store) == []
    assert [store.state(one) for one in (FIRST, SECOND, THIRD)] == [State.FINISHED] * 3


def test_what_is_handed_out_is_read(store: Store) -> None:
    change(store, THIRD)
    assert store.state(THIRD) is State.FINISHED  # the size is the same
    assert content_damage(THIRD, store) == "a.txt has other content than when it was finished"
    assert discard_damaged([THIRD], store) == [THIRD]
    execute([THIRD], store, lambda event: None)
    assert (store.folder(THIRD) / "a.txt").read_text() == "+++"


def test_what_nobody_reads_is_not_read(store: Store) -> None:
    change(store, FIRST)
    assert discard_damaged([THIRD], store) == []
    fourth = step("fourth", SECOND)  # reads the second alone
    assert discard_damaged([fourth], store) == []


def test_what_a_new_step_builds_on_is_made_again(store: Store) -> None:
    change(store, SECOND)
    fourth = step("fourth", SECOND)
    assert discard_damaged([fourth], store) == [SECOND]
    execute([fourth], store, lambda event: None)
    assert (store.folder(fourth) / "a.txt").read_text() == "+++"


def test_what_is_made_again_reads_its_own_inputs(store: Store) -> None:
    for one in (FIRST, SECOND, THIRD):
        change(store, one)
    assert discard_damaged([THIRD], store) == [THIRD, SECOND, FIRST]
    execute([THIRD], store, lambda event: None)
    assert (store.folder(THIRD) / "a.txt").read_text() == "+++"


def test_a_file_without_a_digest_is_judged_by_its_size(store: Store) -> None:
    path = store.folder(THIRD) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["a.txt"]["sha256"]  # as of weights beyond 64 MiB
    path.write_text(json.dumps(manifest))
    change(store, THIRD)
    assert content_damage(THIRD, store) is None


def test_what_a_killed_try_said_of_its_end_is_forgotten(tmp_path: Path) -> None:
    """Killed between its last file and its completion, it left words that only a finished step may have."""
    store = Store(tmp_path)
    partial = tmp_path / (FIRST.folder + ".partial")
    partial.mkdir(parents=True)
    (partial / AGAIN).write_text('{"why": "marks are missing"}')
    (partial / "manifest.json").write_text("{")
    execute([FIRST], store, lambda event: None)
    assert store.again(FIRST) is None and store.state(FIRST) is State.FINISHED


def test_killed_as_it_is_taken_up_again_nothing_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.folder(THIRD) / "paid-for").write_text("much")
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.name == "manifest.json":
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        store.reopen(THIRD)
    monkeypatch.undo()
    store = Store(store.root)
    assert store.state(THIRD) is State.PARTIAL
    execute([THIRD], store, lambda event: None)
    assert (store.folder(THIRD) / "paid-for").read_text() == "much"
