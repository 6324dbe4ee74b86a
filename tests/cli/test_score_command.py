import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.errors import CrosstuneError, InvalidData, InvalidStudy

FRENCH = "La mer est salée parce que les fleuves y portent depuis toujours le sel des roches."
ENGLISH = "The sea is salty because rivers have always carried the salt of the rocks into it."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "90")
    return tmp_path


def write(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def answers(french: int, english: int, **more: str) -> list[dict[str, Any]]:
    texts = [FRENCH] * french + [ENGLISH] * english
    return [
        {"prompt": f"Pourquoi la mer {number} ?", "response": text, "language": "fr", **more}
        for number, text in enumerate(texts)
    ]


def run(*arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == status, (result.output, result.exception)
    return result


def test_a_csv_of_foreign_answers_as_json() -> None:
    Path("answers.csv").write_text(
        f'Question,completion,lang,model\n"Pourquoi ?\nDites.","{FRENCH}",fra_Latn,one\nWhy?,{ENGLISH},en-GB,one\n'
        f'Pourquoi ?,"{ENGLISH}",French,two\nPourquoi ?,,French,two\n?,x,Quechua,two\n',
        "utf-8",
    )
    result = run("score", "answers.csv", "--json", "--facets", "correct_language,length")
    assert "the column 'completion' is read as 'response'" in " ".join(result.stderr.split())
    found = json.loads(result.stdout)
    assert found["columns"] == {"prompt": "Question", "response": "completion", "language": "lang", "model": "model"}
    assert (found["answers"], found["unreadable"], found["by"]) == (5, {"count": 0, "first": []}, ["model", "language"])
    assert found["facets"] == ["correct_language", "length"]
    levels = {(row["model"], row["language"], row["facet"]): row for row in found["levels"]}
    right = levels["two", "fr", "correct_language"]
    assert (right["level"], right["low"], right["n"], right["n_scored"], right["reasons"]) == (
        0,
        None,
        2,
        1,
        {"empty": 1},
    )
    assert levels["one", "en", "correct_language"]["level"] == 1
    assert levels["two", "Quechua", "correct_language"]["reasons"] == {"unsupported_language": 1}
    assert found["fallback_languages"] == [
        {"model": "two", "language": "fr", "requested_language": "fr", "found": "en", "count": 1}
    ]
    assert found["unknown_languages"] == [{"language": "Quechua", "answers": 1, "nearest": None}]


def test_the_summary_on_the_terminal() -> None:
    write("one.jsonl", answers(20, 4))
    write("two.jsonl", [*answers(12, 0), {"response": None, "language": "frensh"}])
    output = run("score", "one.jsonl", "two.jsonl", "--facets", "correct_language,length").stdout
    assert "37 answers" in output
    assert "correct language, % ↑" in output and "length" in output
    # 20 of 24 right: variance 5/36/23, so 23 effective trials, by the normal over Student's quantile for 23 degrees
    # squared, (1.960 / 2.069)², 20.65. Wilson's at 5/6: 0.7810 ± 0.1566.
    # 12 of 12 right: 12 / (12 + 1.96²).
    assert "one    fr" in output and "83.3 62.4–93.8" in output and "100.0 75.8–100.0" in output
    assert "fr: en 4" in output
    assert "correct_language: 36 of 37 have a value; no answer 1" in output
    assert "'frensh', of 1 answer; did you mean 'fr'?" in output
    assert all(len(line) <= 90 for line in output.splitlines() if "%" in line and "95 %" not in line)


def test_broken_rows_are_named_and_the_others_scored() -> None:
    lines = [json.dumps(row) for row in answers(6, 0)]
    Path("a.jsonl").write_text("\n".join([*lines, "{", *["[1]"] * 11, lines[0]]))
    result = run("score", "a.jsonl", "--facets", "length", "--json", status=1)
    found = json.loads(result.stdout)
    assert found["answers"] == 7 and found["unreadable"]["count"] == 12
    assert found["unreadable"]["first"][0]["where"] == "a.jsonl, line 7"
    assert len(found["unreadable"]["first"]) == 10
    assert "a.jsonl, line 7" in result.stderr
    assert "12 rows could not be read, of which the first 10 are named; those that could are scored" in result.stderr


def test_a_broken_quotation_mark() -> None:
    Path("a.csv").write_text(f'response,language\n"{FRENCH}",fr\n{FRENCH},fr\n"open,fr\n{FRENCH},fr\n')
    result = run("score", "a.csv", "--facets", "length", status=1)
    assert "2 answers" in result.stdout
    assert "a.csv, line 4: a quotation mark is opened and not closed" in result.stderr


def test_all_scores_in_a_file() -> None:
    write("a.jsonl", [{**row, "kind": f"k{number % 2}"} for number, row in enumerate(answers(2, 1))])
    for suffix in ("parquet", "csv", "jsonl"):
        run(
            "score", "a.jsonl", "--facets", "correct_language", "--by", "kind,language", "--out", f"sub/scores.{suffix}"
        )
    found = pl.read_parquet("sub/scores.parquet")
    assert found.select("run", "language", "value", "detail", "row", "kind").rows() == [
        ("a", "fr", 1.0, "fr", 1, "k0"),
        ("a", "fr", 1.0, "fr", 2, "k1"),
        ("a", "fr", 0.0, "en", 3, "k0"),
    ]
    assert pl.read_csv("sub/scores.csv")["spans"].to_list() == ["[]"] * 3
    assert pl.read_ndjson("sub/scores.jsonl")["row"].to_list() == [1, 2, 3]
    assert sorted(path.name for path in Path("sub").iterdir()) == ["scores.csv", "scores.jsonl", "scores.parquet"]


def test_spans_in_csv_are_json() -> None:
    write("a.jsonl", [{"response": f"{FRENCH}\n{ENGLISH}", "language": "fr"}])
    run("score", "a.jsonl", "--facets", "line_pass", "--out", "s.csv")
    (spans,) = pl.read_csv("s.csv")["spans"].to_list()
    (span,) = json.loads(spans)
    assert f"{FRENCH}\n{ENGLISH}"[span["start"] : span["end"]] == ENGLISH


def test_options_that_cannot_be() -> None:
    write("a.jsonl", answers(1, 0))
    write("b.jsonl", [{"prompt": "a", "text": "b", "output": "c"}])
    Path("empty.csv").write_text("")
    for arguments, kind, problem in (
        (["nope.csv"], InvalidData, "no such file"),
        (["."], InvalidData, "this is a folder"),
        (["empty.csv"], InvalidData, "the file is empty"),
        (["a.jsonl", "--facets", "lenght"], InvalidStudy, "did you mean 'length'"),
        (["a.jsonl", "--facets", ","], InvalidData, "no facet is named"),
        (["a.jsonl", "--by", "lang"], InvalidData, "no column 'lang'; did you mean 'language'"),
        (["a.jsonl", "--column", "response"], InvalidData, "does not say which column"),
        (["a.jsonl", "--out", "scores.xlsx"], InvalidData, "ends in none of .parquet, .csv, .jsonl"),
        (["b.jsonl"], InvalidData, "'response' could be the column 'text' or 'output'"),
        (["b.jsonl", "--column", "response=text"], InvalidData, "--language fr"),
    ):
        with pytest.raises(kind, match=problem):
            run("score", *arguments)
    assert "1 answer" in run("score", "b.jsonl", "--column", "response=text", "-l", "fr", "--facets", "length").stdout
    assert "1 answer" in run("score", "a.jsonl", "a.jsonl", "--limit", "1", "--facets", "length").stdout


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_from_outside_it_leaves_no_process_behind(folder: Path, ending: signal.Signals) -> None:
    write("many.jsonl", answers(40_000, 0))
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    Path("tmp").mkdir()
    command = [sys.executable, "-m", "crosstune", "score", "many.jsonl", "--workers", "2", "--out", "out/s.parquet"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children: list[psutil.Process] = []
    parts: list[Path] = []
    started = time.monotonic()
    while time.monotonic() - started < 60 and process.poll() is None and not parts:
        time.sleep(0.05)
        parts = list(Path("out").glob(".crosstune-scores-*/*.parquet")) if Path("out").exists() else []
        children = psutil.Process(process.pid).children(recursive=True)
    assert parts and len(children) >= 2
    process.send_signal(ending)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[ending]
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    if ending != signal.SIGKILL:
        assert not list(Path("out").iterdir()) and not list(Path("tmp").iterdir())
        assert "Traceback" not in errors
    if ending == signal.SIGINT:
        assert "Interrupted" in errors


def test_facets_and_their_languages() -> None:
    rows = json.loads(run("facets", "--json").stdout)
    by_name = {row["facet"]: row for row in rows}
    assert by_name["correct_language"]["better"] == "higher" and by_name["length"]["better"] is None
    assert {"en", "fr", "zh"} <= set(by_name["correct_language"]["languages"])
    markdown = run("facets", "--markdown").stdout
    assert "| `correct_language` | the share of" in markdown
    (line,) = [line for line in markdown.splitlines() if line.startswith("| en,") or line.startswith("| en |")]
    assert line.count("|") == len(rows) + 2
    assert "cheap: far under" in run("facets").stdout
