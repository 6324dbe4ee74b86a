"""What judges say of one another and of themselves, from the tables of a study or of `crosstune judge`."""

from itertools import combinations
from typing import Any

import polars as pl

from crosstune.analysis.agreement import agreement
from crosstune.analysis.tables import StudyTables
from crosstune.judging.marks import RATER_PREFIX
from crosstune.judging.panel import PANEL
from crosstune.judging.side import AGAIN, TRANSLATED

ALL = "all"
_KEY = ["run", "prompt_id", "language", "requested_language", "facet"]
_NOTHING_TO_JUDGE = ["empty", "no_answer"]


def judges_of(scores: pl.DataFrame) -> list[str]:
    """The judges that marked, without the panel.

    Args:
        scores: columns of `records.Score`.
    """
    raters = scores["rater"].unique(maintain_order=True).to_list() if len(scores) else []
    return [name for name in raters if name.startswith(RATER_PREFIX) and name != PANEL]


def agreement_of_judges(scores: pl.DataFrame, checks: pl.DataFrame) -> list[dict[str, Any]]:
    """How far each pair of judges agrees, and each judge with itself.

    Args:
        scores: marks of judges, among others.
        checks: marks of a second time, among others; may be empty.

    Returns:
        Rows of `analysis.agreement.AGREEMENT_SCHEMA`, a pair after the other.
    """
    judges = judges_of(scores)
    marks = scores.filter(pl.col("rater").is_in(judges))
    if len(checks):
        marks = pl.concat([marks, checks])
    marks = _told_apart(marks)
    again = [(name, name + AGAIN) for name in judges if (marks["rater"] == name + AGAIN).any()]
    rows: list[dict[str, Any]] = []
    for pair in (*combinations(judges, 2), *again):
        found = agreement(marks, raters=list(pair))
        rows += [row for row in found.to_dicts() if row["first"] == pair[0]]
    return rows


def _told_apart(marks: pl.DataFrame) -> pl.DataFrame:
    """Marks of several answers of one run to the same prompt, as files may have them, with different prompts' ids.

    All judges mark answers in the same order. Blank ones, which are marked only once, are counted apart. What is added
    stands behind a `+`, as modifiers do: they remain answers to one instruction.
    """
    is_blank = pl.col("reason").is_in(_NOTHING_TO_JUDGE).fill_null(value=False)
    place = pl.int_range(pl.len()).over(*_KEY, "rater", is_blank)
    several = pl.len().over(*_KEY, "rater") > 1
    added = pl.concat_str(pl.lit("+"), pl.when(is_blank).then(pl.lit("blank ")).otherwise(pl.lit("")), place + 1)
    return marks.with_columns(
        pl.when(several.any().over(*_KEY)).then(pl.col("prompt_id") + added).otherwise("prompt_id").alias("prompt_id")
    )


def translated_marks(scores: pl.DataFrame, checks: pl.DataFrame) -> list[dict[str, Any]]:
    """Where marks of answers and of their English translations differ: means of both on the same answers.

    Args:
        scores: marks of judges, among others.
        checks: marks of translations, among others; may be empty.

    Returns:
        A row a judge, language and criterion: rater, requested_language, facet, n, direct, translated, same (the share
        of equal marks).
    """
    if checks.is_empty():
        return []
    is_translated = pl.col("rater").str.ends_with(TRANSLATED)
    direct = scores.filter(pl.col("rater").is_in(judges_of(scores)))
    marks = _told_apart(pl.concat([direct, checks.filter(is_translated)]))
    other = marks.filter(is_translated)
    direct = marks.filter(~is_translated).select(*_KEY, "rater", pl.col("value").alias("direct"))
    both = (
        other.with_columns(pl.col("rater").str.strip_suffix(TRANSLATED))
        .join(direct, on=[*_KEY, "rater"])
        .drop_nulls(["value", "direct"])
    )
    return (
        both.group_by("rater", "requested_language", "facet", maintain_order=True)
        .agg(
            n=pl.len(),
            direct=pl.col("direct").mean(),
            translated=pl.col("value").mean(),
            same=(pl.col("direct") == pl.col("value")).mean(),
        )
        .to_dicts()
    )


def compared_runs(comparisons: pl.DataFrame) -> list[dict[str, Any]]:
    """How often each of two configurations is better, by judge, language and criterion.

    Args:
        comparisons: columns of `judging.comparison.Comparison`; may be empty.

    Returns:
        Rows with rater, run_a, run_b, requested_language, facet, n, n_compared, a_better, b_better, ties, and
        changed_with_order: ties because the judge named what stood first (or second) both times.
    """
    if comparisons.is_empty():
        return []
    follows = ((pl.col("a_first") == "a") & (pl.col("b_first") == "b")) | (
        (pl.col("a_first") == "b") & (pl.col("b_first") == "a")
    )
    return (
        comparisons.group_by("rater", "run_a", "run_b", "requested_language", "facet", maintain_order=True)
        .agg(
            n=pl.len(),
            n_compared=pl.col("value").count(),
            a_better=(pl.col("value") == 1).sum(),
            b_better=(pl.col("value") == 0).sum(),
            ties=(pl.col("value") == 0.5).sum(),
            changed_with_order=(follows & pl.col("value").is_not_null()).sum(),
        )
        .to_dicts()
    )


def judging_section(tables: StudyTables) -> dict[str, Any] | None:
    """What a report says of its judges; None where nothing was judged.

    Returns:
        `facts` (see `StudyTables.judging`), whether too much is `loud`ly missing, rows of `agreement` over all
        languages, of `translated` and of `comparisons`.
    """
    facts = tables.judging
    if not facts:
        return None
    agreed = agreement_of_judges(tables.scores, tables.checks)
    return {
        "facts": facts,
        "loud": facts["unmarked_share"] > facts["failure_limit"],
        "agreement": [row for row in agreed if row["requested_language"] == ALL],
        "translated": translated_marks(tables.scores, tables.checks),
        "comparisons": compared_runs(tables.comparisons),
    }
