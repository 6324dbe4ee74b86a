"""What the report says of studies of which little or nothing can be said."""

import re
from dataclasses import replace

import polars as pl
import pytest
from edges import nothing_at_all, older_scores
from html_page import page
from study_tables import cells, study_tables

from crosstune.analysis.tables import StudyTables


def no_english() -> StudyTables:
    return study_tables(("fr", "ru"), prompts=8)


def test_a_facet_that_nobody_rated_is_said_to_be_missing():
    found = page(study_tables(prompts=6), facet="helpfulness")
    assert "No choice can be made from this study" in found.words
    assert "there are no scores of it" in found.words
    assert found.open == []


def all_empty() -> StudyTables:
    return study_tables(prompts=6, empty_share=1.1)


def unscored() -> StudyTables:
    tables = study_tables(prompts=6)
    return replace(tables, scores=pl.DataFrame())


EDGES = {
    "one configuration": (lambda: study_tables(prompts=6, cells_frame=cells((5e-4,))), "there is nothing to choose"),
    "one language": (lambda: study_tables(("fr",), prompts=6), "cannot show what carries over"),
    "English alone": (lambda: study_tables(("en",), prompts=6), "asks in English alone"),
    "only the base model": (
        lambda: study_tables(prompts=6, cells_frame=cells(())),
        "No tuned configuration has scores",
    ),
    "no base model": (
        lambda: study_tables(prompts=6, cells_frame=cells(base=False)),
        "what tuning changed cannot be said",
    ),
    "no curves": (lambda: study_tables(prompts=6, with_curves=False), "There are no training curves"),
    "all answers empty": (all_empty, "No choice can be made"),
    "one prompt": (lambda: study_tables(prompts=1), "too few for any interval"),
    "three prompts": (lambda: study_tables(prompts=3), "3 instructions with rated answers: too few for any interval"),
    "no English": (no_english, "the study asks nothing in English"),
    "no scores": (unscored, "without any score of this facet"),
    "nothing at all": (nothing_at_all, "No choice can be made"),
    "older scores": (older_scores, "scores of an older version"),
    "no judge": (lambda: study_tables(prompts=6), "No judge marked these answers"),
    "nobody rated": (lambda: study_tables(prompts=6), "No person rated these answers"),
    "one configuration has no comparison": (
        lambda: study_tables(prompts=6, cells_frame=cells((5e-4,), base=False)),
        "Only one configuration was rated, so there is nothing to compare it with",
    ),
    "no gap without English": (no_english, "The study asks nothing in English, so there is no gap to English"),
    "no effect of settings that do not vary": (
        lambda: study_tables(prompts=12, cells_frame=cells((5e-4,))),
        "No effect can be given: no setting varies among the tuned configurations",
    ),
    "no effect from three prompts": (
        lambda: study_tables(prompts=3),
        "No effect can be given: fewer than 10 instructions",
    ),
    "no telling failure from nothing": (all_empty, "Nothing was rated, so no failure can be picked"),
    "no prompts": (lambda: replace(study_tables(prompts=6), prompts=pl.DataFrame()), "not in the table of prompts"),
}


@pytest.mark.parametrize("name", EDGES)
def test_says_what_it_cannot_say(name):
    make, sentence = EDGES[name]
    found = page(make())
    assert sentence in found.words
    assert found.open == []
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", found.words)


def test_another_facet_on_an_unknown_scale():
    tables = study_tables(prompts=8)
    graded = tables.scores.with_columns(facet=pl.lit("politeness"), value=pl.col("value") * 2)
    found = page(replace(tables, scores=pl.concat([tables.scores, graded])), facet="politeness")
    assert "Politeness: the mean over rated answers" in found.words
    assert "2.00" in found.words
    assert found.open == []


def test_headline_does_not_claim_what_the_interval_does_not():
    # The same chance of the right language for both rates: nothing that a headline could claim.
    tables = study_tables(prompts=12, levels={None: 0.8, 5e-4: 0.6, 5e-3: 0.6})
    headline = page(tables).words.split("How it was run")[1].split("Looking at")[0]
    assert "costs" not in headline


def test_no_number_from_nothing():
    assert "%" not in page(all_empty()).words.split("Training and cost")[0].replace("95 %", "")
    few = page(study_tables(prompts=3)).words
    assert re.search(r"\d %\s*\(\d+–\d+\)", few.split("Answering")[0]) is None  # no interval from three prompts
