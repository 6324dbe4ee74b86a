"""The table as a whole: what is no check is said, what cannot be told is a reason, and no answer breaks a check."""

import time
from typing import Any

import pytest
from checking import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.errors import InvalidData
from crosstune.prompts.checks.check import as_check, parameters_of
from crosstune.prompts.checks.table import CHECKS, check_problem, verify
from crosstune.prompts.checks.verdict import Verdict
from crosstune.records import Check, Reason

PARAMETERS: dict[str, dict[str, Any]] = {
    "sentences": {"at_most": 3},
    "words": {"at_least": 3},
    "paragraphs": {"count": 2},
    "items": {"count": 2},
    "json": {"keys": ["a", "b"]},
    "contains": {"word": "a*"},
    "avoids": {"word": "a"},
    "begins_with": {"phrase": "a b"},
    "ends_with": {"phrase": "a b"},
    "last_paragraph": {"phrase": "a:"},
}


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("nothing", ["", " \n\t", "\u200b\u200f\ufeff", "\0\ud800"])
def test_an_empty_answer_is_a_reason(kind: str, nothing: str) -> None:
    assert outcome(kind, nothing, **PARAMETERS.get(kind, {})) == "empty"


def test_what_no_program_can_tell() -> None:
    assert outcome("judged", "Any answer.") == "needs_judge"


def test_language() -> None:
    french = "Le musée est ouvert de dix heures du matin jusque tard dans la soirée."
    assert outcome("language", french, "fr") is True
    assert outcome("language", french, "en") is False
    assert outcome("language", "Bonjour", "fr") == "too_short"
    assert outcome("language", french, "xx") == "unsupported_language"


def test_what_is_not_looked_at_to_its_end_is_not_decided() -> None:
    long = "a b c " * 5000
    assert outcome("avoids", long, word="z") == "undetermined"
    assert outcome("sentences", long, at_most=2) == "undetermined"
    assert outcome("begins_with", long, phrase="a b") is True


@pytest.mark.parametrize(
    ("kind", "parameters", "problem"),
    [
        ("sentences", {"at_most": 3}, None),
        ("judged", {}, None),
        ("sentence", {}, "did you mean 'sentences'?"),
        ("sentences", {}, "needs the parameter at_least or at_most or count"),
        ("sentences", {"most": 3}, "takes no parameter 'most'"),
        ("sentences", {"count": 0}, "whole number from 1"),
        ("sentences", {"count": True}, "whole number from 1"),
        ("items", {"count": "3"}, "whole number from 1"),
        ("items", {}, "needs the parameter count"),
        ("json", {"keys": []}, "list of different keys"),
        ("json", {"keys": ["a", "a"]}, "list of different keys"),
        ("contains", {"word": "—"}, "letter or digit"),
        ("html", {"count": 1}, "it takes: none"),
    ],
)
def test_check_problem(kind: str, parameters: dict[str, Any], problem: str | None) -> None:
    found = check_problem(kind, parameters)
    assert found is None if problem is None else problem in (found or "")
    if problem:
        with pytest.raises(InvalidData):
            verify(as_check(kind, parameters), "text", "en")


def test_a_check_has_one_form() -> None:
    check = as_check("words", {"b": "é", "a": 1})
    assert check == Check("words", '{"a": 1, "b": "é"}')
    assert parameters_of(check) == {"a": 1, "b": "é"}


def test_a_verdict_is_a_value_or_a_reason() -> None:
    for passed, reason in ((None, None), (True, Reason.EMPTY)):
        with pytest.raises(ValueError, match="verdict"):
            Verdict(passed, reason)


_MARKUP = st.lists(
    st.sampled_from(
        [*"<>/!-[]{}()*_`#|\\\"':;&=.,1a ٣①\n\t", "```", "<!", "<![", "-->", "<<", "é", "你", "\ud800", "😀"]
    ),
    max_size=80,
).map("".join)


@settings(max_examples=200)
@given(st.one_of(_MARKUP, st.text(alphabet=st.characters(), max_size=200)), st.sampled_from(["en", "tr", "ar", "ja"]))
def test_no_answer_breaks_a_check(text: str, language: str) -> None:
    for kind in CHECKS:
        if kind != "language":  # its detector has such a test of its own, and is slow
            verdict = verify(as_check(kind, PARAMETERS.get(kind, {})), text, language)
            assert (verdict.passed is None) == (verdict.reason is not None)


@pytest.mark.parametrize("unit", ["<a ", "![", "[", "*a ", "<![", "&", "```", " ", "{", "\u0301", "-->", "a|b\n-|-\n"])
def test_hostile_answers_take_no_time(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    start = time.perf_counter()
    for kind in CHECKS:
        verify(as_check(kind, PARAMETERS.get(kind, {})), text, "en")
    assert time.perf_counter() - start < 10
