"""`crosstune compare`: two studies, two runs or two files, on the prompts that both have."""

import json
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.console import RootOption, counted, error_console, plain

if TYPE_CHECKING:
    import polars as pl

    from crosstune.cli.score_sources import Source
    from crosstune.study.comparison import Compared, Side

_MOST_PAIRS = 50


def compare(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="A study that has been run (YAML), scores (.parquet, .csv or .jsonl) or answers.",
            show_default=False,
        ),
    ],
    second: Annotated[
        Path | None,
        typer.Argument(metavar="B", help="The other. Left out: two runs of A, named by --runs.", show_default=False),
    ] = None,
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs",
            metavar="NAME[;NAME]",
            help="Which runs or configurations (labels), or models of a file, with ; or , between: of A then "
            "of B, or of A alone. Default: what both have; of two with one each, these.",
            show_default=False,
        ),
    ] = None,
    facets: Annotated[
        str | None, typer.Option("--facets", metavar="NAMES", help="With commas between. Default: all that both have.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            help="Compare within each value too: set, task, tags, modifiers, or a column of files of scores.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of resamples and flips.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    root: RootOption = None,
) -> None:
    """Compare two studies, two of their runs, or two files: differences, their intervals, and what is not shown.

    Only prompts that both have count. P-values are corrected by Holm's method for the number of comparisons in a facet.
    """
    from crosstune.analysis.composite_config import USABLE
    from crosstune.cli.score_sources import read_source
    from crosstune.study.comparison import Compared, compare_sides, facets_in_order, with_usable

    wanted = _names(facets, ",")
    measured = None if USABLE in wanted else wanted or None
    keep = [by] if by and by not in _OF_PROMPTS else []
    sources = [read_source(path, root=root, facets=measured, keep=keep) for path in (first, second) if path is not None]
    sides, pairs = _sides(sources, runs)
    sides, left_out = _without_different_prompts(sides, sources)
    _require_common(sides, pairs)
    sides = [with_usable(side) for side in sides] if USABLE in wanted else sides
    there = facets_in_order(*(side.scores for side in sides))
    groups = None if by is None else _groups(sources, sides, by)
    apart = _defined_differently(sources)
    named = [name for name in _known(wanted, there) or there if name not in apart]
    compared = compare_sides(sides, pairs, named, groups=groups, seed=seed)
    compared = Compared(compared.rows, {**compared.not_compared, **apart})
    if as_json:
        typer.echo(json.dumps(_result(compared, pairs, by, left_out), ensure_ascii=False, indent=1))
        return
    from crosstune.cli.compare_tables import show_comparison

    show_comparison(compared, pairs, by, left_out)


def _names(text: str | None, between: str) -> list[str]:
    return [name.strip() for name in (text or "").split(between) if name.strip()]


def _known(wanted: list[str], there: list[str]) -> list[str]:
    from crosstune.errors import did_you_mean

    for name in wanted:
        if name not in there:
            error_console.print(
                f"[yellow]note:[/yellow] there are no scores of '{plain(name)}'; {plain(did_you_mean(name, there))}",
                soft_wrap=True,
            )
    return wanted


def _sides(sources: "list[Source]", runs: str | None) -> "tuple[list[Side], list[tuple[str, str]]]":
    """What is compared with what, each under a name of its own."""
    named = _wanted_units(sources, runs)
    if len(sources) == 1:
        (source,) = sources
        units = [source.unit(name) for name in named] if named else list(source.units)
        if len({unit.name for unit in units}) < 2:
            raise _wrong(
                "there is only one thing to compare in it", source, "name a second study or file, or --runs A;B"
            )
        if not named and len(units) > 2:
            raise _wrong(f"there are {len(units)} in it", source, f"say which with --runs; {source.hint()}")
        sides = [source.side(unit) for unit in units]
        return sides, list(combinations([side.name for side in sides], 2))
    one, other = sources
    if named:
        together = [(one.unit(named[0]), other.unit(named[-1]))]
    elif len(one.units) == len(other.units) == 1:
        together = [(one.units[0], other.units[0])]
    else:
        by_identity = {unit.identity: unit for unit in other.units}
        together = [(unit, by_identity[unit.identity]) for unit in one.units if unit.identity in by_identity]
        if not together:
            raise _wrong("no configuration or model is in both", one, f"say which with --runs A;B; {one.hint()}")
    if len(together) > _MOST_PAIRS:
        raise _wrong(f"{len(together)} are in both", one, "say which with --runs A;B")
    sides, pairs = [], []
    ends = _short_names(one, other)
    for mine, theirs in together:
        names = mine.name, theirs.name
        if mine.name == theirs.name or len(together) > 1:
            names = f"{mine.name} ({ends[0]})", f"{theirs.name} ({ends[1]})"
        sides += [one.side(mine, names[0]), other.side(theirs, names[1])]
        pairs.append(names)
    return sides, pairs


def _wanted_units(sources: "list[Source]", runs: str | None) -> list[str]:
    """Labels may have commas in them: those of a text without a semicolon are cut only where that gives names."""
    if not runs:
        return []
    named = _names(runs, ";")
    if len(named) == 1 and "," in runs:
        pieces = runs.split(",")
        ways = [[",".join(pieces[:cut]).strip(), ",".join(pieces[cut:]).strip()] for cut in range(1, len(pieces))]
        there = [{name for unit in source.units for name in (unit.name, *unit.runs)} for source in sources]
        fitting = [way for way in ways if way[0] in there[0] and way[1] in there[-1]]
        named = fitting[0] if fitting else _names(runs, ",")
    if len(sources) == 2 and len(named) > 2:
        raise _wrong(f"--runs names {len(named)}", sources[0], "name one of A and one of B, with ; between")
    return list(dict.fromkeys(named)) if len(sources) == 1 else named


def _short_names(one: "Source", other: "Source") -> tuple[str, str]:
    names = Path(one.name).name, Path(other.name).name
    return names if names[0] != names[1] else (one.name, other.name) if one.name != other.name else ("A", "B")


def _wrong(problem: str, source: "Source", hint: str) -> Exception:
    from crosstune.errors import InvalidData

    return InvalidData(problem, where=source.name, hint=hint)


def _without_different_prompts(sides: "list[Side]", sources: "list[Source]") -> "tuple[list[Side], int]":
    """Leaves out prompts that two studies call the same though they are not."""
    from crosstune.study.comparison import Side, different_prompts

    if len(sources) == 1:
        return sides, 0
    different = different_prompts(sources[0].prompts, sources[1].prompts)
    if different.is_empty():
        return sides, 0
    kept = [Side(side.name, side.scores.join(different, on=["prompt_id", "language"], how="anti")) for side in sides]
    return kept, len(different)


def _defined_differently(sources: "list[Source]") -> dict[str, str]:
    """Composites that two studies make of different conditions, with what they are."""
    facets = [source.tables.facets for source in sources if source.tables is not None]
    if len(facets) < 2:
        return {}
    first, second = facets
    return {
        name: f"it is {first[name].explanation} in the one and {second[name].explanation} in the other"
        for name in first
        if name in second and first[name] != second[name]
    }


def _require_common(sides: "list[Side]", pairs: list[tuple[str, str]]) -> None:
    from crosstune.errors import InvalidData

    key = ["prompt_id", "language"]
    by_name = {side.name: side.scores.select(key).unique() for side in sides}
    for first, second in pairs:
        if not by_name[first].join(by_name[second], on=key, how="semi").is_empty():
            return
    first, second = pairs[0]
    examples = [
        ", ".join(f"{row[0]} ({row[1]})" for row in by_name[name].sort(key).head(3).iter_rows()) or "none"
        for name in (first, second)
    ]
    raise InvalidData(
        "they have no prompt in common, so nothing can be compared",
        where=f"{first} and {second}",
        hint=f"the first has {examples[0]}; the second has {examples[1]}: are they called the same (column id)?",
    )


_OF_PROMPTS = ("set", "task", "tags", "modifiers")


def _groups(sources: "list[Source]", sides: "list[Side]", by: str) -> "pl.DataFrame":
    """Which prompt is in which group."""
    import polars as pl

    from crosstune.errors import InvalidData, did_you_mean

    key = ["prompt_id", "language"]
    found: list[pl.DataFrame] = []
    known: list[str] = []
    for source in sources:
        frame = source.prompts.rename({"id": "prompt_id"}) if source.prompts.columns else source.scores
        if by not in frame.columns:
            known += _OF_PROMPTS if source.prompts.columns else _further(source.scores)
            continue  # what the other says of a prompt holds for both
        group = pl.col(by)
        if by == "modifiers" and isinstance(frame.schema[by], pl.List):
            chosen = frame.select(*key, group.list.join("+").replace("", "none").alias("group"))
        elif isinstance(frame.schema[by], pl.List):
            chosen = frame.select(*key, group.alias("group")).explode("group")
        else:
            chosen = frame.select(*key, group.cast(pl.String()).alias("group"))
        found.append(chosen.unique(maintain_order=True))
    if not found:
        hint = did_you_mean(by, dict.fromkeys(known)) if known else "files of scores have no further column"
        raise InvalidData(f"there is no column '{by}' to compare by", where="--by", hint=hint)
    names = pl.concat(found).unique(maintain_order=True).sort("group", maintain_order=True)
    if names["group"].n_unique() > 100:
        raise InvalidData(f"'{by}' has {names['group'].n_unique()} values", where="--by", hint="compare by few groups")
    return names


def _further(scores: "pl.DataFrame") -> list[str]:
    from crosstune.records import Score
    from crosstune.storage.tables import table_schema

    return [name for name in scores.columns if name not in table_schema(Score)]


def _result(compared: "Compared", pairs: list[tuple[str, str]], by: str | None, left_out: int) -> dict[str, Any]:
    return {
        "pairs": [list(pair) for pair in pairs],
        "by": by,
        "different_prompts_left_out": left_out,
        "not_compared": dict(compared.not_compared),
        "comparisons": list(compared.rows),
        "note": f"{counted(len(compared.rows), 'comparison')}; p_holm is corrected within a facet",
    }
