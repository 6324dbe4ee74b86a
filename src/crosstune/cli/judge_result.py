"""What came of judging as plain data and as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from crosstune.judging.config import JudgeConfig
    from crosstune.judging.judge import Judging


def marks_frame(judging: "Judging") -> "pl.DataFrame":
    """All marks as a table of scores, those of panels, of a second time and of translations included."""
    from crosstune.records import Score
    from crosstune.storage.tables import to_frame

    return to_frame(Score, [*judging.scores, *judging.checks])


def write_marks(judging: "Judging", out: Path) -> None:
    """Writes all marks; comparisons go beside them.

    Raises:
        StorageFailure: a file cannot be written.
    """
    from crosstune.judging.comparison import Comparison
    from crosstune.storage.tables import to_frame

    _write(marks_frame(judging), out)
    if judging.comparisons:
        _write(to_frame(Comparison, judging.comparisons), out.with_name(f"{out.stem}.comparisons{out.suffix}"))


def _write(frame: "pl.DataFrame", out: Path) -> None:
    import polars as pl

    from crosstune.storage.atomic import atomic_path

    with atomic_path(out) as temporary:
        if out.suffix.lower() == ".parquet":
            frame.write_parquet(temporary)
        elif out.suffix.lower() == ".jsonl":
            frame.write_ndjson(temporary)
        else:
            nested = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
            frame.drop(nested).write_csv(temporary)  # spans, of which marks have none


def names_of(by: str | None) -> list[str]:
    """The columns that a summary is by.

    Args:
        by: names with commas between; None: none are told.

    Raises:
        InvalidData: scores have no such column.
    """
    from crosstune.analysis.summary import grouping
    from crosstune.records import Score
    from crosstune.storage.tables import table_schema

    names = [name.strip() for name in (by or "").split(",") if name.strip()]
    grouping(names, table_schema(Score).names())
    return names


def judging_result(judging: "Judging", config: "JudgeConfig", by: str | None) -> dict[str, Any]:
    """What `--json` prints.

    Args:
        judging: what came of it.
        config: by whom and how.
        by: columns of the summary, with commas between; None: those that tell answers apart.
    """
    from crosstune.analysis.summary import summary
    from crosstune.judging.comparison import Comparison
    from crosstune.records import Score
    from crosstune.reporting.judging import agreement_of_judges, compared_runs, translated_marks
    from crosstune.storage.tables import to_frame
    from crosstune.study.judged import judging_facts

    checks = to_frame(Score, judging.checks)
    scores = to_frame(Score, judging.scores)
    several = scores["run"].n_unique() > 1
    levels = summary(scores, names_of(by) or (["model", "language"] if several else ["language"]))
    return {
        "answers": scores.group_by("rater", "facet").len()["len"].max() or 0,
        "by": levels.columns[: levels.columns.index("facet")],
        "levels": [
            {**row, "reasons": {item["reason"]: item["count"] for item in row["reasons"]}} for row in levels.to_dicts()
        ],
        **judging_facts(judging, config),
        "agreement": agreement_of_judges(scores, checks),
        "translated": translated_marks(scores, checks),
        "comparisons": compared_runs(to_frame(Comparison, judging.comparisons)),
    }
