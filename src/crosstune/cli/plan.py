"""`crosstune plan`: what a study would run and what it costs, before anything costly runs."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from crosstune.cli.console import (
    RootOption,
    SetOption,
    StoreOption,
    StudyArgument,
    amount,
    console,
    counted,
    duration,
    print_table,
    size,
)
from crosstune.cli.overlaps import overlaps_as_data, show_overlaps
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.study.plan import Plan, PlannedCell, PlannedStep
    from crosstune.study.search import SearchPlan


_AT_ENDPOINT = "–"
"""What models behind an API take is their endpoint's affair."""


def plan(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    store: StoreOption = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="ACCELERATOR", help="Estimate for another machine, such as h100."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show the grid, what is finished already, and estimated tokens, time, memory and disk."""
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root, store=store)
    with ProgressBar("comparing instructions with prompts") as bar:
        planned = loaded.plan(accelerator=on, on_progress=bar.on_progress)
    if as_json:
        typer.echo(json.dumps(_as_data(planned), ensure_ascii=False, indent=1))
        return
    show_plan(planned)


def show_plan(plan: "Plan") -> None:
    """Prints a plan as a table: a row for each base model, data and adaptation, its learning rates together."""
    groups: dict[tuple[str, ...], list[PlannedCell]] = {}
    for cell in plan.cells:
        groups.setdefault(_group(cell), []).append(cell)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("base model, data", overflow="fold")
    table.add_column("tuning", overflow="fold")
    table.add_column("learning rates", overflow="fold")
    for name in ("done", "tokens", "time left", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for (base_model, data, tuning), cells in groups.items():
        planned = [step for cell in cells for step in (cell.training, cell.generation) if step is not None]
        table.add_row(
            Padding(escape(data), (0, 0, 0, 2)) if data else f"[bold]{escape(base_model)}[/bold]",
            escape(tuning),
            _rates(cells),
            _done(planned),
            amount(sum(step.cost.tokens for step in planned if step.cost)),
            _time_left(planned),
            _largest(planned),
        )
    print_table(table)
    finished = sum(step.state == "finished" for step in plan.steps)
    measured = any(step.measured for step in plan.steps if step.state != "finished")
    basis = "at speeds measured on earlier runs" if measured else "a rough guess before anything has run"
    console.print(
        f"\n[bold]{escape(plan.name)}[/bold]: {counted(len(plan.cells), 'configuration')} × "
        f"{counted(plan.prompts, 'prompt')}, {len(plan.steps)} steps, {finished} of them finished",
        soft_wrap=True,
    )
    if finished < len(plan.steps):
        here = f"about [bold]{duration(plan.seconds_left)}[/bold] on {escape(plan.machine.name)} ({basis})"
        times = [here] if plan.works_here else []
        times += ["answers of API models at the endpoint's speed"] if plan.asks_apis else []
        device = "GPU memory" if plan.machine.gpu else "memory"
        memory = f"{size(plan.peak_memory_bytes)} of {device}, " if plan.works_here else ""
        console.print(
            f"left: {' and '.join(times)}, at most {amount(plan.tokens_left)} tokens, {memory}"
            f"{size(plan.disk_bytes)} of disk",
            soft_wrap=True,
        )
    if plan.search is not None:
        _show_search(plan.search)
    if len(plan.cells) > 1:
        console.print(_what_shows(plan), soft_wrap=True)
    for cost in plan.judging:
        dollars = "price not known" if cost.dollars is None else f"about ${cost.dollars:,.2f}"
        console.print(
            f"judge [bold]{escape(cost.judge.model)}[/bold]: {counted(cost.calls, 'call')}, about "
            f"{amount(cost.input_tokens)} tokens of requests and {amount(cost.output_tokens)} of replies at most, "
            f"{dollars}",
            soft_wrap=True,
        )
    for note in plan.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}", soft_wrap=True)
    show_overlaps(plan.overlaps)


_SHARES = (0.8, 0.95)
"""Of right answers, from which a plan says how large a difference would show."""


def _what_shows(plan: "Plan") -> str:
    """How different two configurations must be for so many prompts to show it."""
    differences = _smallest_differences(plan.instructions)
    known = counted(plan.instructions, "instruction")
    told = [
        f"{100 * shows:.0f} {'points where' if number == 0 else 'where'} {share:.0%} are right"
        for number, (share, shows) in enumerate(differences.items())
        if shows is not None
    ]
    if not told:
        return (
            f"{known}: too few to show a difference between configurations; five give intervals, and more narrower ones"
        )
    return f"what {known} can show in one language, four times in five: a difference of {' or of '.join(told)}"


def _smallest_differences(instructions: int) -> dict[float, float | None]:
    from crosstune.analysis.significance import smallest_difference

    return {share: smallest_difference(instructions, share=share) for share in _SHARES}


def _show_search(search: "SearchPlan") -> None:
    counts = " → ".join(str(count) for count in search.counts)
    rungs = len(search.counts) - 1
    open_rungs = search.decided < rungs
    expected = "about " if open_rungs else ""
    console.print(
        f"search by halving: {counts} configurations, {search.decided} of {counted(rungs, 'rung')} decided; "
        f"{expected}{search.updates:,} updates of tuning instead of {search.most_updates:,} "
        f"({search.saved:.0%} saved)"
        + ("; ties may leave more, and the figures above are of none being left out" if open_rungs else ""),
        soft_wrap=True,
    )


def _group(cell: "PlannedCell") -> tuple[str, str, str]:
    from crosstune.study.grid import ApiCell

    known = cell.steps.cell
    settings = "".join(f", {path.split('.')[-1]} {value}" for path, value in known.axes.items())
    if isinstance(known, ApiCell):
        return known.model.label, "", "API" + settings
    if known.tuning is None:
        return known.base_model.name, "", "untuned" + settings
    processes = known.tuning.config.processes
    shared = f", {processes} processes" if processes > 1 else ""
    return known.base_model.name, known.tuning.instructions.name, known.tuning.adaptation.name + settings + shared


def _rates(cells: "list[PlannedCell]") -> str:
    tunings = [cell.steps.cell.tuning for cell in cells]
    rates = list(dict.fromkeys(f"{tuning.learning_rate:g}" for tuning in tunings if tuning is not None))
    seeds = len({tuning.seed for tuning in tunings if tuning is not None})
    return ", ".join(rates) + (f" × {seeds} seeds" if seeds > 1 else "")


def _done(steps: "list[PlannedStep]") -> str:
    finished = sum(step.state == "finished" for step in steps)
    text = f"{finished}/{len(steps)}"
    if finished == len(steps):
        return f"[green]{text}[/green]"
    return f"[yellow]{text}…[/yellow]" if any(step.state == "partial" for step in steps) else text


def _time_left(planned: "list[PlannedStep]") -> str:
    left = [step for step in planned if step.state != "finished"]
    if not left:
        return ""
    if _elsewhere(left):
        return _AT_ENDPOINT
    unknown = any(step.cost is None or step.cost.seconds is None for step in left)
    return duration(None if unknown else sum(step.seconds_left for step in left))


def _largest(planned: "list[PlannedStep]") -> str:
    if _elsewhere(planned):
        return _AT_ENDPOINT
    amounts = [step.cost.memory_bytes if step.cost else None for step in planned]
    return size(None if None in amounts else max((item for item in amounts if item is not None), default=0))


def _elsewhere(planned: "list[PlannedStep]") -> bool:
    return all(step.cost is not None and step.cost.elsewhere for step in planned)


def _as_data(plan: "Plan") -> dict[str, Any]:
    return {
        "study": plan.name,
        "machine": plan.machine.name,
        "prompts": plan.prompts,
        "instructions": plan.instructions,
        "smallest_differences": {
            f"{share:g}": shows for share, shows in _smallest_differences(plan.instructions).items()
        },
        "configurations": len(plan.cells),
        "seconds_left": plan.seconds_left,
        "waits_for_endpoints": plan.asks_apis,
        "tokens_left": plan.tokens_left,
        "peak_memory_bytes": plan.peak_memory_bytes,
        "disk_bytes": plan.disk_bytes,
        "search": None
        if plan.search is None
        else {
            "configurations": list(plan.search.counts),
            "rungs_decided": plan.search.decided,
            "updates": plan.search.updates,
            "updates_of_the_grid": plan.search.most_updates,
        },
        "notes": list(plan.notes),
        "judging": [
            {
                "model": cost.judge.model,
                "calls": cost.calls,
                "input_tokens": cost.input_tokens,
                "output_tokens": cost.output_tokens,
                "dollars": cost.dollars,
            }
            for cost in plan.judging
        ],
        "contamination": [overlaps_as_data(item) for item in plan.overlaps],
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
