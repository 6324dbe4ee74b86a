"""Where it fails: by task, tag, modifier, region and script, the weakest groups, and the failures that tell most."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from crosstune.analysis.breakdowns import LEAST_ANSWERS, Kind
from crosstune.analysis.found_languages import FACET as LANGUAGE_FACET
from crosstune.reporting import text
from crosstune.reporting.answers import ShownText, marked_text, prompt_text, shown_text, spans_of
from crosstune.reporting.findings import Findings
from crosstune.reporting.sections.transfer import counted, language_columns
from crosstune.reporting.tabular import Column, Estimate, ReportTable, good_side, table

TITLES: dict[Kind, str] = {
    "task": "By task",
    "set": "By set of prompts",
    "tag": "By tag",
    "modifier": "By modifier",
    "region": "By what the question is about",
    "script": "By script",
}
WHY = {
    "others_pass": "others pass",
    "base_passes": "the base model passes",
    "english_passes": "passes in English",
    "facets_disagree": "facets disagree",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One telling failure."""

    configuration: str
    language: str
    prompt_id: str
    reason: str
    why: str
    found: str
    """What the rater found instead; may be empty."""
    prompt: ShownText
    answer: ShownText
    direction: str
    answer_direction: str


def breakdown_tables(found: Findings, kind: Kind) -> list[ReportTable]:
    """Groups × languages for the shown configuration, and configurations × groups over all languages.

    None where no prompt has a group of this kind, or all are in one group.
    """
    whole = found.breakdowns.get(kind)
    in_all = found.breakdowns_in_all.get(kind)
    if whole is None or in_all is None or in_all["group"].n_unique() < 2:
        return []
    groups = sorted(in_all["group"].unique().to_list())
    if kind == "modifier" and "none" in groups:
        groups = ["none", *[name for name in groups if name != "none"]]
    label = found.shown[0]
    tables = []
    if kind != "script":
        cells = _cells(whole.filter(pl.col("configuration") == label), "group", "language")
        cells_in_all = _cells(in_all.filter(pl.col("configuration") == label), "group", None)
        tables.append(
            table(
                f"failures-{kind}",
                f"{TITLES[kind]}: “{label}”",
                [Column("group", kind.capitalize(), is_head=True), *language_columns(found.languages, "level")],
                [
                    {"group": name, "mean": cells_in_all.get((name, None)), **_of(cells, name, found.languages)}
                    for name in groups
                ],
                found.facet,
            )
        )
    by_configuration = _cells(in_all, "configuration", "group")
    labels = [item.label for item in found.configurations if item.label in set(in_all["configuration"])]
    tables.append(
        table(
            f"failures-{kind}-configurations",
            f"{TITLES[kind]}: every configuration, all languages together",
            [
                Column("configuration", "Configuration", "label", is_head=True),
                *(Column(f"group {name}", name, "level") for name in groups),
            ],
            [
                {
                    "configuration": label,
                    **{f"group {name}": cell for name, cell in _of(by_configuration, label, groups).items()},
                }
                for label in labels
            ],
            found.facet,
        )
    )
    return tables


def _cells(frame: pl.DataFrame, row: str, column: str | None) -> dict[tuple[Any, Any], Estimate]:
    return {
        (cell[row], cell[column] if column else None): Estimate(
            cell["level"], cell["low"], cell["high"], counted(cell["n_scored"], cell["n"])
        )
        for cell in frame.iter_rows(named=True)
    }


def _of(cells: dict[tuple[Any, Any], Estimate], row: str, columns: list[str]) -> dict[str, Estimate]:
    return {column: cells.get((row, column), Estimate(None, note="not asked")) for column in columns}


