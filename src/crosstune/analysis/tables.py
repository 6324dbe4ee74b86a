"""The tables of a study that an analysis reads, checked once. Knows nothing of where they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from crosstune.analysis.facets import COMPOSITE_PREFIX, FACETS, Facet
from crosstune.analysis.facets import facet as facet_of
from crosstune.errors import InvalidData
from crosstune.records import Prompt, Response, Score
from crosstune.storage.tables import Record, in_current_form, table_schema

CELLS_SCHEMA = pl.Schema(
    {
        "run": pl.String(),
        "base_model": pl.String(),
        "instructions": pl.String(),
        "adaptation": pl.String(),
        "learning_rate": pl.Float64(),
        "seed": pl.Int64(),
        "tuned": pl.Boolean(),
    }
)
"""One row a run; further columns are further axes of the grid."""

CURVES_SCHEMA = pl.Schema(
    {
        "run": pl.String(),
        "step": pl.Int64(),
        "tokens": pl.Int64(),
        "learning_rate": pl.Float64(),
        "loss": pl.Float64(),
        "gradient_norm": pl.Float64(),
        "seconds": pl.Float64(),
    }
)
"""One row an optimizer update; `tokens` and `seconds` count from the start of the training."""

_ANSWER = ["run", "prompt_id", "language"]
_RECORDS: dict[str, type[Record]] = {"prompts": Prompt, "responses": Response, "scores": Score}


def _with_columns_of(name: str, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    if frame.is_empty() and not frame.columns:
        return pl.DataFrame(schema=schema)
    missing = [column for column in schema.names() if column not in frame.columns and column != "schema_version"]
    if missing:
        raise InvalidData(f"the table of {name} has no column {', '.join(missing)}", hint=f"it has {frame.columns}")
    return frame


def _refuse_repeated(name: str, frame: pl.DataFrame, key: list[str]) -> None:
    repeated = frame.filter(pl.struct(key).is_duplicated())
    if not repeated.is_empty():
        example = ", ".join(f"{column} {repeated[column][0]!r}" for column in key)
        raise InvalidData(
            f"the table of {name} says the same thing twice: {example}",
            hint="every answer may stand in it once; was a file read twice?",
        )


@dataclass(frozen=True)
class StudyTables:
    """What a finished study left, as polars frames.

    A frame without rows may come without columns. Rows are in any order.

    Raises:
        InvalidData: a column is missing, a row stands twice, a score has neither a value nor a reason (or both), or
            a score or an answer belongs to no run of `cells`. Or a table is of a newer schema version than this
            crosstune knows; scores of an older one get the columns that they lack.
    """

    cells: pl.DataFrame
    """`CELLS_SCHEMA`: one row a run."""
    prompts: pl.DataFrame
    """Columns of `records.Prompt`."""
    responses: pl.DataFrame
    """Columns of `records.Response`."""
    scores: pl.DataFrame
    """Columns of `records.Score`."""
    curves: pl.DataFrame
    """`CURVES_SCHEMA`: one row an optimizer update of a tuned run."""
    checks: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Columns of `records.Score`: marks of judges a second time, and of translations."""
    comparisons: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Columns of `judging.comparison.Comparison`: a row a judge, prompt and criterion."""
    judging: Mapping[str, Any] = field(default_factory=dict)
    """What judging took, and what has no mark; empty where nothing was judged."""

    pruned: pl.DataFrame = field(default_factory=pl.DataFrame)
    """`pruning.PRUNED_SCHEMA`: how configurations did on the way, where some were left out early; else empty."""

    facets: Mapping[str, Facet] = field(default_factory=dict)
    """Facets of this study's own, such as composites; all others stand in `facets.FACETS`."""

    def __post_init__(self) -> None:
        for name, schema, key in (
            ("cells", CELLS_SCHEMA, ["run"]),
            ("prompts", table_schema(Prompt), ["id", "language"]),
            ("responses", table_schema(Response), _ANSWER),
            ("scores", table_schema(Score), [*_ANSWER, "rater", "facet"]),
            ("curves", CURVES_SCHEMA, ["run", "step"]),
        ):
            frame = getattr(self, name)
            if name in _RECORDS:
                frame = in_current_form(_RECORDS[name], frame, f"the table of {name}")
            frame = _with_columns_of(name, frame, schema)
            _refuse_repeated(name, frame, key)
            object.__setattr__(self, name, frame)
        wrong = self.scores.filter(pl.col("value").is_null() == pl.col("reason").is_null())
        wrong = pl.concat([wrong, self.scores.filter(pl.col("value").is_nan())])
        if not wrong.is_empty():
            raise InvalidData(
                f"{len(wrong)} scores have neither a value nor a reason, or both",
                where=f"run {wrong['run'][0]}, prompt {wrong['prompt_id'][0]}",
            )
        for name in ("scores", "responses", "curves"):
            unknown = set(getattr(self, name)["run"]) - set(self.cells["run"])
            if unknown:
                raise InvalidData(f"the table of {name} has runs that are not in cells: {', '.join(sorted(unknown))}")

    def facet(self, name: str) -> Facet:
        """What is known of a facet: what this study says of it, else the table of all facets."""
        if name in self.facets or name in FACETS:
            return self.facets.get(name) or FACETS[name]
        raters = self.scores.filter(pl.col("facet") == name)["rater"].unique()
        made = raters.filter(raters.str.starts_with(COMPOSITE_PREFIX))
        return facet_of(name, None if made.is_empty() else made[0])
