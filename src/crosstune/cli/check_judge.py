"""`crosstune check-judge`: does a judge notice faults that are known, in each language?"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.console import console, counted, plain, print_table
from crosstune.cli.judge_options import JudgeOptions, interrupted, judge_config, say_who_holds_it, takes_judge
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.judging.check import JudgeCheck
    from crosstune.judging.known_faults import FacetQuality, KnownFault

_GOOD, _WEAK = 0.9, 0.7
"""Separations from which a judge is called good at a criterion, and below which it is not to be trusted with it."""


@takes_judge
def check_judge(
    judges: JudgeOptions,
    languages: Annotated[
        str | None,
        typer.Option("--languages", metavar="CODES", help="With commas between; default: all that there are."),
    ] = None,
    show_marks: Annotated[bool, typer.Option("--marks", help="Show each answer with its marks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a judge sixty answers with known faults: how well does it separate each criterion in each language?

    The separation is how often a faulty answer gets a lower mark than a sound one, ties counting half: 1 is perfect, .5
    is guessing. Needs some 60 calls.
    """
    from crosstune.errors import InvalidStudy
    from crosstune.judging.check import check_judge as check
    from crosstune.judging.known_faults import load_known_faults

    faults = load_known_faults([code.strip() for code in languages.split(",")] if languages else None)
    if (models := judges.models()) is None:
        raise InvalidStudy("no judge is named", where="--model", hint="for example: --model openai/gpt-5-mini")
    config = judge_config({"models": models, "rubric": judges.rubric})
    folder = judges.folder()
    try:
        with ProgressBar("checking") as bar:
            checks, judging = check(faults, config, folder, on_progress=bar.on_progress, on_wait=say_who_holds_it)
    except KeyboardInterrupt:
        interrupted(folder)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in checks], ensure_ascii=False, indent=1))
        return
    for one in checks:
        _show(one, len(faults))
        if show_marks:
            _show_marks(one, faults)
    for run in judging.runs:
        dollars = run.spent.dollars(run.judge.price)
        tokens = run.spent.input_tokens + run.spent.output_tokens
        cost = "" if dollars is None else f", ${dollars:.2f}"
        console.print(
            f"{plain(run.judge.model)}: {counted(run.spent.calls, 'call')}, {tokens:,} tokens{cost}", soft_wrap=True
        )


def _plain(check: "JudgeCheck") -> dict[str, Any]:
    return {"rater": check.rater, "quality": [asdict(row) for row in check.quality], "marks": check.marks}


def _show(check: "JudgeCheck", answers: int) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"{plain(check.rater)}: separation of faulty and sound answers, of {answers}"
    facets = list(dict.fromkeys(row.facet for row in check.quality))
    table.add_column("language")
    for facet in facets:
        table.add_column(facet)
    rows: dict[str, dict[str, FacetQuality]] = {}
    for row in check.quality:
        rows.setdefault(row.language, {})[row.facet] = row
    for language, found in rows.items():
        table.add_row(plain(language), *(_separation(found.get(facet)) for facet in facets))
    overall = rows.get("all", {})
    for name, value in (("marks as expected", "within"), ("mean of sound", "mean_sound"), ("of faulty", "mean_faulty")):
        cells = [getattr(overall[facet], value, None) if facet in overall else None for facet in facets]
        shown = ["–" if cell is None else f"{cell:.0%}" if value == "within" else f"{cell:.2f}" for cell in cells]
        table.add_row(f"[dim]{name}[/dim]", *(f"[dim]{cell}[/dim]" for cell in shown))
    print_table(table)
    console.print(f"\n{_verdict(overall)}\n", soft_wrap=True)


def _separation(row: "FacetQuality | None") -> str:
    if row is None or row.separation is None:
        return "[dim]none[/dim]"
    style = "green" if row.separation >= _GOOD else "yellow" if row.separation >= _WEAK else "red"
    missing = f" [yellow]({row.n_unmarked} without)[/yellow]" if row.n_unmarked else ""
    return f"[{style}]{row.separation:.2f}[/{style}]{missing}"


def _verdict(overall: "dict[str, FacetQuality]") -> str:
    weak = [facet for facet, row in overall.items() if row.separation is None or row.separation < _WEAK]
    good = [facet for facet, row in overall.items() if row.separation is not None and row.separation >= _GOOD]
    parts = []
    if good:
        parts.append(f"It separates well: {', '.join(good)}.")
    if weak:
        parts.append(f"[red]Not to be trusted with: {', '.join(weak)}[/red] (below {_WEAK}; .5 is guessing).")
    if not weak and not good:
        parts.append("It separates every criterion to some degree, none of them well.")
    return " ".join(parts)


def _show_marks(check: "JudgeCheck", faults: "tuple[KnownFault, ...]") -> None:
    for fault in faults:
        marks = check.marks.get(fault.id, {})
        said = ", ".join(
            f"{facet} {'–' if marks.get(facet) is None else format(marks[facet], 'g')}"
            + (
                ""
                if _fits(marks.get(facet), fault.expected[facet])
                else f" [red](not {_range(fault.expected[facet])})[/red]"
            )
            for facet in fault.expected
        )
        console.print(f"[bold]{plain(fault.id)}[/bold]: {plain(fault.note)}\n  {said}", soft_wrap=True)
    console.print()


def _fits(mark: float | None, expected: tuple[int, int]) -> bool:
    return mark is None or expected[0] <= mark <= expected[1]


def _range(expected: tuple[int, int]) -> str:
    return str(expected[0]) if expected[0] == expected[1] else f"{expected[0]} to {expected[1]}"
