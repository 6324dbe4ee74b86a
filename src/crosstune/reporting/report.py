"""Writes the report of a study: one HTML file that loads nothing else."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosstune.analysis.bootstrap import CONFIDENCE, DRAWS, LEAST_CARRYING, LEAST_CLUSTERS
from crosstune.analysis.breakdowns import KINDS
from crosstune.analysis.found_languages import FACET as LANGUAGE_FACET
from crosstune.analysis.found_languages import found_languages
from crosstune.analysis.levels import level_grid
from crosstune.analysis.selection import Over
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import FINAL_SHARE
from crosstune.records import instruction_of
from crosstune.reporting import charts, tabular, text, wording
from crosstune.reporting.answers import MOST_ANSWERS, answer_browser
from crosstune.reporting.findings import Findings, find
from crosstune.reporting.judging import judging_section
from crosstune.reporting.packed import PACKED_LIMIT, pack_frame, packed_answers
from crosstune.reporting.profile_charts import heat_map, profile_panels
from crosstune.reporting.pruned import pruned_table
from crosstune.reporting.sections import choosing, failures, levels, people, settings, transfer
from crosstune.reporting.sentences import sentences
from crosstune.storage.atomic import write_atomic

FILE_LIMIT = 14_500_000
"""Bytes that a report takes at most; answers are left out of its browser beyond."""
MANY_CELLS = 200
"""From this many levels of a facet on, tables of other facets are plain, so that a browser opens the page at once."""
SCRIPTS = ("pieces", "csv", "text", "answers")
"""In the order in which the page runs them."""


def write_report(
    path: Path,
    tables: StudyTables,
    *,
    title: str,
    study_yaml: str,
    provenance: Mapping[str, str],
    facet: str = "correct_language",
    over: Over = "all-languages",
    missing: Sequence[str] = (),
    seed: int = 0,
    most_answers: int = MOST_ANSWERS,
) -> None:
    """Writes the report, whole or not at all.

    Args:
        path: the HTML file.
        tables: the study's tables; any of them may be empty.
        title: name of the study.
        study_yaml: the resolved study file, shown as it is.
        provenance: what it was run with, such as versions and seeds, shown in this order.
        facet: what configurations are chosen by.
        over: which of the two choices, always both shown, is marked as the one that the study asks for.
        missing: sentences on configurations that failed and are left out.
        seed: of the resamples behind the intervals. The same tables and seed give the same file.
        most_answers: answers that the page shows without its script; beyond, prompts evenly spread.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    page = render(
        tables,
        title=title,
        study_yaml=study_yaml,
        provenance=provenance,
        facet=facet,
        over=over,
        missing=missing,
        seed=seed,
        most_answers=most_answers,
    )
    write_atomic(path, page)


def render(
    tables: StudyTables,
    *,
    title: str,
    study_yaml: str,
    provenance: Mapping[str, str],
    facet: str = "correct_language",
    over: Over = "all-languages",
    missing: Sequence[str] = (),
    seed: int = 0,
    most_answers: int = MOST_ANSWERS,
    limit: int = FILE_LIMIT,
) -> str:
    """The report as HTML; arguments as for `write_report`, and `limit` in bytes."""
    found = find(tables, facet=facet, over=over, seed=seed)
    return render_findings(
        found,
        title=title,
        study_yaml=study_yaml,
        provenance=provenance,
        missing=missing,
        most_answers=most_answers,
        limit=limit,
    )


