"""The report in other formats than HTML.

csv    a folder with a table a file
json   one document: words, and all tables with exact numbers
md     one text: words, and the tables as the page shows them
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from crosstune.analysis.breakdowns import KINDS
from crosstune.reporting import text
from crosstune.reporting.findings import Findings
from crosstune.reporting.frames import frames
from crosstune.reporting.pruned import pruned_table
from crosstune.reporting.sections import choosing, failures, people, settings, transfer
from crosstune.reporting.sections.levels import facet_languages
from crosstune.reporting.sentences import sentences
from crosstune.reporting.tabular import Column, Estimate, ReportTable, shown, table
from crosstune.storage.atomic import write_atomic

_FORMULA = re.compile(r"^[=+\-@\t\r]")


def write_csv(folder: Path, found: Findings) -> list[Path]:
    """Writes a CSV file a table; returns the files.

    Raises:
        StorageFailure: a file cannot be written there.
    """
    written = []
    for name, frame in frames(found).items():
        path = folder / f"{name}.csv"
        write_atomic(path, _harmless(frame).write_csv())
        written.append(path)
    return written


def _harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would take for a formula get an apostrophe."""
    strings = [name for name, kind in frame.schema.items() if kind == pl.String()]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA.pattern))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in strings
    )


def as_json(
    found: Findings,
    *,
    title: str,
    study_yaml: str = "",
    provenance: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
) -> str:
    """The report as a JSON document; what is not a number is null."""
    said = sentences(found, missing)
    document = {
        "title": title,
        "facet": found.facet.name,
        "over": found.over,
        "seed": found.seed,
        "headline": said.headline,
        "opening": said.opening,
        "caveats": said.caveats,
        "chosen": list(found.selection.recommended(found.over).taken),
        "provenance": dict(provenance or {}),
        "study": study_yaml,
        "tables": {name: _finite(frame).to_dicts() for name, frame in frames(found).items()},
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _finite(frame: pl.DataFrame) -> pl.DataFrame:
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    return frame.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in floats)


def as_markdown(
    found: Findings,
    *,
    title: str,
    study_yaml: str = "",
    provenance: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
) -> str:
    """The report as Markdown, with the tables that the page has but for the answers."""
    said = sentences(found, missing)
    parts = [f"# {plain(title)}", f"**{plain(said.headline)}**", plain(" ".join(said.opening))]
    parts.append(f"{found.facet.title}: {found.facet.explanation}. In brackets, 95 % intervals over instructions.")
    if said.caveats:
        parts += ["## What this cannot tell", "\n".join(f"- {plain(item)}" for item in said.caveats)]
    for one in report_tables(found):
        parts += [f"## {plain(one.title)}", *([plain(one.note)] if one.note and one.rows else []), markdown_table(one)]
    if provenance:
        parts += [
            "## How it was run",
            "\n".join(f"- {plain(name)}: {plain(value)}" for name, value in provenance.items()),
        ]
    if study_yaml:
        fence = "`" * (max((len(run) for run in re.findall("`+", study_yaml)), default=2) + 1)
        parts.append(
            f"{fence if len(fence) > 2 else '```'}yaml\n{study_yaml.rstrip()}\n{fence if len(fence) > 2 else '```'}"
        )
    return "\n\n".join(parts) + "\n"


def report_tables(found: Findings) -> list[ReportTable]:
    """The tables of the report, in its order."""
    return [
        *(_levels_table(found, name) for name in found.levels),
        *transfer.facet_profile(found),
        transfer.transfer_gaps_table(found),
        transfer.retention_table(found),
        people.people_table(found),
        choosing.criteria_table(found),
        choosing.comparisons_table(found),
        choosing.front_table(found),
        settings.factors_table(found),
        *([early] if (early := pruned_table(found.tables.pruned)) is not None else []),
        failures.telling_table(found),
        failures.weak_spots_table(found),
        *(one for kind in KINDS for one in failures.breakdown_tables(found, kind)),
    ]


def _levels_table(found: Findings, name: str) -> ReportTable:
    facet = found.tables.facet(name)
    rows: dict[str, dict[str, object]] = {}
    for level in found.levels[name].iter_rows(named=True):
        row = rows.setdefault(level["configuration"], {"configuration": level["configuration"]})
        note = transfer.counted(level["n_scored"], level["n"])
        row[level["language"] or transfer.MEAN] = Estimate(level["level"], level["low"], level["high"], note)
    return table(
        f"levels-{name}",
        f"{facet.title} by configuration and language",
        [
            Column("configuration", "Configuration", "label", is_head=True),
            *transfer.language_columns(facet_languages(found, name), "level"),
        ],
        list(rows.values()),
        facet,
    )


def markdown_table(of: ReportTable) -> str:
    """A table in Markdown, or the sentence why there is none."""
    if not of.rows:
        return plain(of.cannot)
    lines = [[plain(column.title) for column in of.columns], ["---"] * len(of.columns)]
    lines += [[plain(shown(row.get(column.key), column, of)) for column in of.columns] for row in of.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_MARKUP = re.compile(r"([\\`*_\[\]<>|#~$])")


def plain(words: str) -> str:
    """Untrusted text as plain words of Markdown, on one line."""
    return _MARKUP.sub(r"\\\1", text.visible(" ".join(words.split())).striptags())
