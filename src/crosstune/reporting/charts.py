"""Figures as inline SVG, drawn by Vega-Altair when the report is written.

Colours are CSS variables of the page, so that one drawing serves light, dark and print. What Vega writes as a mark's
description becomes a `<title>`, which browsers show on hovering and screen readers read.
"""

import re
from collections.abc import Sequence
from math import log10
from typing import Any

import altair as alt
import polars as pl
import vl_convert
from markupsafe import Markup, escape

from crosstune.analysis.bootstrap import Interval
from crosstune.analysis.configurations import Configuration, format_learning_rate
from crosstune.analysis.facets import Facet
from crosstune.analysis.levels import LevelGrid
from crosstune.reporting.text import bounds, language_name, level, points, points_range

SERIES_COLOURS = tuple(f"var(--series-{number})" for number in range(1, 9))
"""Colours of the page; more series than these repeat them."""

Chart = alt.LayerChart | alt.FacetChart

_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "labelPadding": 4,
    },
    "axisY": {"domain": False, "ticks": False},
    "aria": True,
}

_MARK = re.compile(r'<(path|line) aria-label="([^"]*)"([^>]*?)/>')


def colour(position: int) -> str:
    """The colour of the series at this position."""
    return SERIES_COLOURS[position % len(SERIES_COLOURS)]


def draw(chart: Chart, description: str, name: str) -> Markup:
    """The drawing, for the page; `name` keeps its parts apart from those of other drawings."""
    with alt.data_transformers.enable("default", max_rows=None):  # its limit is for what notebooks hold
        specification = chart.to_dict()
    drawing = vl_convert.vegalite_to_svg({**specification, "config": _CONFIG})
    width, height = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawing).groups()  # type: ignore[union-attr]
    body = drawing[drawing.index(">") + 1 :]
    body = re.sub(r'<rect width="\d+" height="\d+" fill="(white|transparent)"/>', "", body, count=1)
    body = re.sub(r' (role|aria-roledescription|aria-hidden|pointer-events|opacity)="(?!0)[^"]*"', "", body)
    body = re.sub(r'<g class="mark-[^"]*" aria-label="[^"]*"', "<g", body)
    body = re.sub(r'<path class="(background|foreground)"[^>]*/>', "", body)
    body = _MARK.sub(r"<\1\3><title>\2</title></\1>", body)
    body = re.sub(r' aria-label="[^"]*"', "", body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body).replace(' font-family="sans-serif"', "")
    # Several drawings share one page, so clip paths need names of their own.
    body = re.sub(r'(id="|url\(#)(clip|gradient)', rf"\1{name}-\2", body)
    head = (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(description)}">'
    )
    return Markup(head + body)


def level_panels(
    grid: LevelGrid, facet: Facet, tuned: Sequence[Configuration], bases: Sequence[Configuration]
) -> list[tuple[str, Markup]]:
    """Level by learning rate, a panel a language.

    Args:
        grid: levels by configuration.
        facet: what the level is of.
        tuned: configurations with a learning rate; those of one `series` are joined by a line.
        bases: untuned base models, drawn as dashed lines.

    Returns:
        Name of the language and drawing; none when no configuration has a learning rate and a level.
    """
    shown = [item for item in tuned if item.learning_rate is not None and item.label in grid.units]
    if all(grid.level(item.label, pair).estimate is None for item in shown for pair in grid.languages):
        return []
    series = list(dict.fromkeys(item.series for item in shown))
    rates = sorted({item.learning_rate for item in shown if item.learning_rate is not None})
    ends = facet.scale or _ends(grid)
    panels = []
    for number, pair in enumerate(grid.languages):
        name = language_name(pair[0])
        rows = [
            {
                "rate": item.learning_rate,
                "series": item.series,
                **_estimate(grid.level(item.label, pair)),
                "words": f"{name}, {item.label}: {estimate_words(grid.level(item.label, pair), facet)}",
            }
            for item in shown
        ]
        reference = [
            {"level": interval.estimate, "words": f"{name}, {item.label}: {estimate_words(interval, facet)}"}
            for item in bases
            if item.label in grid.units and (interval := grid.level(item.label, pair)).estimate is not None
        ]
        if all(row["level"] is None for row in rows) and not reference:
            panels.append((name, Markup('<p class="note">nothing rated</p>')))
            continue
        drawing = _panel(rows, reference, series=series, rates=rates, ends=ends, facet=facet)
        panels.append((name, draw(drawing, f"{facet.title} by learning rate in {name}", f"level-{number}")))
    return panels


