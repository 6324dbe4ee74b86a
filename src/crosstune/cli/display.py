"""The live picture of a running study: which step, how fast, how long still."""

import logging
import time
from dataclasses import dataclass
from types import TracebackType

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from crosstune.cli.console import console, duration, plain
from crosstune.progress import Progress as Snapshot
from crosstune.steps.events import Advanced, Event, Failed, Finished, Found, Skipped, Started, Waiting
from crosstune.steps.step import Step
from crosstune.study.plan import Plan

_LONGEST_NAME = 34
_SECONDS_BETWEEN_LINES = 30.0
"""Where there is no terminal to redraw, progress is a line this often."""


class _Notes(logging.Handler):
    """Shows what parts of crosstune warn of, such as conversations that were cut."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one warning above the bars."""
        console.print(f"[yellow]note:[/yellow] {plain(record.getMessage())}", soft_wrap=True)


@dataclass(slots=True)
class _Running:
    """A step under way, of which there may be several."""

    bar: TaskID
    since: float
    first_done: int | None = None
    unit: str = ""


class RunDisplay:
    """Shows the events of a run: bars on a terminal, lines elsewhere. Use as a context manager."""

    def __init__(self, plan: Plan) -> None:
        self._seconds_left = {item.step.folder: item.seconds_left for item in plan.steps}
        self._guess = dict(self._seconds_left)
        self._total_seconds = max(sum(self._guess.values()), 1.0)
        self._known = all(
            item.state == "finished" or item.cost is None or item.cost.seconds is not None for item in plan.steps
        )
        self._found = 0
        self._running: dict[str, _Running] = {}
        self._last_line = time.monotonic()
        self._live = console.is_terminal
        self._notes = _Notes(logging.WARNING)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[status]}"),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._study_bar = self._bars.add_task("[bold]study[/bold]", total=1.0, status="")

    def __enter__(self) -> "RunDisplay":
        logging.getLogger("crosstune").addHandler(self._notes)
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        logging.getLogger("crosstune").removeHandler(self._notes)
        self._show_found()

    def on_wait(self, holder: str) -> None:
        """Says that the study runs elsewhere."""
        console.print(f"[yellow]waiting[/yellow] for {escape(holder)}, which runs this study", soft_wrap=True)

    def on_event(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case Found(step):
                self._found += 1
                self._settle(step)
            case Waiting(step, holder):
                words = f"[yellow]waiting[/yellow] for {escape(holder)}, which works on {_name(step)}"
                console.print(words, soft_wrap=True)
            case Started(step, resumed):
                self._start(step, resumed)
            case Advanced(step, progress):
                self._advance(step, progress)
            case Finished(step, seconds):
                self._settle(step)
                console.print(f"[green]✓[/green] {_name(step)}  [dim]{duration(seconds)}[/dim]", soft_wrap=True)
            case Failed(step, error):
                self._settle(step)
                console.print(f"[red]✗[/red] {_name(step)}: {plain(str(error))}", soft_wrap=True)
            case Skipped(step, because):
                self._settle(step)
                console.print(f"[yellow]–[/yellow] {_name(step)} left out: it needs {_name(because)}", soft_wrap=True)

    def _show_found(self) -> None:
        if self._found:
            console.print(f"[green]✓[/green] [dim]{self._found} finished before[/dim]")
            self._found = 0

    def _start(self, step: Step, resumed: bool) -> None:
        self._show_found()
        self._end_bar(step)  # of a try that was lost
        self._last_line = time.monotonic()
        note = "going on" if resumed else ""
        bar = self._bars.add_task(_short_name(step), total=1.0, status=note)
        self._running[step.folder] = _Running(bar, self._last_line)
        if not self._live and (resumed or self._guess.get(step.folder, 0) > _SECONDS_BETWEEN_LINES):
            about = f", about {duration(self._guess[step.folder])}" if self._known else ""
            console.print(f"  {_name(step)}{' goes on' if resumed else ''}{about}", soft_wrap=True)

    def _advance(self, step: Step, progress: Snapshot) -> None:
        now = time.monotonic()
        if step.folder not in self._running:  # finished before, and on its way to where others find it
            self._start(step, resumed=False)
        running = self._running[step.folder]
        if running.first_done is None or progress.done < running.first_done or progress.unit != running.unit:
            running.first_done, running.since, running.unit = progress.done, now, progress.unit
        done = progress.done - running.first_done
        left = None
        if progress.total and done > 0:
            left = (now - running.since) / done * (progress.total - progress.done)
            self._seconds_left[step.folder] = left
        parts = [f"{progress.done}/{progress.total}" if progress.total else str(progress.done), progress.unit]
        if progress.tokens_per_second:
            parts.append(f"· {progress.tokens_per_second:.0f} tokens/s")
        if progress.note:
            parts.append(f"· {plain(progress.note)}")
        if left is not None:
            parts.append(f"· {duration(left)} left")
        status = " ".join(parts)
        self._bars.update(running.bar, completed=progress.done, total=progress.total, status=status)
        self._update_study()
        if not self._live and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            total = f" · study: {duration(self._left())} left" if self._known else ""
            console.print(f"  {_name(step)}: {status}{total}", soft_wrap=True)

    def _settle(self, step: Step) -> None:
        self._seconds_left[step.folder] = 0.0
        self._end_bar(step)
        self._update_study()

    def _end_bar(self, step: Step) -> None:
        running = self._running.pop(step.folder, None)
        if running is not None:
            self._bars.remove_task(running.bar)

    def _left(self) -> float:
        return sum(self._seconds_left.values())

    def _update_study(self) -> None:
        left = self._left()
        share = 1.0 - min(left / max(self._total_seconds, left), 1.0)
        status = f"{share:.0%} · about {duration(left)} left" if self._known else ""
        self._bars.update(self._study_bar, completed=share, status=status)


def _short_name(step: Step) -> str:
    # The end of a cell's name is what sets it apart; a longer one would leave no room for the bar.
    room = _LONGEST_NAME - len(step.kind)
    name = step.name if len(step.name) <= room else "…" + step.name[1 - room :]
    return f"[bold]{step.kind}[/bold] {escape(name)}"


def _name(step: Step) -> str:
    return f"[bold]{step.kind}[/bold] {escape(step.name)}"
