"""What a report shows as flat tables with exact numbers, by name: for CSV and JSON."""

import polars as pl

from crosstune.analysis.breakdowns import Kind
from crosstune.analysis.found_languages import FACET as LANGUAGE_FACET
from crosstune.analysis.found_languages import found_languages
from crosstune.reporting.findings import Findings
from crosstune.reporting.judging import judging_section


def frames(found: Findings) -> dict[str, pl.DataFrame]:
    """Every table that has rows, in the order of the report, without nested columns."""
    judging = judging_section(found.tables) or {}
    all_of: dict[str, pl.DataFrame] = {
        "levels": pl.concat(list(found.levels.values())) if found.levels else pl.DataFrame(),
        "transfer-gaps": found.gaps,
        "retention": found.retention,
        "languages-found": found_languages(found.tables) if found.facet.name == LANGUAGE_FACET else pl.DataFrame(),
        "judge-agreement": pl.DataFrame(judging.get("agreement", []), infer_schema_length=None),
        "judge-translations": pl.DataFrame(judging.get("translated", []), infer_schema_length=None),
        "judge-comparisons": pl.DataFrame(judging.get("comparisons", []), infer_schema_length=None),
        "people": found.people,
        "cost-of-english-alone": found.selection.cost,
        "regret": found.choices.regret if found.choices else pl.DataFrame(),
        "chosen-on-resamples": found.choices.shares if found.choices else pl.DataFrame(),
        "comparisons": found.comparisons,
        "front": found.front.table if found.front else pl.DataFrame(),
        "settings": found.factors,
        "weak-spots": found.weak_spots,
        "telling-failures": found.telling,
        **{f"failures-{kind}": found.breakdowns[kind] for kind in _kinds(found)},
        "left-out-early": found.tables.pruned,
        "training": found.training,
        "answering": found.answering,
        "training-loss": found.tables.curves,
    }
    return {name: _flat(frame) for name, frame in all_of.items() if not frame.is_empty()}


def _kinds(found: Findings) -> list[Kind]:
    return list(found.breakdowns)  # type: ignore[arg-type]


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as text: reasons with their counts as `3 empty; 1 undetermined`."""
    columns = []
    for name, kind in frame.schema.items():
        if kind == pl.List(pl.Struct({"reason": pl.String(), "count": pl.Int64()})):
            words = pl.format("{} {}", pl.element().struct.field("count"), pl.element().struct.field("reason"))
            columns.append(pl.col(name).list.eval(words).list.join("; "))
        elif isinstance(kind, pl.List):
            columns.append(pl.col(name).cast(pl.List(pl.String())).list.join("; "))
        else:
            columns.append(pl.col(name))
    return frame.select(columns)
