"""The texts of the annotators' pages: the same keys in every language, written in it, with marks that hold together."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from crosstune.annotation.criteria import FACETS, FLUENCY, MARKS, ZERO_WITHOUT_FLUENCY
from crosstune.languages import languages
from crosstune.prompts.language_file import packaged_language_codes
from crosstune.text.scripts import letters_of
from crosstune.text.tokens import tokens
from crosstune.text.verdict import Verdict, verdicts

FOLDER = files("crosstune").joinpath("annotation", "texts")
CODES = packaged_language_codes()
NOT_LATIN = [code for code in CODES if languages()[code].script != "Latn"]
SOUND, WRONG_LANGUAGE, WRONG_FACT, HARD_TO_UNDERSTAND = 1, 2, 3, 4
"""The practice items."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LATIN_SENTENCE = re.compile(r"[A-Za-z]+(?:[ ,]+[A-Za-z]+){2,}")
_QUOTED = re.compile(r"[“「«„][^“”「」«»„]*[”」»“]")


@cache
def lines(code: str) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in FOLDER.joinpath(f"{code}.jsonl").read_text("utf-8").splitlines()]
    assert all(set(row) == {"key", "text"} for row in rows)
    return [(row["key"], row["text"]) for row in rows]


def texts(code: str) -> dict[str, str]:
    return dict(lines(code))


def marks(code: str, number: int) -> dict[str, Any]:
    found = json.loads(texts(code)[f"training.{number}.marks"])
    assert isinstance(found, dict)
    return found


@cache
def prose() -> dict[tuple[str, str], Verdict]:
    """What the detectors say of every guideline, and of every prompt, answer and explanation of the practice."""
    wanted = re.compile(r"guideline\.\d+|training\.\d+\.(?:prompt|answer|why)")
    found = [(code, key, text) for code in CODES for key, text in lines(code) if wanted.fullmatch(key)]
    said = verdicts([text for _, _, text in found], [code for code, _, _ in found])
    return {(code, key): verdict for (code, key, _), verdict in zip(found, said, strict=True)}


def test_every_language_of_the_prompts_has_its_texts() -> None:
    assert len(CODES) == 12
    assert {entry.name for entry in FOLDER.iterdir()} >= {f"{code}.jsonl" for code in CODES}


@pytest.mark.parametrize("code", CODES)
def test_keys_are_those_of_english_in_the_same_order(code: str) -> None:
    keys = [key for key, _ in lines(code)]
    assert len(set(keys)) == len(keys)
    assert keys == [key for key, _ in lines("en")]


def test_each_criterion_guideline_and_practice_item_is_there() -> None:
    keys = list(texts("en"))
    criteria = [
        f"criterion.{facet}.{part}"
        for facet in FACETS
        for part in ("title", "question", "0", "1", "2", "example.0", "example.1", "example.2")
    ]
    assert [key for key in keys if key.startswith("criterion.")] == criteria
    assert 6 <= sum(key.startswith("guideline.") for key in keys) <= 9
    practice = [f"training.{number}.{part}" for number in range(1, 5) for part in ("prompt", "answer", "why", "marks")]
    assert [key for key in keys if key.startswith("training.")] == practice
    assert [key for key in keys if key.startswith("ui.")]


def test_interface_words_are_those_that_the_pages_need() -> None:
    # The list names the key and its English text: "- `ui.key`: text — where it stands".
    listed = files("crosstune").joinpath("annotation", "ui_keys.md").read_text("utf-8")
    needed = dict(re.findall(r"^- `(ui\.[\w.]+)`: (.*) — [^—\n]*$", listed.replace("'", "’"), re.MULTILINE))
    assert len(needed) > 50
    assert {key: text for key, text in lines("en") if key.startswith("ui.")} == needed


@pytest.mark.parametrize("code", CODES)
def test_no_text_is_empty_or_has_loose_space_or_markup(code: str) -> None:
    for key, text in lines(code):
        assert text and text == text.strip(), key
        assert "  " not in text and "\n" not in text, key
        assert not re.search(r"[<>*`_]|\]\(", text), key
        assert key.endswith(".marks") or ('"' not in text and "\ufffd" not in text), key


