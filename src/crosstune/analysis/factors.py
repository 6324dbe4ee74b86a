"""What a setting does to a facet: learning rate, data size, adaptation, base model, and how they act together.

One regression a language, and one of all languages with a constant for each (null language). Every rated answer of a
tuned run is a row; standard errors are clustered by instruction, with the correction and the quantiles of Student's t
for J - 1 degrees of freedom that Cameron and Miller recommend (A Practitioner's Guide to Cluster-Robust Inference,
Journal of Human Resources 50 (2015), 317-372).

    logistic   Where all values are 0 or 1, by maximum likelihood; an estimate is a change of the log odds.
    linear     Otherwise, and where the logistic one does not converge or values are separated (a setting under which
               all answers are right has no finite log odds; Albert and Anderson, Biometrika 71 (1984), 1-10): by least
               squares; an estimate is a change of the level.

An estimate is of one unit of a number (ten times the learning rate, twice the examples) or of a name against the first
one. It says what these prompts would show again, not what training again would: only several seeds tell that. Where a
level falls off a cliff at high learning rates, one slope is a summary and no shape; look at the curves too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from crosstune.analysis.bootstrap import CONFIDENCE, Array, student_quantile
from crosstune.analysis.design import COLLINEAR, Design, beside, design
from crosstune.analysis.levels import facet_scores, in_table_order
from crosstune.analysis.tables import StudyTables

Model = Literal["auto", "linear"]

LEAST_INSTRUCTIONS = 10
"""With fewer clusters, clustered standard errors are far too small (Cameron and Miller 2015, section VI)."""
SEPARATED = 12.0
"""A logistic model in which a setting moves the log odds by more has separated values: odds of 160,000 to 1."""
_NO_ERROR = 1e-7

FACTORS_SCHEMA = pl.Schema(
    {
        "facet": pl.String(),
        "rater": pl.String(),
        "language": pl.String(),
        "model": pl.String(),
        "term": pl.String(),
        "against": pl.String(),
        "estimate": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p": pl.Float64(),
        "n": pl.Int64(),
        "instructions": pl.Int64(),
        "reason": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class _Fit:
    model: str
    estimates: Array
    errors: Array


def factors(
    tables: StudyTables,
    facet: str,
    *,
    rater: str | None = None,
    model: Model = "auto",
    interactions: bool = True,
    sizes: Mapping[str, int] | None = None,
) -> pl.DataFrame:
    """The effect of each setting that varies among tuned runs, with 95 % intervals.

    Args:
        tables: the study.
        facet: what is rated.
        rater: whose scores; None takes the facet's measure, or else the first rater by name.
        model: `auto` as above; `linear` also for values of 0 and 1, so that estimates are changes of a share.
        interactions: whether pairs of settings may act together, where the grid tells it.
        sizes: number of examples by label of instruction data; None reads it from labels such as `starter-en-200`.

    Returns:
        `FACTORS_SCHEMA`, languages in the order of their table and all of them (null) last. An estimate without an
        interval has the reason `no_spread`: it is the same in all instructions. A row without an estimate has one too:
        `collinear` (of a term that other settings determine), or, of a language without any terms, `one_level` (no
        setting varies), `no_variation` (all values are the same), `too_few_instructions` (below 10) or
        `too_few_configurations` (no more than there are terms).
    """
    scores = facet_scores(tables, facet, rater=rater).filter(pl.col("value").is_not_null())
    if scores.is_empty():
        return pl.DataFrame(schema=FACTORS_SCHEMA)
    tuned = tables.cells.filter(pl.col("tuned"))["run"].implode()
    rated = scores.filter(pl.col("run").is_in(tuned)).sort("run", "language", "prompt_id")
    rows: list[dict[str, Any]] = []
    for language in [*in_table_order(scores["language"].to_list()), None]:
        mine = rated if language is None else rated.filter(pl.col("language") == language)
        runs = mine["run"].unique().implode()
        settings = design(tables.cells.filter(pl.col("run").is_in(runs)), sizes=sizes, interactions=interactions)
        key = {"facet": facet, "rater": scores["rater"][0], "language": language}
        rows += [{**key, **row} for row in _language_rows(mine, settings, model)]
    return pl.DataFrame(rows, schema=FACTORS_SCHEMA, orient="row")


def _language_rows(scores: pl.DataFrame, settings: Design, model: Model) -> list[dict[str, Any]]:
    size = {"n": len(scores), "instructions": scores["instruction"].n_unique()}
    pairs = scores.select("run", "language").unique().sort("run", "language")
    settings = beside(settings, pairs["run"].to_list(), _constants(pairs))
    left_out = [{"term": column.term, "against": column.against, "reason": COLLINEAR} for column in settings.left_out]
    reason = _why_not(scores, settings)
    if reason:
        return [{**size, "reason": reason}] if not left_out else [{**size, **row} for row in left_out]
    place = {run: number for number, run in enumerate(settings.runs)}
    of_run = np.stack([column.values for column in settings.columns], axis=1)
    columns, constants = of_run[[place[run] for run in scores["run"]]], _constants(scores)
    clusters = scores["instruction"].rank("dense").to_numpy()
    fit = _fit(scores["value"].to_numpy(), columns, constants, clusters, model)
    quantile = student_quantile((1 + CONFIDENCE) / 2, size["instructions"] - 1)
    rows = []
    for number, column in enumerate(settings.columns):
        estimate, error = float(fit.estimates[number]), float(fit.errors[number])
        row = {**size, "model": fit.model, "term": column.term, "against": column.against, "estimate": estimate}
        if error > _NO_ERROR:
            p = _p_value(estimate / error, size["instructions"] - 1)
            rows.append({**row, "low": estimate - quantile * error, "high": estimate + quantile * error, "p": p})
        else:
            rows.append({**row, "reason": "no_spread"})
    return rows + [{**size, "model": fit.model, **row} for row in left_out]


def _constants(scores: pl.DataFrame) -> Array:
    """A column a language; rows × languages."""
    columns: Array = scores.select("language").to_dummies().to_numpy().astype(np.float64)
    return columns


def _why_not(scores: pl.DataFrame, settings: Design) -> str | None:
    if not settings.columns:
        return "one_level"
    if scores["instruction"].n_unique() < LEAST_INSTRUCTIONS:
        return "too_few_instructions"
    if scores["value"].n_unique() < 2:
        return "no_variation"
    return "too_few_configurations" if settings.settings < len(settings.columns) + 1 else None


def _fit(values: Array, columns: Array, constants: Array, clusters: Array, model: Model) -> _Fit:
    matrix = np.column_stack([columns, constants])
    terms = columns.shape[1]
    if model == "auto" and np.isin(values, (0.0, 1.0)).all():
        found = _logistic(values, matrix, clusters)
        if found is not None:
            moved = np.abs(found[0][:terms]) * np.ptp(columns, axis=0)
            if (
                np.isfinite(found[1]).all()
                and (moved < SEPARATED).all()
                and (np.abs(found[0][terms:]) < SEPARATED).all()
            ):
                return _Fit("logistic", found[0][:terms], found[1][:terms])
    from statsmodels.regression.linear_model import OLS  # type: ignore[import-untyped]

    result = OLS(values, matrix).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    # Where instructions do not differ, rounding may leave less than nothing.
    variances = np.maximum(np.diag(result.cov_params()), 0.0)
    return _Fit("linear", np.asarray(result.params)[:terms], np.sqrt(variances)[:terms])


def _logistic(values: Array, matrix: Array, clusters: Array) -> tuple[Array, Array] | None:
    """Estimates and clustered standard errors, or None where there are none to be had."""
    import warnings

    from statsmodels.discrete.discrete_model import Logit  # type: ignore[import-untyped]
    from statsmodels.tools.sm_exceptions import PerfectSeparationError  # type: ignore[import-untyped]

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what they say is looked at below, in what was found
        try:
            result = Logit(values, matrix).fit(
                disp=0, maxiter=50, cov_type="cluster", cov_kwds={"groups": clusters}, warn_convergence=False
            )
        except (np.linalg.LinAlgError, PerfectSeparationError):
            return None
    if not result.mle_retvals["converged"]:
        return None
    return np.asarray(result.params), np.asarray(result.bse)


def _p_value(statistic: float, degrees: int) -> float:
    from scipy.stats import t  # type: ignore[import-untyped]

    return float(2 * t.sf(abs(statistic), degrees))
