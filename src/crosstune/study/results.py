"""The finished tables of a study, as polars frames."""

from pathlib import Path

from crosstune.analysis.tables import StudyTables
from crosstune.storage.tables import read_frame


def read_results(folder: Path) -> StudyTables:
    """The tables that a results step wrote.

    Raises:
        StorageFailure: a table is missing or damaged.
    """
    names = ("cells", "prompts", "responses", "scores", "curves")
    return StudyTables(**{name: read_frame(folder / f"{name}.parquet") for name in names})