@pytest.mark.parametrize("code", CODES)
def test_placeholders_are_those_of_english(code: str) -> None:
    english = texts("en")
    for key, text in lines(code):
        if key.endswith(".marks"):
            continue
        assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(english[key])), key
        assert not re.search(r"[{}]", _PLACEHOLDER.sub("", text)), key


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_only_names_and_marks_are_as_in_english(code: str) -> None:
    english = texts("en")
    # Single words may be the same (French has `Note` as well), and so may short texts made of names.
    forgotten = [
        key
        for key, text in lines(code)
        if text == english[key] and not key.endswith(".marks") and len(text) > 12 and " " in text
    ]
    assert forgotten == []


@pytest.mark.parametrize("code", CODES)
def test_marks_of_the_practice_show_one_fault_each(code: str) -> None:
    best = dict.fromkeys(FACETS, 2)
    assert marks(code, SOUND) == best
    assert marks(code, WRONG_LANGUAGE) == best | {"language": 0}
    # Where an answer is simply right or wrong, accuracy and helpfulness are both 0 or both 2.
    assert marks(code, WRONG_FACT) == best | {"accuracy": 0, "helpfulness": 0}
    assert marks(code, HARD_TO_UNDERSTAND) == best | {FLUENCY: 0} | dict.fromkeys(ZERO_WITHOUT_FLUENCY, 0)
    for number in range(1, 5):
        assert list(marks(code, number)) == list(FACETS)
        assert all(type(mark) is int and mark in MARKS for mark in marks(code, number).values())


@pytest.mark.parametrize("code", CODES)
def test_answers_of_the_practice_are_neither_short_nor_long(code: str) -> None:
    for number in range(1, 5):
        text = texts(code)[f"training.{number}.answer"]
        written = ("fr" if code == "en" else "en") if number == WRONG_LANGUAGE else code
        # Where no spaces part the words, a token is a character, and a word has about two.
        most = 120 if " " not in text else 65
        assert 20 <= len(tokens(text, written)) <= most, number


@pytest.mark.parametrize("code", CODES)
def test_guidelines_and_explanations_are_in_their_language(code: str) -> None:
    keys = [key for key in texts(code) if re.fullmatch(r"guideline\.\d+|training\.\d+\.why", key)]
    assert len(keys) >= 10
    said = {key: prose()[code, key] for key in keys}
    assert [key for key, verdict in said.items() if verdict.is_right is False] == []
    assert sum(verdict.is_right is True for verdict in said.values()) >= len(said) - 1


@pytest.mark.parametrize("code", CODES)
def test_only_the_answer_in_the_wrong_language_is_in_another(code: str) -> None:
    for number in range(1, 5):
        assert prose()[code, f"training.{number}.prompt"].is_right is True
    for number in (SOUND, WRONG_FACT):
        assert prose()[code, f"training.{number}.answer"].is_right is True
    other = "fr" if code == "en" else "en"
    assert prose()[code, f"training.{WRONG_LANGUAGE}.answer"] == (False, other)


@pytest.mark.parametrize("code", CODES)
def test_examples_of_language_are_what_they_are_for(code: str) -> None:
    # The last quotation is the answer; before it stands the instruction.
    answers = [_QUOTED.findall(texts(code)[f"criterion.language.example.{mark}"])[-1][1:-1] for mark in MARKS]
    wrong, mixed, right = verdicts(answers, [code] * 3)
    assert wrong.is_right is False
    assert right.is_right is not False
    # The mixed answer has words of the wrong language and is otherwise the right one.
    words = [{token.text for token in tokens(answer.casefold(), code)} for answer in answers]
    assert words[1] - words[2] and words[1] & words[2]
    assert mixed.language != ("fr" if code == "en" else "en")


@pytest.mark.parametrize("code", NOT_LATIN)
def test_texts_in_other_scripts_have_no_latin_sentences(code: str) -> None:
    of_script = letters_of(languages()[code].script)
    shown_on_purpose = {
        "criterion.language.example.0",
        "criterion.language.example.1",
        f"training.{WRONG_LANGUAGE}.answer",
    }
    for key, text in lines(code):
        if key.endswith(".marks") or key in shown_on_purpose:
            continue
        plain = _PLACEHOLDER.sub("", text)
        assert not _LATIN_SENTENCE.search(plain), key
        assert of_script.search(plain) or not re.search(r"[^\W\d_]", plain), key


def test_there_are_texts_that_run_from_right_to_left() -> None:
    assert [code for code in CODES if languages()[code].direction == "rtl"]
    for code in CODES:
        first_letter = re.search(r"[^\W\d_]", texts(code)["guideline.1"])
        assert first_letter and letters_of(languages()[code].script).match(first_letter[0])
