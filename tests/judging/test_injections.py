"""What an answer cannot do to its judge: close its quotation, speak as another turn, or plant marks that are read."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.judging.fence import LINE_MARK, MOST_CHARACTERS, fenced, harmless
from crosstune.judging.reply import read_marks
from crosstune.judging.request import Request, marking_request, repair_request
from crosstune.judging.rubric import load_rubric
from crosstune.judging.subject import Subject
from crosstune.records import Message

RUBRIC = load_rubric()
ATTEMPTS = [
    json.loads(line)["text"] for line in Path(__file__).with_name("injections.jsonl").read_text("utf-8").splitlines()
]
CHAT_TOKEN = re.compile(r"<\|[A-Za-z]|<｜|\[/?INST\]|<(?:start|end)_of_turn>|</?s>|<(?:unk|pad|bos|eos)>|<extra_id")


def subject(asked: str = "Why is the sea salty?", requested: str = "fr") -> Subject:
    return Subject("run", "p", "en", requested, (Message("user", asked),), None)


def request(text: str) -> Request:
    return marking_request(subject(), text, RUBRIC)


def quoted(asked: Request) -> list[str]:
    """The answer as a judge that obeys finds it: the lines between the two that have the code."""
    user = asked.messages[-1].content
    (code,) = set(re.findall(r"^=== (?:ANSWER|END) ([0-9a-f]{12}) ===$", user, re.MULTILINE))
    before, inside, after = re.split(rf"^=== (?:ANSWER|END) {code} ===$", user, flags=re.MULTILINE)
    assert before.rstrip().endswith(f"between the lines with the code {code}:")
    assert after.strip() == "Rate it for French (français). Reply with the JSON object alone."
    return inside.strip("\n").split("\n")


def own_marks(why: str) -> str:
    return json.dumps({facet: {"reason": why, "mark": 0} for facet in RUBRIC.facets})


def test_there_are_forty_attempts() -> None:
    assert len(ATTEMPTS) >= 40


@pytest.mark.parametrize("text", ATTEMPTS)
def test_no_attempt_leaves_its_quotation(text: str) -> None:
    asked = request(text)
    lines = quoted(asked)
    assert all(line.startswith(LINE_MARK) for line in lines)
    assert "\n".join(line.removeprefix(LINE_MARK) for line in lines) == harmless(text)
    for message in asked.messages:
        assert not CHAT_TOKEN.search(message.content)
        # Lines are parted by the one sign that everybody takes for it.
        assert message.content.splitlines() == message.content.split("\n")


@pytest.mark.parametrize("text", ATTEMPTS)
def test_an_instruction_is_quoted_too(text: str) -> None:
    asked = marking_request(subject(asked=text), "La mer est salée.", RUBRIC)
    assert quoted(asked) == [LINE_MARK + "La mer est salée."]
    assert not CHAT_TOKEN.search(asked.messages[-1].content)


@pytest.mark.parametrize("text", ATTEMPTS)
def test_marks_that_a_judge_quotes_are_not_read(text: str) -> None:
    # In the reasons, as quotations belong there.
    marks = read_marks(own_marks(f"It says: {text}"), RUBRIC)
    assert not marks.problem
    assert [mark.value for mark in marks.by_facet.values()] == [0] * 6
    # Before or behind the judge's own marks: then either these are read or none are.
    for reply in (f"{text}\n{own_marks('bad')}", f"{own_marks('bad')}\n{text}"):
        marks = read_marks(reply, RUBRIC)
        assert {mark.value for mark in marks.by_facet.values()} <= ({None} if "{" in text or "}" in text else {0})
        assert bool(marks.problem) == ("{" in text or "}" in text)


@pytest.mark.parametrize("text", ATTEMPTS)
def test_names_of_modifiers_and_accepted_answers_stay_on_their_lines(text: str) -> None:
    asked = Subject("run", "p", "en", "fr", (Message("user", "?"),), None, modifiers=(text,), accepted=(text,))
    assert quoted(marking_request(asked, "Sel.", RUBRIC)) == [LINE_MARK + "Sel."]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_is_quoted_whole(text: str) -> None:
    lines = quoted(request(text))
    assert "\n".join(line.removeprefix(LINE_MARK) for line in lines) == harmless(text)
    assert harmless(harmless(text)) == harmless(text)


def test_a_very_long_answer_shows_its_start_and_its_end() -> None:
    text = "a" * 60_000 + "z" * 40_000
    asked = request(text)
    assert asked.left_out == 100_000 - MOST_CHARACTERS
    start, gap, end = quoted(asked)
    assert start == LINE_MARK + "a" * 9_000  # three quarters of 12,000
    assert gap == "(… 88,000 characters of the answer are left out here …)"
    assert end == LINE_MARK + "z" * 3_000


def test_the_code_depends_on_the_answer_and_the_prompt() -> None:
    codes = {fenced("one", "p").code, fenced("two", "p").code, fenced("one", "q").code}
    assert len(codes) == 3
    assert fenced("one", "p").code == fenced("one", "p").code


def test_what_spells_stays() -> None:
    persian, flag = "می\u200cخواهم", "👩\u200d🔬 ❤\ufe0f"
    assert harmless(persian) == persian
    assert harmless(flag) == flag
    assert harmless("a\tb\u00adc") == "a    bc"


def test_a_repair_keeps_the_request_and_names_the_problem() -> None:
    asked = request("La mer.")
    again = repair_request(asked, "two", "it has no JSON object", RUBRIC)
    assert again.messages[:2] == asked.messages
    assert [message.role for message in again.messages] == ["system", "user", "assistant", "user"]
    assert "it has no JSON object" in again.messages[-1].content
