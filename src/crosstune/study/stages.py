"""What each kind of step does: reads tables from its inputs, calls one part of crosstune, writes tables.

instructions/   conversations.parquet; overlaps.json where some were left out
prompts/        prompts.parquet
training/       model/ (adapter or checkpoint), curve.parquet, training.json; checkpoints/ where a part goes on from it
generation/     responses.parquet, generation.json (see answering)
scoring/        scores.parquet
judging/        scores.parquet, checks.parquet, comparisons.parquet, judging.json, logs of Inspect (see judged)
results/        cells.parquet, prompts.parquet, responses.parquet, scores.parquet, curves.parquet, overlaps.parquet;
                pruned.parquet of a study that leaves configurations out early
report/         report.html
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.analysis.composite_config import Composite
from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig
from crosstune.prompts.config import PromptsConfig
from crosstune.records import Conversation, Prompt, Response, Score
from crosstune.steps.step import Workspace
from crosstune.steps.store import read_manifest
from crosstune.storage.atomic import write_atomic
from crosstune.study.answering import freed_memory
from crosstune.study.config import Action, SelectConfig
from crosstune.study.grid import Cell, Tuning
from crosstune.study.judged import JUDGING_FILES

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables


def write_conversations(
    workspace: Workspace,
    *,
    config: InstructionsConfig,
    prompts: PromptsConfig,
    contamination: Action,
    base: Path,
    identity: Mapping[str, Any],
) -> None:
    """Reads instruction data and takes the subset that the study asks for, without what overlaps with its prompts."""
    from crosstune.instructions.load import draw, instructions_identity, read_parts
    from crosstune.storage.tables import write_table
    from crosstune.study.contamination import find_overlaps, refuse, step_identity

    left_out: list[str] = []
    if contamination != "report":
        found = find_overlaps(config, prompts, contamination, base, workspace.on_progress, at_plan=False)
        refuse(found)
        if contamination == "remove":
            left_out = found.conversations
            rows = [asdict(item) for item in found.overlaps]
            write_atomic(workspace.out / "overlaps.json", json.dumps(rows, ensure_ascii=False, indent=1))
    examples = draw(config, read_parts(config, base), set(left_out))
    now = instructions_identity(config, base) | step_identity(config, prompts, contamination, base)
    _require_unchanged(identity, now, config.name)
    conversations = [example.conversation for example in examples]
    write_table(workspace.out / "conversations.parquet", Conversation, conversations)


def _require_unchanged(planned: Mapping[str, Any], found: Mapping[str, Any], what: str) -> None:
    # The step is named by the content that was there when it was planned; a study may have waited for hours since.
    if planned != found:
        raise InvalidData(f"{what} has changed since the study was started", hint="start it again")


def write_prompts(workspace: Workspace, *, config: PromptsConfig, base: Path, identity: Mapping[str, Any]) -> None:
    """Reads prompt sets and applies the modifiers."""
    from crosstune.prompts.load import load_prompts, prompts_identity
    from crosstune.storage.tables import write_table

    prompts = load_prompts(config, base)
    _require_unchanged(identity, prompts_identity(config, base), ", ".join(source.source for source in config.sources))
    write_table(workspace.out / "prompts.parquet", Prompt, prompts)


def tune(workspace: Workspace, *, cell: Cell, tuning: Tuning, stop_at: int | None = None) -> None:
    """Tunes the cell's base model, or a part of the way: to the update `stop_at`; from where an earlier part ended."""
    from crosstune.models.prepare import prepare
    from crosstune.storage.tables import read_table
    from crosstune.training.train import is_trained, remove_scratch, train

    if is_trained(workspace.out):  # killed between the end of its work and the step's completion
        remove_scratch(workspace.out, is_to_go_on=stop_at is not None)
        return
    conversations = read_table(workspace.inputs["instructions"] / "conversations.parquet", Conversation)
    with freed_memory():
        train(
            conversations,
            model_folder=prepare(cell.base_model, workspace.on_progress),
            chat_format=cell.chat_format,
            adaptation=tuning.adaptation,
            learning_rate=tuning.learning_rate,
            seed=tuning.seed,
            config=tuning.config,
            out=workspace.out,
            on_progress=workspace.on_progress,
            base_model_name=cell.base_model.location if cell.base_model.kind == "hub" else None,
            base_model_revision=cell.base_model.revision,
            stop_at=stop_at,
            start_from=workspace.earlier,
        )


def rate(workspace: Workspace, *, scorers: Sequence[str]) -> None:
    """Rates every answer by the measures that need no rater."""
    from crosstune.scoring.score import score
    from crosstune.storage.tables import read_table, write_table

    responses = read_table(workspace.inputs["generation"] / "responses.parquet", Response)
    prompts = read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt)
    write_table(workspace.out / "scores.parquet", Score, score(responses, prompts, scorers))


