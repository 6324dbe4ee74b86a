"""`crosstune run`: runs what is not finished, shows how far it is, and ends with the result."""

import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape

from crosstune.cli.console import RootOption, SetOption, StudyArgument, console, duration, error_console
from crosstune.cli.progress_bar import ProgressBar


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="When the same study runs elsewhere: wait for it, or refuse.")
    ] = True,
) -> None:
    """Run a study: tune, answer, score and report. Finished steps are kept; interrupted ones go on."""
    from crosstune.cli.display import RunDisplay
    from crosstune.cli.plan import show_plan
    from crosstune.errors import StepFailed
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root)
    with ProgressBar("comparing instructions with prompts") as bar:
        planned = loaded.plan(on_progress=bar.on_progress)
    show_plan(planned)
    console.print()
    # A polite kill, as batch systems send before the rude one, is treated like Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        with RunDisplay(planned) as display:
            tables = loaded.run(on_event=display.on_event, wait=wait, on_wait=display.on_wait)
    except StepFailed:
        if loaded.report_path.exists():
            console.print(f"\nReport of what is finished: [bold]{escape(_shown(loaded.report_path.resolve()))}[/bold]")
        raise
    except KeyboardInterrupt:
        again = ["crosstune", "run", str(study), *(part for value in overrides or [] for part in ("--set", value))]
        again += ["--root", str(root)] if root is not None else []
        error_console.print(
            "\n[yellow bold]Interrupted.[/yellow bold] What is finished is kept. "
            f"Go on with: {escape(shlex.join(again))}",
            soft_wrap=True,
        )
        sys.exit(130)
    from crosstune.cli.summary import show_summary

    console.print()
    show_summary(tables, loaded.config.select.by, loaded.config.select.over)
    report = loaded.report_path.resolve()
    took = duration(time.monotonic() - started)
    console.print(f"\nFinished in {took}. Report: [bold]{escape(_shown(report))}[/bold]", soft_wrap=True)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
