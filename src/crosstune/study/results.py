"""The finished tables of a study, as polars frames."""

import json
from pathlib import Path
from typing import Any

from crosstune.analysis.tables import StudyTables
from crosstune.storage.tables import read_frame


def read_results(folder: Path) -> StudyTables:
    """The tables that a results step wrote.

    Raises:
        StorageFailure: a table is missing or damaged.
    """
    names = ("cells", "prompts", "responses", "scores", "curves")
    frames: dict[str, Any] = {name: read_frame(folder / f"{name}.parquet") for name in names}
    if (folder / "pruned.parquet").is_file():
        frames["pruned"] = read_frame(folder / "pruned.parquet")
    facts = folder / "judging.json"
    if not facts.is_file():
        return StudyTables(**frames)
    frames |= {name: read_frame(folder / f"{name}.parquet") for name in ("checks", "comparisons")}
    return StudyTables(**frames, judging=json.loads(facts.read_text("utf-8")))
