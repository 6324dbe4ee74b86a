"""`crosstune agreement`: how far judges, people and measures agree about the same answers."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.cli.console import RootOption, error_console, plain

if TYPE_CHECKING:
    import polars as pl

_ANSWER = ["run", "prompt_id", "language", "requested_language"]
_ADJUDICATED = "person:adjudicated"
"""The coordinator's decisions, made in view of the others' marks: no rater of its own, unless it is named."""


class Level(StrEnum):
    """What is known of values, for Krippendorff's alpha."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"


class Weights(StrEnum):
    """How a disagreement of kappa grows with the difference of two values."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


def agreement(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY|FILE...",
            help="A study that has been run (YAML), with what people said of it, or scores: .parquet, .csv or .jsonl.",
            show_default=False,
        ),
    ],
    raters: Annotated[
        str | None,
        typer.Option(
            "--raters",
            metavar="NAMES",
            help="Whose scores, with commas between; * stands for any letters, as in person:*. Default: all.",
            show_default=False,
        ),
    ] = None,
    facets: Annotated[
        str | None, typer.Option("--facets", metavar="NAMES", help="With commas between. Default: all.")
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option("--languages", metavar="CODES", help="Requested languages, with commas between. Default: all."),
    ] = None,
    with_confusion: Annotated[
        bool, typer.Option("--confusion", help="Show which marks of one rater meet which of the other.")
    ] = False,
    level: Annotated[Level, typer.Option("--level", help="Of measurement, for Krippendorff's alpha.")] = Level.ORDINAL,
    weights: Annotated[
        Weights, typer.Option("--weights", help="Of disagreements, for Cohen's kappa.")
    ] = Weights.QUADRATIC,
    seed: Annotated[int, typer.Option("--seed", help="Of resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    root: RootOption = None,
) -> None:
    """Show how far raters agree: Krippendorff's alpha, weighted kappa and exact agreement, with 95 % intervals."""
    from crosstune.analysis.agreement import agreement as agreement_of
    from crosstune.cli.confusion import confusions
    from crosstune.errors import InvalidData

    scores = _distinct(_gathered(paths, root))
    wanted = _wanted_raters(scores, raters)
    scores = _chosen(scores, "facet", facets)
    scores = _chosen(scores, "requested_language", languages)
    found = agreement_of(scores, wanted, level=level.value, weights=weights.value, seed=seed)
    if found.is_empty():
        there = sorted(scores["rater"].unique())
        raise InvalidData(
            "no two raters rated the same facet of the same answers",
            where=", ".join(str(path) for path in paths),
            hint=f"raters are {', '.join(there)}; have answers marked by a second one: judge, annotate",
        )
    tables = confusions(scores, wanted) if with_confusion else []
    if as_json:
        result = {
            "raters": wanted or sorted(scores["rater"].unique()),
            "agreement": found.to_dicts(),
            "confusion": [each.as_dict() for each in tables],
        }
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
        return
    from crosstune.cli.agreement_tables import show_agreement, show_confusion

    show_agreement(found, single_language=scores["requested_language"].n_unique() == 1)
    if with_confusion:
        show_confusion(tables)


def _gathered(paths: list[Path], root: Path | None) -> "pl.DataFrame":
    """All scores there are."""
    import polars as pl

    from crosstune.cli.score_sources import is_study

    parts = []
    for path in paths:
        if is_study(path):
            parts += _of_study(path, root)
        else:
            parts.append(_of_file(path))
    common = [*_ANSWER, "rater", "facet", "value", "reason"]
    return pl.concat([part.select(common) for part in parts])


def _of_file(path: Path) -> "pl.DataFrame":
    from crosstune.cli.score_files import first_run, holds_scores, read_scores
    from crosstune.errors import InvalidData

    if not holds_scores(path):
        raise InvalidData(
            "these are no scores (there are no columns facet and value)",
            where=str(path),
            hint="have the answers scored or judged first, with --out",
        )
    scores = read_scores(path, run="answers")  # of the same answers, in whichever file
    repeated = [name for name in scores["run"].unique() if first_run(name) != name]
    if repeated:
        import polars as pl

        of_it = scores.filter(pl.col("run").is_in(repeated))
        raise InvalidData(
            f"{of_it['rater'][0]} scored {of_it['facet'][0]} of the same answer twice",
            where=f"{path}: run {first_run(of_it['run'][0])}, prompt {of_it['prompt_id'][0]}",
            hint="give answers that differ an id each, or marks of a second time another rater",
        )
    return scores


def _of_study(path: Path, root: Path | None) -> "list[pl.DataFrame]":
    """What measures and judges said, and people if there is a database of theirs."""
    from crosstune.study.study import Study

    return [Study.load(path, root=root).results().scores]


def _distinct(scores: "pl.DataFrame") -> "pl.DataFrame":
    """The same scores; one that stands in two of the files with the same value counts once."""
    return scores.unique(maintain_order=True)


def _wanted_raters(scores: "pl.DataFrame", text: str | None) -> list[str] | None:
    """Names, those with a * written out."""
    from fnmatch import fnmatchcase

    from crosstune.errors import InvalidData, did_you_mean

    there = sorted(scores["rater"].unique())
    if text is None:
        return [name for name in there if name != _ADJUDICATED] if _ADJUDICATED in there else None
    found: list[str] = []
    for name in _names(text):
        fitting = [rater for rater in there if rater == name] or [
            rater for rater in there if fnmatchcase(rater, name.replace("[", "[[]"))
        ]
        if not fitting:
            raise InvalidData(f"there are no scores by '{name}'", where="--raters", hint=did_you_mean(name, there))
        found += fitting
    found = list(dict.fromkeys(found))
    if len(found) < 2:
        raise InvalidData(
            f"{found[0] if found else 'nobody'} cannot agree with anybody else",
            where="--raters",
            hint=f"name two or more of: {', '.join(there)}",
        )
    return found


def _chosen(scores: "pl.DataFrame", column: str, text: str | None) -> "pl.DataFrame":
    import polars as pl

    from crosstune.errors import InvalidData, did_you_mean

    if text is None:
        return scores
    there = sorted(scores[column].unique())
    names = _names(text)
    for name in names:
        if name not in there:
            error_console.print(
                f"[yellow]note:[/yellow] there are no scores of '{plain(name)}'; {plain(did_you_mean(name, there))}",
                soft_wrap=True,
            )
    chosen = scores.filter(pl.col(column).is_in(names))
    if chosen.is_empty():
        raise InvalidData(
            f"there are no scores of {', '.join(names) or 'nothing'}", hint=f"there are {', '.join(there)}"
        )
    return chosen


def _names(text: str) -> Sequence[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
