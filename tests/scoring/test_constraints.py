import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.prompts.checks.table import CHECKS, VERSION
from crosstune.records import Check, Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import measure
from crosstune.scoring.scorers.constraints import CONSTRAINTS, constraints

SHORT = Check("sentences", '{"at_most": 3}')
PLAIN = Check("no_digits")
JUDGED = Check("judged")


def of(text: str, *checks: Check, language: str = "en") -> Measure:
    return constraints(Answer("model", "p", language, language, text, checks=checks))


def test_all_checks_must_pass() -> None:
    assert of("One. Two.", SHORT, PLAIN) == Measure(1.0, None, "sentences at_most=3: 2 sentences; no_digits: yes")
    assert of("One. Two. 3 more. Four.", SHORT).value == 0
    found = of("One. Two. 3 more. Four.", SHORT, PLAIN)
    assert found.value == 0 and found.detail.startswith("sentences at_most=3: 4 sentences; no_digits: ")


def test_a_failed_check_decides_though_others_are_undecided() -> None:
    items = Check("items", '{"count": 3}')
    assert of("One. Two.", items).reason is Reason.UNDETERMINED
    assert of("One. Two.", PLAIN, items) == Measure(
        None, Reason.UNDETERMINED, "no_digits: yes; items count=3: undetermined (no list)"
    )
    assert of("1. 2.", items, PLAIN).value == 0


def test_what_a_judge_must_tell_counts_only_alone() -> None:
    assert of("One. Two.", JUDGED) == Measure(None, Reason.NEEDS_JUDGE, "judged: needs_judge")
    assert of("One. Two.", SHORT, JUDGED).value == 1
    assert "judged: needs_judge" in of("One. Two.", SHORT, JUDGED).detail
    assert of("One.", JUDGED, Check("capitalised"), language="zh").reason is not Reason.NEEDS_JUDGE


def test_the_requested_language_decides() -> None:
    answer = Answer(
        "m", "p", "fr", "en", "Mix the flour with the butter and bake it for an hour.", checks=(Check("language"),)
    )
    assert constraints(answer).value == 1
    assert of("สวัสดี ครับ", SHORT, language="th").reason is Reason.UNSUPPORTED_LANGUAGE


@pytest.mark.parametrize(
    "check",
    [
        Check("sentence", "{}"),
        Check("sentences", "{}"),
        Check("sentences", '{"at_most": "three"}'),
        Check("sentences", "["),
        Check("sentences", "[]"),
        Check("sentences", "[" * 100_000),
        Check("", ""),
    ],
)
def test_a_bad_check_is_a_reason_not_a_crash(check: Check) -> None:
    found = of("One. Two.", check)
    assert (found.value, found.reason) == (None, Reason.UNDETERMINED)


def test_asked_of_answers_with_checks() -> None:
    with_checks = Answer("m", "p", "en", "en", "One.", checks=(SHORT,))
    without, blank = Answer("m", "q", "en", "en", "One."), Answer("m", "p", "en", "en", " ", checks=(SHORT,))
    assert [
        found and (found.value, found.reason)
        for found in measure([with_checks, without, blank], "constraints", NO_CONTEXT)
    ] == [
        (1.0, None),
        None,
        (None, Reason.EMPTY),
    ]


def test_identity_names_what_decides() -> None:
    identity = CONSTRAINTS.identity()
    assert identity["checks"] == VERSION and set(identity) == {"checks", "icu4py", "tables", "detector"}


PARAMETERS = {
    "sentences": '{"at_most": 2}', "words": '{"at_least": 3}', "paragraphs": '{"count": 1}', "items": '{"count": 2}',
    "json": '{"keys": ["a"]}', "contains": '{"word": "a"}', "avoids": '{"word": "a"}', "begins_with": '{"phrase": "a"}',
    "ends_with": '{"phrase": "a"}', "last_paragraph": '{"phrase": "a"}',
}  # fmt: skip
CASES = [Check(kind, PARAMETERS.get(kind, "{}")) for kind in CHECKS]


@given(st.text(max_size=80), st.sampled_from(CASES), st.sampled_from(["en", "tr", "zh", "th", "xx"]))
def test_constraint_invariances(text: str, check: Check, language: str) -> None:
    found = of(text, check, language=language)
    for form in ("NFC", "NFD"):
        again = of(unicodedata.normalize(form, text), check, language=language)
        assert (again.value, again.reason) == (found.value, found.reason)
    again = of(text + " \n ", check, language=language)
    assert (again.value, again.reason) == (found.value, found.reason)


def test_order_and_doubling_change_no_verdict() -> None:
    answers = [Answer("m", str(number), "en", "en", "One. " * number, checks=(SHORT, PLAIN)) for number in range(1, 6)]
    found = CONSTRAINTS.measure(answers, NO_CONTEXT)
    assert CONSTRAINTS.measure(answers[::-1] * 2, NO_CONTEXT) == [*found[::-1], *found[::-1]]
    assert [one.value for one in found] == [1, 1, 1, 0, 0]
