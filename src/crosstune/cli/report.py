"""`crosstune report`: the result of a finished study again, on the terminal and as a file."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from crosstune.cli.console import RootOption, SetOption, StudyArgument, console


def report(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Copy the HTML report to this file.")] = None,
) -> None:
    """Show the result of a finished study, and where its report is."""
    from crosstune.cli.summary import show_summary
    from crosstune.steps.store import require_finished
    from crosstune.storage.atomic import atomic_path
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root)
    page = require_finished(loaded.store, loaded.graph.report) / "report.html"
    show_summary(loaded.results(), loaded.config.select.by, loaded.config.select.over)
    if out is not None:
        with atomic_path(out) as temporary:
            shutil.copyfile(page, temporary)
        page = out
    console.print(f"\nReport: [bold]{escape(str(page))}[/bold]", soft_wrap=True)
