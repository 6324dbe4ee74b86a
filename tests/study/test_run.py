"""Whole studies on a tiny model: run, resume, kill, share, fail."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from crosstune import Study
from crosstune.analysis.selection import choose
from crosstune.errors import InvalidData, InvalidStudy, StepFailed
from crosstune.reporting.report import render
from crosstune.scoring.score import SCORERS
from crosstune.steps.events import Failed, Finished, Found, Started
from crosstune.steps.store import State
from crosstune.study.document import dump_yaml
from tiny import write_tiny_model


@pytest.fixture
def tiny(quick, tiny_model, tmp_path):
    """A study of a few seconds: untuned, and two learning rates."""
    quick |= {"name": "tiny", "base_models": [str(tiny_model)]}
    quick["training"] = {
        "max_steps": 3,
        "tokens_per_step": 900,
        "tokens_per_device_batch": 512,
        "max_length": 512,
        "save_every": 1,
    }
    (tmp_path / "tiny.yaml").write_text(dump_yaml(quick))
    return tmp_path / "tiny.yaml"


def load(path, **options):
    return Study.load(path, root=path.parent / "runs", **options)


def steps_run(events):
    return [str(event.step) for event in events if isinstance(event, Started)]


def test_a_study_gives_tables_and_a_report_and_the_second_time_runs_nothing(tiny):
    study, events = load(tiny), []
    tables = study.run(on_event=events.append)
    # 1 untuned + 2 learning rates, each 3 prompts × 2 languages
    assert tables.cells["tuned"].to_list() == [False, True, True]
    assert len(tables.responses) == 3 * 3 * 2
    for facet in ("correct_language", "code_switching", "degeneration", "relevance"):  # no optional extra is needed
        assert len(tables.scores.filter(facet=facet)) == 3 * 3 * 2
    assert set(tables.responses["run"]) == set(tables.cells["run"])
    assert sorted(tables.curves["step"].to_list()) == [1, 1, 2, 2, 3, 3]
    assert tables.curves.filter(step=1)["learning_rate"].to_list() == [5e-4, 5e-3]
    assert "<html" in study.report_path.read_text("utf-8")
    again: list = []
    assert load(tiny).run(on_event=again.append).scores.equals(tables.scores)
    assert all(isinstance(event, Found) for event in again)
    manifest = json.loads((study.store.folder(study.graph.report) / "manifest.json").read_text())
    assert manifest["environment"]["crosstune"] and "learning_rate" in (study.folder / "study.yaml").read_text()


def test_changing_one_learning_rate_trains_only_that_one(tiny):
    load(tiny).run()
    changed, events = load(tiny, overrides=["learning_rate=[5e-4, 1e-3]"]), []
    reasons = {str(item.step): item.reasons for item in changed.explain() if item.state is State.NEW}
    assert any(reasons_ == ("learning_rate: 0.0005 -> 0.001",) or "learning_rate: 0.005 -> 0.001" in reasons_
               for reasons_ in reasons.values())  # fmt: skip
    changed.run(on_event=events.append)
    assert [name.split()[0] for name in steps_run(events)] == ["training", "generation", "scoring", "results", "report"]


RUN = "import sys; from crosstune.cli.main import main; sys.argv[0] = 'crosstune'; main()"


def start(path, *options):
    command = [sys.executable, "-c", RUN, "run", str(path), "--root", str(path.parent / "runs"), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, "it did not get that far"
        time.sleep(0.005)


def comparable(tables):
    return tables.responses.drop("seconds").sort("run", "language", "prompt_id").to_dicts()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["training", "generation"])
def test_killed_in_the_middle_and_run_again_nothing_finished_is_lost_or_repeated(tiny, tmp_path, kind):
    # Many updates and one answer a batch, so that there is a middle.
    slow = [
        "training.max_steps=40",
        "learning_rate=[5e-3]",
        "generation.tokens_per_batch=1",
        "generation.max_new_tokens=60",
    ]
    options = [part for value in slow for part in ("--set", value)]
    process = start(tiny, *options)
    runs = tmp_path / "runs"
    if kind == "training":
        wait_for(lambda: any(runs.glob("training/*.partial/checkpoints/*")), process)
    else:
        logs = lambda: list(runs.glob("generation/*lora*.partial/responses.jsonl"))  # noqa: E731
        wait_for(lambda: any(log.read_text().count("\n") >= 2 for log in logs()), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.parent: path.stat().st_mtime_ns for path in runs.glob("*/*/manifest.json")}
    study, events = load(tiny, overrides=slow), []
    interrupted = [step for step, state in study.states() if state is State.PARTIAL]
    kinds = [kind] if kind == "training" else [kind, kind]  # the untuned model and the tuned one answer together
    assert [step.kind for step in interrupted] == kinds
    answered = [
        line for log in runs.glob("generation/*.partial/responses.jsonl") for line in log.read_text().splitlines()
    ]
    tables = study.run(on_event=events.append)
    resumed = [event for event in events if isinstance(event, Started) and event.resumed]
    assert [event.step.kind for event in resumed] == kinds
    assert {path: (path / "manifest.json").stat().st_mtime_ns for path in finished} == finished
    texts = {(row["run"], row["prompt_id"], row["language"]): row for row in tables.responses.to_dicts()}
    for line in answered[:-1] if answered and not answered[-1].endswith("}") else answered:
        row = json.loads(line)
        kept = texts[row["run"], row["prompt_id"], row["language"]]
        assert (kept["text"], kept["seconds"]) == (row["text"], row["seconds"])
    undisturbed = Study.load(tiny, overrides=slow, root=tmp_path / "undisturbed").run()
    assert comparable(tables) == comparable(undisturbed)


@pytest.mark.slow
def test_interrupted_politely_it_says_how_to_go_on(tiny, tmp_path):
    process = start(tiny, "--set", "training.max_steps=200")
    wait_for(lambda: any((tmp_path / "runs").glob("training/*.partial/checkpoints/*")), process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in output and "crosstune run" in output and "training.max_steps=200" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_a_second_run_of_the_same_study_waits_or_says_who_holds_it(tiny, tmp_path):
    first = start(tiny, "--set", "training.max_steps=12")
    wait_for(lambda: any((tmp_path / "runs").glob("generation/*.partial")), first)
    refused = start(tiny, "--set", "training.max_steps=12", "--no-wait")
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1 and f"process {first.pid}" in output and "study tiny" in output
    second = start(tiny, "--set", "training.max_steps=12")
    output, _ = second.communicate(timeout=120)
    first_output, _ = first.communicate(timeout=10)
    assert first.returncode == second.returncode == 0, first_output + output
    assert f"process {first.pid}" in output and "finished before" in output


def test_a_cell_that_fails_leaves_the_others_finished(tiny, tiny_model, tmp_path):
    broken = write_tiny_model(tmp_path / "broken-llama", seed=1)
    weights = broken / "model.safetensors"
    study, events = load(tiny, overrides=[f"base_models=[{tiny_model}, {broken}]", "learning_rate=1e-3"]), []
    assert study.graph  # the identity is taken while the weights are whole
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(StepFailed, match="broken-llama"):
        study.run(on_event=events.append)
    assert {event.step.kind for event in events if isinstance(event, Failed)} <= {"training", "generation"}
    finished = [str(event.step) for event in events if isinstance(event, Finished)]
    assert any(name.startswith("scoring tiny-llama_starter-en") for name in finished)
    report = study.report_path.read_text("utf-8")
    assert "broken-llama_untuned failed and is not in this report" in report and "is damaged" in report


def test_an_empty_grid_of_instructions_evaluates_the_base_alone(tiny):
    data = load(tiny).document.data
    del data["instructions"], data["learning_rate"]
    tables = Study.from_dict(data, base=Path.cwd(), root=tiny.parent / "runs").run()
    assert tables.cells["tuned"].to_list() == [False] and tables.curves.is_empty()


def test_planning_loads_no_torch_and_nothing_from_the_network(tiny):
    code = (
        "import sys, time; started = time.monotonic(); from crosstune import Study;"
        f"plan = Study.load({str(tiny)!r}).plan(); print(plan.seconds_left);"
        "print([name for name in ('torch', 'transformers', 'polars', 'datasets') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert float(output[0]) > 0 and output[1] == "[]"


def test_a_training_that_diverged_is_left_out_of_the_choice_and_named(tiny):
    study = load(tiny)
    tables = study.run()
    # What training writes when an update had to be refused: a last row without a loss.
    worse = (pl.col("run").str.contains("lr0.005")) & (pl.col("step") == 3)
    curves = tables.curves.with_columns(loss=pl.when(worse).then(None).otherwise(pl.col("loss")))
    tables = dataclasses.replace(tables, curves=curves)
    selection = choose(tables)
    assert selection.diverged == {"lr 5e-3": 3} and selection.candidates == ("lr 5e-4",)
    page = render(tables, title="t", study_yaml="", provenance={})
    assert "diverged at update 3" in page


def test_a_data_file_that_changes_after_planning_is_refused(tiny, tmp_path):
    data = tmp_path / "mine.jsonl"
    data.write_text('{"prompt": "What is up?", "completion": "The sky is up, as it has always been."}\n' * 1)
    study = load(tiny, overrides=["instructions=[{source: mine.jsonl, language: en}]"])
    assert study.graph
    data.write_text('{"prompt": "What is down?", "completion": "The ground is down, as it has always been."}\n')
    with pytest.raises(StepFailed, match="has changed since the study was started"):
        study.run()


def test_launchers_of_several_processes_are_refused(tiny, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidStudy, match="WORLD_SIZE"):
        load(tiny).run()


def test_bad_data_is_found_by_the_plan(tiny, tmp_path):
    (tmp_path / "torn.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "compl')
    for source, words in (("torn.jsonl", r"torn\.jsonl, line 2"), ("starter-en, examples: 301", "300")):
        with pytest.raises(InvalidData, match=words):
            load(tiny, overrides=[f"instructions=[{{source: {source}}}]"]).plan()


def test_a_measure_that_changes_rates_the_same_answers_again(tiny, monkeypatch):
    load(tiny).run()
    monkeypatch.setitem(
        SCORERS, "length", dataclasses.replace(SCORERS["length"], version=SCORERS["length"].version + 1)
    )
    study, events = load(tiny), []
    why = [line for found in study.explain() if found.step.kind == "scoring" for line in found.reasons]
    assert why and all("length" in line for line in why)  # and nothing else is said to differ
    study.run(on_event=events.append)
    assert {name.split()[0] for name in steps_run(events)} == {"scoring", "results", "report"}
