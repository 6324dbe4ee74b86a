import os
import re
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import crosstune
from crosstune.errors import InvalidData, InvalidStudy, OutOfMemory, StepFailed
from crosstune.records import Score
from crosstune.scoring import score_parts
from crosstune.scoring.answer import Answer
from crosstune.scoring.answer_row import AnswerRow
from crosstune.scoring.score import CHEAP_FACETS, SCORERS, measure
from crosstune.scoring.score_parts import COMPARING_FACETS, Task, score_in_parts, scores_schema
from crosstune.scoring.worker_pool import WorkerPool
from crosstune.storage.tables import from_rows

FRENCH = "La mer est salée parce que les fleuves y portent depuis toujours le sel des roches."
ENGLISH = "The sea is salty because rivers have always carried the salt of the rocks into it."

ODD: list[str | None] = [
    None,
    "",
    " \n\t ",
    "\0\x1b[2J\x07",
    "<html><body onload=alert(1)><p>" + FRENCH + "</p></body></html>",
    "\u202e" + FRENCH + "\u200f",
    "\n" * 100_000,
    "x" * 1_000_000,
    FRENCH * 12_000,
    "e\u0301\u0301" * 4000,
    "\ufffe\uffff\U0010ffff",
    "👩‍👩‍👧" * 500,
    "```python\nprint(1)\n```",
    "| a | b |\n|---|---|\n" * 500,
    '"' * 3000,
    "(" * 3000,
    "ﷺ" * 1000,
]
"""Answers that no one wishes for."""


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"response": [FRENCH, ENGLISH, None], "language": ["fr", "French", "qu"], **columns})


def test_a_frame() -> None:
    scores = crosstune.score(frame(model=["m", "n", "m"], kind=["a", "b", None]), ["correct_language"], keep=["kind"])
    assert scores.schema == scores_schema(["kind"])
    assert scores.select("run", "requested_language", "value", "reason", "detail", "row", "kind").rows() == [
        ("m", "fr", 1.0, None, "fr", 1, "a"),
        ("n", "fr", 0.0, None, "en", 2, "b"),
        ("m", "qu", None, "no_answer", "", 3, None),
    ]
    assert scores["rater"].unique().to_list() == ["scorer:correct_language"]
    assert len(from_rows(Score, scores.drop("row", "kind").iter_rows(named=True), "scores")) == 3
    levels = crosstune.summary(scores, ["language"])
    assert levels.select("language", "n", "n_scored", "level").rows() == [("fr", 2, 2, 0.5), ("qu", 1, 0, None)]


def test_facets_by_name_and_group() -> None:
    assert crosstune.score(frame(), "cheap")["facet"].unique().sort().to_list() == sorted(
        crosstune.score(frame())["facet"].unique()
    )
    assert set(crosstune.score(frame())["facet"]) <= set(CHEAP_FACETS)
    order = crosstune.score(frame(), ["length", "correct_language", "length"])["facet"].to_list()
    assert order[:2] == ["correct_language", "length"] and len(order) == 6
    with pytest.raises(InvalidStudy, match="'lenght' is not a facet that is measured; did you mean 'length'"):
        crosstune.score(frame(), ["lenght"])


def test_columns_by_other_names_and_a_language_for_all(caplog: pytest.LogCaptureFixture) -> None:
    answers = pl.DataFrame({"text": [FRENCH], "a": [FRENCH]})
    scores = crosstune.score(answers, ["correct_language"], columns={"response": "a"}, language="français")
    assert scores["value"].to_list() == [1.0]
    with pytest.raises(InvalidData, match="the frame: there is no column 'language'"):
        crosstune.score(answers)
    assert crosstune.score(answers.clear(), ["length"], language="fr").schema == scores_schema([])
    assert not caplog.records
    assert crosstune.score(pl.DataFrame({"response": [1, 2]}), ["length"], language="fr").is_empty()
    assert "2 rows are left out, such as the frame, row 1: 'response' is a number" in caplog.text


def test_no_answer_breaks_off_the_others() -> None:
    rows = {
        "response": [*ODD, FRENCH],
        "language": ["fr"] * (len(ODD) + 1),
        "prompt": ["Comment faire ?"] * (len(ODD) + 1),
    }
    facets = [name for name, scorer in SCORERS.items() if scorer.cost == "cheap"]
    scores = crosstune.score(pl.DataFrame(rows), facets)
    for facet in ("correct_language", "length"):
        found = scores.filter(pl.col("facet") == facet)
        assert found["row"].to_list() == list(range(1, len(ODD) + 2))
        assert found["value"][-1] is not None and found["reason"][0] == "no_answer"
    # What cannot be measured has a reason, and no zero.
    assert scores.filter(pl.col("value").is_null() == pl.col("reason").is_null()).is_empty()
    blank = scores.filter(pl.col("row").is_in([2, 3, 7]), pl.col("facet").is_in(["correct_language", "line_pass"]))
    assert set(blank["reason"]) == {"empty"}


