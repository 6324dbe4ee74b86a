"""`crosstune report`: the result of a finished study again, on the terminal and as files."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.cli.console import RootOption, SetOption, StoreOption, StudyArgument, console, plain
from crosstune.errors import StorageFailure

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables
    from crosstune.reporting.findings import Findings
    from crosstune.study.study import Study


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="html: one page; md: text with tables; csv: a folder of tables; json.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Write the report to this file, or for csv to this folder. Default: beside the study's results.",
        show_default=False,
    ),
]
FiguresOption = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="FOLDER",
        help="Also write every figure as SVG and PNG into this folder.",
        show_default=False,
    ),
]


def report(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.HTML,
    out: OutOption = None,
    figures: FiguresOption = None,
) -> None:
    """Show the result of a finished study, and where its report is."""
    from crosstune.cli.summary import show_summary
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root, store=store)
    tables = loaded.results()
    show_summary(tables, loaded.config.select.by, loaded.config.select.over)
    if format is Format.HTML and figures is None:
        written = _copied(_page(loaded, tables), out)
    else:
        from crosstune.reporting.findings import find

        found = find(tables, facet=loaded.config.select.by, over=loaded.config.select.over)
        is_page = format is Format.HTML
        written = _copied(_page(loaded, tables), out) if is_page else _written(loaded, found, format, out)
        if figures is not None:
            from crosstune.reporting.figures import write_figures

            count = len(write_figures(_folder(figures), found))
            console.print(f"\nFigures: [bold]{plain(str(figures))}[/bold] ({count} files)", soft_wrap=True)
    console.print(f"\nReport: [bold]{plain(str(written))}[/bold]", soft_wrap=True)


def _page(loaded: "Study", tables: "StudyTables") -> Path:
    """The report's page: what the study's run wrote, or a newer one.

    People rate after the run, and what only the report depends on, such as composites, may have changed since.
    """
    from crosstune.steps.store import require_finished

    if tables.scores["rater"].str.starts_with("person:").any():
        return _written_again(loaded, tables)
    try:
        return require_finished(loaded.store, loaded.graph.report) / "report.html"
    except StorageFailure:  # the results are finished, as they have been read
        return _written_again(loaded, tables)


def _written_again(loaded: "Study", tables: "StudyTables") -> Path:
    from crosstune.reporting.report import write_report
    from crosstune.steps.store import require_finished
    from crosstune.study.stages import provenance_of

    step = loaded.graph.report
    write_report(
        loaded.report_path,
        tables,
        title=loaded.config.name,
        study_yaml=step.config["study"],
        provenance=provenance_of(require_finished(loaded.store, loaded.graph.results), tables),
        facet=loaded.config.select.by,
        over=loaded.config.select.over,
        missing=step.config["missing"],
    )
    return loaded.report_path


def _copied(page: Path, out: Path | None) -> Path:
    from crosstune.storage.atomic import atomic_path

    if out is None:
        return page
    with atomic_path(_file(out)) as temporary:
        shutil.copyfile(page, temporary)
    return out


def _written(loaded: "Study", found: "Findings", format: Format, out: Path | None) -> Path:
    from crosstune.reporting.export import as_json, as_markdown, write_csv
    from crosstune.steps.store import require_finished
    from crosstune.storage.atomic import write_atomic
    from crosstune.study.stages import provenance_of

    if format is Format.CSV:
        folder = _folder(out or loaded.folder / "report-csv")
        write_csv(folder, found)
        return folder
    make = as_markdown if format is Format.MARKDOWN else as_json
    step = loaded.graph.report
    path = _file(out or loaded.folder / f"report.{format.value}")
    write_atomic(
        path,
        make(
            found,
            title=loaded.config.name,
            study_yaml=step.config["study"],
            provenance=provenance_of(require_finished(loaded.store, loaded.graph.results), found.tables),
            missing=step.config["missing"],
        ),
    )
    return path


def _file(path: Path) -> Path:
    if path.is_dir():
        raise StorageFailure("this is a folder", where=str(path), hint="name a file in it")
    return path


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise StorageFailure("this is a file", where=str(path), hint="name a folder")
    return path
