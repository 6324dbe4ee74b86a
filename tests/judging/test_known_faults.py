"""Answers with known faults: what ships can be used as it is, and what is said of a judge is right."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.judging.known_faults import (
    PACKAGED,
    FacetQuality,
    KnownFault,
    judge_quality,
    known_fault_languages,
    load_known_faults,
    read_known_faults,
    target_facet,
)
from crosstune.judging.rubric import load_rubric
from crosstune.text.answers import find_answer
from crosstune.text.tokens import tokens
from crosstune.text.verdict import Verdict, verdicts

FACETS = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
FAULTS = load_known_faults()
BY_ID = {fault.id: fault for fault in FAULTS}
IN_EVERY_LANGUAGE = {
    "wrong_language": 1,
    "mixed_language": 1,
    "false_fact": 1,
    "off_topic": 1,
    "rude": 1,
    "contradiction": 1,
    "incomplete": 1,
    "none": 2,
}
WITH_WORD_SALAD = {"fr", "ru", "ar"}

Marks = dict[str, dict[str, float | None]]


@pytest.fixture(scope="module")
def found() -> dict[str, Verdict]:
    texts = [fault.answer.replace("\n", " ") for fault in FAULTS]
    return dict(zip(BY_ID, verdicts(texts, [fault.requested_language for fault in FAULTS]), strict=True))


# What ships


def test_ten_answers_in_each_of_six_languages() -> None:
    assert known_fault_languages() == ("en", "fr", "pt", "ru", "zh", "ar")
    assert len(FAULTS) == 60
    for code in known_fault_languages():
        counts = Counter(fault.fault for fault in FAULTS if fault.language == code)
        grammar = "word_salad" if code in WITH_WORD_SALAD else "broken_grammar"
        assert counts == {**IN_EVERY_LANGUAGE, grammar: 1}


def test_rows_are_distinct_and_named_after_their_language() -> None:
    assert len({(fault.prompt, fault.answer) for fault in FAULTS}) == 60
    assert len({fault.prompt for fault in FAULTS}) == 60
    for fault in FAULTS:
        assert fault.id.partition("/")[0] == fault.language == fault.requested_language
        assert fault.note.isascii() and fault.note.endswith(".")


def test_expected_marks_are_on_the_scale_of_the_rubric() -> None:
    assert load_rubric().facets == FACETS
    for fault in FAULTS:
        assert tuple(fault.expected) == FACETS
        assert all(0 <= lowest <= highest <= 2 for lowest, highest in fault.expected.values())
        target = target_facet(fault.fault)
        assert target is None or fault.expected[target][1] < 2


def test_every_criterion_has_sound_and_faulty_answers_in_every_language() -> None:
    for row in judge_quality({}, FAULTS):
        assert row.n_sound >= 2 and row.n_faulty >= 1, row


def test_answers_are_neither_short_nor_long() -> None:
    for fault in FAULTS:
        # Each ideograph is a token; a Chinese word has about one and a half of them.
        count = len(tokens(fault.answer, fault.requested_language))
        is_chinese = fault.language == "zh" and fault.fault != "wrong_language"
        assert (40 if is_chinese else 25) <= count <= (105 if is_chinese else 70), fault.id


def test_prompts_are_in_their_language() -> None:
    for fault, verdict in zip(
        FAULTS, verdicts([fault.prompt for fault in FAULTS], [fault.language for fault in FAULTS]), strict=True
    ):
        assert verdict.is_right is True, fault.id


def test_answers_are_in_the_requested_language_unless_that_is_their_fault(found: dict[str, Verdict]) -> None:
    for fault in FAULTS:
        if fault.fault == "wrong_language":
            assert found[fault.id] == (False, "fr" if fault.requested_language == "en" else "en")
        elif fault.fault != "word_salad":  # is in no language, though detectors have an opinion
            assert found[fault.id].is_right is True, fault.id


def test_one_sentence_of_the_mixed_answers_is_in_another_language() -> None:
    for fault in (fault for fault in FAULTS if fault.fault == "mixed_language"):
        sentences = [part for part in re.split(r"(?<=[.。؟])\s*", fault.answer) if part]
        foreign = "es" if fault.language == "en" else "en"
        named = [verdict.language for verdict in verdicts(sentences, [foreign] * len(sentences))]
        assert named.count(foreign) == 1, fault.id


def test_false_answers_hold_no_accepted_one_and_true_answers_do() -> None:
    with_accepted = [fault for fault in FAULTS if fault.accepted]
    assert Counter(fault.fault for fault in with_accepted) == {"false_fact": 3, "none": 2}
    for fault in with_accepted:
        holds = find_answer(fault.answer, fault.accepted, fault.requested_language) is not None
        assert holds == (fault.fault == "none"), fault.id


# Loading


def test_languages_can_be_chosen() -> None:
    chosen = load_known_faults(["ru", "en", "ru"])
    assert [fault.id for fault in chosen] == [fault.id for fault in FAULTS if fault.language in {"en", "ru"}]
    assert load_known_faults([]) == ()
    with pytest.raises(InvalidData, match=r"in 'de'; there are some in en, fr, pt, ru, zh, ar"):
        load_known_faults(["en", "de"])


def test_faults_and_their_criteria() -> None:
    assert target_facet("none") is None
    assert {fault: target_facet(fault) for fault in ("word_salad", "incomplete", "rude", "false_fact")} == {
        "word_salad": "fluency",
        "incomplete": "helpfulness",
        "rude": "harmlessness",
        "false_fact": "accuracy",
    }
    with pytest.raises(InvalidData, match="did you mean 'off_topic'"):
        target_facet("offtopic")


def _set_expected(**intervals: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row["expected"].update(intervals)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.pop("note"), "it has the keys accepted, answer"),
        (lambda row: row.update(extra=1), "not an answer with a known fault"),
        (lambda row: row.update(answer=" "), "'answer' must be a text"),
        (lambda row: row.update(prompt=None), "'prompt' must be a text"),
        (lambda row: row.update(requested_language="klingon"), "'requested_language' must be the code"),
        (lambda row: row.update(language=["en"]), "'language' must be the code"),
        (lambda row: row.update(accepted="Rome"), "'accepted' must be a list"),
        (lambda row: row.update(accepted=[""]), "'accepted' must be a list"),
        (lambda row: row.update(fault="dull"), "they are none, wrong_language"),
        (lambda row: row.update(fault=[]), "'fault' is none of the faults"),
        (lambda row: row["expected"].pop("fluency"), "every criterion once; they are language, fluency"),
        (_set_expected(style=[2, 2]), "every criterion once"),
        (_set_expected(accuracy=[2]), "'accuracy' must have a lowest and a highest"),
        (_set_expected(accuracy=[True, 2]), "'accuracy' must have a lowest and a highest"),
        (_set_expected(accuracy=[0.0, 2]), "'accuracy' must have a lowest and a highest"),
        (_set_expected(accuracy=[2, 1]), "'accuracy' must rise"),
        (_set_expected(accuracy=[-1, 1]), "'accuracy' must rise"),
        (_set_expected(accuracy=[2, 3]), "'accuracy' must rise"),
        (_set_expected(accuracy=[1, 2]), "without a fault must expect 2 for every criterion"),
        (lambda row: row.update(fault="rude"), "fault rude must not expect 2 for harmlessness"),
        # Where fluency may be 0, the marks that it makes 0 may be; where it must be, they must.
        (_set_expected(fluency=[0, 2]), "'helpfulness' must allow for fluency of 0"),
        (_set_expected(fluency=[0, 0], helpfulness=[0, 1]), "'helpfulness' must allow for fluency of 0"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, change: Callable[[dict[str, Any]], None], problem: str) -> None:
    row = json.loads(PACKAGED.read_text("utf-8").split("\n")[0])
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(row), "utf-8")
    assert read_known_faults(path) == FAULTS[:1]
    change(row)
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(InvalidData, match=problem) as caught:
        read_known_faults(path)
    assert caught.value.where == f"{path}, line 1"


def test_an_id_stands_once(tmp_path: Path) -> None:
    line = PACKAGED.read_text("utf-8").split("\n")[0]
    path = tmp_path / "own.jsonl"
    path.write_text(f"{line}\n\n{line}\n", "utf-8")
    with pytest.raises(InvalidData, match=r"line 3: the id 'en/sound-1' stands twice"):
        read_known_faults(path)


# What is said of a judge


def rows_of(marks: Marks, faults: tuple[KnownFault, ...] = FAULTS) -> dict[tuple[str, str], FacetQuality]:
    return {(row.language, row.facet): row for row in judge_quality(marks, faults)}


def marks_by(rule: Callable[[KnownFault, str], float | None]) -> Marks:
    return {fault.id: {facet: rule(fault, facet) for facet in FACETS} for fault in FAULTS}


def test_a_row_for_each_language_and_criterion_then_all() -> None:
    assert [(row.language, row.facet) for row in judge_quality({}, FAULTS)] == [
        (code, facet) for code in (*known_fault_languages(), "all") for facet in FACETS
    ]
    assert judge_quality({}, ()) == []


@pytest.mark.parametrize("end", [0, 1])
def test_a_perfect_judge(end: int) -> None:
    # Both the strictest and the mildest of good judges.
    for row in judge_quality(marks_by(lambda fault, facet: fault.expected[facet][end]), FAULTS):
        assert (row.separation, row.within, row.mean_sound, row.n_unmarked) == (1.0, 1.0, 2.0, 0), row


def test_a_judge_that_always_gives_two() -> None:
    rows = rows_of(marks_by(lambda fault, facet: 2))
    assert {row.separation for row in rows.values()} == {0.5}
    # Off-topic and incomplete answers, false facts, and in three languages of six word salad must not have 2 for
    # helpfulness: 3 of 10 answers, or 4; all together 6 * 3 + 3 of 60.
    assert rows["en", "helpfulness"].within == 0.7
    assert rows["fr", "helpfulness"].within == 0.6
    assert rows["all", "helpfulness"].within == pytest.approx(39 / 60)
    assert rows["all", "harmlessness"].within == pytest.approx(54 / 60)


def test_a_reversed_judge() -> None:
    rows = rows_of(marks_by(lambda fault, facet: 2 if target_facet(fault.fault) == facet else 0))
    assert {row.separation for row in rows.values()} == {0.0}
    assert rows["all", "harmlessness"].within == 0.0
    assert (rows["en", "language"].mean_sound, rows["en", "language"].mean_faulty) == (0.0, 2.0)


def test_sound_answers_of_a_criterion_have_other_faults() -> None:
    rows = rows_of({})
    # Of the ten in English: broken grammar is fluency's; in another language, or mixed, fluency may be below 2.
    assert (rows["en", "fluency"].n_sound, rows["en", "fluency"].n_faulty) == (7, 1)
    # Two are faulty in language; word salad may have 1 or 2 and is neither. In English there is none.
    assert (rows["fr", "language"].n_sound, rows["fr", "language"].n_faulty) == (7, 2)
    assert (rows["en", "language"].n_sound, rows["en", "language"].n_faulty) == (8, 2)
    assert (rows["all", "language"].n_sound, rows["all", "language"].n_faulty) == (45, 12)


def test_ties_and_missing_marks_by_hand() -> None:
    sound, other, rude = BY_ID["en/sound-1"], BY_ID["en/sound-2"], BY_ID["en/rude"]
    faults = (sound, other, replace(sound, id="third"), rude, replace(rude, id="milder"))
    marks: Marks = {
        "en/sound-1": {"harmlessness": 2},
        "en/sound-2": {"harmlessness": 1},
        "third": {"harmlessness": None},
        "en/rude": {"harmlessness": 0},
        "milder": {"harmlessness": 1},
        "of-no-answer": {"harmlessness": 0},
    }
    row = rows_of(marks, faults)["en", "harmlessness"]
    # Pairs of faulty and sound: 0 < 2, 0 < 1, 1 < 2, and 1 = 1, which counts half: 3.5 of 4. Inside what is expected
    # are the 2 of a sound answer and the 0 of a rude one: 2 of 4 marks.
    assert row == FacetQuality(
        language="en",
        facet="harmlessness",
        n_sound=3,
        n_faulty=2,
        mean_sound=1.5,
        mean_faulty=0.5,
        separation=0.875,
        within=0.5,
        n_unmarked=1,
    )
    assert rows_of(marks, faults)["all", "harmlessness"] == replace(row, language="all")


def test_without_a_mark_on_one_side_there_is_no_separation() -> None:
    rows = rows_of({"en/sound-1": {"accuracy": 2}, "fr/false-fact": {"accuracy": 1}})
    english, french, russian = (rows[code, "accuracy"] for code in ("en", "fr", "ru"))
    assert (english.mean_sound, english.mean_faulty, english.separation) == (2.0, None, None)
    assert (english.within, english.n_unmarked) == (1.0, 9)
    assert (french.mean_sound, french.mean_faulty, french.separation) == (None, 1.0, None)
    assert (french.within, french.n_unmarked) == (0.0, 9)
    assert (russian.mean_sound, russian.separation, russian.within, russian.n_unmarked) == (None, None, None, 10)
    # Together they make a pair.
    assert (rows["all", "accuracy"].separation, rows["all", "accuracy"].n_unmarked) == (1.0, 58)


def test_a_judge_that_is_stricter_in_one_language_separates_less_over_all() -> None:
    faults = tuple(BY_ID[name] for name in ("en/sound-1", "en/rude", "fr/sound-1", "fr/rude"))
    marks: Marks = {
        "en/sound-1": {"harmlessness": 2},
        "en/rude": {"harmlessness": 1},
        "fr/sound-1": {"harmlessness": 1},
        "fr/rude": {"harmlessness": 0},
    }
    rows = rows_of(marks, faults)
    assert rows["en", "harmlessness"].separation == rows["fr", "harmlessness"].separation == 1.0
    # 1 < 2, 1 = 1 (half), 0 < 2, 0 < 1
    assert rows["all", "harmlessness"].separation == 0.875
