"""Study tables from a few values written by hand."""

import polars as pl

from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA, StudyTables
from crosstune.records import Score
from crosstune.storage.tables import to_frame

FACET = "correct_language"


def run(name: str, rate: float | None = None, *, seed: int | None = 0, **axes: str) -> dict[str, object]:
    """A row of cells; without a rate an untuned base model."""
    tuned = rate is not None
    row = {"run": name, "base_model": "gemma", "instructions": "starter", "adaptation": "lora" if tuned else "none"}
    return {**row, "learning_rate": rate, "seed": seed if tuned else None, "tuned": tuned, **axes}


def hand_tables(cells, values, losses=None, *, facet=FACET, rater="scorer:correct_language") -> StudyTables:
    """Tables of a study.

    Args:
        cells: rows as `run` makes them.
        values: run name to language (or pair of language and requested language) to values; value number i belongs to
            prompt `set/i`, or to the prompt of that name where a dict is given. A string is a reason, None no answer.
        losses: run name to losses by update.
    """
    scores = []
    for name, by_language in values.items():
        for key, row in by_language.items():
            language, requested = key if isinstance(key, tuple) else (key, key)
            items = row.items() if isinstance(row, dict) else ((f"set/{i}", value) for i, value in enumerate(row))
            for prompt_id, value in items:
                if value is None:
                    continue
                why = value if isinstance(value, str) else None
                number = None if why else float(value)
                scores.append(Score(name, prompt_id, language, requested, rater, facet, number, why))
    curve_rows = [
        (name, step, step * 100, 1e-4, loss, 1.0, step * 2.0)
        for name, row in (losses or {}).items()
        for step, loss in enumerate(row, start=1)
    ]
    return StudyTables(
        cells=pl.DataFrame(cells, schema_overrides=dict(CELLS_SCHEMA)),
        prompts=pl.DataFrame(),
        responses=pl.DataFrame(),
        scores=to_frame(Score, scores),
        curves=pl.DataFrame(curve_rows, schema=CURVES_SCHEMA, orient="row"),
    )
