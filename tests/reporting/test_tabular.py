import pytest

from crosstune.analysis.facets import facet
from crosstune.reporting.tabular import Column, Estimate, html_cell, interval, shown, table

SHARE, MARK, FEWER = facet("correct_language"), facet("helpfulness"), facet("degeneration")


def cell(value, kind="level", of=SHARE, **more):
    column = Column("x", "X", kind)
    return value, column, table("t", "T", [column], [{"x": value}], of, **more)


@pytest.mark.parametrize(
    ("value", "kind", "of", "words"),
    [
        (Estimate(0.5, 0.25, 0.756), "level", SHARE, "50 % (25–76)"),
        (Estimate(1.5, 1.0, 2.0), "level", MARK, "1.50 (1.00–2.00)"),
        (Estimate(-0.123, -0.2, 0.004), "difference", SHARE, "−12 (−20 to 0)"),
        (Estimate(-8.239, -15.4, -1.07), "odds", SHARE, "−8.24 (−15.40 to −1.07)"),
        (Estimate(0.5), "level", SHARE, "50 %"),
        (Estimate(None, note="not asked"), "level", SHARE, "– (not asked)"),
        (Estimate(None), "level", SHARE, "–"),
        (None, "level", SHARE, "–"),
        (None, "language", SHARE, "Mean of languages"),
        ("fr", "language", SHARE, "French"),
        (0.0004, "p", SHARE, "<0.001"),
        (0.0414, "p", SHARE, "0.041"),
        (-0.001, "number", SHARE, "0.00"),
        (12345, "count", SHARE, "12,345"),
        (75.0, "duration", SHARE, "1 min 15 s"),
        (0.999, "percent", SHARE, ">99 %"),
    ],
)
def test_what_a_reader_sees(value, kind, of, words):
    assert shown(*cell(value, kind, of)).replace("\u00a0", " ") == words


def test_an_interval_needs_both_ends():
    assert interval(Estimate(0.5, None, 0.7), "level", SHARE) == ""


def test_the_page_keeps_the_exact_numbers():
    html = html_cell(*cell(Estimate(1 / 3, 0.25, 0.5, "3 of 4 answers")))
    assert 'data-value="0.333333" data-low="0.25" data-high="0.5"' in html
    assert "3 of 4 answers" in html
    assert "no interval" in html_cell(*cell(Estimate(0.5)))
    assert "no interval" not in html_cell(*cell(Estimate(0.5, is_exact=True)))


def test_only_differences_on_one_side_of_zero_are_coloured():
    def classes(low, high, good):
        return html_cell(*cell(Estimate((low + high) / 2, low, high), "difference", good=good)).split('"')[1]

    assert classes(0.1, 0.2, "high") == "level better"
    assert classes(-0.2, -0.1, "high") == "level worse"
    assert classes(0.1, 0.2, "low") == "level worse"
    assert classes(-0.1, 0.2, "high") == "level"
    assert classes(0.1, 0.2, "") == "level"


def test_a_level_of_which_less_is_better_is_not_shaded_as_good():
    assert 'class="level less"' in html_cell(*cell(Estimate(0.5, 0.4, 0.6), of=FEWER))


def test_untrusted_words_are_escaped():
    for kind in ("text", "label"):
        assert "<b>" not in html_cell(*cell("<b>\u202e", kind))
    assert "<b>" not in html_cell(*cell(Estimate(None, note="<b>")))
    assert "U+202E" in html_cell(*cell("\u202e", "text"))
