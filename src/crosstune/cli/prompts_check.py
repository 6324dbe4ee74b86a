"""`crosstune prompts check`: everything that is wrong with prompt sets, by file and line."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.table import Table

from crosstune.cli.console import console, counted, error_console, plain
from crosstune.cli.prompts_options import JsonOption, LanguageFileOption, existing
from crosstune.progress import Progress

if TYPE_CHECKING:
    from crosstune.prompts.config import PromptSource
    from crosstune.prompts.review.review import Review
    from crosstune.prompts.review.row import Problem

_PROBLEMS_SHOWN = 200


def check_prompts(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SET]...", help="Packaged sets, paths, or hub:org/name.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All packaged sets and modifiers.")] = False,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-l", help="Code; repeatable. Default: all.", show_default=False),
    ] = None,
    language_files: LanguageFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for everything that is wrong with prompt sets, by file and line; ends with status 1 when there is any."""
    review = _review(sources or [], everything, language or [], existing(language_files))
    if as_json:
        typer.echo(json.dumps(_review_data(review), ensure_ascii=False, indent=1))
    else:
        _show_review(review)
    if review.problems:
        raise typer.Exit(1)


def _review(sources: Sequence[str], everything: bool, codes: Sequence[str], extra: Sequence[Path]) -> "Review":
    from crosstune.languages import language
    from crosstune.prompts.config import prompt_source
    from crosstune.prompts.language_file import language_of_path, packaged_language_codes
    from crosstune.prompts.packaged import packaged_sets, set_rows
    from crosstune.prompts.review.review import Review, review_packaged, review_source

    for code in codes:
        language(code)
    by_path: list[PromptSource] = [source for name in sources if not (source := prompt_source(name)).is_packaged]
    packaged = [name for name in sources if prompt_source(name).is_packaged]
    whole = everything or (not sources)
    names = list(packaged_sets()) if whole else packaged
    for name in packaged:
        set_rows(name)
    own = [language_of_path(path) for path in extra]
    review = Review()
    with Bars(console=error_console, transient=True, disable=not error_console.is_terminal) as bars:

        def show(what: str) -> Any:
            bar = bars.add_task(what, total=None)

            def advance(progress: Progress) -> None:
                bars.update(bar, completed=progress.done, total=progress.total, description=f"{what} {progress.note}")

            return advance

        if names:
            all_codes = list(dict.fromkeys([*packaged_language_codes(), *own]))
            chosen = list(codes) or (own if own and not everything else all_codes)
            _add(review, review_packaged(names, chosen, extra, modifiers=whole, on_progress=show("packaged sets")))
        for source in by_path:
            _add(review, review_source(source, Path(), codes, show(source.set_name)))
    return review


def _add(review: "Review", other: "Review") -> None:
    review.problems += other.problems
    review.checked.update(other.checked)
    review.neighbours += other.neighbours


def _show_review(review: "Review") -> None:
    counts = Counter((problem.set, problem.language) for problem in review.problems)
    codes = list(dict.fromkeys([code for _, code in review.checked] + [item.language for item in review.problems]))
    sets = list(dict.fromkeys([name for name, _ in review.checked] + [item.set for item in review.problems]))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("set", no_wrap=True)
    for code in codes:
        table.add_column(code, justify="right", no_wrap=True)
    for name in sets:
        cells = []
        for code in codes:
            found = counts[name, code]
            looked_at = (name, code) in review.checked
            cells.append(f"[red]{found}[/red]" if found else "[green]✓[/green]" if looked_at else "[dim]–[/dim]")
        table.add_row(escape(name or "file"), *cells)
    if any(name for name, _ in review.checked):
        rates = _rates(review)
        if rates:
            table.add_row("[dim]meaning, %[/dim]", *(rates.get(code, "[dim]–[/dim]") for code in codes))
    console.print(table)
    for problem in review.problems[:_PROBLEMS_SHOWN]:
        console.print(_line(problem), soft_wrap=True)
    if len(review.problems) > _PROBLEMS_SHOWN:
        console.print(f"… and {len(review.problems) - _PROBLEMS_SHOWN} more (--json has all)")
    rows = sum(review.checked.values())
    summary = counted(len(review.problems), "problem") if review.problems else "no problem"
    console.print(f"\n{summary} in {counted(rows, 'row')}", soft_wrap=True)


def _rates(review: "Review") -> dict[str, str]:
    compared: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for item in review.neighbours:
        compared[item.language] += item.compared
        missed[item.language] += len(item.misses)
    return {code: f"[dim]{100 * (1 - missed[code] / total):.0f}[/dim]" for code, total in compared.items()}


def _line(problem: "Problem") -> str:
    name = f" {plain(problem.id)}" if problem.id else ""
    place = plain(problem.where)
    return f"[bold]{place}[/bold]:{name} [yellow]{problem.kind}[/yellow]: {plain(problem.message)}"


def _review_data(review: "Review") -> dict[str, Any]:
    return {
        "checked": [{"set": name, "language": code, "rows": rows} for (name, code), rows in review.checked.items()],
        "problems": [asdict(problem) for problem in review.problems],
        "nearest_source": [
            {
                "set": item.set,
                "language": item.language,
                "compared": item.compared,
                "rate": item.rate,
                "misses": [{"id": row.id, "where": row.where, "nearest": other} for row, other in item.misses],
            }
            for item in review.neighbours
        ],
    }
