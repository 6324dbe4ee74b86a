"""Where scores come from that a command is about: a finished study, or a file; and what there is in it to compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.cli.console import error_console, plain
from crosstune.errors import InvalidData, nearest

if TYPE_CHECKING:
    import polars as pl

    from crosstune.analysis.tables import StudyTables
    from crosstune.study.comparison import Side
    from crosstune.study.study import Study

STUDY_SUFFIXES = (".yaml", ".yml")
SELECTED = "selected"
_NAMED = 12


@dataclass(frozen=True)
class Unit:
    """A configuration with all its seeds, or the answers of one model in a file."""

    name: str
    runs: tuple[str, ...]
    identity: tuple[Any, ...] = ()
    """What it is apart from its name; the same configuration of two studies has the same."""


@dataclass(frozen=True)
class Source:
    """Scores and what they are of."""

    name: str
    scores: "pl.DataFrame" = field(repr=False)
    units: tuple[Unit, ...]
    prompts: "pl.DataFrame" = field(repr=False)
    """Columns of `records.Prompt`; no columns where the prompts are not known."""
    study: "Study | None" = None
    tables: "StudyTables | None" = field(default=None, repr=False)

    def unit(self, name: str) -> Unit:
        """A unit by its name, a run of a study by its, or what the study selects by `selected`.

        Raises:
            InvalidData: there is no such thing.
        """
        for unit in self.units:
            if unit.name == name:
                return unit
        for unit in self.units:
            if name in unit.runs:
                return Unit(name, (name,), unit.identity)
        if name == SELECTED and self.study is not None:
            return self.selected()
        raise InvalidData(f"there is no '{name}'", where=self.name, hint=self.hint(name))

    def hint(self, name: str = "") -> str:
        """What there is instead of a name."""
        runs = [run for unit in self.units for run in unit.runs]
        match = nearest(name, [*(unit.name for unit in self.units), *runs]) if name else None
        if match is not None:
            return f"did you mean '{match}'?"
        named = "; ".join(unit.name for unit in self.units[:_NAMED])
        more = f"; and {len(self.units) - _NAMED} more" if len(self.units) > _NAMED else ""
        return f"there are: {named}{more}" if named else "there are no scores in it"

    def selected(self) -> Unit:
        """What the study selects.

        Raises:
            InvalidData: it selects nothing.
        """
        from crosstune.analysis.selection import choose

        assert self.study is not None and self.tables is not None
        select = self.study.config.select
        choice = choose(self.tables, select.by).recommended(select.over)
        if choice.pick is None:
            why = choice.why_not or f"tied: {'; '.join(choice.tied)}"
            raise InvalidData(f"the study selects nothing ({why})", where=self.name, hint=self.hint())
        return self.unit(choice.pick)

    def side(self, unit: Unit, name: str | None = None) -> "Side":
        """The scores of a unit."""
        import polars as pl

        from crosstune.study.comparison import Side

        return Side(name or unit.name, self.scores.filter(pl.col("run").is_in(unit.runs)))


def is_study(path: Path) -> bool:
    """Whether a path is that of a study file, by its name."""
    return path.suffix.lower() in STUDY_SUFFIXES


def read_source(
    path: Path, *, root: Path | None = None, facets: Sequence[str] | None = None, keep: Sequence[str] = ()
) -> Source:
    """Reads a finished study, a file of scores, or a file of answers, which are measured.

    Args:
        path: of it.
        root: folder of results; None: the default.
        facets: of answers, what is measured; None: what costs little.
        keep: of answers, columns to group by.

    Raises:
        CrosstuneError: it cannot be read, or the study has not been finished.
    """
    if is_study(path):
        return _of_study(path, root)
    from crosstune.cli.score_files import holds_scores, measured, read_scores

    scores = read_scores(path) if holds_scores(path) else measured(path, facets, keep)
    return source_of_scores(_by_requested_language(scores, path), str(path))


def _by_requested_language(scores: "pl.DataFrame", path: Path) -> "pl.DataFrame":
    """Where every prompt asks for an answer in another language than its own, the one asked for is what there is."""
    import polars as pl

    if scores.is_empty() or (scores["language"] == scores["requested_language"]).any():
        return scores
    error_console.print(
        f"[yellow]note:[/yellow] {plain(str(path))}: all answers should be in another language than their prompts; "
        "languages are those of the answers",
        soft_wrap=True,
    )
    return scores.with_columns(pl.col("requested_language").alias("language"))


def source_of_scores(scores: "pl.DataFrame", name: str) -> Source:
    """A source of scores alone: every model in it is a unit, its repetitions together."""
    import polars as pl

    from crosstune.cli.score_files import first_run

    if scores.is_empty():
        raise InvalidData("there are no scores in it", where=name)
    runs: dict[str, list[str]] = {}
    for run in scores["run"].unique().sort():
        runs.setdefault(first_run(run), []).append(run)
    units = tuple(Unit(model, tuple(names), (model,)) for model, names in runs.items())
    return Source(name, scores, units, pl.DataFrame())


def _of_study(path: Path, root: Path | None) -> Source:
    from crosstune.study.study import Study

    study = Study.load(path, root=root)
    return source_of_study(study, study.results(), str(path))


def source_of_study(study: "Study | None", tables: "StudyTables", name: str) -> Source:
    """A source of the tables of a study: every configuration that has scores is a unit."""
    from crosstune.analysis.configurations import configurations

    scored = set(tables.scores["run"])
    units = []
    for item in configurations(tables.cells):
        runs = tuple(run for run in item.runs if run in scored)
        further = tuple(sorted((axis, str(value)) for axis, value in item.further.items()))
        identity = (item.tuned, item.api, item.base_model, item.instructions, item.adaptation, item.learning_rate)
        if runs:
            units.append(Unit(item.label, runs, (*identity, *further)))
    return Source(name, tables.scores, tuple(units), tables.prompts, study, tables)
