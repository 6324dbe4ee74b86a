"""What a judge's reply says, and the scores that it becomes."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.judging.marks import scores_of, unmarked
from crosstune.judging.reply import LONGEST_REASON, read_marks
from crosstune.judging.rubric import load_rubric
from crosstune.judging.subject import Subject, subject_of
from crosstune.records import Ending, Message, Prompt, Reason, Response

RUBRIC = load_rubric()
FACETS = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
SUBJECT = Subject("run", "p", "en", "fr", (Message("user", "?"),), "Oui.")


def reply(**marks: object) -> str:
    return json.dumps({facet: {"reason": f"why {facet}", "mark": marks.get(facet, 2)} for facet in FACETS})


def values(text: str) -> dict[str, int | None]:
    return {facet: mark.value for facet, mark in read_marks(text, RUBRIC).by_facet.items()}


def test_a_good_reply() -> None:
    marks = read_marks(reply(fluency=1, accuracy=0), RUBRIC)
    assert marks.problem == ""
    assert values(reply(fluency=1, accuracy=0)) == dict(zip(FACETS, (2, 1, 2, 0, 2, 2), strict=True))
    assert marks.by_facet["accuracy"].why == "why accuracy"
    jsonschema.validate(json.loads(reply(fluency=1)), RUBRIC.schema)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{reply()}\n```",
        f"Here are my marks:\n{reply()}\nThat is all.",
        f'<think>I could say {{"fluency": 0}} here.</think>\n{reply()}',
        f"\n\n  {reply()}  ",
        reply().replace("2}", "2.0}"),
        reply()[:-1] + ', "overall": {"mark": 9}}',  # what else is there is not asked for
    ],
)
def test_what_is_let_pass(text: str) -> None:
    assert read_marks(text, RUBRIC).problem == ""
    assert set(values(text).values()) == {2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("I cannot rate this.", "no JSON object"),
        ("评分:两分", "no JSON object"),
        (reply()[:-20], "not valid JSON"),
        (reply() + reply(), "more than one JSON object"),
        (reply() + " {", "more than one JSON object"),
        (reply()[:-1] + ', "fluency": {"reason": "", "mark": 2}}', "a key stands in it twice"),
        (reply().replace('"mark": 2', '"mark": NaN', 1), "NaN is no number"),
        ("<think>endless " + reply(), ""),  # thoughts that do not end hide nothing
        ("[" * 100_000, "too long"),
        ('{"a":' * 9_000, "not valid JSON"),
        ("x" * 60_000 + reply(), "too long"),
    ],
)
def test_what_is_not(text: str, problem: str) -> None:
    marks = read_marks(text, RUBRIC)
    assert problem in marks.problem
    assert list(marks.by_facet) == list(FACETS)
    if problem:
        assert {mark.reason for mark in marks.by_facet.values()} == {Reason.JUDGE_UNPARSABLE}


@pytest.mark.parametrize(
    ("mark", "reason", "problem"),
    [
        ("2", Reason.JUDGE_UNPARSABLE, "is text instead of the number"),
        (True, Reason.JUDGE_UNPARSABLE, "is a yes or no instead"),
        (None, Reason.JUDGE_UNPARSABLE, "is null instead"),
        (1.5, Reason.JUDGE_UNPARSABLE, "is a fraction instead"),
        ([2], Reason.JUDGE_UNPARSABLE, "is a list instead"),
        (3, Reason.OUT_OF_RANGE, "is not 0, 1 or 2"),
        (-1, Reason.OUT_OF_RANGE, "is not 0, 1 or 2"),
        (10**30, Reason.OUT_OF_RANGE, "is not 0, 1 or 2"),
    ],
)
def test_one_bad_mark_leaves_the_others(mark: object, reason: Reason, problem: str) -> None:
    marks = read_marks(reply(fluency=mark), RUBRIC)
    assert marks.by_facet["fluency"].value is None
    assert marks.by_facet["fluency"].reason is reason
    assert problem in marks.problem
    assert all(marks.by_facet[facet].value == 2 for facet in FACETS if facet != "fluency")


def test_missing_and_misshapen_criteria() -> None:
    found = json.loads(reply())
    del found["language"]
    found["accuracy"] = 2
    marks = read_marks(json.dumps(found), RUBRIC)
    assert marks.problem == '"language" is missing; "accuracy" is no object with a "reason" and a "mark"'
    assert [mark.value for mark in marks.by_facet.values()] == [None, 2, 2, None, 2, 2]


def test_long_reasons_are_cut() -> None:
    found = json.loads(reply())
    found["fluency"]["reason"] = "a" * 5_000
    found["language"]["reason"] = ["no", "text"]
    marks = read_marks(json.dumps(found), RUBRIC)
    assert len(marks.by_facet["fluency"].why) == LONGEST_REASON
    assert (marks.by_facet["language"].value, marks.by_facet["language"].why) == (2, "")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from('{}[]":,012 \nabmark'), max_size=80))
def test_any_reply_gets_marks_or_reasons(text: str) -> None:
    marks = read_marks(text, RUBRIC)
    assert all((mark.value is None) != (mark.reason is None) for mark in marks.by_facet.values())
    assert bool(marks.problem) == any(mark.value is None for mark in marks.by_facet.values())


def test_without_fluency_others_are_zero_and_say_so() -> None:
    scores = scores_of(read_marks(reply(fluency=0, accuracy=0), RUBRIC), SUBJECT, "judge:m", RUBRIC)
    # Not language nor harmlessness, which do not depend on it.
    assert [(score.facet, score.value) for score in scores] == list(zip(FACETS, (2, 0, 0, 0, 0, 2), strict=True))
    by_facet = {score.facet: score for score in scores}
    assert by_facet["helpfulness"].detail == "0 because fluency is 0 (the judge: 2, why helpfulness)"
    assert by_facet["accuracy"].detail == "why accuracy"  # the judge's own 0
    assert all((score.rater, score.language, score.requested_language) == ("judge:m", "en", "fr") for score in scores)


def test_without_a_mark_for_fluency_nothing_is_forced() -> None:
    scores = scores_of(read_marks(reply(fluency=7), RUBRIC), SUBJECT, "judge:m", RUBRIC)
    assert [score.value for score in scores] == [2, None, 2, 2, 2, 2]
    assert scores[1].reason == "out_of_range"


def test_the_rule_also_fills_what_is_missing() -> None:
    scores = scores_of(read_marks(reply(fluency=0, accuracy="2"), RUBRIC), SUBJECT, "judge:m", RUBRIC)
    accuracy = next(score for score in scores if score.facet == "accuracy")
    assert (accuracy.value, accuracy.detail) == (
        0,
        "0 because fluency is 0 (the judge: judge_unparsable, why accuracy)",
    )


def test_an_answer_that_was_not_marked() -> None:
    scores = unmarked(Reason.EMPTY, "", SUBJECT, "judge:m", RUBRIC)
    assert [(score.facet, score.value, score.reason) for score in scores] == [(name, None, "empty") for name in FACETS]


def test_a_subject_from_a_study() -> None:
    asked = (Message("user", "Say where Paris is. Answer in French."),)
    prompt = Prompt("p+in_fr", "facts", "facts", "en", "fr", asked, modifiers=("in_fr",), answers=("France",))
    found = subject_of(Response("run", "p+in_fr", "en", "En France", Ending.LENGTH, 9, 9, 0.1), prompt)
    assert found == Subject("run", "p+in_fr", "en", "fr", asked, "En France", ("in_fr",), ("France",), cut_off=True)
