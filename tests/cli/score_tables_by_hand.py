"""Files of scores and finished studies from a few values, and how commands are called with them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from crosstune.analysis.composite import with_composites
from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA, StudyTables
from crosstune.annotation.database import database_of_study
from crosstune.cli.main import app
from crosstune.errors import CrosstuneError
from crosstune.records import Score
from crosstune.storage.tables import to_frame
from crosstune.study.document import dump_yaml
from crosstune.study.grid import Cell
from crosstune.study.results import with_people
from crosstune.study.study import Study

Values = dict[str, list[float | str]]
"""Language to values; a string is a reason. Value number i belongs to prompt `set/i`."""


def call(*arguments: object, status: int = 0) -> Any:
    """Calls a command; errors meant for the user are raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == status, (result.output, result.exception)
    return result


def as_json(*arguments: object, status: int = 0) -> Any:
    """What a command prints with --json."""
    return json.loads(call(*arguments, "--json", status=status).stdout)


def scores(run: str, facet: str, values: Values, rater: str | None = None) -> list[Score]:
    """Scores of one run and facet."""
    return [
        Score(
            run,
            f"set/{number}",
            language,
            language,
            rater or f"scorer:{facet}",
            facet,
            None if isinstance(value, str) else float(value),
            value if isinstance(value, str) else None,
        )
        for language, row in values.items()
        for number, value in enumerate(row)
    ]


def write(path: str | Path, rows: list[Score]) -> None:
    """Writes a file of scores in the form that its ending says."""
    frame = to_frame(Score, rows)
    if str(path).endswith(".parquet"):
        frame.write_parquet(path)
    elif str(path).endswith(".jsonl"):
        frame.write_ndjson(path)
    else:
        frame.drop("spans").write_csv(path)


def write_study(
    monkeypatch: pytest.MonkeyPatch, rows: list[Score], *, name: str = "quick", rates=(5e-4, 5e-3), composites=()
) -> Study:
    """A study file in the current folder whose results are these scores; its runs are called `base`, `low` and `high`.

    Runs are named in scores as here, and then as the study names them.
    """
    data = {
        "name": name,
        "base_models": ["gemma-3-270m"],
        "instructions": [{"source": "starter-en", "examples": 20}],
        "learning_rate": list(rates),
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"]},
        "composites": list(composites),
    }
    path = Path(f"{name}.yaml")
    path.write_text(dump_yaml(data))
    study = Study.load(path, root=Path("runs"))
    short = dict(zip(("base", "low", "high"), study.cells, strict=False))
    cells = [
        {
            "run": cell.name,
            "base_model": cell.base_model.name,
            "instructions": cell.tuning and cell.tuning.instructions.name,
            "adaptation": cell.tuning and cell.tuning.adaptation.name,
            "learning_rate": cell.tuning and cell.tuning.learning_rate,
            "seed": cell.tuning and cell.tuning.seed,
            "tuned": cell.tuning is not None,
        }
        for cell in study.cells
        if isinstance(cell, Cell)
    ]
    named = to_frame(Score, rows).with_columns(
        pl.col("run").replace_strict({key: cell.name for key, cell in short.items()}, return_dtype=pl.String())
    )
    tables = StudyTables(
        cells=pl.DataFrame(cells, schema=CELLS_SCHEMA),
        prompts=pl.DataFrame(),
        responses=pl.DataFrame(),
        scores=named,
        curves=pl.DataFrame(schema=CURVES_SCHEMA),
    )
    finished = dict(getattr(Study, "_by_hand", {})) | {name: tables}
    monkeypatch.setattr(Study, "_by_hand", finished, raising=False)
    monkeypatch.setattr(
        Study,
        "results",
        lambda self: with_composites(
            with_people(self._by_hand[self.name], database_of_study(self.root, self.name)), self.config.composites
        ),
    )
    return study
