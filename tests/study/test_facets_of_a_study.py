"""Facets that a study makes of others: its file, what they cost, and where their scores are seen."""

import json
from pathlib import Path

import polars as pl
import pytest

from crosstune import Study
from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA
from crosstune.errors import InvalidStudy
from crosstune.progress import ignore_progress
from crosstune.records import Prompt, Response, Score
from crosstune.steps.step import Workspace
from crosstune.storage.tables import table_schema, to_frame
from crosstune.study.document import StudyDocument
from crosstune.study.results import read_results
from crosstune.study.stages import write_html
from crosstune.study.validation import parse_study

RIGHT = {"facet": "correct_language", "at_least": 1}
SERVABLE = {"name": "servable", "all": [RIGHT], "any": [{"facet": "length", "at_most": 50}]}

HEAD = """\
name: a
base_models: [gemma-3-270m]
prompts: {sets: [everyday], languages: [en, fr]}
composites:
"""


def problem(text: str) -> str:
    with pytest.raises(InvalidStudy) as caught:
        parse_study(StudyDocument.parse(HEAD + text, "s.yaml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  - nmae: x\n    all: [{facet: length, at_least: 1}]\n", "unknown key 'nmae' in composites[0]; did you mean"),
        (
            "  - name: Big One\n    all: [{facet: length, at_least: 1}]\n",
            "s.yaml:5: composites[0].name: should be small",
        ),
        ("  - name: x\n", "s.yaml:5: composites[0]: give at least one condition in all or any"),
        ("  - name: x\n    all:\n      - {facet: length, at_lest: 1}\n", "s.yaml:7: unknown key 'at_lest'"),
        ("  - name: x\n    all:\n      - {facet: length}\n", "s.yaml:7: composites[0].all[0]: give at_least, at_most"),
        ("  - name: x\n    all:\n      - {facet: length, at_least: yes please}\n", "at_least: should be a number"),
        ("  - name: x\n    all:\n      - {facet: length, at_least: true}\n", "should not be true"),
        (
            "  - name: x\n    all:\n      - {facet: relevance, at_least: .5}\n"
            "      - {facet: corect_language, at_least: 1}\n",
            "s.yaml:8: composites[0].all[1]: there is no facet 'corect_language'; did you mean 'correct_language'?",
        ),
        ("  - name: x\n    any: [{facet: spelling, at_most: 1}]\n", "no scorer of the study gives 'spelling'; add it"),
        (
            "  - name: x\n    any: [{facet: length_ratio, at_most: 1, rater: judge:j}]\n",
            "does not rate length_ratio in this study; it is rated by scorer:length_ratio",
        ),
        ("  - name: x\n    any: [{facet: fluency, at_least: 1, rater: judge:j}]\n", "people alone, person:"),
        (
            "  - name: x\n    all: [{facet: correct_language, at_least: 95}]\n",
            "no answer could meet correct_language >= 95",
        ),
        ("  - name: length\n    all: [{facet: relevance, at_least: 1}]\n", "'length' is a facet that is rated itself"),
        ("  - name: fluency\n    all: [{facet: length, at_least: 1}]\n", "'fluency' is a facet that is rated itself"),
        (
            "  - {name: x, all: [{facet: length, at_least: 1}]}\n  - {name: x, all: [{facet: length, at_least: 2}]}\n",
            "s.yaml:6: composites[1]: there is a composite 'x' already",
        ),
        (
            "  - {name: x, all: [{facet: y, at_least: 1}]}\n  - {name: y, all: [{facet: length, at_least: 2}]}\n",
            "s.yaml:5: composites[0].all[0]: the composite 'y' stands after 'x', which asks for it; write 'y' first",
        ),
        (
            "  - {name: x, all: [{facet: usable, at_least: 1}]}\nscorers: [length]\nselect: {by: length}\n",
            "the study has no 'usable'; it is made of correct_language and degeneration: add",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_line(text, told):
    assert told in problem(text)


def test_what_people_or_a_composite_before_rate_may_be_asked_for(quick):
    marked = {"name": "praised", "all": [{"facet": "helpfulness", "rater": "person:ada", "at_least": 2}]}
    of_it = {"name": "best", "all": [{"facet": "servable", "at_least": 1}, {"facet": "usable", "at_least": 1}]}
    config = Study.from_dict(quick | {"composites": [SERVABLE, marked, of_it], "select": {"by": "best"}}).config
    assert [composite.name for composite in config.composites] == ["servable", "praised", "best"]
    assert Study.from_dict(quick | {"composites": SERVABLE, "select": {"by": "usable"}}).config.composites
    with pytest.raises(InvalidStudy, match=r"select.by is 'best', which no scorer of the study gives"):
        Study.from_dict(quick | {"composites": [SERVABLE], "select": {"by": "best"}})
    with pytest.raises(InvalidStudy, match=r"select.by is 'usable', and the study has none; it is made of"):
        Study.from_dict(quick | {"scorers": ["facts"], "select": {"by": "usable"}})


def test_a_judges_own_criteria_and_names(quick):
    judge = {"models": ["openai/gpt-5-mini", "openai/gpt-5"]}
    by = {"name": "x", "all": [{"facet": "accuracy", "at_least": 1, "rater": "judge:panel"}]}
    assert Study.from_dict(quick | {"judge": judge, "composites": [by]}).config.composites
    by["all"][0]["rater"] = "judge:openai/gpt-5-mni"
    with pytest.raises(InvalidStudy, match="did you mean 'judge:openai/gpt-5-mini'"):
        Study.from_dict(quick | {"judge": judge, "composites": [by]})


def test_only_the_report_is_made_again_for_them(quick, tmp_path):
    plain = Study.from_dict(quick, root=tmp_path)
    empty = Study.from_dict(quick | {"composites": []}, root=tmp_path)
    with_one = Study.from_dict(quick | {"composites": [SERVABLE]}, root=tmp_path)
    assert "composites" not in plain.resolved_yaml and empty.resolved_yaml == plain.resolved_yaml
    assert "servable" in with_one.resolved_yaml
    assert Study.from_dict(StudyDocument.parse(with_one.resolved_yaml).data).config == with_one.config

    def prints(study: Study) -> list[str]:
        return [step.fingerprint for step in study.steps]

    assert prints(empty) == prints(plain)
    assert prints(with_one)[:-1] == prints(plain)[:-1] and prints(with_one)[-1] != prints(plain)[-1]
    assert plain.steps[-1].kind == "report"


@pytest.fixture
def results(tmp_path: Path, quick) -> Path:
    """What the results step of a study leaves: two answers of the untuned model, both right, the second too long."""
    (cell,) = (cell for cell in Study.from_dict(quick).cells if cell.name.endswith("untuned"))
    folder = tmp_path / "results"
    folder.mkdir()
    rows = []
    for number, length in enumerate((12, 80)):
        for facet, value in (("correct_language", 1.0), ("length", float(length))):
            rows.append(Score(cell.name, f"set/{number}", "fr", "fr", f"scorer:{facet}", facet, value))
    row = {"run": cell.name, "base_model": "gemma-3-270m", "instructions": "", "adaptation": "none", "tuned": False}
    frames = {
        "cells": pl.DataFrame([row], schema=CELLS_SCHEMA),
        "prompts": pl.DataFrame(schema=table_schema(Prompt)),
        "responses": pl.DataFrame(schema=table_schema(Response)),
        "scores": to_frame(Score, rows),
        "curves": pl.DataFrame(schema=CURVES_SCHEMA),
        "overlaps": pl.DataFrame(schema={"instructions": pl.String, "conversation_id": pl.String, "action": pl.String}),
    }
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def test_results_and_report_have_them_and_the_disk_has_not(quick, results, tmp_path, monkeypatch):
    monkeypatch.setattr("crosstune.study.study.require_finished", lambda store, step: results)
    study = Study.from_dict(quick | {"composites": [SERVABLE]}, root=tmp_path)
    made = study.results().scores.filter(facet="servable").sort("prompt_id")
    assert made.select("rater", "value").rows() == [("composite:servable", 1.0), ("composite:servable", 0.0)]
    assert "servable" not in read_results(results).scores["facet"]
    out = tmp_path / "out"
    out.mkdir()
    composites = study.config.composites
    write_html(
        Workspace(out, {"results": results}, ignore_progress),
        title="a",
        select=study.config.select,
        composites=composites,
        study_yaml="",
        missing=(),
    )
    page = (out / "report.html").read_text("utf-8")
    assert "the share of answers with correct_language &gt;= 1 and length &lt;= 50" in page
    assert ">50\u00a0%<" in page.replace("&nbsp;", "\u00a0")


def test_results_of_an_older_version_are_read(results):
    older = pl.read_parquet(results / "scores.parquet").drop("spans").with_columns(schema_version=pl.lit(1))
    older.write_parquet(results / "scores.parquet")
    facts = {"unmarked": {}}
    (results / "judging.json").write_text(json.dumps(facts))
    older.clear().write_parquet(results / "checks.parquet")
    pl.DataFrame().write_parquet(results / "comparisons.parquet")
    assert read_results(results).scores["spans"].to_list() == [None] * 4