def _panel(
    rows: list[dict[str, Any]],
    reference: list[dict[str, Any]],
    *,
    series: list[str],
    rates: list[float],
    ends: tuple[float, float],
    facet: Facet,
) -> Chart:
    floats = ("rate", "level", "low", "high")
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys(floats, pl.Float64()))
    ticks = _apart(rates)
    labels = {f"{rate:g}": format_learning_rate(rate) for rate in ticks}
    x = alt.X(
        "rate:Q",
        title="learning rate",
        scale=alt.Scale(type="log", domain=[rates[0] / 1.6, rates[-1] * 1.6], nice=False),
        axis=alt.Axis(
            values=ticks,
            labelExpr=" : ".join(f"datum.value == {rate!r} ? '{labels[f'{rate:g}']}'" for rate in ticks) + " : ''",
            grid=False,
            labelOverlap=False,
        ),
    )
    y_scale = alt.Scale(domain=list(ends), nice=False)
    y_axis = alt.Axis(format="%" if facet.is_share else ".2f", tickCount=5, title=None)
    y = alt.Y("level:Q", scale=y_scale, axis=y_axis)
    hue = alt.Color(
        "series:N", scale=alt.Scale(domain=series, range=[colour(i) for i in range(len(series))]), legend=None
    )
    base = alt.Chart(frame.filter(pl.col("level").is_not_null()))
    ranges = alt.Chart(frame.filter(pl.col("low").is_not_null()))
    layers = [
        alt.Chart(pl.DataFrame(reference, schema={"level": pl.Float64(), "words": pl.String()}))
        .mark_rule(stroke="var(--muted)", strokeDash=[5, 4], strokeWidth=1.5)
        .encode(y=y, description="words:N"),
        ranges.mark_rule(strokeWidth=6, strokeOpacity=0.25, strokeCap="round", aria=False).encode(
            x=x, y=alt.Y("low:Q", scale=y_scale, axis=y_axis), y2="high:Q", color=hue
        ),
        base.mark_line(strokeWidth=2, aria=False).encode(x=x, y=y, color=hue),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=hue, description="words:N"),
    ]
    return alt.layer(*layers).properties(width=210, height=165)


def _apart(rates: list[float]) -> list[float]:
    """The rates to name on a logarithmic axis: as many as have room for their label."""
    room = (log10(rates[-1]) - log10(rates[0])) / 5
    named = rates[:1]
    for rate in rates[1:]:
        if log10(rate) - log10(named[-1]) >= room:
            named.append(rate)
    return named