def collect(
    workspace: Workspace,
    *,
    cells: Sequence[Mapping[str, Any]],
    instructions: Sequence[InstructionsConfig],
    prompts: PromptsConfig,
    contamination: Action,
    base: Path,
    race: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Joins the tables of all cells, and lists the overlaps of the data with the prompts."""
    import polars as pl

    from crosstune.storage.tables import read_current, read_frame, write_parquet

    columns = list(dict.fromkeys(key for row in cells for key in row))
    frame = pl.DataFrame([{key: row.get(key) for key in columns} for row in cells], infer_schema_length=None)
    typed = frame.with_columns(pl.col("learning_rate").cast(pl.Float64), pl.col("seed").cast(pl.Int64))
    if "api" in columns:
        typed = typed.with_columns(pl.col("api").fill_null(value=False))
    write_parquet(workspace.out / "cells.parquet", typed)
    write_parquet(workspace.out / "prompts.parquet", read_frame(workspace.inputs["prompts"] / "prompts.parquet"))
    tables: tuple[tuple[str, str, type[Response] | type[Score]], ...] = (
        ("generation", "responses", Response),
        ("scoring", "scores", Score),
    )
    for kind, table, record in tables:
        frames = []
        for row in cells:
            part = read_current(workspace.inputs[f"{kind}/{row['run']}"] / f"{table}.parquet", record)
            # A step's result does not depend on what a study calls it, so the name comes from the cell.
            frames.append(part.with_columns(run=pl.lit(row["run"])))
        if kind == "scoring" and "judging" in workspace.inputs:
            frames.append(read_current(workspace.inputs["judging"] / "scores.parquet", Score))
        write_parquet(workspace.out / f"{table}.parquet", pl.concat(frames))
    if "judging" in workspace.inputs:
        for name in JUDGING_FILES:
            shutil.copyfile(workspace.inputs["judging"] / name, workspace.out / name)
    curves = [
        read_frame(workspace.inputs[f"training/{row['run']}"] / "curve.parquet").with_columns(run=pl.lit(row["run"]))
        for row in cells
        if row["tuned"]
    ]
    empty = pl.DataFrame(schema={"run": pl.String, "step": pl.Int64, "tokens": pl.Int64, "learning_rate": pl.Float64,
                                 "loss": pl.Float64, "gradient_norm": pl.Float64, "seconds": pl.Float64})  # fmt: skip
    write_parquet(workspace.out / "curves.parquet", pl.concat(curves) if curves else empty)
    if race is not None:
        from crosstune.analysis.pruning import PRUNED_SCHEMA

        write_parquet(workspace.out / "pruned.parquet", pl.DataFrame(race, schema=PRUNED_SCHEMA, orient="row"))
    rows = [
        {"instructions": config.name, "action": contamination, **item}
        for config in instructions
        for item in _overlaps_of(workspace, config, prompts, contamination, base)
    ]
    write_parquet(workspace.out / "overlaps.parquet", pl.DataFrame(rows, schema=_OVERLAPS, infer_schema_length=None))


_OVERLAPS = ["instructions", "action", "conversation_id", "where", "prompt_id", "language", "kind", "score", "detail"]


def _overlaps_of(
    workspace: Workspace, config: InstructionsConfig, prompts: PromptsConfig, contamination: Action, base: Path
) -> list[dict[str, Any]]:
    from crosstune.instructions.sources import Example
    from crosstune.storage.tables import read_table
    from crosstune.study.contamination import DataOverlaps, find_overlaps, overlaps_of, refuse

    folder = workspace.inputs[f"instructions/{config.name}"]
    if contamination == "remove":
        rows: list[dict[str, Any]] = json.loads((folder / "overlaps.json").read_text("utf-8"))
        return rows
    if config.uses_hub:
        # What was read then: the hub may have something newer now.
        conversations = read_table(folder / "conversations.parquet", Conversation)
        examples = [Example(conversation, conversation.id) for conversation in conversations]
        of_it = overlaps_of(examples, prompts, base, workspace.on_progress)
        found = DataOverlaps(config.name, contamination, tuple(of_it), ())
    else:
        found = find_overlaps(config, prompts, contamination, base, workspace.on_progress, at_plan=False)
    refuse(found)  # compared once more, mostly from the cache: a report that says "none found" has looked
    return [asdict(item) for item in found.overlaps]


def provenance_of(results: Path, tables: "StudyTables") -> dict[str, str]:
    """What a study was run with, for a reader of its report.

    Args:
        results: the folder of the results step.
        tables: what is in it.
    """
    from crosstune.storage.tables import read_frame

    manifest = read_manifest(results) or {}
    provenance = {key: str(value) for key, value in dict(manifest.get("environment", {})).items()}
    provenance["results"] = str(manifest.get("fingerprint", ""))
    overlapping = read_frame(results / "overlaps.parquet").unique(["instructions", "conversation_id"], keep="any")
    for name in tables.cells.filter("tuned")["instructions"].unique(maintain_order=True):
        of_it = overlapping.filter(instructions=name)
        done = "left out" if "remove" in of_it["action"] else "kept"
        count = f"{len(of_it)} conversations, {done}" if len(of_it) else "none found"
        provenance[f"overlap with prompts: {name}"] = count
    return provenance


def write_html(
    workspace: Workspace,
    *,
    title: str,
    select: SelectConfig,
    composites: Sequence[Composite],
    study_yaml: str,
    missing: Sequence[str],
) -> None:
    """Writes the report."""
    from crosstune.analysis.composite import with_composites
    from crosstune.reporting.report import write_report
    from crosstune.study.results import read_results

    results = workspace.inputs["results"]
    tables = with_composites(read_results(results), composites)
    provenance = provenance_of(results, tables)
    write_report(
        workspace.out / "report.html",
        tables,
        title=title,
        study_yaml=study_yaml,
        provenance=provenance,
        facet=select.by,
        over=select.over,
        missing=missing,
    )
