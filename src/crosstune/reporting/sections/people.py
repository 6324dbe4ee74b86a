"""How far people agree with one another and with judges."""

from crosstune.analysis.facets import facet as facet_of
from crosstune.reporting import text
from crosstune.reporting.findings import PERSON, Findings
from crosstune.reporting.tabular import Column, Estimate, ReportTable, table


def people_table(found: Findings) -> ReportTable:
    """A row for each pair of raters of which one is a person, and for all raters of a facet together."""
    raters = found.tables.scores["rater"].unique().to_list()
    persons = [name for name in raters if name.startswith(PERSON)]
    rows = [
        {
            "facet": facet_of(row["facet"]).title,
            "language": None if row["requested_language"] == "all" else row["requested_language"],
            "raters": f"all {row['raters']} raters" if row["first"] == "all" else f"{row['first']} × {row['second']}",
            "n": row["n"],
            "alpha": Estimate(row["alpha"], row["alpha_low"], row["alpha_high"]),
            "kappa": Estimate(row["kappa"], row["kappa_low"], row["kappa_high"]),
            "exact": Estimate(row["exact"], row["exact_low"], row["exact_high"], kind="percent"),
        }
        for row in found.people.iter_rows(named=True)
        if row["n"]
    ]
    if not persons:
        cannot = (
            "No person rated these answers, so how far the measures and the judge can be trusted here is not shown."
        )
    else:
        cannot = (
            f"{text.plural(len(persons), 'person', 'people')} rated, but no answer was rated by two raters on the same "
            "facet, so agreement cannot be said."
        )
    return table(
        "people",
        "How far people agree",
        [
            Column("facet", "Facet", is_head=True),
            Column("raters", "Raters"),
            Column("language", "Language", "language"),
            Column("n", "Answers", "count"),
            Column("alpha", "Alpha", "number"),
            Column("kappa", "Kappa", "number"),
            Column("exact", "The same mark", "percent"),
        ],
        rows,
        found.facet,
        note="Krippendorff's alpha for ordered marks and Cohen's kappa with quadratic weights, with 95 % intervals: 1 "
        "is full agreement, 0 what chance gives.",
        cannot=cannot,
        total="all languages",
    )
