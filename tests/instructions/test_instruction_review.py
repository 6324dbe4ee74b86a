"""What a review counts and finds in made files."""

import json
from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.instructions.config import MixturePart
from crosstune.instructions.review import Lengths, Review, review

ENGLISH = "It takes about an hour by train, and the last one leaves at ten in the evening."
FRENCH = "Il faut environ une heure en train, et le dernier part à dix heures du soir en semaine."


def reviewed(tmp_path: Path, rows: list[dict[str, Any]], **settings: Any) -> Review:
    lines = [json.dumps(row, ensure_ascii=not settings.pop("raw", False)) for row in rows]
    (tmp_path / "data.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return review(MixturePart(source="data.jsonl", **settings), tmp_path)


def row(question: str, answer: str = ENGLISH, **more: Any) -> dict[str, Any]:
    return {"prompt": question, "completion": answer, **more}


def kinds(found: Review) -> list[tuple[str, str]]:
    return [(problem.where.rpartition(", ")[2], problem.kind) for problem in found.problems]


def test_counts_and_lengths(tmp_path):
    rows = [row("one " * n, f"{ENGLISH} {n}", category="a" if n < 3 else "b") for n in range(1, 6)]
    found = reviewed(tmp_path, rows)
    assert (found.rows, len(found.examples), found.languages) == (5, 5, {"en": 5})
    assert found.categories == {"b": 3, "a": 2} and found.turns == {1: 5}
    # 1, 2, 3, 4, 5 words: the quartiles are the 2nd and 4th, and 0.95 × 4 = 3.8 is the 5th.
    assert found.question_lengths == Lengths(1, 2, 3, 4, 5, 5) and found.unit == "words"
    # The answers differ in one word of 18 and are alike.
    assert {kind for _, kind in kinds(found)} == {"alike"}


def test_problems_by_line(tmp_path):
    rows = [
        row("How far is it?"),
        row("", "x"),
        {"prompt": 3, "completion": "x"},
        row("How far is the sea?", FRENCH),
        row("how far IS it", ENGLISH.upper()),
        row("Cafe\u0301?", "Yes, of course there is one."),
        row("Which way?", "\u202eThat way\u202c"),
        row("Half?", "a \ud800 b"),
        row("Long?", "word " * 5000),
        row("Which?", "This one.", language="xx"),
    ]
    assert kinds(reviewed(tmp_path, rows)) == [
        ("line 2", "empty"),
        ("line 3", "form"),
        ("line 4", "other_language"),
        ("line 5", "same"),
        ("line 6", "not_nfc"),
        ("line 7", "text"),
        ("line 8", "form"),
        ("line 9", "long"),
        ("line 10", "unknown_language"),
    ]


def test_nearly_the_same(tmp_path):
    story = "Once there was a miller who had three sons, and when he died they shared his mill, his donkey and his cat."
    found = reviewed(
        tmp_path, [row("Tell a story.", story), row("Tell a tale.", "No."), row("Tell a story!", story + " So.")]
    )
    (problem,) = found.problems
    assert problem.kind == "alike" and problem.where.endswith("line 3") and "line 1" in problem.message


def test_work_for_near_duplicates_is_bounded_and_said(tmp_path):
    # A template of 40 words with 10 of their own each: in common 36 of 36 + 2 × 10 runs, 64 %, and not alike.
    template = [f"word{n}" for n in range(40)]
    own = [[f"own{number}x{n}" for n in range(10)] for number in range(40)]
    rows = [row("Q", " ".join(template + tail)) for tail in own]
    found = reviewed(tmp_path, [*rows, row("Q", " ".join(template + own[3][:9]))])
    (note,) = found.notes
    assert "more than 32 examples" in note
    assert [(where, kind) for where, kind in kinds(found) if kind == "alike"] == [("line 41", "alike")]
    assert reviewed(tmp_path, rows[:5]).notes == ()


def test_one_id_of_two_texts_and_control_characters(tmp_path):
    rows = [row("Q?", "Yes\x1b[2J", id="a"), row("R?", "No\ttab\nline", id="a"), row("S?", "A bell\x07.", id="b")]
    found = reviewed(tmp_path, rows)
    assert kinds(found) == [("line 1", "text"), ("line 2", "same_id"), ("line 3", "text")]
    assert "U+001B" in found.problems[0].message and "the id 'a' of line 1" in found.problems[1].message


def test_short_answers_tell_a_language_together(tmp_path):
    # As loading does: each has too few letters to be doubted on its own.
    assert reviewed(tmp_path, [row("Where?", "Go away now please")]).languages == {"en": 1}
    assert reviewed(tmp_path, [row("2+2", "4")]).languages == {"": 1}


def test_only_rows_in_a_language(tmp_path):
    rows = [row("Q?", FRENCH, language="fr"), row("R?", language="en")]
    found = reviewed(tmp_path, rows, languages=("en",))
    assert (found.rows, found.languages) == (2, {"en": 1})
    with pytest.raises(InvalidData, match="there is no example in 'ru'"):
        reviewed(tmp_path, rows, languages=("ru",))


def test_the_language_that_is_declared_and_what_a_row_says(tmp_path):
    rows = [row("Q?", FRENCH, language="fr"), row("R?", "Nous avons mangé une soupe.", language="en")]
    found = reviewed(tmp_path, rows, language="fr")
    assert kinds(found) == [("line 2", "other_language")] and found.languages == {"fr": 2}


def test_the_language_that_is_said(tmp_path):
    other = "Nous avons mangé une soupe chaude avec du pain frais, puis nous sommes rentrés à pied."
    found = reviewed(tmp_path, [row("Q?", FRENCH, language="fr"), row("R?", other, language="English")])
    assert kinds(found) == [("line 2", "other_language")] and found.languages == {"en": 1, "fr": 1}
    assert "reads as 'fr'" in found.problems[0].message and "said to be 'en'" in found.problems[0].message


def test_lengths_in_tokens(tmp_path):
    (tmp_path / "a.csv").write_text("prompt,completion\nab,cde\n")
    found = review(MixturePart(source="a.csv"), tmp_path, tokens=len)
    assert found.question_lengths == Lengths(2, 2, 2, 2, 2, 2) and found.unit == "tokens"
