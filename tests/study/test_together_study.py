"""Configurations of one base model that answer together in a study, with real training of the tiny model."""

import shutil

import polars as pl
import pytest

from crosstune import Study
from crosstune.steps.events import Advanced, Finished, Started
from crosstune.steps.executors.local import execute
from crosstune.storage.tables import read_frame
from crosstune.study import answering
from crosstune.study.document import dump_yaml
from crosstune.study.grid import GENERATION_SPEED
from crosstune.study.resolved import resolved_yaml


@pytest.fixture
def load(quick, tiny_model, tmp_path):
    """A study, of which the `generation` settings may be changed."""

    def loaded(name, **generation):
        data = quick | {
            "base_models": [str(tiny_model)],
            "learning_rate": [1e-2, 5e-2],
            "training": {"max_steps": 1, "tokens_per_step": 300, "max_length": 128},
            "generation": {"max_new_tokens": 8, "dtype": "float32", **generation},
            "scorers": ["correct_language"],
        }
        (tmp_path / f"{name}.yaml").write_text(dump_yaml(data))
        return Study.load(tmp_path / f"{name}.yaml", root=tmp_path / "runs")

    return loaded


def of_kind(events, kind, step_kind="generation"):
    return [event for event in events if isinstance(event, kind) and event.step.kind == step_kind]


def test_a_study_whose_models_answer_together_says_what_it_says_one_by_one(load, monkeypatch):
    groups, events = [], []
    whole = answering.answer_together

    def watched(workspaces, cells):
        groups.append([cell.tuning.learning_rate if cell.tuning else None for cell in cells])
        whole(workspaces, cells)
        logs = [(workspace.out / "responses.jsonl").read_text("utf-8").count("\n") for workspace in workspaces]
        assert logs == [6, 6, 6]  # 3 prompts × 2 languages each

    monkeypatch.setattr(answering, "answer_together", watched)
    together, alone = load("together"), load("alone", models_at_once=1)
    # The report shows the study file, and so is another one.
    steps = [[step.fingerprint for step in study.steps if step.kind != "report"] for study in (together, alone)]
    assert steps[0] == steps[1]

    first = answers(together, events)
    shutil.rmtree(together.store.root / "generation")
    second = answers(alone, [])
    assert groups == [[None, 1e-2, 5e-2]]
    assert first.equals(second)
    assert first.group_by("run").len()["len"].to_list() == [6, 6, 6]
    assert len(of_kind(events, Started)) == len(of_kind(events, Finished)) == 3
    assert {event.progress.done for event in of_kind(events, Advanced)} == {0, 6}


def answers(study, events):
    """What the study's models say, run as far as that."""
    generation = [step for step in study.steps if step.kind == "generation"]
    execute(generation, study.store, events.append)
    tables = [read_frame(study.store.folder(step) / "responses.parquet") for step in generation]
    return pl.concat(tables).drop("seconds")


def test_what_cannot_share_is_not_asked_to(load, quick):
    def shared(study):
        return [step.together is not None for step in study.steps if step.kind == "generation"]

    assert shared(load("lora")) == [True, True, True]
    assert shared(load("one", models_at_once=1)) == [False, False, False]
    quick["adaptation"] = [{"full": {}}]
    assert shared(load("full")) == [True, False, False]  # the untuned base would share with adapters


def test_how_many_share_a_batch_is_no_axis_of_the_grid():
    assert {"tokens_per_batch", "models_at_once", "vllm"} <= GENERATION_SPEED


def test_a_study_that_does_not_say_how_many_keeps_its_resolved_file(quick):
    """The file is a part of the report's identity, and there are reports from before there was this key."""
    assert "models_at_once" not in resolved_yaml(quick)
    quick["generation"]["models_at_once"] = 2
    assert "models_at_once: 2" in resolved_yaml(quick)
