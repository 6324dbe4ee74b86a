"""Which run of a finished study a command is about, with its cell and where its tuned model lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables
    from crosstune.models.base import BaseModel
    from crosstune.study.grid import Cell
    from crosstune.study.study import Study


@dataclass(frozen=True)
class TunedRun:
    """A tuned run of a finished study."""

    study: "Study"
    tables: "StudyTables"
    cell: "Cell"
    label: str
    """Of its configuration."""

    @property
    def name(self) -> str:
        """Of the run."""
        return self.cell.name

    @property
    def base_model(self) -> str:
        """The base model's name for others: never a path of this machine."""
        return public_name(self.cell.base_model)

    def checkpoint(self) -> Path:
        """The folder of the tuned model or adapter.

        Raises:
            StorageFailure: it is not there any more.
        """
        from crosstune.errors import StorageFailure
        from crosstune.steps.store import require_finished

        (steps,) = (each for each in self.study.graph.cells if each.cell.name == self.name)
        assert steps.training is not None  # the run is tuned
        folder = require_finished(self.study.store, steps.training) / "model"
        if not folder.is_dir():
            raise StorageFailure("there is no tuned model", where=str(folder), hint="run the study again")
        return folder


def public_name(model: "BaseModel") -> str:
    """What a base model is called where nobody knows this machine's folders: on the hub, where it is known there."""
    from crosstune.models.packaged import PACKAGED_MODELS

    if model.kind == "packaged":
        return PACKAGED_MODELS[model.location].hub_id
    return Path(model.location).name if model.kind == "folder" else model.location


def tuned_run(path: Path, name: str | None, root: Path | None) -> TunedRun:
    """A tuned run by its name or by its configuration's label; None: of what the study selects.

    Raises:
        InvalidData: there is no such run, it is not tuned, or several seeds are meant.
        CrosstuneError: the study cannot be read or has not been finished.
    """
    from crosstune.cli.score_sources import is_study, source_of_study
    from crosstune.errors import InvalidData, InvalidStudy
    from crosstune.study.grid import Cell
    from crosstune.study.study import Study

    if not is_study(path):
        raise InvalidStudy("this is no study file", where=str(path), hint="give the YAML file of a study that has run")
    study = Study.load(path, root=root)
    tables = study.results()
    source = source_of_study(study, tables, str(path))
    unit = source.selected() if name is None else source.unit(name)
    if len(unit.runs) > 1:
        seeds = ", ".join(unit.runs)
        raise InvalidData(f"'{unit.name}' has {len(unit.runs)} runs", where="--run", hint=f"name one: {seeds}")
    (run,) = unit.runs
    cells = {cell.name: cell for cell in study.cells}
    cell = cells.get(run)
    if not isinstance(cell, Cell) or cell.tuning is None:
        tuned = [each.name for each in study.cells if isinstance(each, Cell) and each.tuning is not None]
        there = f"tuned ones: {', '.join(tuned[:12])}" if tuned else "the study tunes nothing"
        raise InvalidData(f"'{run}' is not tuned, so there is nothing to describe or push", where="--run", hint=there)
    return TunedRun(study, tables, cell, unit.name)
