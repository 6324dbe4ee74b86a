import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest
from score_tables_by_hand import as_json, call, scores, write, write_study

from crosstune.errors import InvalidData
from crosstune.study.comparison import different_prompts

RIGHT = "correct_language"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def two_files() -> None:
    # In French, of 16 prompts, `one` is right 16 times and `two` 4 times; in English both always.
    write("a.parquet", scores("one", RIGHT, {"en": [1] * 16, "fr": [1] * 16}))
    write("b.csv", scores("two", RIGHT, {"en": [1] * 16, "fr": [1] * 4 + [0] * 12}))


def rows_of(found, facet=RIGHT):
    return {(row["group"], row["language"]): row for row in found["comparisons"] if row["facet"] == facet}


def test_two_files_of_scores_by_hand():
    two_files()
    found = as_json("compare", "a.parquet", "b.csv")
    assert found["pairs"] == [["one", "two"]] and found["not_compared"] == {}
    rows = rows_of(found)
    french, english, mean = rows[None, "fr"], rows[None, "en"], rows[None, None]
    # 12 of 16 differ, all in one direction: the sign test gives 2 / 2^12, and Holm's doubles it for two languages.
    assert french["p"] == pytest.approx(2 / 2**12)
    assert french["p_holm"] == pytest.approx(4 / 2**12)
    assert (french["first_level"], french["second_level"], french["difference"]) == (1.0, 0.25, 0.75)
    assert french["low"] > 0.4 and french["high"] <= 1
    assert (french["n"], french["verdict"]) == (16, "one")
    assert (english["difference"], english["p_holm"], english["verdict"]) == (0.0, 1.0, "not shown to differ")
    # A mean over languages is alone in its family.
    assert (mean["difference"], mean["p_holm"]) == (0.375, pytest.approx(2 / 2**12))


def test_only_prompts_with_a_value_under_both_count():
    write("a.parquet", scores("one", RIGHT, {"fr": [1] * 8 + ["empty"] * 2}))
    write("b.parquet", scores("two", RIGHT, {"fr": ["empty"] + [0] * 9}))
    row = rows_of(as_json("compare", "a.parquet", "b.parquet"))[None, "fr"]
    assert (row["n"], row["n_left_out"], row["first_level"], row["second_level"]) == (7, 3, 1.0, 0.0)


def test_lower_is_better_where_it_is():
    write("a.parquet", scores("one", "degeneration", {"fr": [1] * 10}) + scores("one", "length", {"fr": [9.0] * 10}))
    write("b.parquet", scores("two", "degeneration", {"fr": [0] * 10}) + scores("two", "length", {"fr": [5.0] * 10}))
    found = as_json("compare", "a.parquet", "b.parquet")
    assert rows_of(found, "degeneration")[None, "fr"]["verdict"] == "two"
    assert rows_of(found, "length")[None, "fr"]["verdict"] == "differs"


def test_too_few_prompts_are_said_to_be_too_few():
    write("a.parquet", scores("one", RIGHT, {"fr": [1] * 3}))
    write("b.parquet", scores("two", RIGHT, {"fr": [0] * 3}))
    row = rows_of(as_json("compare", "a.parquet", "b.parquet"))[None, "fr"]
    assert (row["verdict"], row["p"], row["low"]) == ("too few prompts", None, None)


def test_the_terminal_says_which_is_better_and_what_is_not_compared():
    write("a.parquet", scores("one", RIGHT, {"fr": [1] * 16}) + scores("one", "fluency", {"fr": [2] * 16}, "judge:x"))
    write("b.parquet", scores("two", RIGHT, {"fr": [0] * 16}) + scores("two", "fluency", {"fr": [2] * 16}, "judge:y"))
    output = call("compare", "a.parquet", "b.parquet").stdout
    assert "A  one" in output and "B  two" in output
    assert "A better" in output and "100.0" in output
    assert "fluency: no rater rated all sides (one: judge:x; two: judge:y)" in output


def test_two_models_of_one_file():
    write("ab.jsonl", scores("one", RIGHT, {"fr": [1] * 8}) + scores("two", RIGHT, {"fr": [0] * 8}))
    assert as_json("compare", "ab.jsonl")["pairs"] == [["one", "two"]]
    assert as_json("compare", "ab.jsonl", "--runs", "two,one")["pairs"] == [["two", "one"]]
    with pytest.raises(InvalidData, match="there is no 'three'; there are: one; two"):
        call("compare", "ab.jsonl", "--runs", "one;three")


