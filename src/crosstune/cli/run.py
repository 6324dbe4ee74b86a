"""`crosstune run`: runs what is not finished, shows how far it is, and ends with the result."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from crosstune.cli.cluster_options import (
    CLUSTER_PANEL,
    AddressOption,
    CpusOption,
    DeviceOption,
    ExecutorName,
    ExecutorOption,
    PatienceOption,
    RetriesOption,
    cluster_choice,
)
from crosstune.cli.console import (
    RootOption,
    SetOption,
    StoreOption,
    StudyArgument,
    console,
    duration,
    end_politely,
    error_console,
)
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.steps.executors import Executor


def run(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    store: StoreOption = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="When the same study runs elsewhere: wait for it, or refuse.")
    ] = True,
    executor: ExecutorOption = ExecutorName.LOCAL,
    address: AddressOption = None,
    device: DeviceOption = None,
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots",
            min=1,
            help="How many tunings or generations share one GPU; default: 1.",
            show_default=False,
            rich_help_panel=CLUSTER_PANEL,
        ),
    ] = None,
    cpus: CpusOption = None,
    retries: RetriesOption = None,
    patience: PatienceOption = None,
) -> None:
    """Run a study: tune, answer, score and report. Finished steps are kept; interrupted ones go on."""
    from crosstune.cli.display import RunDisplay
    from crosstune.cli.plan import show_plan
    from crosstune.errors import StepFailed, StoreUnavailable
    from crosstune.study.study import Study

    chosen = cluster_choice(
        executor, address=address, device=device, slots=slots, cpus=cpus, retries=retries, patience=patience
    )
    runs_on = _executor(executor, chosen)
    loaded = Study.load(study, overrides=overrides or [], root=root, store=store)
    with ProgressBar("comparing instructions with prompts") as bar:
        planned = loaded.plan(on_progress=bar.on_progress)
    show_plan(planned)
    console.print()
    end_politely()
    started = time.monotonic()
    try:
        with RunDisplay(planned) as display:
            tables = loaded.run(on_event=display.on_event, wait=wait, on_wait=display.on_wait, executor=runs_on)
    except (StepFailed, StoreUnavailable):
        if loaded.report_path.exists():
            console.print(f"\nReport of what is finished: [bold]{escape(_shown(loaded.report_path.resolve()))}[/bold]")
        raise
    except KeyboardInterrupt:
        again = ["crosstune", "run", str(study), *(part for value in overrides or [] for part in ("--set", value))]
        again += ["--root", str(root)] if root is not None else []
        again += ["--store", store] if store is not None else []
        again += ["--executor", executor.value] if executor is not ExecutorName.LOCAL else []
        again += [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
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


def _executor(name: ExecutorName, chosen: dict[str, Any]) -> "Executor":
    if name is ExecutorName.LOCAL:
        from crosstune.steps.executors.local import execute

        return execute
    from crosstune.study.cluster import ray_executor

    return ray_executor(**{"steps_on_a_gpu" if key == "slots" else key: value for key, value in chosen.items()})


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
