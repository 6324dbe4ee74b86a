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

from crosstune.cli.console import console, counted, error_console, plain
from crosstune.cli.prompts_options import JsonOption, LanguageFileOption, existing, named_source
from crosstune.cli.prompts_table import language_tables
from crosstune.progress import Progress

if TYPE_CHECKING:
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
    from crosstune.prompts.language_file import language_of_path, packaged_language_codes
    from crosstune.prompts.packaged import packaged_sets
    from crosstune.prompts.review.review import Review, review_packaged, review_source

    for code in codes:
        language(code)
    named = [named_source(name) for name in dict.fromkeys(sources)]
    by_path = [source for source in named if not source.is_packaged]
    whole = everything or (not sources)
    names = list(packaged_sets()) if whole else [source.source for source in named if source.is_packaged]
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
            found = review_packaged(
                names, chosen, extra, modifiers=whole, partial=whole, on_progress=show("packaged sets")
            )
            _add(review, found)
        for source in by_path:
            _add(review, review_source(source, Path(), codes, show(source.set_name)))
    return review


def _add(review: "Review", other: "Review") -> None:
    review.problems += other.problems
    for key, rows in other.checked.items():  # two files may have the same name in different folders
        review.checked[key] = review.checked.get(key, 0) + rows
    review.neighbours += other.neighbours
    review.unread += other.unread
    review.notes += other.notes


def _show_review(review: "Review") -> None:
    counts = Counter((problem.set, problem.language) for problem in review.problems)
    places = [*review.checked, *review.unread, *((item.set, item.language) for item in review.problems)]
    # What is of no set, or of no language that can be told, comes last.
    codes = sorted(dict.fromkeys(code for _, code in places), key=lambda code: not code)
    sets = sorted(dict.fromkeys(name for name, _ in places), key=lambda name: not name)
    rows: list[tuple[str, dict[str, str]]] = []
    for name in sets:
        cells = {}
        for code in codes:
            if (name, code) in review.unread:
                cells[code] = "[red]not read[/red]"
            elif found := counts[name, code]:
                cells[code] = f"[red]{found}[/red]"
            elif (name, code) in review.checked:
                cells[code] = "[green]✓[/green]"
        rows.append((escape(name or "other rows"), cells))
    if any(name for name, _ in review.checked) and (rates := _rates(review)):
        rows.append(("[dim]meaning, %[/dim]", rates))
    for table in language_tables("set", {code: code or "no language" for code in codes}, rows, console.width):
        console.print(table)
    for problem in review.problems[:_PROBLEMS_SHOWN]:
        console.print(_line(problem), soft_wrap=True)
    if len(review.problems) > _PROBLEMS_SHOWN:
        console.print(f"… and {len(review.problems) - _PROBLEMS_SHOWN} more (--json has all)")
    for note in review.notes:
        console.print(f"[dim]{plain(note)}[/dim]", soft_wrap=True)
    total = sum(review.checked.values())
    summary = counted(len(review.problems), "problem") if review.problems else "no problem"
    if total or not review.unread:
        summary += f" in {counted(total, 'row')}"
    if review.unread:
        unread = [" in ".join(part for part in (name, code) if part) for name, code in review.unread]
        summary += f"; not read: {', '.join(unread)}"
    console.print(f"\n{plain(summary)}", soft_wrap=True)


def _rates(review: "Review") -> dict[str, str]:
    compared: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for item in review.neighbours:
        compared[item.language] += item.compared
        missed[item.language] += len(item.misses)
    return {code: f"[dim]{100 * (1 - missed[code] / total):.0f}[/dim]" for code, total in compared.items()}


def _line(problem: "Problem") -> str:
    place = plain(problem.where)
    if problem.ids:
        return f"[bold]{place}[/bold]: {plain(problem.set)}: {plain(problem.message)}"
    name = f" {plain(problem.id)}" if problem.id and f"'{problem.id}'" not in problem.message else ""
    return f"[bold]{place}[/bold]:{name} [yellow]{problem.kind}[/yellow]: {plain(problem.message)}"


def _review_data(review: "Review") -> dict[str, Any]:
    return {
        "checked": [{"set": name, "language": code, "rows": rows} for (name, code), rows in review.checked.items()],
        "not_read": [{"set": name, "language": code} for name, code in review.unread],
        "notes": review.notes,
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
