"""The result of a study as a table on the terminal."""

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import console

if TYPE_CHECKING:
    from crosstune.analysis.selection import Over
    from crosstune.analysis.tables import StudyTables


MAIN_FACETS = ("usable", "helpfulness", "degeneration", "constraints", "facts")
"""Beside the one that is selected by and the study's own, what is told of the recommended configuration."""


def show_summary(tables: "StudyTables", by: str, over: "Over") -> None:
    """Prints levels by configuration and language with intervals, what one would choose, and how else that does."""
    from crosstune.analysis.configurations import configurations
    from crosstune.analysis.levels import level_frame, level_grid, mean_level_frame
    from crosstune.analysis.selection import choose_from
    from crosstune.reporting import wording

    grid = level_grid(tables, by, by="configuration")
    rows = level_frame(grid, "configuration").to_dicts()
    means = {row["configuration"]: row for row in mean_level_frame(grid, "configuration").to_dicts()}
    selection = choose_from(tables, by, grid)
    recommended = selection.recommended(over).taken
    languages = list(dict.fromkeys(row["language"] for row in rows))
    facet = tables.facet(by)
    title = f"{facet.title}: {'share of answers' if facet.is_share else 'means'}, with 95 % intervals"
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("configuration", no_wrap=True)
    for language in [*languages, "mean"]:
        table.add_column(language, justify="right")
    by_cell = {(row["configuration"], row["language"]): row for row in rows}
    for configuration in dict.fromkeys(row["configuration"] for row in rows):
        mark = "[bold green]→[/bold green] " if configuration in recommended else "  "
        cells = [by_cell.get((configuration, language)) for language in languages]
        levels = [_level(cell) for cell in [*cells, means.get(configuration)]]
        table.add_row(f"{mark}[bold]{escape(configuration)}[/bold]", *levels)
    console.print(f"[bold]{title}[/bold]")
    console.print(table)
    reasons: dict[str, int] = {}
    for row in rows:
        for item in row["reasons"]:
            reasons[item["reason"]] = reasons.get(item["reason"], 0) + item["count"]
    if reasons:
        total = sum(row["n"] for row in rows)
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        console.print(f"[dim]Without a score and left out, of {total} answers: {listed}.[/dim]", soft_wrap=True)
    bases = [item for item in configurations(tables.cells) if not item.tuned]
    console.print(f"\n[bold]{escape(wording.headline(selection, facet))}[/bold]")
    console.print(escape(" ".join(wording.opening(selection, grid, bases, facet, tables.pruned))))
    if recommended and (others := _other_facets(tables, by, recommended[0])):
        line = f"“{escape(recommended[0])}”, mean of languages: {others}."
        console.print(f"[dim]{line}{_cut_off(tables, recommended[0])}[/dim]", soft_wrap=True)


def _cut_off(tables: "StudyTables", configuration: str) -> str:
    """Says so where most answers were cut off: all that is known of them is then of their beginnings."""
    import polars as pl

    from crosstune.analysis.training_costs import answering_costs

    costs = answering_costs(tables).filter(pl.col("configuration") == configuration)
    answers, at_limit = int(costs["answers"].sum()), int(costs["at_limit"].sum())
    if 2 * at_limit <= answers:
        return ""
    return (
        f" {at_limit} of its {answers} answers are cut off at the limit of new tokens, which counts as"
        " degenerate and not usable: generation.max_new_tokens raises it."
    )


def _other_facets(tables: "StudyTables", by: str, configuration: str) -> str:
    """Means over languages of what else matters, in one line; empty where nothing else has any."""
    from crosstune.analysis.levels import facet_scores, level_grid, mean_level_frame
    from crosstune.analysis.tables import StudyTables
    from crosstune.reporting.text import level

    own = [name for name in tables.facets if name not in MAIN_FACETS]
    told = []
    for name in [*own, *MAIN_FACETS]:
        if name == by:
            continue
        # Of one configuration alone, so that little is resampled.
        scores = facet_scores(tables, name).filter(configuration=configuration).select(tables.scores.columns)
        few = StudyTables(tables.cells, tables.prompts, tables.responses.clear(), scores, tables.curves.clear())
        grid = level_grid(few, name, by="configuration")
        means = [] if grid is None else mean_level_frame(grid, "configuration")["level"].drop_nulls().to_list()
        if means:
            facet = tables.facet(name)
            told.append(f"{facet.title.lower()} {level(means[0], facet)}{' ↓' if facet.better == 'lower' else ''}")
    return ", ".join(told)


def _level(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["level"] is None:
        return "[dim]none[/dim]"
    interval = f" [dim]{row['low']:.2f}–{row['high']:.2f}[/dim]" if row["low"] is not None else ""
    return f"{row['level']:.2f}{interval}"
