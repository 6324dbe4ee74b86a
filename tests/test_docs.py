"""The documentation describes what is there."""

import re
import textwrap
from pathlib import Path

import pytest

from crosstune.cli.main import app
from crosstune.study.document import StudyDocument
from crosstune.study.validation import parse_study

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    """Indented code blocks."""
    for block in re.findall(r"(?:^    .*\n|^\n)+", page.read_text("utf-8"), flags=re.M):
        yield textwrap.dedent(block).strip()


def test_the_tutorials_study_is_the_quickstart():
    shown = next(block for block in blocks(ROOT / "docs" / "tutorial.md") if block.startswith("name: quickstart"))
    assert StudyDocument.parse(shown).data == StudyDocument.read(ROOT / "studies" / "quickstart.yaml").data


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_whole_studies_in_the_documentation_are_valid(page):
    for block in blocks(page):
        if block.startswith("name: "):
            parse_study(StudyDocument.parse(block, page.name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_options_and_links_in_the_documentation_exist(page):
    text = page.read_text("utf-8")
    known = {command.name for command in app.registered_commands}
    groups = {group.name: {c.name for c in group.typer_instance.registered_commands} for group in app.registered_groups}
    for command, further in re.findall(r"(?:^    |`)crosstune ([a-z-]+)(?: ([a-z]+))?", text, flags=re.M):
        assert further in groups[command] if command in groups else command in known, (command, further)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    assert set(re.findall(r"(?:^    |`)make ([a-z]+)", text, flags=re.M)) <= set(targets)
