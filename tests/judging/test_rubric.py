"""Rubrics: the one that ships, and those of one's own."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from crosstune.errors import InvalidData
from crosstune.judging.rubric import load_rubric, packaged_rubrics


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with_files = tmp_path / "mine"
    shutil.copytree(str(files("crosstune").joinpath("judging/rubrics/english-1")), with_files)
    return with_files


def test_packaged_rubrics_can_be_read() -> None:
    assert "english-1" in packaged_rubrics()
    for name in packaged_rubrics():
        rubric = load_rubric(name)
        assert len(rubric.facets) == 6
        assert all(len(set(criterion.marks)) == 3 for criterion in rubric.criteria)
        assert [c.facet for c in rubric.criteria if not c.zero_without_fluency] == ["language", "harmlessness"]
        assert json.loads(rubric.example().replace(": …", ": 0")).keys() == set(rubric.facets)


def test_one_of_ones_own_has_another_identity(folder: Path) -> None:
    assert load_rubric(str(folder)).digest == load_rubric().digest
    text = (folder / "system.md").read_text("utf-8")
    (folder / "system.md").write_text(text + "\nBe strict.", "utf-8")
    rubric = load_rubric(str(folder))
    assert rubric.name == "mine"
    assert rubric.digest != load_rubric().digest


def test_what_cannot_be_used(folder: Path) -> None:
    with pytest.raises(InvalidData, match="did you mean 'english-1'"):
        load_rubric("english-2")
    (folder / "system.md").write_text("{% for %}")
    with pytest.raises(InvalidData, match=r"system\.md: not a template of Jinja"):
        load_rubric(str(folder))
    (folder / "system.md").write_bytes(b"\xff")
    with pytest.raises(InvalidData, match=r"system\.md: this file of the rubric cannot be read"):
        load_rubric(str(folder))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no", r"line 7: not JSON"),
        ("[]", r"line 7: not a criterion"),
        ('{"facet": "x"}', r"line 7: not a criterion"),
        (
            '{"facet": "x", "title": "X", "question": "?", "marks": ["a"], "zero_without_fluency": true}',
            "must say what 0, 1 and 2 mean",
        ),
        (
            '{"facet": "fluency", "title": "X", "question": "?", "marks": ["a","b","c"], "zero_without_fluency": true}',
            "each once",
        ),
    ],
)
def test_criteria_that_are_none(folder: Path, line: str, problem: str) -> None:
    with (folder / "criteria.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InvalidData, match=problem):
        load_rubric(str(folder))


def test_a_rubric_runs_no_code(folder: Path) -> None:
    (folder / "repair.md").write_text("{{ problem.__class__.__mro__ }}")
    with pytest.raises(Exception, match="unsafe"):
        load_rubric(str(folder)).repair.render(problem="x")