def many(count: int) -> pl.DataFrame:
    texts = [FRENCH, ENGLISH, "", None, "Oui. " * 60, "\0" + FRENCH]
    return pl.DataFrame(
        {
            "response": [texts[number % len(texts)] for number in range(count)],
            "language": [["fr", "en", "de"][number % 3] for number in range(count)],
            "model": [f"m{number % 2}" for number in range(count)],
            "id": [f"p{number // 6}" for number in range(count)],
        }
    )


def test_several_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_parts, "ANSWERS_AT_ONCE", 40)
    facets = ["correct_language", "length", "length_ratio"]
    here = crosstune.score(many(400), facets)
    assert here.height == 400 * 2 + here.filter(facet="length_ratio").height and here["row"].is_sorted()
    assert here.equals(crosstune.score(many(400), facets, workers=2))
    # Neither does the order of answers change a score.
    other = crosstune.score(many(400).reverse(), facets).with_columns((401 - pl.col("row")).alias("row"))
    assert here.sort("row", "facet").equals(other.sort("row", "facet"))


def test_pieces_end_before_they_are_large() -> None:
    sizes = [1000, 5_000_000, 10, 20, 3_999_990] + [1] * 1001
    rows = [AnswerRow(Answer("", "", "fr", "fr", "x" * size), 1, "", ()) for size in sizes]
    pieces = list(score_parts._pieces(rows))
    assert [len(piece) for piece in pieces] == [1, 1, 2, 11, 500, 491]  # the fourth: 3,999,990 and 10 more characters
    assert [row for piece in pieces for row in piece] == rows


def test_only_facets_that_compare_look_at_the_context() -> None:
    from crosstune.scoring.context import NO_CONTEXT
    from crosstune.scoring.score import context_of

    answers = [
        Answer("m", f"p{number}", code, code, FRENCH if code == "fr" else ENGLISH, prompt=f"Pourquoi {number} ?")
        for number in range(6)
        for code in ("en", "fr")
    ]
    for facet, scorer in SCORERS.items():
        if facet not in COMPARING_FACETS and scorer.cost != "extra":
            assert measure(answers, facet, context_of(answers)) == measure(answers, facet, NO_CONTEXT), facet


def test_a_fault_of_a_scorer_names_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(answers: Any, *rest: Any) -> Any:
        if any(answer.text == ENGLISH for answer in answers):
            raise ZeroDivisionError
        return [None] * len(answers)

    monkeypatch.setattr(score_parts, "measure_by", broken)
    with pytest.raises(ZeroDivisionError) as raised:
        crosstune.score(frame(), ["length"])
    assert raised.value.__notes__ == ["while measuring 'length' of the answer at the frame, row 2"]


def twice(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    if number == 1:
        raise InvalidData("wrong", where="here", hint="right")
    if number == 2:
        raise ZeroDivisionError("in a worker")
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        os._exit(7)
    return number


def test_a_pool_of_processes() -> None:
    with WorkerPool(2, twice) as pool:
        processes = list(pool._workers.values())
        assert sorted(pool.unordered(range(50))) == [2 * number for number in range(50)]
        assert list(pool.unordered([])) == []
    assert not any(process.is_alive() for process in processes)
    assert "POLARS_MAX_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("piece", "kind", "words"),
    [
        (1, InvalidData, "here: wrong; right"),
        (2, RuntimeError, "ZeroDivisionError: in a worker"),
        (3, OutOfMemory, "was killed, as happens when the machine has too little memory"),
        (4, StepFailed, "exit status 7"),
    ],
)
def test_what_goes_wrong_in_a_process_is_told(piece: int, kind: type[Exception], words: str) -> None:
    with WorkerPool(1, fail) as pool, pytest.raises(kind, match=words):
        list(pool.unordered([0, piece, 0]))


def test_no_answers_no_parts(tmp_path: Path) -> None:
    assert score_in_parts(lambda: [], Task(("length",), (), tmp_path), workers=2) == []


def test_the_example_in_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    exec(example, {})
    shown = capsys.readouterr().out
    assert "correct_language" in shown and "0.5" in shown