def cost_chart(cost: pl.DataFrame, facet: Facet) -> Markup | None:
    """Both choices' levels in each language, joined by what the choice by English alone loses; None without rows."""
    known = cost.filter(pl.col("cost").is_not_null())
    if known.is_empty():
        return None
    rows = []
    for row in known.iter_rows(named=True):
        name = language_name(row["language"]) if row["language"] else "Mean of languages"
        interval = points_range(row["low"], row["high"], facet)
        rows.append(
            {
                "language": name,
                "worse": row["level_by_english"],
                "better": row["level_by_all"],
                "words_worse": f"{name}, chosen by English alone: {level(row['level_by_english'], facet)}",
                "words_better": f"{name}, chosen by all languages: {level(row['level_by_all'], facet)}",
                "words": f"{name}: costs {points(row['cost'], facet)}" + (f" ({interval})" if interval else ""),
            }
        )
    frame = pl.DataFrame(rows)
    values = [*frame["worse"], *frame["better"]]
    ends = facet.scale or (min(values), max(values))
    x_axis = alt.Axis(format="%" if facet.is_share else ".2f", title=facet.title.lower(), tickCount=5)
    scale = alt.Scale(domain=list(ends), nice=False)
    y = alt.Y(
        "language:N",
        sort=frame["language"].to_list(),
        title=None,
        axis=alt.Axis(labelFontSize=13, labelColor="var(--ink)", labelLimit=200, labelPadding=14),
    )
    x = alt.X("worse:Q", scale=scale, axis=x_axis)
    chart = alt.Chart(frame)
    drawing = alt.layer(
        chart.mark_rule(strokeWidth=5, strokeOpacity=0.3, stroke="var(--wrong)").encode(
            x=x, x2="better:Q", y=y, description="words:N"
        ),
        chart.mark_point(filled=True, size=110, opacity=1, color="var(--wrong)", shape="diamond").encode(
            x=x, y=y, description="words_worse:N"
        ),
        chart.mark_point(filled=True, size=110, opacity=1, color="var(--right)").encode(
            x=alt.X("better:Q", scale=scale, axis=x_axis), y=y, description="words_better:N"
        ),
    ).properties(width=380, height=34 * len(frame) + 6)
    return draw(drawing, "Levels of both choices by language; the table beside has the numbers", "cost")


def loss_chart(curves: pl.DataFrame, order: Sequence[str]) -> Markup | None:
    """Training loss by update; None without a curve.

    Args:
        curves: configuration, run, step, loss.
        order: labels of configurations in the order of their colours.
    """
    known = curves.filter(pl.col("loss").is_not_null(), pl.col("loss").is_not_nan(), pl.col("loss").is_finite())
    if known.is_empty():
        return None
    known = _thinned(known)
    drawing = (
        alt.Chart(known.select("configuration", "run", "step", "loss").sort("run", "step"))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18, filled=True) if len(known) < 80 else False)
        .encode(
            x=alt.X("step:Q", title="update", axis=alt.Axis(grid=False, tickMinStep=1, format="~s")),
            y=alt.Y("loss:Q", title="training loss", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6)),
            color=alt.Color(
                "configuration:N",
                scale=alt.Scale(domain=list(order), range=[colour(i) for i in range(len(order))]),
                legend=None,
            ),
            detail="run:N",
        )
        .properties(width=430, height=240)
    )
    return draw(alt.layer(drawing), "Training loss by update, a line a run", "loss")


def _thinned(curves: pl.DataFrame, points_per_run: int = 200, points: int = 6_000) -> pl.DataFrame:
    """So many updates of a run, and of all runs: a drawing shows no more, and a file need not hold them."""
    most = max(10, min(points_per_run, points // curves["run"].n_unique()))
    every = (pl.len().over("run") + most - 1) // most
    position = pl.int_range(pl.len()).over("run", order_by="step")
    return curves.filter(position % every == 0)


def _estimate(interval: Interval) -> dict[str, float | None]:
    return {"level": interval.estimate, "low": interval.low, "high": interval.high}


def estimate_words(interval: Interval, facet: Facet) -> str:
    """A level with its interval, for a reader."""
    if interval.estimate is None:
        return "no rated answer"
    around = bounds(interval.low, interval.high, facet)
    return level(interval.estimate, facet) + (f" ({around})" if around else "")


def _ends(grid: LevelGrid) -> tuple[float, float]:
    known = [value for value in grid.bootstrap.levels.tolist() if value == value]  # noqa: PLR0124 - drops NaN
    low, high = min(known, default=0.0), max(known, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
