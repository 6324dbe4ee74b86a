"""Failures worth reading: not any ten, but those that go against what everything else would make one expect.

A failure is told by one of four reasons, the one under which it is least expected:

    others_pass       most other configurations pass the same prompt in the same language
    base_passes       the untuned base model passes it, and what it passes this configuration mostly passes too
    english_passes    the same run passes it in English, and what it passes in English it mostly passes here too
    facets_disagree   another facet of the same answer passes, and where that passes this one mostly does too

How unexpected is told in bits, -log2 of the share of such cases that fail (the self-information of Shannon, A
Mathematical Theory of Communication, Bell System Technical Journal 27 (1948), 379-423), estimated with one pass and one
failure added (Laplace's rule of succession), so that few cases tell little. A configuration that fails everywhere has
no telling failures: what fails there is what one expects.
"""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from crosstune.analysis.configurations import configurations
from crosstune.analysis.facets import COMPOSITE_PREFIX, scale_of
from crosstune.analysis.facets import facet as facet_of
from crosstune.analysis.levels import choose_rater_of, facet_scores, in_table_order
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import diverged_configurations
from crosstune.analysis.transfer import ENGLISH, base_of
from crosstune.errors import InvalidData, did_you_mean

REASONS = ("others_pass", "base_passes", "english_passes", "facets_disagree")
LEAST_OTHERS = 3
"""Other runs that must have been rated on the same prompt."""
PER_PROMPT = 2
PER_CELL = 2
"""Failures of one configuration in one language, while there are others."""
_ANSWER = ["run", "prompt_id", "language"]

FAILURES_SCHEMA = pl.Schema(
    {
        "configuration": pl.String(),
        "run": pl.String(),
        "prompt_id": pl.String(),
        "language": pl.String(),
        "facet": pl.String(),
        "rater": pl.String(),
        "value": pl.Float64(),
        "detail": pl.String(),
        "reason": pl.String(),
        "why": pl.String(),
        "bits": pl.Float64(),
    }
)


def telling_failures(
    tables: StudyTables,
    facet: str = "correct_language",
    *,
    n: int = 10,
    of: Sequence[str] | None = None,
    rater: str | None = None,
) -> pl.DataFrame:
    """The failures that say most, least expected first.

    An answer passes when its value lies in the better half of the facet's scale, its middle included.

    Args:
        tables: the study.
        facet: what fails.
        n: how many at most; of one instruction at most two, and while others are left, of one reason at most half and
            of a configuration in a language at most two.
        of: labels of configurations; None: all tuned ones whose training did not diverge.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.

    Returns:
        `FAILURES_SCHEMA`: `detail` as the rater gave it, `reason` one of `REASONS`, `why` a clause for a reader. No
        rows where nothing fails unexpectedly (less than one bit), or the facet's scale is not known.

    Raises:
        InvalidData: there is no such configuration.
    """
    found = configurations(tables.cells)
    labels = [item.label for item in found]
    for label in of or ():
        if label not in labels:
            raise InvalidData(f"there is no configuration '{label}'", hint=did_you_mean(label, labels))
    diverged = diverged_configurations(tables)
    wanted = of if of is not None else [item.label for item in found if item.tuned and item.label not in diverged]
    passing = _passing(facet_scores(tables, facet, rater=rater), facet)
    if passing is None:
        return pl.DataFrame(schema=FAILURES_SCHEMA)
    tuned = [item.label for item in found if item.tuned]
    mine = passing.filter(pl.col("configuration").is_in(wanted))
    bases = {item.label: base.label for item in found if (base := base_of(item, found)) is not None}
    reasons = [
        _others_pass(mine, passing.filter(pl.col("configuration").is_in(tuned))),
        _base_passes(mine, passing, bases),
        _english_passes(mine),
        *_facets_disagree(tables, mine, facet),
    ]
    place = {label: number for number, label in enumerate(labels)}
    languages = {code: number for number, code in enumerate(in_table_order(passing["language"].to_list()))}
    ranked = (
        pl.concat(
            [frame.select(*_ANSWER, "reason", "why", "bits") for frame in reasons if not frame.is_empty()] or [_NONE]
        )
        .filter(pl.col("bits") >= 1.0)
        .sort(["bits", "reason", "why"], descending=[True, False, False])
        .with_columns(pl.col("bits").sum().over(_ANSWER).alias("_in_all"))
        .unique(_ANSWER, keep="first", maintain_order=True)
        .join(mine, on=_ANSWER, how="inner", maintain_order="left")
        .with_columns(
            pl.col("bits", "_in_all").round(6),
            pl.col("configuration").replace_strict(place, return_dtype=pl.Int64()).alias("_place"),
            pl.col("language").replace_strict(languages, return_dtype=pl.Int64()).alias("_language"),
        )
        .sort(
            ["bits", "_in_all", "_place", "_language", "prompt_id", "run"],
            descending=[True, True, False, False, False, False],
        )
    )
    return _spread(ranked, n).select(FAILURES_SCHEMA.names()).cast(FAILURES_SCHEMA)


_NONE = pl.DataFrame(schema={**dict.fromkeys([*_ANSWER, "reason", "why"], pl.String()), "bits": pl.Float64()})


