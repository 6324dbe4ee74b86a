import copy
import json

import polars as pl
import pytest

from crosstune.records import Ending, Prompt, Response
from crosstune.storage.atomic import write_atomic
from crosstune.storage.tables import read_frame, read_table, write_parquet, write_table
from crosstune.study import answering, probe, stages
from crosstune.training.curve import CurveRow

QUICK = {
    "name": "quick",
    "base_models": ["gemma-3-270m"],
    "instructions": [{"source": "starter-en", "examples": 20}],
    "learning_rate": [5e-4, 5e-3],
    "training": {"max_steps": 4, "tokens_per_step": 256, "max_length": 128},
    "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
    "generation": {"max_new_tokens": 8},
}


@pytest.fixture
def quick():
    """A valid study as plain data, free to be changed."""
    return copy.deepcopy(QUICK)


@pytest.fixture
def graded(monkeypatch):
    """Has the probe's answers rated by what is wanted of each learning rate: a share of right languages."""
    wanted = {5e-4: 0.0, 1e-3: 1.0, 5e-3: 0.2, 1e-2: 0.6}
    original = probe.rate_probe

    def rate(workspace):
        original(workspace)
        manifest = json.loads((workspace.inputs["training"] / "training.json").read_text())
        share = wanted[manifest["learning_rate"]]
        scores = read_frame(workspace.out / "scores.parquet").with_columns(
            # Of the five instructions so many have the right language; no score is without a value.
            value=(pl.col("prompt_id").rank("dense").over("facet", "language") <= round(share * 5)).cast(pl.Float64),
            reason=pl.lit(None, dtype=pl.String),
        )
        write_parquet(workspace.out / "scores.parquet", scores)

    monkeypatch.setattr(probe, "rate_probe", rate)
    return wanted


@pytest.fixture
def quick_steps(monkeypatch):
    """Has trainings and answers that cost nothing, and lists what each training goes on from: cell, stop, start."""
    trained = []

    def tune(workspace, *, cell, tuning, stop_at=None):
        trained.append((tuning.learning_rate, stop_at, workspace.earlier))
        last = stop_at or tuning.config.max_steps
        rows = [CurveRow(step, 10 * step, tuning.learning_rate, 1.0, 1.0, float(step)) for step in range(1, last + 1)]
        write_table(workspace.out / "curve.parquet", CurveRow, rows)
        facts = {"learning_rate": tuning.learning_rate, "diverged_at_step": None}
        write_atomic(workspace.out / "training.json", json.dumps(facts))

    def answer(workspace, *, cell):
        prompts = read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt)
        limit = cell.generation.max_new_tokens
        responses = [
            Response(
                run=cell.name,
                prompt_id=prompt.id,
                language=prompt.language,
                text="The bread is in the oven, and the children are waiting for it",
                ending=Ending.LENGTH,
                prompt_tokens=3,
                completion_tokens=limit,
                seconds=0.1,
            )
            for prompt in prompts
        ]
        write_table(workspace.out / "responses.parquet", Response, responses)

    monkeypatch.setattr(stages, "tune", tune)
    monkeypatch.setattr(answering, "answer", answer)
    monkeypatch.setattr(answering, "answer_together", lambda workspaces, cells: None)
    return trained
