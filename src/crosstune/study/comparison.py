"""Two sets of scores, of one study or of two or of files, compared on the prompts that both have.

What is compared is a side: scores under a name. Its runs are seeds or repetitions and are averaged within a prompt. All
statistics are those of `analysis.comparisons`; this part lays sides out as it wants them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from crosstune.analysis.comparisons import compare_configurations
from crosstune.analysis.composite import USABLE, composite_scores, default_composite
from crosstune.analysis.configurations import configurations
from crosstune.analysis.facets import FACETS
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import choose_rater_of
from crosstune.analysis.significance import holm
from crosstune.analysis.tables import CELLS_SCHEMA, StudyTables

SIGNIFICANT = 0.05
"""Corrected p-values below it show a difference."""

NOT_SHOWN, TOO_FEW, DIFFERS = "not shown to differ", "too few prompts", "differs"


@dataclass(frozen=True)
class Side:
    """One of the things that are compared."""

    name: str
    scores: pl.DataFrame = field(repr=False)
    """Columns of `records.Score`; every run in it is a seed or a repetition."""


@dataclass(frozen=True)
class SideTables:
    """Sides as the tables of a study, each a configuration."""

    tables: StudyTables
    labels: Mapping[str, str]
    """What the analysis calls each side."""

    @property
    def names(self) -> dict[str, str]:
        """The side behind each label."""
        return {label: name for name, label in self.labels.items()}


def side_tables(sides: Sequence[Side]) -> SideTables:
    """Lays sides out as configurations; the names of sides must differ."""
    cells: list[dict[str, Any]] = []
    scores = []
    for number, side in enumerate(sides):
        code = f"{number:06d}"
        runs = side.scores["run"].unique().sort().to_list()
        own = {run: f"{code}/{run}" for run in runs}
        cells += [
            {"run": own[run], "base_model": code, "instructions": None, "adaptation": None, "tuned": False}
            | {"learning_rate": None, "seed": None}
            for run in runs
        ]
        renamed = pl.col("run").replace_strict(own, return_dtype=pl.String()) if own else pl.col("run")
        scores.append(side.scores.with_columns(renamed))
    tables = StudyTables(
        cells=pl.DataFrame(cells, schema=CELLS_SCHEMA, orient="row"),
        prompts=pl.DataFrame(),
        responses=pl.DataFrame(),
        scores=pl.concat(scores, how="diagonal") if scores else pl.DataFrame(),
        curves=pl.DataFrame(),
    )
    labels = {sides[int(item.base_model)].name: item.label for item in configurations(tables.cells)}
    return SideTables(tables, labels)


def with_usable(side: Side) -> Side:
    """The same side with the composite facet beside the others."""
    if (side.scores["facet"] == USABLE).any():
        return side
    made = composite_scores(side.scores, default_composite(side.scores))
    return Side(side.name, pl.concat([side.scores, made], how="diagonal"))


def facets_in_order(*scores: pl.DataFrame) -> list[str]:
    """The facets that there are, in the order of their table."""
    order = {name: place for place, name in enumerate(FACETS)}
    found = {name for frame in scores for name in frame["facet"].unique()}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def common_rater(sides: Sequence[Side], facet: str) -> tuple[str | None, str | None]:
    """The rater by whom all sides are compared, or why there is none, as a clause for a reader."""
    raters = {side.name: set(side.scores.filter(pl.col("facet") == facet)["rater"].unique()) for side in sides}
    if without := [name for name, found in raters.items() if not found]:
        return None, f"{' and '.join(without)} has no scores of it"
    common = set.intersection(*raters.values())
    if not common:
        told = "; ".join(f"{name}: {', '.join(sorted(found))}" for name, found in raters.items())
        return None, f"no rater rated all sides ({told})"
    both = pl.concat([side.scores.select("facet", "rater") for side in sides]).filter(pl.col("rater").is_in(common))
    return choose_rater_of(both, facet), None


@dataclass(frozen=True)
class Compared:
    """What came of a comparison."""

    rows: tuple[dict[str, Any], ...]
    """As `analysis.comparisons.COMPARISONS_SCHEMA`, with the names of sides, and `group` and `verdict` beside: a
    verdict is the name of the better side, or one of `DIFFERS` (where neither direction is better), `NOT_SHOWN` and
    `TOO_FEW`."""
    not_compared: Mapping[str, str]
    """Facets that cannot be, with the reason."""


def compare_sides(
    sides: Sequence[Side],
    pairs: Sequence[tuple[str, str]],
    facets: Sequence[str],
    *,
    groups: pl.DataFrame | None = None,
    rater: str | None = None,
    seed: int = 0,
) -> Compared:
    """First minus second of each pair of sides, in each language and in their mean, facet by facet.

    Args:
        sides: what there is.
        pairs: names of what is compared with what.
        facets: what is rated.
        groups: columns `prompt_id`, `language` and `group`: compares within each group too, in the order of the rows.
            A prompt may be in several.
        rater: whose scores; None takes for each facet what `levels.choose_rater` takes of raters of all sides.
        seed: of the resamples and of the flips.

    Returns:
        Rows of the whole have a null `group`. P-values are corrected within a facet: those of means over languages
        among themselves, and those of single languages among themselves, groups included.
    """
    laid_out = side_tables(sides)
    labelled = [(laid_out.labels[first], laid_out.labels[second]) for first, second in pairs if first != second]
    rows: list[dict[str, Any]] = []
    not_compared: dict[str, str] = {}
    for facet in facets:
        whose, why = common_rater(sides, facet)
        if whose is None:
            not_compared[facet] = why or ""
            continue
        of_facet: list[dict[str, Any]] = []
        for group, tables in _by_group(laid_out.tables, groups):
            present = _sides_with(tables, facet, rater or whose, laid_out)
            some = [pair for pair in labelled if set(pair) <= present]
            if not some:
                continue
            frame = compare_configurations(tables, facet, pairs=some, rater=rater or whose, seed=seed)
            of_facet += [{**row, "group": group} for row in frame.to_dicts()]
        if not of_facet:
            not_compared[facet] = "no side has an answer in its prompt's own language with a score of it"
            continue
        for is_mean in (True, False):
            members = [row for row in of_facet if (row["language"] is None) == is_mean]
            for row, p in zip(members, holm([row["p"] for row in members]), strict=True):
                row["p_holm"] = p
        rows += of_facet
    names = laid_out.names
    for row in rows:
        row["first"], row["second"] = names[row["first"]], names[row["second"]]
        row["verdict"] = verdict(row)
    return Compared(tuple(rows), not_compared)


def _sides_with(tables: StudyTables, facet: str, rater: str, laid_out: SideTables) -> set[str]:
    rated = tables.scores.filter(
        pl.col("facet") == facet, pl.col("rater") == rater, pl.col("language") == pl.col("requested_language")
    )
    by_code = {code: laid_out.labels[name] for name, code in _codes(laid_out).items()}
    return {by_code[code] for code in rated["run"].str.slice(0, 6).unique() if code in by_code}


def _codes(laid_out: SideTables) -> dict[str, str]:
    by_label = {item.label: item.base_model for item in configurations(laid_out.tables.cells)}
    return {name: by_label[label] for name, label in laid_out.labels.items()}


def _by_group(tables: StudyTables, groups: pl.DataFrame | None) -> list[tuple[str | None, StudyTables]]:
    found: list[tuple[str | None, StudyTables]] = [(None, tables)]
    if groups is None:
        return found
    for name in groups["group"].unique(maintain_order=True).drop_nulls():
        mine = groups.filter(pl.col("group") == name).select("prompt_id", "language").unique()
        scores = tables.scores.join(mine, on=["prompt_id", "language"], how="semi")
        if not scores.is_empty():
            nothing = pl.DataFrame()
            found.append((name, StudyTables(tables.cells, nothing, nothing, scores, nothing)))
    return found


def verdict(row: Mapping[str, Any]) -> str:
    """What a row of a comparison shows."""
    if row["p_holm"] is None or row["difference"] is None:
        return TOO_FEW
    if row["p_holm"] >= SIGNIFICANT:
        return NOT_SHOWN
    better = facet_of(row["facet"], row["rater"]).better
    if better is None:
        return DIFFERS
    name: str = row["first"] if (row["difference"] > 0) == (better == "higher") else row["second"]
    return name


def different_prompts(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Prompts that have one id and language in two studies and are not the same.

    Args:
        first: columns of `records.Prompt`; no columns where prompts are not known.
        second: the same.

    Returns:
        Columns `prompt_id` and `language`.
    """
    nothing = pl.DataFrame(schema={"prompt_id": pl.String(), "language": pl.String()})
    if first.is_empty() or second.is_empty():
        return nothing
    key = ["id", "language"]
    told = [*key, pl.col("messages").list.eval(pl.element().struct.field("content")).alias("text")]
    both = first.select(told).join(second.select(told), on=key, suffix="_other")
    different = [row for row in both.iter_rows(named=True) if row["text"] != row["text_other"]]
    rows = [{"prompt_id": row["id"], "language": row["language"]} for row in different]
    return pl.DataFrame(rows, schema=nothing.schema, orient="row")