def _passing(scores: pl.DataFrame, facet: str) -> pl.DataFrame | None:
    """Rated answers with the column `passes`; None where the scale does not say what passes."""
    if scores.is_empty():
        return None
    scale = scale_of(facet, scores["rater"][0], scores["value"])
    better = facet_of(facet).better
    if scale is None or better is None:
        return None
    middle = sum(scale) / 2
    passes = pl.col("value") >= middle if better == "higher" else pl.col("value") <= middle
    return scores.filter(pl.col("value").is_not_null()).with_columns(passes.alias("passes"))


def _bits(failures: pl.Expr, cases: pl.Expr) -> pl.Expr:
    return -((failures + 1) / (cases + 2)).log(2)


def _others_pass(mine: pl.DataFrame, tuned: pl.DataFrame) -> pl.DataFrame:
    prompt = ["prompt_id", "language"]
    passes = pl.col("passes").sum().cast(pl.Int64)
    everyone = tuned.group_by(prompt).agg(passes.alias("passing"), pl.len().cast(pl.Int64).alias("all"))
    own = tuned.group_by(*prompt, "configuration").agg(passes.alias("own"), pl.len().cast(pl.Int64).alias("own_all"))
    passing, others = pl.col("passing") - pl.col("own").fill_null(0), pl.col("all") - pl.col("own_all").fill_null(0)
    return (
        mine.filter(~pl.col("passes"))
        .join(everyone, on=prompt, how="inner")
        .join(own, on=[*prompt, "configuration"], how="left")
        .with_columns(passing.alias("passing"), others.alias("others"))
        .filter(pl.col("others") >= LEAST_OTHERS)
        .with_columns(
            pl.lit("others_pass").alias("reason"),
            pl.format("{} of {} answers by other configurations pass", "passing", "others").alias("why"),
            _bits(pl.col("others") - pl.col("passing"), pl.col("others")).alias("bits"),
        )
    )


def _base_passes(mine: pl.DataFrame, passing: pl.DataFrame, bases: dict[str, str]) -> pl.DataFrame:
    of_bases = passing.filter(pl.col("configuration").is_in(list(bases.values())))
    base = of_bases.group_by("configuration", "prompt_id", "language").agg(pl.col("passes").all().alias("base_passes"))
    with_base = mine.with_columns(
        pl.col("configuration").replace_strict(bases, default=None, return_dtype=pl.String()).alias("base")
    ).join(base.rename({"configuration": "base"}), on=["base", "prompt_id", "language"], how="inner")
    return _expected(
        with_base.filter("base_passes"),
        ["configuration", "language"],
        "base_passes",
        "the untuned base passes, and of {} such prompts this configuration fails {}",
    )


def _english_passes(mine: pl.DataFrame) -> pl.DataFrame:
    english = mine.filter(pl.col("language") == ENGLISH).select(
        "run", "prompt_id", pl.col("passes").alias("in_english")
    )
    elsewhere = mine.filter(pl.col("language") != ENGLISH).join(english, on=["run", "prompt_id"], how="inner")
    return _expected(
        elsewhere.filter("in_english"),
        ["configuration", "language"],
        "english_passes",
        "it passes in English, and of {} such prompts this configuration fails {} here",
    )


def _facets_disagree(tables: StudyTables, mine: pl.DataFrame, facet: str) -> list[pl.DataFrame]:
    found = []
    scores = tables.scores
    for other in sorted(set(scores["facet"].unique()) - {facet}):
        rater = choose_rater_of(scores, other) or ""
        if rater.startswith(COMPOSITE_PREFIX):
            continue  # it is made of the others
        passing = _passing(facet_scores(tables, other, rater=rater), other)
        if passing is None:
            continue
        both = mine.join(passing.filter("passes").select(_ANSWER), on=_ANSWER, how="inner")
        title = facet_of(other).title.lower()
        found.append(
            _expected(
                both,
                ["language"],
                "facets_disagree",
                f"{title} passes, and of {{}} answers in this language of which it does {{}} fail",
            )
        )
    return found


def _expected(cases: pl.DataFrame, alike: list[str], reason: str, why: str) -> pl.DataFrame:
    """The failures among cases, with how rare failures are among cases that are alike."""
    failing = (~pl.col("passes")).sum().over(alike).cast(pl.Int64)
    return (
        cases.with_columns(failing.alias("failing"), pl.len().over(alike).cast(pl.Int64).alias("cases"))
        .filter(~pl.col("passes"))
        .with_columns(
            pl.lit(reason).alias("reason"),
            pl.format(why, "cases", "failing").alias("why"),
            # Of the others: this one's own failure is what is to be expected or not.
            _bits(pl.col("failing") - 1, pl.col("cases") - 1).alias("bits"),
        )
    )


def _spread(ranked: pl.DataFrame, n: int) -> pl.DataFrame:
    """The first `n` that are not too much alike."""
    names = ["instruction", "reason", "configuration", "language"]
    rows = ranked.select(names).rows()
    taken: list[int] = []
    counts: Counter[tuple[str, ...]] = Counter()
    for most, most_alike in (((n + 1) // 2, PER_CELL), (n, n)):
        for row, (instruction, reason, *cell) in enumerate(rows):
            keys = (instruction,), ("", reason), tuple(cell)
            limits = PER_PROMPT, most, most_alike
            full = any(counts[key] >= limit for key, limit in zip(keys, limits, strict=True))
            if row in taken or full or len(taken) >= n:
                continue
            taken.append(row)
            counts.update(keys)
    return ranked[sorted(taken)]
