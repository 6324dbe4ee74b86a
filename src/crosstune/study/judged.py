"""The judging stage: has the answers of all configurations marked, and writes its tables.

scores.parquet        marks of each judge, and of the panel
checks.parquet        marks of a second time, and of translations
comparisons.parquet   which of two configurations answers better
judging.json          what it took and what has no mark
inspect/              a log a judge, for `inspect view`
again.json            when marks are missing that a later run may get

Every call is kept in `judge/` below the folder for results, whichever study or command made it.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crosstune.judging.config import JudgeConfig
from crosstune.records import Prompt, Response, Score
from crosstune.steps.step import Workspace
from crosstune.steps.store import AGAIN
from crosstune.storage.atomic import write_atomic

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables
    from crosstune.judging.judge import Judging
    from crosstune.judging.subject import Subject

JUDGING_FILES = ("checks.parquet", "comparisons.parquet", "judging.json")
LEDGER = "judge"
"""Folder of all exchanges with judges, below the one for results."""


def have_judged(workspace: Workspace, *, config: JudgeConfig, runs: Sequence[str]) -> None:
    """Has the answers marked."""
    from crosstune.judging.comparison import Comparison
    from crosstune.judging.inspect_log import write_inspect_logs
    from crosstune.judging.judge import judge
    from crosstune.judging.subject import subject_of
    from crosstune.storage.tables import read_table, write_table

    prompts = {
        (prompt.id, prompt.language): prompt
        for prompt in read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt)
    }
    subjects = []
    for run in runs:
        for response in read_table(workspace.inputs[f"generation/{run}"] / "responses.parquet", Response):
            prompt = prompts[response.prompt_id, response.language]
            subjects.append(subject_of(response, prompt, run=run))  # named as this study names it
    judging = judge(subjects, config, workspace.out.parents[1] / LEDGER, on_progress=workspace.on_progress)
    write_table(workspace.out / "scores.parquet", Score, judging.scores)
    write_table(workspace.out / "checks.parquet", Score, judging.checks)
    write_table(workspace.out / "comparisons.parquet", Comparison, judging.comparisons)
    write_inspect_logs(judging.samples, workspace.out / "inspect", task="crosstune-judge")
    write_atomic(
        workspace.out / "judging.json", json.dumps(judging_facts(judging, config), ensure_ascii=False, indent=1)
    )
    if judging.unmarked:
        missing = sum(judging.unmarked.values())
        reasons = ", ".join(f"{reason} {count}" for reason, count in judging.unmarked.items())
        write_atomic(workspace.out / AGAIN, json.dumps({"why": f"{missing} marks are missing ({reasons})"}))


def judging_facts(judging: "Judging", config: JudgeConfig) -> dict[str, Any]:
    """What judging took, and what has no mark, as plain data."""
    return {
        "rubric": config.rubric,
        "panel": config.panel if len(config.models) > 1 else None,
        "prompts": config.prompts,
        "judges": [
            {
                "model": run.judge.model,
                "rater": f"judge:{run.judge.name}",
                "calls": run.spent.calls,
                "new_calls": run.new.calls,
                "failed_calls": run.new.failures,
                "input_tokens": run.spent.input_tokens,
                "output_tokens": run.spent.output_tokens,
                "dollars": run.spent.dollars(run.judge.price),
            }
            for run in judging.runs
        ],
        "unmarked": judging.unmarked,
        "unmarked_share": judging.unmarked_share,
        "failure_limit": config.failure_limit,
    }


def subjects_of_study(tables: "StudyTables") -> "list[Subject]":
    """The answers of all configurations of a finished study.

    Raises:
        InvalidData: a row is of another schema version.
    """
    from crosstune.judging.subject import subject_of
    from crosstune.storage.tables import from_rows

    prompts = {
        (prompt.id, prompt.language): prompt
        for prompt in from_rows(Prompt, tables.prompts.iter_rows(named=True), "prompts")
    }
    responses = from_rows(Response, tables.responses.iter_rows(named=True), "responses")
    return [subject_of(response, prompts[response.prompt_id, response.language]) for response in responses]
