"""Whole studies whose finished steps go through a store, on two roots that stand for two machines."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crosstune import Study
from crosstune.cli.main import app
from crosstune.errors import InvalidStudy, StoreUnavailable
from crosstune.steps import remote_files
from crosstune.steps.events import Finished, Found
from crosstune.study.document import dump_yaml


@pytest.fixture
def tiny(quick, tiny_model, tmp_path, quick_steps, monkeypatch):
    """A study of a second: trainings and answers cost nothing."""
    monkeypatch.setattr(remote_files, "_WAITS", ())
    monkeypatch.delenv("CROSSTUNE_STORE", raising=False)
    quick |= {"name": "tiny", "base_models": [str(tiny_model)], "scorers": ["correct_language"]}
    (tmp_path / "tiny.yaml").write_text(dump_yaml(quick))
    return tmp_path / "tiny.yaml"


def load(path, root, store="store", **options):
    return Study.load(path, root=path.parent / root, store=str(path.parent / store), **options)


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def kinds_here(path, root):
    return sorted(folder.name for folder in (path.parent / root).iterdir() if folder.name[0] not in ".s")


def test_a_study_run_here_is_found_read_and_gone_on_with_from_elsewhere(tiny, tmp_path, monkeypatch):
    tables = load(tiny, "one").run()
    there = ["--root", tmp_path / "two", "--store", tmp_path / "store"]
    status = command("status", tiny, *there, "--require-done")
    assert status.exit_code == 0 and "12 of 12 steps finished" in status.output
    assert f"store: file://{tmp_path}/store" in status.output.replace("\n", "")
    assert "report: in the store" in status.output and not (tmp_path / "two").exists()
    told = json.loads(command("status", tiny, *there, "--json").output)
    assert told["store"] == f"file://{tmp_path}/store" and {step["state"] for step in told["steps"]} == {"finished"}
    assert json.loads(command("plan", tiny, *there, "--json").output)["tokens_left"] == 0
    assert "in file://" in command("explain", tiny, *there, "--kind", "training").output.replace("\n", "")

    assert command("report", tiny, *there).exit_code == 0
    assert kinds_here(tiny, "two") == ["report", "results"]  # no model was fetched
    assert load(tiny, "two").results().scores.equals(tables.scores)

    events = []
    monkeypatch.setenv("CROSSTUNE_STORE", str(tmp_path / "store"))
    Study.load(tiny, root=tmp_path / "three").run(on_event=events.append)
    assert events and all(isinstance(event, Found) for event in events)
    assert (tmp_path / "three" / "studies" / "tiny" / "report.html").is_file()

    events.clear()
    more = Study.load(tiny, root=tmp_path / "four", overrides=["learning_rate=[5e-4, 1e-3]"])
    more.run(on_event=events.append)
    assert [event.step.kind for event in events if isinstance(event, Finished)] == [
        "training", "generation", "scoring", "results", "report",
    ]  # fmt: skip
    # Of the other cells only what the new table is made of was fetched: of the training a curve, and not the model.
    assert len(list((tmp_path / "four" / "training").iterdir())) == 1
    brought = [path.name for path in (tmp_path / "four" / ".parts" / "training").glob("*/*")]
    assert brought == ["curve.parquet"] and more.results().curves["learning_rate"].unique().sort().to_list() == [
        5e-4,
        1e-3,
    ]


def test_without_a_store_nothing_is_different(tiny, tmp_path):
    told = json.loads(command("status", tiny, "--root", tmp_path / "one", "--json").output)
    assert told["store"] is None
    assert "store" not in command("status", tiny, "--root", tmp_path / "one").output
    mistyped = command("status", tiny, "--root", tmp_path / "one", "--store", tmp_path / "stoer").output
    assert "stoer (holds nothing yet)" in mistyped.replace("\n", "") and not (tmp_path / "stoer").exists()


def test_the_store_is_no_part_of_a_steps_identity(tiny):
    with_store = [step.fingerprint for step in load(tiny, "one").steps]
    assert with_store == [step.fingerprint for step in Study.load(tiny, root=tiny.parent / "two").steps]


def test_a_store_that_refuses_in_the_middle_stops_nothing_and_the_next_run_uploads_what_is_missing(
    tiny, tmp_path, monkeypatch, caplog
):
    put, puts = remote_files.RemoteFiles.put, []

    def refuse_from_the_tenth(self, source, name, progress):
        puts.append(name)
        if len(puts) >= 10:
            return self._do("written", lambda: (_ for _ in ()).throw(ConnectionError("the line is down")))
        return put(self, source, name, progress)

    monkeypatch.setattr(remote_files.RemoteFiles, "put", refuse_from_the_tenth)
    study, events = load(tiny, "one"), []
    with pytest.raises(
        StoreUnavailable, match=r"finished steps are not in the store: .*the line is down.*they are kept"
    ):
        study.run(on_event=events.append)
    assert sum(isinstance(event, Finished) for event in events) == 12 and study.report_path.is_file()
    assert study.results().cells.height == 3
    assert len([record for record in caplog.records if "could not be uploaded" in record.message]) == 1
    monkeypatch.setattr(remote_files.RemoteFiles, "put", put)
    again = []
    load(tiny, "one").run(on_event=again.append)
    assert all(isinstance(event, Found) for event in again)
    assert {state.value for _, state in load(tiny, "two").states()} == {"finished"}


def test_a_store_that_cannot_be_used_is_told_before_anything_runs(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    events = []
    with pytest.raises(StoreUnavailable, match=r"file://.*/file: it cannot be (read|written)"):
        load(tiny, "one", store="file").run(on_event=events.append)
    assert not events
    with pytest.raises(InvalidStudy, match="holds a password"):
        Study.load(tiny, store="s3://key:secret@bucket")


def test_what_a_run_that_was_interrupted_is_told_names_the_store(tiny, tmp_path, monkeypatch):
    def interrupt(self, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Study, "run", interrupt)
    done = command("run", tiny, "--root", tmp_path / "one", "--store", tmp_path / "store")
    assert done.exit_code == 130 and f"--store {tmp_path / 'store'}" in done.output.replace("\n", "")


def test_a_path_of_a_store_may_be_relative(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study.load(tiny, root=Path("one"), store="store")
    monkeypatch.chdir("/")
    assert study.store.remote.url == f"file://{tmp_path}/store"


@pytest.mark.enable_socket
def test_on_nodes_that_share_no_folder_a_study_ends_with_the_same_tables(tiny, ray_cluster, tmp_path, monkeypatch):
    from crosstune.study.cluster import ray_executor

    monkeypatch.setenv("CROSSTUNE_NODE_ROOT", str(tmp_path / "node-{node}"))
    events = []
    tables = load(tiny, "runs").run(on_event=events.append, executor=ray_executor(ray_cluster.address))
    assert sum(isinstance(event, Finished) for event in events) == 12
    assert len(list(tmp_path.glob("node-*"))) > 1 and kinds_here(tiny, "runs") == ["report", "results"]
    alone = Study.load(tiny, root=tmp_path / "alone").run()
    ordered = ["run", "prompt_id", "language", "rater", "facet"]
    assert tables.scores.sort(ordered).equals(alone.scores.sort(ordered)) and tables.cells.equals(alone.cells)
    assert (tmp_path / "runs" / "studies" / "tiny" / "report.html").is_file()