def render_findings(
    found: Findings,
    *,
    title: str,
    study_yaml: str,
    provenance: Mapping[str, str],
    missing: Sequence[str] = (),
    most_answers: int = MOST_ANSWERS,
    limit: int = FILE_LIMIT,
) -> str:
    """The report of what was found, as HTML."""
    tables, facet, grid, selection = found.tables, found.facet, found.grid, found.selection
    level_rows = levels.level_rows(found, facet.name)
    across = level_grid(tables, facet.name, by="configuration", asked="another-language", seed=found.seed)
    languages_found = levels.found_rows(tables, found.configurations, facet.name)
    said = sentences(found, missing)
    script = script_text()
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            style=Markup((files("crosstune.reporting") / "templates" / "style.css").read_text("utf-8")),
            script=Markup(script),
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            title=title,
            facet=facet,
            found=found,
            tables=tables,
            tuned=found.tuned,
            bases=found.bases,
            selection=selection,
            recommended=selection.recommended(found.over),
            headline=said.headline,
            opening=said.opening,
            caveats=said.caveats,
            languages=found.languages,
            instructions=len({instruction_of(name) for name in tables.responses["prompt_id"].unique()}),
            panels=charts.level_panels(grid, facet, found.tuned, found.bases) if grid else [],
            series=levels.series(found.tuned, grid),
            heat_map=heat_map(grid, facet, found.configurations) if grid else None,
            levels=level_rows,
            some_score=any(
                cell and cell["method"] == "score" for row in level_rows for cell in (*row["cells"], row["mean"])
            ),
            across=levels.across_rows(across),
            profile=transfer.facet_profile(found),
            profile_panels=profile_panels(found),
            others=levels.other_measures(found),
            many=len(level_rows) * len(found.languages) > MANY_CELLS,
            transfer=[transfer.transfer_gaps_table(found), transfer.retention_table(found)],
            comparisons=choosing.comparisons_table(found),
            criteria=choosing.criteria_table(found),
            front=choosing.front_table(found),
            settings=settings.factors_table(found),
            failures={kind: failures.breakdown_tables(found, kind) for kind in KINDS},
            weak_spots=failures.weak_spots_table(found),
            telling=failures.telling(found),
            no_telling=failures.no_telling(found),
            judging=judging_section(tables),
            pruned=pruned_table(tables.pruned),
            people=people.people_table(found),
            languages_found=languages_found,
            cost_rows=selection.cost.to_dicts(),
            cost_chart=None if selection.same else charts.cost_chart(selection.cost, facet),
            **_training(found),
            answering=found.answering.to_dicts(),
            browser=answer_browser(tables, list(found.configurations), facet, most=most_answers),
            study_yaml=study_yaml,
            provenance=provenance,
            method={
                "confidence": CONFIDENCE,
                "draws": DRAWS,
                "least": LEAST_CLUSTERS,
                "carrying": int(LEAST_CARRYING),
                "seed": found.seed,
                "final_share": FINAL_SHARE,
            },
        )
    )
    whole = page.encode("utf-8", errors="replace")
    return _with_pieces(whole.decode("utf-8"), found, limit - len(whole))


def script_text() -> str:
    """The one script of the page."""
    folder = files("crosstune.reporting") / "templates" / "script"
    parts = [(folder / f"{name}.js").read_text("utf-8") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def environment() -> Environment:
    """Templates with autoescape, in which a missing name is an error."""
    made = Environment(
        loader=PackageLoader("crosstune.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"visible": text.visible, "unbroken": text.unbroken, "label": text.label}
    made.globals |= {"text": text, "wording": wording, "tabular": tabular}
    return made


_PIECES, _THINNED = "<!--pieces-->", "<!--thinned-->"


def _with_pieces(page: str, found: Findings, room: int) -> str:
    """Puts the packed data in: as many answers as there is room for, and the numbers of figures."""
    if found.tables.responses.is_empty():
        return page.replace(_PIECES, "").replace(_THINNED, "")
    packed = packed_answers(
        found.tables, found.configurations, found.facet, limit=max(1_000_000, min(PACKED_LIMIT, room))
    )
    pieces = dict(packed.pieces)
    pieces["training-loss"] = pack_frame(
        found.tables.curves.filter(pl.col("loss").is_not_null()).select("run", "step", "tokens", "loss")
    )
    if found.facet.name == LANGUAGE_FACET:
        pieces["languages-found"] = pack_frame(found_languages(found.tables))
    pieces["telling-failures"] = pack_frame(found.telling)
    held = Markup("\n").join(
        Markup('<script type="text/plain" class="piece" id="piece-{}">{}</script>').format(name, content)
        for name, content in pieces.items()
    )
    thinned = Markup("")
    if packed.prompts < packed.prompts_in_all:
        thinned = Markup(
            '<p class="cannot">{} of {} prompts are in this browser, evenly spread, so that this file stays '
            "small. The table of responses has all.</p>"
        ).format(f"{packed.prompts:,}", f"{packed.prompts_in_all:,}")
    before, after = page.replace(_THINNED, thinned, 1).split(_PIECES)
    return "".join([before, held, after])


def _training(found: Findings) -> dict[str, Any]:
    """Curves and costs of training, in one order of colours."""
    labels = {run: item.label for item in found.tuned for run in item.runs}
    curves = found.tables.curves.filter(pl.col("run").is_in(list(labels))).with_columns(
        pl.col("run").replace_strict(labels, return_dtype=pl.String()).alias("configuration")
    )
    order = [item.label for item in found.tuned if item.label in set(curves["configuration"])]
    costs = [
        {**row, "colour": charts.colour(order.index(row["configuration"]))}
        for row in found.training.to_dicts()
        if row["configuration"] in order
    ]
    return {"loss_chart": charts.loss_chart(curves, order), "training": costs}
