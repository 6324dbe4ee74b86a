"""`crosstune run`: runs what is not finished, shows how far it is, and ends with the result."""

import shlex
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from crosstune.cli.console import RootOption, SetOption, StudyArgument, console, duration, error_console
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.steps.executors import Executor

_CLUSTER = "On a cluster"


class ExecutorName(StrEnum):
    """Where steps run."""

    LOCAL = "local"
    RAY = "ray"


class DeviceName(StrEnum):
    """What tuning and answering run on, on a cluster."""

    AUTO = "auto"
    GPU = "gpu"
    CPU = "cpu"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="When the same study runs elsewhere: wait for it, or refuse.")
    ] = True,
    executor: Annotated[
        ExecutorName, typer.Option("--executor", help="Where steps run: one by one here, or on a Ray cluster.")
    ] = ExecutorName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The head of the Ray cluster, or auto; default: $RAY_ADDRESS, else a cluster of this machine alone.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    device: Annotated[
        DeviceName | None,
        typer.Option(
            "--device",
            help="Tune and answer on GPUs where there are any (auto), on nothing else, or on none.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots",
            min=1,
            help="How many tunings or generations share one GPU; default: 1.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    cpus: Annotated[
        int | None,
        typer.Option(
            "--cpus",
            min=1,
            help="Cores of each tuning and generation; default: 4, or what the largest node has.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            "--retries",
            min=0,
            help="How often a step is tried again after its node or process was lost; default: 3.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=0,
            help="How long a step waits for a node that could run it at all; default: 600.",
            show_default=False,
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
) -> None:
    """Run a study: tune, answer, score and report. Finished steps are kept; interrupted ones go on."""
    from crosstune.cli.display import RunDisplay
    from crosstune.cli.plan import show_plan
    from crosstune.errors import StepFailed
    from crosstune.study.study import Study

    cluster = {
        "address": address,
        "device": device,
        "slots": slots,
        "cpus": cpus,
        "retries": retries,
        "patience": patience,
    }
    chosen = {name: value for name, value in cluster.items() if value is not None}
    runs_on = _executor(executor, chosen)
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
            tables = loaded.run(on_event=display.on_event, wait=wait, on_wait=display.on_wait, executor=runs_on)
    except StepFailed:
        if loaded.report_path.exists():
            console.print(f"\nReport of what is finished: [bold]{escape(_shown(loaded.report_path.resolve()))}[/bold]")
        raise
    except KeyboardInterrupt:
        again = ["crosstune", "run", str(study), *(part for value in overrides or [] for part in ("--set", value))]
        again += ["--root", str(root)] if root is not None else []
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
        if chosen:
            raise typer.BadParameter(f"--{next(iter(chosen))} goes with --executor ray")
        from crosstune.steps.executors.local import execute

        return execute
    from crosstune.study.cluster import ray_executor

    return ray_executor(**{"steps_on_a_gpu" if key == "slots" else key: value for key, value in chosen.items()})


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
