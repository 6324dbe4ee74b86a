"""`crosstune plan`: what a study would run and what it costs, before anything costly runs."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import RootOption, SetOption, StudyArgument, amount, console, duration, size

if TYPE_CHECKING:
    from crosstune.study.plan import Plan, PlannedStep

_MOST_ROWS = 60


def plan(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="ACCELERATOR", help="Estimate for another machine, such as h100."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show the grid, what is finished already, and estimated tokens, time, memory and disk."""
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root)
    planned = loaded.plan(accelerator=on)
    if as_json:
        typer.echo(json.dumps(_as_data(planned), ensure_ascii=False, indent=1))
        return
    show_plan(planned)


def show_plan(plan: "Plan", *, most_rows: int = _MOST_ROWS) -> None:
    """Prints a plan as a table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("configuration", overflow="fold")
    table.add_column("training")
    table.add_column("tokens", justify="right")
    table.add_column("answers")
    table.add_column("time", justify="right")
    table.add_column("memory", justify="right")
    table.add_column("disk", justify="right")
    for cell in plan.cells[:most_rows]:
        steps = [step for step in (cell.training, cell.generation) if step is not None]
        unknown = any(step.cost is None or step.cost.seconds is None for step in steps)
        left = sum(step.seconds_left for step in steps)
        memory = [step.cost.memory_bytes if step.cost else None for step in steps]
        disk = [step.cost.disk_bytes if step.cost else None for step in steps]
        done = all(step.state == "finished" for step in steps)
        table.add_row(
            escape(cell.steps.cell.name),
            _state(cell.training),
            amount(cell.training.cost.tokens) if cell.training and cell.training.cost else "",
            _state(cell.generation),
            "" if done else duration(None if unknown else left),
            size(None if None in memory else max(item for item in memory if item is not None)),
            size(None if None in disk else sum(item for item in disk if item is not None)),
        )
    console.print(table)
    if len(plan.cells) > most_rows:
        console.print(f"… and {len(plan.cells) - most_rows} more configurations (all with --json)")
    finished = sum(step.state == "finished" for step in plan.steps)
    measured = any(step.measured for step in plan.steps if step.state != "finished")
    basis = "speeds measured on earlier runs" if measured else "published or typical speeds, so a rough guess"
    console.print(
        f"\n[bold]{escape(plan.name)}[/bold]: {len(plan.cells)} configurations × {plan.prompts} prompts, "
        f"{len(plan.steps)} steps ({finished} finished)"
    )
    if finished < len(plan.steps):
        console.print(
            f"left to do: about [bold]{duration(plan.seconds_left)}[/bold] on {escape(plan.machine.name)} "
            f"(from {basis}), "
            f"up to {amount(plan.tokens_left)} tokens, about {size(plan.peak_memory_bytes)} of memory at the peak, "
            f"{size(plan.disk_bytes)} of disk"
        )
    for note in plan.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}")


def _state(step: "PlannedStep | None") -> str:
    if step is None:
        return "[dim]none[/dim]"
    return {"finished": "[green]finished[/green]", "partial": "[yellow]interrupted[/yellow]"}.get(step.state, "to do")


def _as_data(plan: "Plan") -> dict[str, Any]:
    return {
        "study": plan.name,
        "machine": plan.machine.name,
        "prompts": plan.prompts,
        "configurations": len(plan.cells),
        "seconds_left": plan.seconds_left,
        "tokens_left": plan.tokens_left,
        "peak_memory_bytes": plan.peak_memory_bytes,
        "disk_bytes": plan.disk_bytes,
        "notes": list(plan.notes),
        "steps": [
            {
                "kind": item.step.kind,
                "name": item.step.name,
                "folder": item.step.folder,
                "state": item.state.value,
                "tokens": item.cost.tokens if item.cost else None,
                "seconds": item.cost.seconds if item.cost else None,
                "memory_bytes": item.cost.memory_bytes if item.cost else None,
                "disk_bytes": item.cost.disk_bytes if item.cost else None,
                "speed_is_measured": item.measured,
            }
            for item in plan.steps
        ],
    }