def weak_spots_table(found: Findings) -> ReportTable:
    """The groups in which the shown configuration is farthest below its other answers."""
    rows = [
        {
            "kind": row["kind"],
            "group": row["group"],
            "language": row["language"],
            "level": row["level"],
            "rest": row["rest_level"],
            "difference": Estimate(row["difference"], row["low"], row["high"]),
            "n": row["n_scored"],
        }
        for row in found.weak_spots.iter_rows(named=True)
    ]
    label = f"“{found.shown[0]}”" if found.shown else "the chosen configuration"
    return table(
        "weak-spots",
        f"Where {label} is weakest",
        [
            Column("group", "Group", is_head=True),
            Column("kind", "Kind"),
            Column("language", "Language", "language"),
            Column("level", "Level", "level"),
            Column("rest", "Its other answers", "level"),
            Column("difference", "Difference", "difference"),
            Column("n", "Answers", "count"),
        ],
        rows,
        found.facet,
        note="Each group of answers against all others of the configuration, weakest first. Among many groups a few "
        "look weak by chance: trust those whose interval is far from 0.",
        cannot=f"No group of prompts has {LEAST_ANSWERS} rated answers in it and as many outside, so no weak spot can "
        "be named."
        if found.shown
        else "Nothing was rated, so no weak spot can be named.",
        total="all languages",
        good=good_side(found.facet),
    )


def telling(found: Findings) -> list[Failure]:
    """The telling failures with their texts."""
    if found.telling.is_empty():
        return []
    key = ["run", "prompt_id", "language"]
    answers = {
        (row["run"], row["prompt_id"], row["language"]): row
        for row in found.telling.select(key)
        .join(found.tables.responses, on=key)
        .join(
            found.tables.scores.filter(facet=found.facet.name, rater=found.telling["rater"][0]).select(*key, "spans"),
            on=key,
            how="left",
        )
        .iter_rows(named=True)
    }
    prompts = {
        (row["id"], row["language"]): row
        for row in found.tables.prompts.filter(pl.col("id").is_in(found.telling["prompt_id"].implode())).iter_rows(
            named=True
        )
    }
    failures = []
    for row in found.telling.iter_rows(named=True):
        answer = answers.get((row["run"], row["prompt_id"], row["language"]))
        prompt = prompts.get((row["prompt_id"], row["language"]))
        failures.append(
            Failure(
                configuration=row["configuration"],
                language=row["language"],
                prompt_id=row["prompt_id"],
                reason=WHY.get(row["reason"], row["reason"]),
                why=row["why"],
                found=_found(found, row["detail"] or ""),
                prompt=shown_text(prompt_text(prompt)),
                answer=marked_text(answer["text"], spans_of(answer)) if answer else _NO_ANSWER,
                direction=text.direction(row["language"]),
                answer_direction=text.direction(row["detail"])
                if found.facet.name == LANGUAGE_FACET and row["detail"]
                else text.direction(row["language"]),
            )
        )
    return failures


_NO_ANSWER = ShownText(Markup("(the answer is not in the table of responses)"), None, 1, 0)


def _found(found: Findings, detail: str) -> str:
    if found.facet.name == LANGUAGE_FACET:
        return f"in {text.language_name(detail)}" if detail else ""
    return detail


def telling_table(found: Findings) -> ReportTable:
    """The telling failures as a table, for exports."""
    return table(
        "telling-failures",
        "Failures that tell most",
        [
            Column("configuration", "Configuration", "label", is_head=True),
            Column("language", "Language", "language"),
            Column("prompt_id", "Prompt"),
            Column("why", "Why it is telling"),
            Column("detail", "Found"),
        ],
        [
            {**row, "why": f"{WHY.get(row['reason'], row['reason'])}: {row['why']}"}
            for row in found.telling.iter_rows(named=True)
        ],
        found.facet,
        cannot=no_telling(found),
    )


def no_telling(found: Findings) -> str:
    """Why there is no telling failure."""
    if found.grid is None or not found.grid.instructions:
        return "Nothing was rated, so no failure can be picked."
    if found.facet.scale is None:
        return "The scale of this facet is not known, so what passes and what fails cannot be said."
    return "No answer fails where one would expect it to pass, going by other configurations, English and other facets."
