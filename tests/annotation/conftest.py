from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from annotation_study import new_item

from crosstune.annotation.database import Database
from crosstune.annotation.items import add_items
from crosstune.annotation.selection import Selection, choose

if find_spec("fastapi") is None or find_spec("uvicorn") is None:  # crosstune[annotate] is not installed
    needing = ("browser", "browser_details", "command", "coordinator", "limits", "pages", "security")
    collect_ignore = [f"test_annotation_{name}.py" for name in needing]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "study.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def filled(database: Database) -> Database:
    """Twelve answers of two runs to six French prompts, all to be rated once."""
    add_items(database, [new_item(number) for number in range(12)])
    choose(database, Selection())
    return database
