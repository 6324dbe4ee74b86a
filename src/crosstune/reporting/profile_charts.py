"""Two figures over all languages: levels of all configurations, and all facets of one configuration."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl
from markupsafe import Markup

from crosstune.analysis.configurations import Configuration
from crosstune.analysis.facets import Facet
from crosstune.analysis.levels import LevelGrid
from crosstune.reporting.charts import draw, estimate_words
from crosstune.reporting.findings import Findings
from crosstune.reporting.text import bounds, language_name, level

LABEL_LIMIT = 260


def heat_map(grid: LevelGrid, facet: Facet, configurations: Sequence[Configuration]) -> Markup | None:
    """Configurations × languages, darker where the level is higher; None where nothing has a level."""
    labels = [item.label for item in configurations if item.label in grid.units]
    rows = []
    for label in labels:
        for pair in grid.languages:
            interval = grid.level(label, pair)
            if interval.estimate is not None:
                rows.append(
                    {
                        "configuration": label,
                        "language": language_name(pair[0]),
                        "level": interval.estimate,
                        "shown": level(interval.estimate, facet).replace("\u00a0%", ""),
                        "words": f"{label}, {language_name(pair[0])}: {estimate_words(interval, facet)}",
                    }
                )
    if not rows:
        return None
    frame = pl.DataFrame(rows)
    languages = [language_name(pair[0]) for pair in grid.languages]
    low, high = facet.scale or (min(frame["level"]), max(frame["level"]))
    cells = alt.Chart(frame).encode(
        x=alt.X(
            "language:N",
            sort=languages,
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-45 if len(languages) > 6 else 0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "configuration:N", sort=labels, title=None, axis=alt.Axis(labelLimit=LABEL_LIMIT, domain=False, ticks=False)
        ),
    )
    dark = alt.FillOpacity(
        "level:Q", scale=alt.Scale(domain=[low, high if high > low else low + 1], range=[0.03, 0.62]), legend=None
    )
    drawing = alt.layer(
        cells.mark_rect(fill="var(--tint)").encode(fillOpacity=dark, description="words:N"),
        cells.mark_text(fontSize=10, fill="var(--ink)", aria=False).encode(text="shown:N"),
    ).properties(width=max((44 if len(languages) > 6 else 76) * len(languages), 120), height=19 * len(labels))
    return draw(drawing, f"{facet.title} by configuration and language; the table below has the numbers", "heat-map")


def profile_panels(found: Findings) -> list[tuple[str, Markup]]:
    """Every facet of the shown configuration and of its base model, a panel a language.

    Only facets on a known scale; each is drawn from its lowest value to its highest.
    """
    facets = {name: facet for name in found.levels if (facet := found.tables.facet(name)).scale is not None}
    if len(facets) < 2 or not found.shown:
        return []
    levels = {
        (name, row["configuration"], row["language"]): row
        for name in facets
        for row in found.levels[name].filter(pl.col("configuration").is_in(found.shown)).iter_rows(named=True)
    }
    panels = []
    for code in found.languages:
        rows = [
            row
            for name, facet in facets.items()
            for place, label in enumerate(found.shown)
            if (row := _point(levels.get((name, label, code)), facet, place)) is not None
        ]
        if rows:
            titles = [_title(facet) for facet in facets.values()]
            panels.append((language_name(code), _profile(rows, titles, language_name(code))))
    return panels


def _title(facet: Facet) -> str:
    return facet.title + (" ↓" if facet.better == "lower" else "")


def _point(row: dict[str, Any] | None, facet: Facet, place: int) -> dict[str, Any] | None:
    if row is None or row["level"] is None or facet.scale is None:
        return None
    low, high = facet.scale
    scaled = {
        name: None if row[name] is None else (row[name] - low) / (high - low) for name in ("level", "low", "high")
    }
    around = bounds(row["low"], row["high"], facet)
    words = level(row["level"], facet) + (f" ({around})" if around else "")
    return {
        "facet": _title(facet),
        "place": "chosen" if place == 0 else "base",
        "words": f"{language_name(row['language'])}, {facet.title}, {row['configuration']}: {words}",
        **scaled,
    }


LEFT, RIGHT, ROW, TOP = 160, 340, 20, 4
"""Pixels: where the scale starts and ends, the height of a row, and the room above."""


def _profile(rows: list[dict[str, Any]], titles: list[str], name: str) -> Markup:
    """A row a facet: a line from its lowest to its highest value, and a dot a configuration.

    Drawn without Vega, whose engine takes a hundred megabytes for so many panels.
    """
    present = [title for title in titles if any(row["facet"] == title for row in rows)]
    parts = []
    for place, title in enumerate(present):
        y = TOP + ROW * place + ROW // 2
        parts.append(
            Markup(
                '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="var(--line)"></line>'
                '<text x="{}" y="{}" text-anchor="end" font-size="11" fill="var(--muted)">{}</text>'
            ).format(LEFT, RIGHT, y, y, LEFT - 12, y + 4, title)
        )
        mine = sorted((row for row in rows if row["facet"] == title), key=lambda row: row["place"] == "chosen")
        parts += [_mark(row, y) for row in mine]
    below = TOP + ROW * len(present) + 12
    ends = Markup('<text x="{}" y="{}" font-size="11" fill="var(--muted)" text-anchor="middle">{}</text>')
    parts += [ends.format(LEFT, below, "lowest"), ends.format(RIGHT, below, "highest")]
    head = Markup('<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">')
    size = RIGHT + 28, below + 6
    return head.format(*size, *size, f"All facets in {name}; the table below has the numbers") + Markup("").join(
        [*parts, Markup("</svg>")]
    )


def _mark(row: dict[str, Any], y: int) -> Markup:
    def x(value: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * value:.1f}"

    dot = Markup('<circle cx="{}" cy="{}" r="4" fill="{}" stroke="{}" stroke-width="1.6"><title>{}</title></circle>')
    if row["place"] != "chosen":
        return dot.format(x(row["level"]), y, "none", "var(--muted)", row["words"])
    band = Markup("")
    if row["low"] is not None:
        line = '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="5" stroke-opacity="0.25"></line>'
        band = Markup(line).format(x(row["low"]), x(row["high"]), y, y, "var(--series-1)")
    return band + dot.format(x(row["level"]), y, "var(--series-1)", "none", row["words"])
