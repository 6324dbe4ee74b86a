"""`crosstune report` as a user calls it, on a study whose steps are in place."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from study_tables import study_tables
from typer.testing import CliRunner

from crosstune.analysis.composite import Composite, Term, with_composite
from crosstune.cli.main import app
from crosstune.errors import StorageFailure


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A finished study, as far as the command asks for it."""
    tables = study_tables(prompts=6)
    steps = {"report": tmp_path / "steps" / "report", "results": tmp_path / "steps" / "results"}
    for folder in steps.values():
        folder.mkdir(parents=True)
    (steps["report"] / "report.html").write_text("<!doctype html>the page", "utf-8")
    overlaps = pl.DataFrame(schema={"instructions": pl.String, "conversation_id": pl.String, "action": pl.String})
    overlaps.write_parquet(steps["results"] / "overlaps.parquet")
    report = SimpleNamespace(config={"study": "name: small\n", "missing": ["“x” failed and is not in this report."]})
    found = SimpleNamespace(
        store=None,
        results_folder=steps["results"],
        report_path=tmp_path / "study" / "report.html",
        folder=tmp_path / "study",
        graph=SimpleNamespace(report=report, results="results"),
        config=SimpleNamespace(name="small", select=SimpleNamespace(by="correct_language", over="all-languages")),
        results=lambda: tables,
    )
    monkeypatch.setattr("crosstune.study.study.Study.load", lambda *_, **__: found)
    monkeypatch.setattr(
        "crosstune.steps.store.require_finished", lambda _, step: steps["results" if step == "results" else "report"]
    )
    monkeypatch.chdir(tmp_path)
    return found


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["report", "small.yaml", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_the_page_is_copied(study):
    assert "Report: a/page.html" in call("--out", "a/page.html")
    assert Path("a/page.html").read_text("utf-8") == "<!doctype html>the page"


def test_other_formats(study):
    call("--format", "md", "--out", "r.md")
    text = Path("r.md").read_text("utf-8")
    assert text.startswith("# small\n")
    assert "failed and is not in this report" in text
    assert "name: small" in text
    call("--format", "json")
    document = json.loads((study.folder / "report.json").read_text("utf-8"))
    assert document["provenance"]["overlap with prompts: starter-en-200"] == "none found"
    call("--format", "csv", "--out", "tables")
    assert pl.read_csv("tables/levels.csv")["configuration"].unique().sort().to_list() == [
        "lr 5e-3",
        "lr 5e-4",
        "untuned base",
    ]


def test_a_page_whose_study_says_more_now_is_written_again(study, monkeypatch):
    def finished(_, step):
        if step != "results":
            raise StorageFailure("not finished")
        return study.results_folder

    monkeypatch.setattr("crosstune.steps.store.require_finished", finished)
    assert "Report: study/report.html" in call().replace(str(Path.cwd()) + "/", "")
    assert "small · crosstune report" in Path("study/report.html").read_text("utf-8")


def test_the_terminal_tells_how_the_chosen_one_does_otherwise(study, monkeypatch):
    tables = study.results()
    right = tables.scores.filter(facet="correct_language")
    # Nothing degenerate in English, all else degenerate: a half in the mean of two languages, each counting the same.
    degenerate = right.with_columns(
        facet=pl.lit("degeneration"),
        rater=pl.lit("scorer:degeneration"),
        value=(pl.col("language") != "en").cast(pl.Float64),
        reason=pl.lit(None, pl.String),
    )
    two = pl.col("language").is_in(["en", "fr"])
    more = replace(tables, scores=pl.concat([right, degenerate]).filter(two))
    composite = Composite(name="neat", all=(Term(facet="degeneration", at_most=0),))
    study.results = lambda: with_composite(more, composite)
    said = call().replace("\u00a0", " ")
    assert "“lr 5e-4”, mean of languages: neat 50 %, degeneration 50 % ↓." in said and "cut off" not in said
    cut = replace(with_composite(more, composite), responses=tables.responses.with_columns(ending=pl.lit("length")))
    study.results = lambda: cut
    number = len(tables.responses) // tables.responses["run"].n_unique()
    assert f"{number} of its {number} answers are cut off" in " ".join(call().split())
    study.results = lambda: tables
    assert "mean of languages" not in call()


def test_figures_beside_the_page(study):
    assert "files)" in call("--figures", "figures")
    assert {path.suffix for path in Path("figures").iterdir()} == {".svg", ".png"}


def test_a_file_where_a_folder_belongs_and_the_other_way_round(study):
    Path("file").touch()
    for arguments, problem in (
        (["--format", "csv", "--out", "file"], "this is a file"),
        (["--figures", "file"], "this is a file"),
        (["--format", "md", "--out", "."], "this is a folder"),
        (["--out", "."], "this is a folder"),
    ):
        with pytest.raises(StorageFailure, match=problem):
            call(*arguments)
