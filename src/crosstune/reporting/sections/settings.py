"""What the settings of the grid do to the chosen facet, language by language."""

from typing import Any

from crosstune.analysis.factors import LEAST_INSTRUCTIONS
from crosstune.reporting import text
from crosstune.reporting.findings import Findings
from crosstune.reporting.sections.transfer import language_columns
from crosstune.reporting.tabular import Column, Estimate, ReportTable, good_side, table

ALL = "all"
REASONS = {
    "collinear": "other settings determine it",
    "one_level": "no setting varies among the tuned configurations",
    "no_variation": "all answers are rated the same",
    "too_few_instructions": f"fewer than {LEAST_INSTRUCTIONS} instructions",
    "too_few_configurations": "no more configurations than effects",
    "no_spread": "the same in all instructions, so no interval",
}


def factors_table(found: Findings) -> ReportTable:
    """Effects of settings, a row a setting: all languages together, then each."""
    rows: dict[tuple[str, str | None], dict[str, Any]] = {}
    without: dict[str, list[str]] = {}
    for row in found.factors.iter_rows(named=True):
        language = row["language"] or ALL
        if row["term"] is None:
            name = text.language_name(language) if row["language"] else "all languages together"
            without.setdefault(REASONS.get(row["reason"], row["reason"]), []).append(name)
            continue
        kind = "odds" if row["model"] == "logistic" else "difference"
        reason = REASONS.get(row["reason"] or "", row["reason"] or "")
        unit = "log odds" if kind == "odds" else "points" if found.facet.is_share else "of its scale"
        note = "; ".join(part for part in (unit if row["estimate"] is not None else "", reason) if part)
        cell = Estimate(row["estimate"], row["low"], row["high"], note, kind=kind)  # type: ignore[arg-type]
        key = row["term"], row["against"]
        rows.setdefault(key, {"term": _title(*key)})[language] = cell
    cannot = [f"{reason}: {text.listing(names, 12)}" for reason, names in without.items()]
    codes = found.factors["language"].drop_nulls().unique(maintain_order=True).to_list()
    columns = [Column("term", "Setting", is_head=True), Column(ALL, "All languages", "difference")]
    return table(
        "settings",
        "Effects of the settings",
        [*columns, *language_columns(codes, "difference", mean=False)],
        list(rows.values()),
        found.facet,
        note="One regression a language, with 95 % intervals clustered by instruction. Log odds where all values are 0 "
        "or 1 and can be fitted so, else the change of the level. An effect says what these prompts would show again; "
        "what training again would show, only more seeds tell."
        + (f" No effect can be given where {'; '.join(cannot)}." if rows and cannot else ""),
        cannot=f"No effect can be given: {'; '.join(cannot)}."
        if cannot
        else "Nothing tuned was rated, so no setting has an effect that could be given.",
        good=good_side(found.facet),
    )


def _title(term: str, against: str | None) -> str:
    parts = []
    for part in term.split(" × "):
        if part == "log10 learning_rate":
            parts.append("ten times the learning rate")
        elif part.startswith("log2 "):
            parts.append(f"twice the {part.removeprefix('log2 ').replace('_', ' ')}")
        else:
            parts.append(part.replace("_", " "))
    return " × ".join(parts) + (f" (against {against})" if against else "")
