"""Formats: the same conversation out of each, recognised by columns, refused with a reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.errors import InvalidData
from crosstune.instructions.config import FORMATS
from crosstune.instructions.formats import BadRow, messages_of, recognise
from crosstune.records import Message

QUESTION, ANSWER = "Why is the sky blue?", "Because air scatters short waves more."
PAIR = (Message("user", QUESTION), Message("assistant", ANSWER))
TURNS = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]

ROWS: dict[str, dict[str, Any]] = {
    "messages": {"messages": TURNS, "source": "x"},
    "prompt_completion": {"prompt": QUESTION, "completion": ANSWER},
    "lima": {"conversations": [QUESTION, ANSWER], "source": "stackexchange"},
    "sharegpt": {"id": "a", "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
    "dolly": {"instruction": QUESTION, "context": "", "response": ANSWER, "category": "open_qa"},
    "alpaca": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "inputs_targets": {"id": 1, "inputs": QUESTION, "targets": ANSWER, "language": "eng", "script": "Latn"},
}


def test_every_format_has_a_row_here() -> None:
    assert set(ROWS) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_recognised_and_read(name: str) -> None:
    assert recognise(ROWS[name], "f, line 1") == name
    assert messages_of(ROWS[name], name) == PAIR


def test_context_follows_the_instruction() -> None:
    expected = f"{QUESTION}\n\nSome text."
    dolly = messages_of({"instruction": QUESTION, "context": "Some text.", "response": ANSWER}, "dolly")
    alpaca = messages_of({"instruction": QUESTION, "input": "Some text.", "output": ANSWER}, "alpaca")
    assert dolly[0].content == alpaca[0].content == expected


def test_variants() -> None:
    parts = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
        *TURNS,
    ]
    assert messages_of({"messages": parts}, "messages") == (Message("system", "Be kind."), *PAIR)
    assert messages_of({"prompt": TURNS[:1], "completion": TURNS[1:]}, "prompt_completion") == PAIR
    with_history = {"instruction": QUESTION, "output": ANSWER, "history": [["Hi", "Hello"]]}
    assert messages_of(with_history, "alpaca") == (Message("user", "Hi"), Message("assistant", "Hello"), *PAIR)
    assert messages_of({**ROWS["sharegpt"], "system": "Be kind."}, "sharegpt")[0] == Message("system", "Be kind.")


def test_unanswered_last_question_is_dropped() -> None:
    # LIMA has one such conversation: five turns, the last one a question. Nothing is learned from it.
    assert messages_of({"conversations": [QUESTION, ANSWER, "And at dusk?"]}, "lima") == PAIR


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("dolly", {"instruction": QUESTION, "response": " "}, "answer in turn 2 is empty"),
        ("dolly", {"instruction": "", "response": ANSWER}, "question in turn 1 is empty"),
        ("dolly", {"instruction": "", "context": "Some text.", "response": ANSWER}, "question in turn 1 is empty"),
        ("alpaca", {"instruction": QUESTION, "output": None}, "answer in turn 2 is empty"),
        ("lima", {"conversations": [QUESTION]}, "the question has no answer"),
        ("lima", {"conversations": []}, "no turn"),
        ("messages", {"messages": TURNS[:1]}, "the question has no answer"),
    ],
)
def test_incomplete_rows(name: str, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRow, match=problem) as caught:
        messages_of(row, name)
    assert caught.value.incomplete


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("dolly", {"instruction": QUESTION, "reponse": ANSWER}, r"no column 'response'.*there is 'reponse'"),
        ("dolly", {"instruction": 3, "response": ANSWER}, "'instruction' is a number, not text"),
        ("dolly", "text", "a row is text, not an object"),
        ("lima", {"conversations": [QUESTION, 5]}, "turn 2 of 'conversations' is a number"),
        ("lima", {"conversations": "text"}, "not a list"),
        ("sharegpt", {"conversations": [{"from": "human"}]}, "turn 1 of 'conversations' has 'from'"),
        ("sharegpt", {"conversations": [{"from": "tool", "value": "x"}]}, "turn 1 is by 'tool'"),
        ("messages", {"messages": TURNS[::-1]}, "turn 1 is by the assistant, and the user's is due"),
        ("messages", {"messages": [TURNS[0], TURNS[0], TURNS[1]]}, "turn 2 is by the user"),
        ("messages", {"messages": [*TURNS, {"role": "system", "content": "x"}]}, "turn 3 is by the system"),
        ("messages", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "not text"),
        ("messages", {"messages": [{"role": ["user"], "content": "x"}]}, "turn 1 is by"),
        ("alpaca", {"instruction": QUESTION, "output": "half \ud83d of it"}, "lone surrogate"),
        ("alpaca", {"instruction": QUESTION, "output": ANSWER, "history": ["x"]}, "history"),
    ],
)
def test_rows_that_do_not_fit(name: str, row: Any, problem: str) -> None:
    with pytest.raises(BadRow, match=problem) as caught:
        messages_of(row, name)
    assert not caught.value.incomplete


def test_unrecognised_names_columns_formats_and_the_nearest() -> None:
    with pytest.raises(InvalidData) as caught:
        recognise({"instrction": QUESTION, "response": ANSWER}, "data.jsonl, line 1")
    text = str(caught.value)
    assert text.startswith("data.jsonl, line 1: ")
    assert "'instrction', 'response'" in text
    assert "did you mean 'instruction'" in text
    for name in FORMATS:
        assert name in text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)
columns = sorted({column for row in ROWS.values() for column in row} | {"history", "system"})


@given(st.sampled_from(FORMATS), st.dictionaries(st.sampled_from(columns), json_values))
def test_any_row_is_read_or_refused(name: str, row: dict[str, Any]) -> None:
    try:
        messages = messages_of(row, name)
    except BadRow:
        return
    roles = [message.role for message in messages if message.role != "system"]
    assert roles == ["user", "assistant"] * (len(roles) // 2)
    assert all(message.content.strip() for message in messages)
