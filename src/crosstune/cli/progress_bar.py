"""A bar for work that may take a while and may be over at once: it shows only when there is something to show."""

import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from crosstune.cli.console import error_console, plain
from crosstune.progress import Progress

_SECONDS_BETWEEN_LINES = 30.0
"""Where there is no terminal to redraw, progress is a line this often."""


class ProgressBar:
    """A bar on the terminal's error stream, gone when the work is done. Use as a context manager."""

    def __init__(self, what: str) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=error_console,
            transient=True,
            disable=not error_console.is_terminal,
        )
        self._what = what
        self._live = error_console.is_terminal
        self._last_line = time.monotonic()
        self._task = self._bars.add_task(what, total=None, visible=False, note="")

    def __enter__(self) -> "ProgressBar":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def on_progress(self, progress: Progress) -> None:
        """Shows how far the work is."""
        self._bars.update(
            self._task, completed=progress.done, total=progress.total, visible=True, note=plain(progress.note)
        )
        if not self._live and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            note = f", {plain(progress.note)}" if progress.note else ""
            done = str(progress.done) if progress.total is None else f"{progress.done}/{progress.total}"
            error_console.print(f"{plain(self._what)}: {done} {progress.unit}{note}", soft_wrap=True)
