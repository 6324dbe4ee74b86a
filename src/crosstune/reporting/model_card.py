"""A model card for the Hugging Face hub: results of one tuned run, for the hub in its model-index form and for readers.

The form is that of the hub's documentation (Model Cards, "Eval results"): each result names a task, a data set and
metrics. Here a data set is the study's prompts in one language, and a metric is a facet.
"""

import json
from collections.abc import Mapping
from io import StringIO
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from crosstune.analysis.configurations import Configuration, configurations, format_learning_rate
from crosstune.analysis.facets import FACETS
from crosstune.analysis.levels import in_table_order, level_frame, level_grid
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData, did_you_mean
from crosstune.reporting import text
from crosstune.reporting.export import markdown_table, plain
from crosstune.reporting.sections.transfer import counted, language_columns
from crosstune.reporting.tabular import Column, Estimate, table


def model_card(
    tables: StudyTables,
    run: str,
    *,
    base_model: str,
    title: str,
    license: str | None = None,
    weights: str | None = None,
    further: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> str:
    """The text of a card, `README.md` on the hub.

    Args:
        tables: the study.
        run: name of the run.
        base_model: what was tuned, as the hub names it.
        title: of the model.
        license: its short name on the hub, such as `apache-2.0`; None leaves it out.
        weights: what the base model's weights are, where they are not the hub's own; None: the hub's own.
        further: more entries of the front matter, such as `datasets`.
        seed: of the resamples behind the intervals.

    Raises:
        InvalidData: there is no such run.
    """
    names = tables.cells["run"].to_list()
    if run not in names:
        raise InvalidData(f"there is no run '{run}'", hint=did_you_mean(run, names))
    configuration = next(item for item in configurations(tables.cells) if run in item.runs)
    levels = _levels(tables, run, configuration, seed)
    front: dict[str, Any] = {"base_model": base_model, "tags": ["crosstune"], "pipeline_tag": "text-generation"}
    is_adapter = configuration.adaptation.startswith("lora")
    front["library_name"] = "peft" if is_adapter else "transformers"
    languages = in_table_order(tables.responses.filter(run=run)["language"].to_list())
    if languages:
        front["language"] = languages
    if license:
        front["license"] = license
    front |= dict(further or {})
    sets = sorted(tables.prompts["set"].unique().to_list())
    results = _results(tables, levels, sets)
    if results:
        front["model-index"] = [{"name": title, "results": results}]
    parts = [
        f"---\n{_yaml(front)}---",
        f"# {plain(title)}",
        _what_it_is(tables, configuration, run, base_model, weights),
        "## Results",
        *_result_parts(tables, levels, sets),
        "## What these numbers are",
        _method(tables, configuration),
    ]
    return "\n\n".join(parts) + "\n"


def _levels(tables: StudyTables, run: str, configuration: Configuration, seed: int) -> dict[str, pl.DataFrame]:
    """By facet that has a value: levels of the run and of its untuned base model, by language."""
    bases = [
        item
        for item in configurations(tables.cells)
        if not item.tuned and not item.api and item.base_model == configuration.base_model
    ]
    runs = [run, *(base.runs[0] for base in bases[:1] if configuration.tuned)]
    mine = StudyTables(
        cells=tables.cells.filter(pl.col("run").is_in(runs)),
        prompts=tables.prompts,
        responses=tables.responses.filter(pl.col("run").is_in(runs)),
        scores=tables.scores.filter(pl.col("run").is_in(runs)),
        curves=tables.curves.filter(pl.col("run").is_in(runs)),
    )
    rated = set(mine.scores.filter(pl.col("run") == run, pl.col("value").is_not_null())["facet"].unique())
    found = {}
    for name in [*(name for name in FACETS if name in rated), *sorted(rated - set(FACETS))]:
        frame = level_frame(level_grid(mine, name, by="run", seed=seed), "run")
        frame = frame.with_columns(is_base=pl.col("run") != run)
        if not frame.filter(~pl.col("is_base"), pl.col("level").is_not_null()).is_empty():
            found[name] = frame
    return found


def _results(tables: StudyTables, levels: dict[str, pl.DataFrame], sets: list[str]) -> list[dict[str, Any]]:
    """The hub's form: a result a language, with a metric a facet."""
    metrics: dict[str, list[dict[str, Any]]] = {}
    for name, frame in levels.items():
        for row in frame.filter(~pl.col("is_base"), pl.col("level").is_not_null()).iter_rows(named=True):
            metric: dict[str, Any] = {
                "type": name,
                "name": tables.facet(name).title,
                "value": round(row["level"], 4),
                "args": {"rater": row["rater"], "answers": row["n"], "rated": row["n_scored"]},
            }
            if row["low"] is not None:
                metric["args"] |= {"low": round(row["low"], 4), "high": round(row["high"], 4), "confidence": 0.95}
            metrics.setdefault(row["language"], []).append(metric)
    prompts = " and ".join(sets) or "prompts"
    return [
        {
            "task": {"type": "text-generation", "name": "Following instructions"},
            "dataset": {"type": "crosstune", "name": f"{prompts} ({text.language_name(code)})", "config": code},
            "metrics": metrics[code],
        }
        for code in in_table_order(list(metrics))
    ]


def _result_parts(tables: StudyTables, levels: dict[str, pl.DataFrame], sets: list[str]) -> list[str]:
    if not levels:
        return ["No answer of this run could be rated, so there is no result."]
    codes = in_table_order([code for frame in levels.values() for code in frame["language"]])
    intro = f"On the prompts {text.listing([plain(name) for name in sets])}, by facet and language; in brackets 95 % "
    parts = [intro + "intervals over instructions."]
    for is_base, head in ((False, ""), (True, "The untuned base model, for comparison:")):
        rows = []
        for name, frame in levels.items():
            facet = tables.facet(name)
            better = {"higher": " ↑", "lower": " ↓", None: ""}[facet.better]
            row: dict[str, Any] = {"facet": facet.title + better}
            for level in frame.filter(pl.col("is_base") == is_base).iter_rows(named=True):
                note = counted(level["n_scored"], level["n"])
                row[level["language"]] = Estimate(level["level"], level["low"], level["high"], note, facet)
            if len(row) > 1:
                rows.append(row)
        if rows:
            columns = [Column("facet", "Facet", is_head=True), *language_columns(codes, "level", mean=False)]
            parts += [head] if head else []
            parts.append(markdown_table(table("results", "Results", columns, rows, tables.facet(next(iter(levels))))))
    return parts


def _what_it_is(
    tables: StudyTables, configuration: Configuration, run: str, base_model: str, weights: str | None
) -> str:
    if not configuration.tuned:
        return f"{plain(base_model)}, untuned."
    facts = [f"weights it was tuned from: {plain(weights)}"] if weights else []
    facts += [f"data: {plain(configuration.instructions)}", f"adaptation: {plain(configuration.adaptation)}"]
    if configuration.learning_rate is not None:
        facts.append(f"learning rate: {format_learning_rate(configuration.learning_rate)}")
    seed = tables.cells.filter(run=run)["seed"][0]
    if seed is not None:
        facts.append(f"seed: {seed}")
    facts += [f"{plain(name.replace('_', ' '))}: {plain(str(value))}" for name, value in configuration.further.items()]
    curve = tables.curves.filter(run=run)
    if len(curve):
        costs = curve.select(pl.col("step", "tokens").max()).row(0, named=True)
        facts.append(f"updates: {costs['step']:,}")
        if costs["tokens"] is not None:
            facts.append(f"tokens of training: {costs['tokens']:,}")
    listed = "\n".join(f"- {fact}" for fact in facts)
    return f"{plain(base_model)}, tuned on instructions with crosstune.\n\n{listed}"


def _method(tables: StudyTables, configuration: Configuration) -> str:
    lines = [
        "A level is the mean over rated answers. Answers that cannot be rated (empty, too short, unclear) count "
        "neither as right nor as wrong; how many were rated stands beside each level.",
        "Intervals resample instructions, with all their answers. They do not cover what training once more would "
        "change.",
    ]
    tuned = tables.cells.filter("tuned").height
    if configuration.tuned and tuned > 1:
        lines.append(
            f"The study tuned {tuned} runs. Where this one was chosen on the same prompts, its levels are a little too "
            "high."
        )
    judges = [name for name in tables.scores["rater"].unique().sort().to_list() if name.startswith("judge:")]
    if judges:
        lines.append(f"Marks of helpfulness and the like are by {text.listing([plain(name) for name in judges])}.")
    return "\n".join(f"- {line}" for line in lines)


def _yaml(data: Mapping[str, Any]) -> str:
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 1000
    # Plain data alone: what a table holds must not reach YAML as an object of its own kind.
    yaml.dump(json.loads(json.dumps(data)), stream)
    return stream.getvalue()
