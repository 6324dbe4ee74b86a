"""`crosstune report` as a user calls it, on a study whose steps are in place."""

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from study_tables import study_tables
from typer.testing import CliRunner

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
