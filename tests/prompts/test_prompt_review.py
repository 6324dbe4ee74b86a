"""Each rule of the review on made rows, right and wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from crosstune.prompts.config import prompt_source
from crosstune.prompts.language_file import read_language_file
from crosstune.prompts.packaged import set_rows
from crosstune.prompts.review.facts import answer_problems
from crosstune.prompts.review.neighbours import neighbours
from crosstune.prompts.review.review import review_packaged, review_source
from crosstune.prompts.review.row import Row
from crosstune.prompts.review.texts import english_problems, form_problems, language_problems
from crosstune.prompts.review.wordings import modifier_problems


def kinds(found: Any) -> list[str]:
    return [kind for kind, _ in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Un texte propre :\n\n    code\n- liste", []),
        ("cafe\u0301", ["normalisation"]),
        ("un \x1b[31m signe", ["characters"]),
        (" début", ["spaces"]),
        ("fin\n", ["spaces"]),
        ("deux  espaces", ["spaces"]),
        ("avant la ligne \nsuivante", ["spaces"]),
        ("rien\u200bdedans", ["spaces"]),
    ],
)
def test_form(text: str, expected: list[str]) -> None:
    assert kinds(form_problems(text)) == expected


FRENCH = "Peux-tu m’expliquer comment préparer une soupe à l’oignon comme dans les bons restaurants ?"
PORTUGUESE = "Você pode me explicar como se prepara uma sopa de cebola como nos bons restaurantes?"
RUSSIAN = "Объясните, пожалуйста, как приготовить луковый суп, как в хорошем ресторане?"


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (FRENCH, "fr", []),
        (RUSSIAN, "ru", []),
        (PORTUGUESE, "fr", ["language"]),
        (FRENCH, "ru", ["script"]),
        ("Qui a écrit « Hamlet » ?", "fr", []),
        ("Qui a écrit cela ?", "ru", ["script"]),  # short: by its script alone
        ("Wer hat das geschrieben?", "fr", []),
        ("123 + 456 = ?", "ru", []),
        ("ما عاصمة أستراليا؟", "ar", []),
        ("オーストラリアの首都はどこですか？", "ja", []),
        ("ऑस्ट्रेलिया की राजधानी क्या है?", "hi", []),
        # A long quotation in another language does not count.
        (
            RUSSIAN + " Вот что написано в письме: «Please send me the documents by Friday, thank you very much».",
            "ru",
            [],
        ),
    ],
)
def test_language(text: str, code: str, expected: list[str]) -> None:
    assert kinds(language_problems(text, code)) == expected


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (FRENCH, "fr", []),
        ("Could you explain how to make a good onion soup at home?", "en", []),
        (FRENCH + " Please explain every step in detail, as I have never done this before.", "fr", ["english"]),
        (FRENCH + " “Please explain every step in detail, as I have never done this before.”", "fr", []),
        (RUSSIAN + " please explain all of it", "ru", ["english"]),
        (RUSSIAN + " Фильм снял Francis Ford Coppola, а код на Python.", "ru", []),
    ],
)
def test_left_over_english(text: str, code: str, expected: list[str]) -> None:
    assert kinds(english_problems(text, code)) == expected


def question(number: int, text: str, *answers: str) -> Row:
    return Row("facts", f"facts/{number}", "en", text, f"en.jsonl, line {number}", (), answers)


def test_answers_that_work() -> None:
    rows = [question(1, "Capital of France?", "Paris"), question(2, "How many legs has a spider?", "8", "eight", "ei*")]
    assert list(answer_problems(rows)) == []


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (["Lyon*", "Lyon"], "is shown to people"),
        (["spider"], "stands in the question"),
        (["eight", "Par*"], "accepts 'Paris', which is an answer to 'facts/1'"),
    ],
)
def test_answers_that_do_not(answers: list[str], message: str) -> None:
    rows = [question(1, "Capital of France?", "Paris"), question(2, "How many legs has a spider?", *answers)]
    (problem,) = answer_problems(rows)
    assert message in problem.message
    assert (problem.where, problem.id, problem.kind) == ("en.jsonl, line 2", "facts/2", "answers")


def test_all_answers_of_all_questions_are_tried() -> None:
    # More than 10,000 characters of answers stand before the one that is mistaken, which is the last of its question.
    many = [question(number, f"Question {number}?", f"y{'z' * number} x") for number in range(3, 300)]
    first = question(1, "How warm?", "hundred", "1000")
    last = question(2, "How many degrees?", "180", "hundred* and eighty", "200")
    (problem,) = answer_problems([first, *many, last])
    assert (problem.id, problem.message) == (
        "facts/1",
        "accepts 'hundred and eighty', which is an answer to 'facts/2'",
    )


def test_words_of_two_answers_are_not_read_as_one() -> None:
    rows = [
        question(1, "a?", "New"),
        question(2, "b?", "York"),
        question(3, "c?", "New York"),
    ]
    # "New York" holds the answers to 1 and 2; "New" and "York" beside each other hold no answer to 3.
    assert {problem.id for problem in answer_problems(rows)} == {"facts/1", "facts/2"}


def test_neighbours() -> None:
    texts = {
        "a": "How do I make onion soup?",
        "b": "What is the capital of France?",
        "c": "Write a poem about the sea.",
    }
    french = {"a": "Comment préparer une soupe à l’oignon ?", "b": "Quelle est la capitale de la France ?"}
    rows = [Row("s", key, "fr", text, "fr.jsonl, line 1") for key, text in french.items()]
    poem = "Écris un poème sur la mer."
    found = neighbours([*rows, Row("s", "c", "fr", poem, "")], texts)
    assert found is not None and (found.compared, found.misses, found.rate) == (3, (), 1.0)
    wrong = Row("s", "c", "fr", french["a"], "")
    found = neighbours([*rows, wrong], texts)
    assert found is not None and found.misses == ((wrong, "a"),) and found.rate == pytest.approx(2 / 3)
    # A gloss takes the place of the source.
    glossed = [Row("s", key, "fr", text, "", gloss=texts[key]) for key, text in french.items()]
    found = neighbours(glossed, {})
    assert found is not None and found.rate == 1.0
    assert neighbours([Row("s", "a", "hi", "x", ""), Row("s", "b", "hi", "y", "")], texts) is None


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ({"modifier": "shrt", "text": "Be brief."}, "extra", "'shrt' is not a modifier"),
        ({"modifier": "in_en", "text": "Write in English."}, "extra", "in that language already"),
        (
            {"modifier": "short", "text": "Be brief.", "right": "One. Two. Three. Four.", "wrong": "A. B. C. D. E."},
            "example",
            "'right' fails the check 'sentences'",
        ),
        (
            {"modifier": "short", "text": "Be brief.", "right": "One.", "wrong": "Two."},
            "example",
            "'wrong' passes the check 'sentences'",
        ),
        ({"modifier": "short", "text": "Be brief.", "right": "One."}, "example", "there is no 'wrong'"),
        ({"modifier": "items", "text": "{number, plural, one {x}}"}, "wording", "no message with a number"),
        ({"modifier": "sentences", "text": "Be brief."}, "wording", "two numbers have the same wording"),
        ({"modifier": "include_word", "text": "Use “patience”."}, "wording", "cannot be checked"),
        (
            {
                "modifier": "include_word",
                "text": "Use the word “time”.",
                "parameters": {"word": "patience"},
                "right": "With patience.",
                "wrong": "With calm.",
            },
            "wording",
            "the parameter 'patience' is not in the text",
        ),
        ({"modifier": "simple", "text": "Use simple  words."}, "spaces", "stray space"),
    ],
)
def test_modifiers(tmp_path: Path, row: dict[str, Any], kind: str, message: str) -> None:
    file = read_language_file(write(tmp_path / "en.jsonl", [row]))
    found = [problem for problem in modifier_problems(file) if problem.kind != "missing"]
    assert kind in {problem.kind for problem in found}
    assert any(message in problem.message for problem in found)
    assert {problem.where for problem in found} == {f"{tmp_path / 'en.jsonl'}, line 1"}


def test_missing_modifiers(tmp_path: Path) -> None:
    file = read_language_file(write(tmp_path / "ar.jsonl", [{"modifier": "simple", "text": "استخدم كلمات بسيطة."}]))
    (problem,) = [problem for problem in modifier_problems(file) if problem.kind == "missing"]
    assert {"short", "items", "in_fr"} <= set(problem.ids)
    assert not {"simple", "in_ar", "none", "capitalised"} & set(problem.ids)
    total = len(problem.ids) + 1
    assert problem.message == f"{total - 1} of {total} missing (short, long, items, markdown, html, …)"


def test_a_language_file_as_a_whole(tmp_path: Path) -> None:
    ids = [row.id for row in set_rows("native")]
    rows: list[Any] = [
        {"id": name, "text": f"Swali langu ni hili: {name}?", "gloss": "My question."} for name in ids[2:]
    ]
    rows += [
        {"id": ids[1], "text": rows[0]["text"]},
        {"id": "native/fest", "text": "Swali"},
        {"id": "native/bad", "txt": 1},
    ]
    path = write(tmp_path / "sw.jsonl", rows)
    review = review_packaged(["native"], ["sw"], [path], modifiers=False)
    # Ten rows and a duplicate; the last two are of no set and not read.
    assert review.checked == {("native", "sw"): 11, ("", "sw"): 2}
    found = {(problem.kind, problem.id, problem.where) for problem in review.problems}
    missing = review.problems[-1]
    assert (missing.where, missing.ids) == (str(path), (ids[0],))
    assert missing.message == f"1 of 12 missing ({ids[0].removeprefix('native/')})"
    assert ("duplicate", ids[1], f"{path}, line 11") in found
    assert ("gloss", ids[1], f"{path}, line 11") in found
    assert ("extra", "native/fest", f"{path}, line 12") in found
    assert ("unreadable", "", f"{path}, line 13") in found


def test_a_set_by_path(tmp_path: Path) -> None:
    english = ["How do I make onion soup at home for four people?", "What should I see in Rome in two days?"]
    write(tmp_path / "q.en.jsonl", [{"id": f"q/{n}", "text": text} for n, text in enumerate(english)])
    french = [FRENCH, english[1], FRENCH]
    write(tmp_path / "q.fr.jsonl", [{"id": f"q/{n}", "text": text} for n, text in enumerate(french)])
    (tmp_path / "q.de.jsonl").write_text("{")
    review = review_source(prompt_source("q.{language}.jsonl"), tmp_path)
    assert review.checked == {("q", "en"): 2, ("q", "fr"): 3, ("q", "de"): 1}
    found = {(problem.kind, problem.language, problem.id) for problem in review.problems}
    assert ("unreadable", "de", "") in found
    assert ("missing", "en", ("q/2",)) in {(item.kind, item.language, item.ids) for item in review.problems}
    assert ("english", "fr", "q/1") in found
    assert ("duplicate", "fr", "q/2") in found


def test_modifiers_without_a_check_are_notes(tmp_path: Path) -> None:
    row = {
        "id": "q/1",
        "text": "How do I make onion soup at home, as JSON?",
        "modifiers": ["json", "shortt", "items_3"],
    }
    write(tmp_path / "q.en.jsonl", [row])
    review = review_source(prompt_source("q.{language}.jsonl"), tmp_path)
    assert review.problems == []
    json_note, unknown = review.notes
    assert json_note.startswith("q, en: 'json' of 1 prompt has no check: ")
    assert unknown.endswith("did you mean 'short'?")


def test_a_language_file_may_hold_only_some_sets(tmp_path: Path) -> None:
    rows = [{"id": row.id, "text": f"Swali la {row.id}", "gloss": "A question"} for row in set_rows("native")]
    path = write(tmp_path / "sw.jsonl", rows)
    review = review_packaged(["facts", "native"], ["sw"], [path], partial=True)
    assert review.problems == [] and review.checked == {("native", "sw"): 12}
    assert review.notes == [f"{path}: facts: no rows", f"{path}: modifiers: no rows"]
    # Of a set that is named it lacks all rows.
    review = review_packaged(["facts"], ["sw"], [path], modifiers=False)
    assert [len(problem.ids) for problem in review.problems] == [120]


def test_every_row_that_cannot_be_read_is_named_and_the_others_are_checked(tmp_path: Path) -> None:
    rows = [
        {"id": "q/0", "text": "How do I make onion soup at home?", "language": "en"},
        {"id": "q/1", "txt": "x", "language": "en"},
        {"id": "q/2", "text": "Same\u2028", "language": "en"},
        ["a"],
        {"id": "q/0", "text": "How do I make bread?", "language": "en"},
        {"id": "q/3", "text": FRENCH, "language": "en"},
        {"id": "q/4", "text": "No language"},
    ]
    path = write(tmp_path / "q.jsonl", rows)
    path.write_text(path.read_text("utf-8") + "{\n", encoding="utf-8")
    review = review_source(prompt_source("q.jsonl"), tmp_path)
    # In English five rows, of which two cannot be used; three of which nobody can tell the language.
    assert review.checked == {("q", "en"): 5, ("q", ""): 3} and review.unread == []
    found = [(problem.where, problem.kind, problem.id) for problem in review.problems]
    assert found == [
        (f"{path}, line 2", "unreadable", "q/1"),
        (f"{path}, line 3", "spaces", "q/2"),
        (f"{path}, line 4", "unreadable", ""),
        (f"{path}, line 5", "unreadable", "q/0"),
        (f"{path}, line 6", "language", "q/3"),
        (f"{path}, line 7", "unreadable", "q/4"),
        (f"{path}, line 8", "unreadable", ""),
    ]


def test_a_set_of_which_no_language_can_be_told_is_one_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", [{"text": "one"}, {"text": "two"}])
    review = review_source(prompt_source("q.jsonl"), tmp_path)
    assert [problem.where for problem in review.problems] == [f"{path}, line 1"]
    assert (review.unread, review.checked) == ([("q", "")], {})
    (problem,) = review_source(prompt_source("none.{language}.jsonl"), tmp_path).problems
    assert problem.message == "there is no file of it in any language"
