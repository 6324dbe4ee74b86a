"""Killed between the end of a step's work and its completion, with a file that lost its end on top."""

import json
import os
import shutil
from pathlib import Path

import pytest

from crosstune import Study
from crosstune.steps.events import Event, Found, Started
from crosstune.steps.step import Step
from crosstune.study.document import dump_yaml


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    """The folder of a finished study of one tuned model."""
    folder = tmp_path_factory.mktemp("finished")
    tiny = {
        "name": "tiny",
        "base_models": [str(tiny_model)],
        "instructions": [{"source": "starter-en", "examples": 20}],
        "learning_rate": 5e-3,
        "training": {"max_steps": 3, "tokens_per_step": 900, "tokens_per_device_batch": 512, "max_length": 512},
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
        "generation": {"max_new_tokens": 8},
        "scorers": ["correct_language"],
    }
    (folder / "tiny.yaml").write_text(dump_yaml(tiny))
    Study.load(folder / "tiny.yaml", root=folder / "runs").run()
    return folder


@pytest.fixture
def study(finished, tmp_path):
    """A copy of it, free to be damaged."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return Study.load(tmp_path / "tiny.yaml", root=tmp_path / "runs")


def run_again(study: Study) -> tuple[Study, list[Event]]:
    events: list[Event] = []
    again = Study.load(study.base / "tiny.yaml", root=study.root)
    again.run(on_event=events.append)
    return again, events


def texts(study: Study, step: Step) -> list[tuple[str, str, str]]:
    from crosstune.storage.tables import read_frame

    frame = read_frame(study.store.folder(step) / "responses.parquet")
    return frame.select("prompt_id", "language", "text").rows()


@pytest.mark.parametrize("torn", ["generation.json", "responses.parquet", None])
def test_answers(study, torn):
    generation = study.graph.cells[-1].generation
    before = texts(study, generation)
    study.store.reopen(generation)
    if torn is not None:
        file = study.store.partial_folder(generation) / torn
        os.truncate(file, file.stat().st_size // 2)
    again, events = run_again(study)
    assert [event.step.kind for event in events if isinstance(event, Started)] == ["generation"]
    assert texts(again, generation) == before
    summary = json.loads((again.store.folder(generation) / "generation.json").read_text())
    assert summary["answers"] == len(before) == 6


def test_a_byte_of_the_final_tables_that_changed_is_noticed(study):
    """Everything is finished and nothing would run, but what is handed out is not what was measured."""
    scores = study.store.folder(study.graph.results) / "scores.parquet"
    content = bytearray(scores.read_bytes())
    content[len(content) // 3] ^= 1
    scores.write_bytes(content)
    _, events = run_again(study)
    assert {event.step.kind for event in events if isinstance(event, Started)} == {"results"}
    assert scores.read_bytes() != bytes(content)
    _, events = run_again(study)
    assert all(isinstance(event, Found) for event in events)


def test_leftovers_of_killed_writes_are_removed(study):
    torn = [study.folder / ".report.html.a1b2c3d4.tmp", study.folder / ".study.yaml.a1b2c3d4.tmp"]
    for path in torn:
        path.write_text("half")
    run_again(study)
    assert not any(path.exists() for path in torn)
    assert not list(Path(study.root).rglob("*.tmp"))
