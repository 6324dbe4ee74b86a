"""The summary of `crosstune score` on the terminal."""

from collections import Counter
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size

from crosstune.cli.console import console, counted, plain, print_table
from crosstune.cli.prompts_table import language_tables

_LONGEST_NAME = 32
_OF_ENGLISH = {"length_ratio", "consistency"}
"""Facets that compare with the English answer to the same instruction."""
_ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def show_scores(result: dict[str, Any], out: Path | None) -> None:
    """Prints levels with intervals, languages fallen into, and what has no value.

    Args:
        result: what `--json` prints.
        out: the file that the scores are in.
    """
    where = f"; all scores are in [bold]{plain(str(out))}[/bold]" if out is not None else ""
    console.print(f"[bold]{counted(result['answers'], 'answer')}[/bold]{where}\n", soft_wrap=True)
    _show_levels(result)
    lines = [*_fallen(result), *_missing(result), *_unknown(result)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _show_levels(result: dict[str, Any]) -> None:
    from crosstune.analysis.facets import facet

    by = result["by"]
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in result["levels"]:
        label = tuple(_cut("–" if row[name] is None else str(row[name])) for name in by) or ("all",)
        cells.setdefault(label, {})[row["facet"]] = _level(row)
    asked = {row["facet"] for row in result["levels"]}
    if not asked:
        return
    heads = {}
    for name in result["facets"]:
        if name not in asked:
            continue  # which is told below
        known = facet(name)
        unit = ", %" if known.is_share else ""
        heads[name] = f"{known.title.lower()}{unit}{_ARROWS[known.better]}"
    names = tuple(by) or ("",)
    widths = [max(cell_len(text) for text in texts) for texts in zip(names, *cells, strict=True)]
    rows = [(_padded(label, widths), found) for label, found in cells.items()]
    for table in language_tables(_padded(names, widths), heads, rows, console.width):
        print_table(table)
        console.print()
    console.print(
        "[dim]Means with 95 % intervals, answers to one prompt taken together. ↑ higher is better, ↓ lower is better. "
        "none: no answer has a value; –: not asked.[/dim]",
        soft_wrap=True,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _padded(texts: tuple[str, ...], widths: list[int]) -> str:
    return plain("  ".join(set_cell_size(text, width) for text, width in zip(texts, widths, strict=True)).rstrip())


def _level(row: dict[str, Any]) -> str:
    from crosstune.analysis.facets import facet

    if row["level"] is None:
        return "[dim]none[/dim]"
    factor = 100.0 if facet(row["facet"]).is_share else 1.0
    digits = 2 if factor == 1.0 and abs(row["level"]) < 10 else 1
    interval = ""
    if row["low"] is not None:
        interval = f" [dim]{factor * row['low']:.{digits}f}–{factor * row['high']:.{digits}f}[/dim]"
    return f"{factor * row['level']:.{digits}f}{interval}"


def _fallen(result: dict[str, Any]) -> list[str]:
    counts: dict[str, Counter[str]] = {}
    for row in result["fallback_languages"]:
        counts.setdefault(row["requested_language"], Counter())[row["found"]] += row["count"]
    listed = [
        f"{plain(asked)}: " + ", ".join(f"{plain(found)} {count}" for found, count in counter.most_common())
        for asked, counter in counts.items()
    ]
    return ["\n[bold]In another language than asked[/bold]", *(f"  {line}" for line in listed)] if listed else []


def _missing(result: dict[str, Any]) -> list[str]:
    asked: Counter[str] = Counter()
    scored: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {name: Counter() for name in result["facets"]}
    for row in result["levels"]:
        asked[row["facet"]] += row["n"]
        scored[row["facet"]] += row["n_scored"]
        reasons[row["facet"]].update(row["reasons"])
    lines = []
    for name in result["facets"]:
        if not asked[name]:
            lines.append(f"  {name}: asked of no answer")
        elif reasons[name]:
            why = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in reasons[name].most_common())
            lines.append(f"  {name}: {scored[name]} of {asked[name]} have a value; {why}")
    if "id" not in result["columns"] and any(reasons[name]["no_reference"] for name in _OF_ENGLISH & reasons.keys()):
        lines.append("  No column 'id' says which answers are to the same instruction: none is compared with English.")
    return ["\n[bold]Without a value, and left out of the means[/bold]", *lines] if lines else []


def _unknown(result: dict[str, Any]) -> list[str]:
    lines = []
    for item in result["unknown_languages"]:
        nearest = f"; did you mean '{item['nearest']}'?" if item["nearest"] else ""
        name = f"'{plain(_cut(item['language']))}'" if item["language"] else "no language at all"
        lines.append(f"  {name}, of {counted(item['answers'], 'answer')}{nearest}")
    return ["\n[bold]Requested languages that crosstune does not know[/bold]", *lines[:20]] if lines else []
