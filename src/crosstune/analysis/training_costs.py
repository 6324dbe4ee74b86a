"""What training and answering took, and where the loss ended."""

import polars as pl

from crosstune.analysis.configurations import configurations
from crosstune.analysis.tables import StudyTables

FINAL_SHARE = 0.1
"""A final loss is the mean over this share of the updates, the last ones: single updates are noisy."""

_TRAINING_SCHEMA = pl.Schema(
    {
        "configuration": pl.String(),
        "updates": pl.Int64(),
        "final_loss": pl.Float64(),
        "tokens": pl.Float64(),
        "seconds": pl.Float64(),
        "tokens_per_second": pl.Float64(),
    }
)


def training_costs(tables: StudyTables) -> pl.DataFrame:
    """Final loss, tokens and time of each tuned configuration that has a curve, as means over its seeds.

    Returns:
        configuration, updates, final_loss (mean over the last tenth of the updates), tokens and seconds (of one run),
        tokens_per_second. Null where the curve does not say.
    """
    rows = []
    curves = tables.curves.sort("run", "step").partition_by("run", as_dict=True)
    for configuration in configurations(tables.cells):
        mine = [curves[run,] for run in configuration.runs if (run,) in curves]
        if not mine:
            continue
        tails = [curve["loss"].drop_nulls().drop_nans() for curve in mine]
        losses = [tail.tail(max(1, round(len(tail) * FINAL_SHARE))).mean() for tail in tails]
        runs = pl.DataFrame(
            {
                "loss": pl.Series(losses, dtype=pl.Float64()),
                "updates": [curve["step"].max() for curve in mine],
                "tokens": pl.Series([curve["tokens"].max() for curve in mine], dtype=pl.Float64()),
                "seconds": pl.Series([curve["seconds"].max() for curve in mine], dtype=pl.Float64()),
            }
        )
        tokens, seconds = runs["tokens"].mean(), runs["seconds"].mean()
        known = isinstance(tokens, float) and isinstance(seconds, float) and seconds > 0
        rows.append(
            {
                "configuration": configuration.label,
                "updates": runs["updates"].max(),
                "final_loss": runs["loss"].mean(),
                "tokens": tokens,
                "seconds": seconds,
                "tokens_per_second": tokens / seconds if known else None,  # type: ignore[operator]
            }
        )
    return pl.DataFrame(rows, schema=_TRAINING_SCHEMA, orient="row")


def diverged_configurations(tables: StudyTables) -> dict[str, int]:
    """Configurations of which a training diverged, with the first update at which one did.

    The last row of such a curve has no loss: its update was not made, and the model is that of the updates before.
    """
    steps = dict(tables.curves.filter(pl.col("loss").is_null()).group_by("run").agg(pl.col("step").min()).iter_rows())
    found = {}
    for configuration in configurations(tables.cells):
        mine = [steps[run] for run in configuration.runs if run in steps]
        if mine:
            found[configuration.label] = min(mine)
    return found


def answering_costs(tables: StudyTables) -> pl.DataFrame:
    """Answers, tokens, time and how answers ended, by configuration.

    Returns:
        configuration, answers, completion_tokens (mean of an answer), seconds (in all), tokens_per_second, at_limit
        (answers cut off by the limit of new tokens), api. Calls of a model behind an API (`api`) run side by side, so
        its seconds are those of all calls added up, more than passed, and tokens_per_second is the speed within a call.
    """
    found_in_cells = configurations(tables.cells)
    labels = {run: item.label for item in found_in_cells for run in item.runs}
    order = pl.DataFrame(
        {"configuration": [item.label for item in found_in_cells], "api": [item.api for item in found_in_cells]},
        schema={"configuration": pl.String(), "api": pl.Boolean()},
    )
    seconds, tokens = pl.col("seconds").sum(), pl.col("completion_tokens").sum()
    found = (
        tables.responses.with_columns(
            pl.col("run").replace_strict(labels, return_dtype=pl.String()).alias("configuration")
        )
        .group_by("configuration")
        .agg(
            pl.len().alias("answers"),
            pl.col("completion_tokens").mean(),
            seconds.alias("seconds"),
            pl.when(seconds > 0).then(tokens / seconds).alias("tokens_per_second"),
            (pl.col("ending") == "length").sum().alias("at_limit"),
        )
    )
    joined = order.join(found, on="configuration", how="inner", maintain_order="left")
    return joined.select(*found.columns, "api")