def test_repeated_answers_are_averaged_within_a_prompt():
    # One prompt in two was answered twice, once right and once wrong: 0.5 each.
    twice = scores("one", RIGHT, {"fr": [1] * 10}) + scores("one", RIGHT, {"fr": [0] * 5})
    write("a.parquet", twice)
    write("b.parquet", scores("two", RIGHT, {"fr": [1] * 10}))
    row = rows_of(as_json("compare", "a.parquet", "b.parquet"))[None, "fr"]
    assert (row["n"], row["first_level"], row["difference"]) == (10, 0.75, -0.25)


def test_by_task_of_a_column_of_the_file():
    two_files()
    task = pl.when(pl.col("prompt_id").is_in([f"set/{i}" for i in range(4)])).then(pl.lit("a")).otherwise(pl.lit("b"))
    pl.read_parquet("a.parquet").with_columns(task.alias("task")).write_parquet("a.parquet")
    rows = rows_of(as_json("compare", "a.parquet", "b.csv", "--by", "task"))
    assert (rows["a", "fr"]["n"], rows["a", "fr"]["difference"]) == (4, 0.0)
    assert (rows["b", "fr"]["n"], rows["b", "fr"]["difference"]) == (12, 1.0)
    # Two languages of the whole, and of each task: group `a` has too few prompts for a p-value, so four are corrected.
    assert rows["b", "fr"]["p_holm"] == pytest.approx(4 * 2 / 2**12)


def test_groups_of_which_nothing_can_be_said_are_named_and_not_shown():
    two_files()
    task = pl.when(pl.col("prompt_id") == "set/0").then(pl.lit("rare")).otherwise(pl.lit("often"))
    pl.read_parquet("a.parquet").with_columns(task.alias("task")).write_parquet("a.parquet")
    output = call("compare", "a.parquet", "b.csv", "--by", "task").stdout
    assert "Too few prompts for anything to be said: rare" in output
    assert not any(line.startswith("rare") for line in output.splitlines())
    assert any(line.startswith("often") for line in output.splitlines())


def test_english_prompts_that_ask_for_other_languages_are_compared_by_what_they_ask_for():
    for name, value in (("one", 1.0), ("two", 0.0)):
        rows = scores(name, RIGHT, {"fr": [value] * 6, "pt": [1] * 6})
        write(f"{name}.parquet", [dataclasses.replace(row, language="en") for row in rows])
    rows = rows_of(as_json("compare", "one.parquet", "two.parquet"))
    assert (rows[None, "fr"]["difference"], rows[None, "pt"]["difference"]) == (1.0, 0.0)


def test_files_of_answers_are_measured():
    def write_answers(name: str, length: int) -> None:
        rows = [
            {"id": f"p{number}", "prompt": "Pourquoi ?", "response": "mot " * length, "language": "fr", "model": name}
            for number in range(6)
        ]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    write_answers("one", 9)
    write_answers("two", 5)
    row = rows_of(as_json("compare", "one.jsonl", "two.jsonl", "--facets", "length"), "length")[None, "fr"]
    assert (row["n"], row["first_level"], row["second_level"], row["difference"]) == (6, 9.0, 5.0, 4.0)


def test_runs_of_a_study_by_label_and_by_name(monkeypatch):
    rows = scores("base", RIGHT, {"fr": [1] * 8}) + scores("low", RIGHT, {"fr": [1] * 6 + [0] * 2})
    study = write_study(monkeypatch, rows + scores("high", RIGHT, {"fr": [0] * 8}))
    with pytest.raises(InvalidData, match=r"there are 3 in it; .*untuned base; lr 5e-4; lr 5e-3"):
        call("compare", "quick.yaml")
    found = as_json("compare", "quick.yaml", "--runs", "lr 5e-4,lr 5e-3")
    assert found["pairs"] == [["lr 5e-4", "lr 5e-3"]]
    assert rows_of(found)[None, "fr"]["difference"] == 0.75
    by_run = as_json("compare", "quick.yaml", "--runs", f"{study.cells[0].name};selected")
    assert by_run["pairs"] == [[study.cells[0].name, "lr 5e-4"]]


