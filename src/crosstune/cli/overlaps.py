"""How overlaps of instructions with prompts look on a terminal and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.cli.console import console, counted, plain

if TYPE_CHECKING:
    from crosstune.instructions.contamination import Overlap
    from crosstune.study.contamination import DataOverlaps

_SHOWN = 5
_LONGEST = 100


def show_overlaps(found: "Sequence[DataOverlaps]") -> None:
    """Prints what overlaps or is not compared yet: draws of one source together, with the first few overlaps."""
    by_codes: dict[tuple[str, ...], list[str]] = {}
    by_source: dict[str, list[DataOverlaps]] = {}
    for of_it in found:
        name = plain(of_it.instructions)
        if of_it.unchecked:
            console.print(f"[yellow]overlap:[/yellow] {name} is not compared yet: {of_it.unchecked}", soft_wrap=True)
        if of_it.languages_by_words_only:
            by_codes.setdefault(of_it.languages_by_words_only, []).append(name)
        if of_it.overlaps:
            by_source.setdefault(of_it.source or of_it.instructions, []).append(of_it)
    for codes, names in by_codes.items():
        words = f"in {', '.join(codes)} only shared words are found, not likeness"
        console.print(f"[yellow]note:[/yellow] {', '.join(names)} and the prompts: {words}", soft_wrap=True)
    for source, draws in by_source.items():
        _show_draws(source, draws)


def _show_draws(source: str, draws: "Sequence[DataOverlaps]") -> None:
    """The overlaps of draws of one source, each once."""
    overlapping = list(dict.fromkeys(item for of_it in draws for item in of_it.overlaps))
    count = len({item.conversation_id for item in overlapping})
    overlap = "overlaps" if count == 1 else "overlap"
    done = "left out" if draws[0].action == "remove" else "kept; `contamination: remove` leaves them out"
    name = plain(source if len(draws) > 1 else draws[0].instructions)
    each = ", ".join(f"{len(of_it.conversations)} of {plain(of_it.instructions)}" for of_it in draws)
    console.print(
        f"[yellow]overlap:[/yellow] {counted(count, 'conversation')} of {name} {overlap} with prompts ({done})"
        + (f": {each}" if len(draws) > 1 else ""),
        soft_wrap=True,
    )
    print_overlaps(overlapping[:_SHOWN])
    if len(overlapping) > _SHOWN:
        console.print(f"  … {len(overlapping) - _SHOWN} more: all are in --json", soft_wrap=True)


def print_overlaps(found: "Sequence[Overlap]") -> None:
    """Prints overlaps, two lines each: in the columns of a table long ids would be broken."""
    for item in found:
        by = f"{item.score:.0f} words" if item.kind == "words" else f"likeness {item.score:.2f}"
        place = _short_place(item.where)
        conversation = item.conversation_id + (f" ({place})" if place != item.conversation_id else "")
        console.print(
            f"  [bold]{plain(conversation)}[/bold] has [bold]{plain(item.prompt_id)}[/bold] ({item.language}): {by}",
            soft_wrap=True,
        )
        text = " ".join(item.detail.split())
        console.print(f"    {plain(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…')}", soft_wrap=True)


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
