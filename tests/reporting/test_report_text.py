import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.analysis.facets import facet
from crosstune.reporting import text

SHARE = facet("correct_language")


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100 %"), (0.999, ">99 %"), (0.0, "0 %"), (0.001, "<1 %"), (0.745, "74 %"), (0.755, "76 %")],
)
def test_percentages_claim_no_more_than_they_know(share, words):
    assert text.percent(share).replace("\u00a0", " ") == words


def test_differences_have_a_true_minus_and_no_negative_zero():
    assert text.points(-0.123, SHARE) == "−12"
    assert text.points(-0.001, SHARE) == "0"
    assert text.points_range(-0.031, 0.12, SHARE) == "−3 to 12"


@pytest.mark.parametrize(
    ("items", "words"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_listings(items, words):
    assert text.listing(items, limit=3) == words


@pytest.mark.parametrize(("seconds", "words"), [(None, "–"), (4.2, "4.2 s"), (125, "2 min 5 s"), (7320, "2 h 2 min")])
def test_durations(seconds, words):
    assert text.duration(seconds) == words


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_visible_text_has_no_markup_of_its_own_and_can_be_written(string):
    shown = str(text.visible(string))
    shown.encode("utf-8")
    without_marks = shown.replace('<span class="control" title="a control character in the answer">', "").replace(
        "</span>", ""
    )
    assert "<" not in without_marks
    assert "\u202e" not in shown
    assert "\x00" not in shown


def test_labels_and_names_are_escaped():
    assert str(text.label("<b>, lr 5e-4")) == '<span class="whole">&lt;b&gt;</span>, <span class="whole">lr 5e-4</span>'
    assert str(text.unbroken("take “<b>” & go")) == 'take “<span class="whole">&lt;b&gt;</span>” &amp; go'