def test_two_studies_are_compared_configuration_by_configuration(monkeypatch):
    write_study(monkeypatch, scores("base", RIGHT, {"fr": [1] * 8}) + scores("low", RIGHT, {"fr": [1] * 8}))
    # One rate alone: the label of its configuration is another, its settings are the same.
    other = scores("base", RIGHT, {"fr": [1] * 8}) + scores("low", RIGHT, {"fr": [0] * 8})
    write_study(monkeypatch, other, name="other", rates=(5e-4,))
    found = as_json("compare", "quick.yaml", "other.yaml")
    assert [row["difference"] for row in found["comparisons"] if row["language"] == "fr"] == [0.0, 1.0]
    assert found["pairs"][0] == ["untuned base (quick.yaml)", "untuned base (other.yaml)"]


def test_prompts_that_differ_under_one_name_are_found():
    def prompts(text: str) -> pl.DataFrame:
        rows = [
            {"id": "set/1", "language": "fr", "messages": [{"role": "user", "content": "Pourquoi ?"}]},
            {"id": "set/2", "language": "fr", "messages": [{"role": "user", "content": text}]},
        ]
        return pl.DataFrame(rows)

    assert different_prompts(prompts("Quand ?"), prompts("Où ?")).rows() == [("set/2", "fr")]
    assert different_prompts(prompts("Quand ?"), prompts("Quand ?")).is_empty()
    assert different_prompts(prompts("Quand ?"), pl.DataFrame()).is_empty()


def test_what_cannot_be_compared():
    two_files()
    write("c.parquet", scores("three", RIGHT, {"de": [1] * 4}))
    write("one.parquet", scores("one", RIGHT, {"fr": [1]}))
    Path("bad.csv").write_text("prompt_id,language,rater,facet,value\np,fr,r,f,much\n")
    Path("old.csv").write_text("prompt,facet,value\np,f,1\n")
    Path("new.csv").write_text("prompt_id,language,facet,value,schema_version\np,fr,f,1,99\n")
    Path("notes.txt").write_text("x")
    for arguments, problem in (
        (["a.parquet", "c.parquet"], r"no prompt in common.*set/0 \(en\).*set/0 \(de\)"),
        (["one.parquet"], "only one thing to compare"),
        (["a.parquet", "nope.parquet"], "nope.parquet: no such file; did you mean"),
        (["a.parquet", "."], "this is a folder"),
        (["a.parquet", "bad.csv"], "'much' is no number"),
        (["a.parquet", "old.csv"], "no column prompt_id, language; there are prompt, facet, value"),
        (["a.parquet", "new.csv"], "schema version 99"),
        (["a.parquet", "notes.txt"], "ends in none of"),
        (["a.parquet", "b.csv", "--by", "task"], "no column 'task' to compare by"),
        (["a.parquet", "b.csv", "--runs", "one;two;one"], "--runs names 3"),
    ):
        with pytest.raises(InvalidData, match=f"(?s){problem}"):
            call("compare", *arguments)


def test_a_facet_that_two_studies_make_of_different_conditions_is_not_compared(monkeypatch):
    for name, most in (("first", 5), ("second", 5), ("third", 9)):
        conditions = [{"facet": RIGHT, "at_least": 1}, {"facet": "length", "at_most": most}]
        rows = scores("low", RIGHT, {"fr": [1] * 8}) + scores("low", "length", {"fr": [3] * 8})
        write_study(monkeypatch, rows, name=name, composites=[{"name": "servable", "all": conditions}])
    same = as_json("compare", "first.yaml", "second.yaml")
    assert {row["facet"] for row in same["comparisons"]} == {RIGHT, "length", "servable"} and not same["not_compared"]
    other = as_json("compare", "first.yaml", "third.yaml")
    assert {row["facet"] for row in other["comparisons"]} == {RIGHT, "length"}
    assert other["not_compared"]["servable"] == (
        "it is the share of answers with correct_language >= 1 and length <= 5 in the one "
        "and the share of answers with correct_language >= 1 and length <= 9 in the other"
    )
