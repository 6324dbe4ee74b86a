"""How overlaps of instructions with prompts look on a terminal and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from crosstune.cli.console import console, counted, plain

if TYPE_CHECKING:
    from crosstune.instructions.contamination import Overlap
    from crosstune.study.contamination import DataOverlaps

_SHOWN = 5


def show_overlaps(found: "Sequence[DataOverlaps]") -> None:
    """Prints a line for each set of instructions that overlaps or is not compared yet, and the first few overlaps."""
    for of_it in found:
        name = plain(of_it.instructions)
        if of_it.unchecked:
            console.print(f"[yellow]overlap:[/yellow] {name} is not compared yet: {of_it.unchecked}", soft_wrap=True)
        if of_it.languages_by_words_only:
            codes = ", ".join(of_it.languages_by_words_only)
            words = f"in {codes} only shared words are found, not likeness"
            console.print(f"[yellow]note:[/yellow] {name} and the prompts: {words}", soft_wrap=True)
        if not of_it.overlaps:
            continue
        count = len(of_it.conversations)
        overlap = "overlaps" if count == 1 else "overlap"
        done = "left out" if of_it.action == "remove" else "kept; `contamination: remove` leaves them out"
        console.print(
            f"[yellow]overlap:[/yellow] {counted(count, 'conversation')} of {name} {overlap} with prompts ({done})",
            soft_wrap=True,
        )
        console.print(overlap_table(of_it.overlaps[:_SHOWN]))
        if len(of_it.overlaps) > _SHOWN:
            console.print(f"  … {len(of_it.overlaps) - _SHOWN} more: all are in --json", soft_wrap=True)


def overlap_table(found: "Sequence[Overlap]") -> Table:
    """Overlaps, one a row."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 2))
    for name in ("conversation", "prompt", "found by", "text"):
        table.add_column(name, overflow="fold")
    for item in found:
        by = f"{item.score:.0f} words" if item.kind == "words" else f"likeness {item.score:.2f}"
        text = " ".join(item.detail.split())
        table.add_row(
            plain(f"{item.conversation_id}\n{_short_place(item.where)}"),
            plain(f"{item.prompt_id} ({item.language})"),
            by,
            plain(text if len(text) <= 80 else text[:79] + "…"),
        )
    return table


def _short_place(where: str) -> str:
    path, comma, rest = where.rpartition(", ")
    return f"{Path(path).name}{comma}{rest}" if comma else where


def overlaps_as_data(found: "DataOverlaps") -> dict[str, Any]:
    """All overlaps of one set of instructions, for JSON."""
    return {
        "instructions": found.instructions,
        "action": found.action,
        "conversations": len(found.conversations),
        "unchecked": found.unchecked or None,
        "languages_by_words_only": list(found.languages_by_words_only),
        "overlaps": [asdict(item) for item in found.overlaps],
    }
