"""List items in many scripts, and lines that stand for them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.text.lists import is_list_line, labelled_lines, list_items, title_counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ideas:\n1. one\n2. two\n   - deep\n   - deeper\n3. three\nDone.", ["one", "two", "three"]),
        ("- a\n1. step\n2. step\n- b", ["a", "b"]),  # the first sign is the top level
        ("**1. A**\n- x\n**2. B**\n- y", ["A**", "B**"]),
        ("### 1. A\ntext\n### 2. B\ntext", ["A", "B"]),
        ("1) a\n2) b", ["a", "b"]),
        ("(1) a\n(2) b", ["a", "b"]),
        ("a) x\nb) y", ["x", "y"]),
        ("• a\n• b", ["a", "b"]),
        ("--> a\n--> b", ["a", "b"]),
        ("\u200f١. تفاح\n\u200f٢. موز", ["تفاح", "موز"]),
        ("۱) سیب\n۲) موز", ["سیب", "موز"]),
        ("१. सेब\n२. केला", ["सेब", "केला"]),
        ("①苹果\n②香蕉", ["苹果", "香蕉"]),
        ("一、苹果\n二、香蕉\n十一、梨", ["苹果", "香蕉", "梨"]),
        ("（一）苹果\n（二）香蕉", ["苹果", "香蕉"]),
        ("1．りんご\n2．バナナ", ["りんご", "バナナ"]),
        ("1、苹果\n2、香蕉", ["苹果", "香蕉"]),
        ("1️⃣ a\n2️⃣ b", ["a", "b"]),
        ("・りんご\n・みかん", ["りんご", "みかん"]),
        ("•苹果\n•香蕉", ["苹果", "香蕉"]),
        ("✔️ a\n✔️ b", ["a", "b"]),
        ("○○さん、こんにちは\n–5 °C\n—Hola —dijo.", []),
        ("1\\. a\n2\\. b", ["a", "b"]),
        ("- \n-\n- a", ["a"]),
        ("3.5 kg\n-5 °C\n1945 began\n**bold** start\n-word", []),
        ("plain", []),
    ],
)
def test_list_items(text: str, expected: list[str]) -> None:
    assert list_items(text) == expected


def test_list_lines() -> None:
    assert is_list_line("   - deep")
    assert is_list_line("٢) موز")
    assert not is_list_line("word - word")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1- a\n2- b", ["1- a", "2- b"]),
        ("1 – a\ntext\n2 – b\nEnd.", ["1 – a", "2 – b"]),
        ("Ideas\nA. a\nB. b\n   A. deep\nC. c", ["A. a", "B. b", "C. c"]),
        ("A. a\nB. b\nA. a", []),  # a conversation, or what is not known
        ("a. x\nb. y", ["a. x", "b. y"]),
        ("Day 1: x\nWeek 1\nDay 2: y\nDay 3", ["Day 1: x", "Day 2: y", "Day 3"]),
        ("  **Option #1**\n## Option #2", ["**Option #1**", "## Option #2"]),
        ("第一，x\n第二、y", ["第一，x", "第二、y"]),
        ("1- a", []),  # one alone says nothing
        ("3-day trips\n5-day trips", []),
        ("1 - 2 kg\n2 - 3 kg", []),
        ("2- a\n3- b", []),
        ("J. Smith\nL. Jones", []),
        ("Vitamin A is good\nVitamin B is better", []),
        ("plain", []),
    ],
)
def test_labelled_lines(text: str, expected: list[str]) -> None:
    assert labelled_lines(text) == expected


def test_title_counts() -> None:
    assert title_counts("# T\n## A\nx\n## B\n**c**\ny") == {"#": 1, "##": 2, "**": 1}


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text(text: str) -> None:
    for line in [*list_items(text), *labelled_lines(text)]:
        assert line == line.strip()


@pytest.mark.parametrize(
    "unit", ["1. ", "- ", "A. ", "a ", "a.\n", "第一", "**", "**a", "1-", "•", "Option 1 ", "# ", "\u0301"]
)
def test_long_text_takes_no_time(unit: str) -> None:
    start = time.perf_counter()
    for found in (list_items, labelled_lines, title_counts):
        found(unit * 20_000)
    assert time.perf_counter() - start < 5
