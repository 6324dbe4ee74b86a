from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from score_tables_by_hand import as_json, call, scores, write, write_study

from crosstune.annotation.database import Database
from crosstune.annotation.importing import import_scores
from crosstune.annotation.items import add_items
from crosstune.annotation.records import NewItem
from crosstune.cli.confusion import confusions
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import to_frame

JUDGE = [2, 2, 1, 1, 0, 0, 2, 0]
PERSON = [2, 1, 1, 1, 0, 0, 2, 1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judged(values=JUDGE, rater="judge:x", facet="helpfulness", run="one"):
    return scores(run, facet, {"fr": values}, rater)


def row_of(found, language="fr", pair=("judge:x", "person:ada"), facet="helpfulness"):
    (row,) = (
        row
        for row in found["agreement"]
        if (row["facet"], row["requested_language"], row["first"], row["second"]) == (facet, language, *pair)
    )
    return row


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_judge_and_a_person_by_hand(suffix):
    write(f"judge.{suffix}", judged())
    write(f"people.{suffix}", judged(PERSON, "person:ada"))
    found = as_json("agreement", f"judge.{suffix}", f"people.{suffix}", "--level", "nominal", "--confusion")
    row = row_of(found)
    assert (row["n"], row["instructions"], row["raters"]) == (8, 8, 2)
    # Six of eight are equal.
    assert row["exact"] == 0.75
    # Squares of the two that differ: 2/8. By chance, of 64 pairs, from (3, 2, 3) and (2, 4, 2) zeros, ones and twos:
    # 1 apart 12 + 4 + 4 + 12, 2 apart 4 · (6 + 6), so 80/64. 1 - .25/1.25 is .8.
    assert row["kappa"] == pytest.approx(0.8)
    # Of 16 values (5, 6, 5), 256 - 86 = 170 of 240 pairs differ: 1 - (1/4) / (17/24) = 11/17.
    assert row["alpha"] == pytest.approx(11 / 17)
    assert row["exact_low"] < 0.75 < row["exact_high"]
    (table,) = found["confusion"]
    assert (table["first"], table["second"], table["values"]) == ("judge:x", "person:ada", [0, 1, 2])
    assert table["counts"] == [[2, 1, 0], [0, 2, 0], [0, 1, 2]]


def test_the_terminal_shows_pairs_and_counts():
    write("judge.csv", judged())
    write("people.csv", judged(PERSON, "person:ada"))
    output = call("agreement", "judge.csv", "people.csv", "--confusion").stdout
    assert "judge:x × person:ada" in output and "0.80" in output and "0.75" in output
    assert "helpfulness: judge:x (down) × person:ada (across)" in output
    lines = [line.split() for line in output.splitlines()]
    assert ["0", "2", "1", "0"] in lines and ["2", "0", "1", "2"] in lines


def test_a_score_without_a_value_is_left_out_and_counted():
    write("judge.csv", judged([2, 1, 0, "judge_unparsable"]))
    write("people.csv", judged([2, 1, 1, 0], "person:ada"))
    row = row_of(as_json("agreement", "judge.csv", "people.csv"))
    assert (row["n"], row["n_left_out"], row["exact"]) == (3, 1, pytest.approx(2 / 3))
    assert "3 (1 without)" in call("agreement", "judge.csv", "people.csv").stdout


def test_files_without_names_of_raters_and_runs():
    for name, values in (("ada", JUDGE), ("bo", PERSON)):
        rows = [(f"p{number}", "fr", "fluency", value) for number, value in enumerate(values)]
        pl.DataFrame(rows, schema=["prompt_id", "language", "facet", "value"], orient="row").write_csv(f"{name}.csv")
    row = row_of(as_json("agreement", "ada.csv", "bo.csv"), pair=("ada", "bo"), facet="fluency")
    assert row["exact"] == 0.75


def test_raters_facets_and_languages_can_be_chosen():
    write("a.csv", judged() + judged(PERSON, "person:ada") + judged(PERSON, "person:bo") + judged(facet="fluency"))
    write("b.csv", judged(PERSON, "person:ada", "fluency") + scores("one", "helpfulness", {"pt": [1]}, "judge:x"))
    people = as_json("agreement", "a.csv", "b.csv", "--raters", "person:*", "--facets", "helpfulness")
    assert people["raters"] == ["person:ada", "person:bo"]
    assert row_of(people, pair=("person:ada", "person:bo"))["exact"] == 1.0
    fluency = as_json("agreement", "a.csv", "b.csv", "--facets", "fluency", "--languages", "fr,pt")
    assert {row["facet"] for row in fluency["agreement"]} == {"fluency"}


def test_people_are_counted_together_against_a_judge():
    frame = to_frame(Score, judged([2, 0]) + judged([2, 1], "person:ada") + judged([1, 0], "person:bo"))
    (table,) = confusions(frame, None)
    assert (table.first, table.second) == ("judge:x", "people")
    # The judge's 2 met 2 and 1; the judge's 0 met 1 and 0.
    assert table.counts == ((1, 1, 0), (0, 0, 0), (0, 1, 1))
    (pair,) = confusions(frame, ["person:ada", "person:bo"])
    assert (pair.values, pair.counts) == ((0, 1, 2), ((0, 0, 0), (1, 0, 0), (0, 1, 0)))


def test_shares_of_many_values_are_not_counted():
    many = [number / 20 for number in range(20)]
    assert confusions(to_frame(Score, judged(many) + judged(many, "judge:y")), None) == []


def test_a_study_with_what_people_said_of_it(monkeypatch):
    study = write_study(monkeypatch, judged(run="low"))
    run = study.cells[1].name
    items = [NewItem(run, f"set/{number}", "fr", "fr", "Pourquoi ?", "Parce que.") for number in range(8)]
    with closing(Database(study.root / "annotation" / "quick.sqlite")) as database:
        add_items(database, items)
        assert import_scores(database, to_frame(Score, judged(PERSON, "person:ada", run=run))).added == 8
    row = row_of(as_json("agreement", "quick.yaml", "--root", "runs"))
    assert (row["n"], row["exact"], row["kappa"]) == (8, 0.75, pytest.approx(0.8))


def test_the_same_file_twice_counts_once():
    write("judge.csv", judged())
    write("people.csv", judged(PERSON, "person:ada"))
    assert row_of(as_json("agreement", "judge.csv", "judge.csv", "people.csv"))["n"] == 8


def test_what_cannot_agree():
    write("judge.csv", judged())
    write("twice.csv", judged() + judged())
    write("other.csv", judged(PERSON, "person:ada", run="two"))
    write("changed.csv", judged(PERSON))
    Path("answers.jsonl").write_text('{"response": "a", "language": "fr"}\n')
    for arguments, problem in (
        (["judge.csv"], "no two raters rated the same facet of the same answers; raters are judge:x"),
        (["judge.csv", "other.csv"], "no two raters .* judge:x, person:ada"),
        (["judge.csv", "twice.csv"], "twice.csv: run one, prompt set/0: judge:x scored helpfulness of the same"),
        (["judge.csv", "changed.csv"], "scored helpfulness of the same answer twice"),
        (["judge.csv", "answers.jsonl"], "these are no scores"),
        (["judge.csv", "other.csv", "--raters", "judge:x"], "cannot agree with anybody else"),
        (["judge.csv", "other.csv", "--raters", "judge:z,person:*"], "no scores by 'judge:z'; did you mean 'judge:x'"),
        (["judge.csv", "other.csv", "--facets", "accuracy"], "no scores of accuracy; there are helpfulness"),
        (["nope.csv"], "no such file"),
    ):
        with pytest.raises(InvalidData, match=problem):
            call("agreement", *arguments)
