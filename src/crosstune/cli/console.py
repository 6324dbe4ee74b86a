"""What commands share: the consoles, how errors and quantities look, the options of a study."""

import signal
import unicodedata
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crosstune.errors import CrosstuneError

console = Console(highlight=False)
error_console = Console(stderr=True, highlight=False)

StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (YAML).", show_default=False)]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", help="Folder for results; default: $CROSSTUNE_ROOT, else ./runs.", show_default=False),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Store that machines share for finished steps, as s3://bucket/prefix; default: $CROSSTUNE_STORE.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value, as in training.max_steps=8; repeatable."),
]


_LONGEST = 4000
_WIDE = 100_000


def plain(text: str) -> str:
    """Text that may hold anything, such as words from a data file, made safe for a terminal.

    Control characters, which could move the cursor or change the title, and characters that turn the direction of
    writing are shown as code points; markup of rich is taken literally; very long text is cut.
    """
    shown = "".join(
        letter if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs") else f"\\u{ord(letter):04x}"
        for letter in text[:_LONGEST]
    )
    return escape(shown + ("…" if len(text) > _LONGEST else ""))


def show_error(error: CrosstuneError) -> None:
    """Prints an error meant for the user: where, what, and what would be right."""
    where = f"[bold]{plain(error.where)}[/bold]: " if error.where else ""
    error_console.print(f"[red bold]error:[/red bold] {where}{plain(error.message)}", soft_wrap=True)
    if error.hint:
        error_console.print(f"       {plain(error.hint)}", soft_wrap=True)


def print_table(table: Table) -> None:
    """Prints a table; where there is no terminal, as wide as its cells need, so that no cell is broken."""
    if console.is_terminal:
        console.print(table)
        return
    wide = Console(file=StringIO(), width=_WIDE, highlight=False)
    wide.print(table)
    for line in wide.file.getvalue().splitlines():  # type: ignore[attr-defined]
        typer.echo(line.rstrip())


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 prompt`, `2 prompts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 days 4 h`."""
    if seconds is None:
        return "unknown"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, lower_size, lower in ((86400, "days", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // lower_size
            named = counted(whole // size, "day") if unit == "days" else f"{whole // size} {unit}"
            return named + (f" {rest} {lower}" if rest else "")
    return f"{whole} s"


def size(count: int | None) -> str:
    """Bytes in the unit that fits: `850 MiB`, `1.2 GiB`."""
    if count is None:
        return "unknown"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1000 or unit == "TiB":
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def amount(count: int | None) -> str:
    """A large number in short: `940`, `12.3k`, `4.5M`, `1.2B`."""
    if count is None:
        return "unknown"
    value = float(count)
    for unit in ("", "k", "M", "B", "T"):
        if value < 1000 or unit == "T":
            return f"{value:.0f}{unit}" if unit == "" or value >= 100 else f"{value:.1f}{unit}"
        value /= 1000
    raise AssertionError("unreachable")


def end_politely() -> None:
    """Has a polite kill, as batch systems send before the rude one, treated like Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
