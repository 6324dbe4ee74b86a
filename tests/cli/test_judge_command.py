"""`crosstune judge` and `crosstune check-judge` against an endpoint on loopback."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from benchmarks.chat_endpoint import FACETS, ChatEndpoint
from judged_answers import MODEL, answers, write
from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.errors import CrosstuneError, InvalidData, InvalidStudy

pytestmark = pytest.mark.enable_socket  # loopback alone


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("CROSSTUNE_ROOT", str(tmp_path / "runs"))
    monkeypatch.delenv("LOCAL_API_KEY", raising=False)
    return tmp_path


def reply(**marks: int) -> str:
    known = dict.fromkeys(FACETS, 2) | marks
    return json.dumps({facet: {"reason": "so", "mark": mark} for facet, mark in known.items()})


def run(command: str, *arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, [command, *arguments])
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == status, (result.output, result.exception)
    return result


def judged(url: str, *arguments: str, file: str = "a.jsonl", status: int = 0) -> Any:
    return run("judge", file, "-m", MODEL, "--base-url", url, *arguments, status=status)


def test_levels_as_json(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.replies |= {"(0)": reply(accuracy=0), "(1)": reply(accuracy=1), "(2)": reply()}
    write("a.jsonl", [*answers(3, model="m"), {"id": "p3", "response": "", "language": "fr", "model": "m"}])
    result = judged(url, "--json", "--price", "1,10")
    found = json.loads(result.stdout)
    assert found["answers"] == 4 and found["by"] == ["language"]
    (accuracy,) = [row for row in found["levels"] if row["facet"] == "accuracy"]
    assert (accuracy["level"], accuracy["n"], accuracy["n_scored"]) == (1.0, 4, 3)
    assert accuracy["reasons"] == {"empty": 1} and accuracy["rater"] == "judge:local/one"
    (judge,) = found["judges"]
    assert judge["calls"] == judge["new_calls"] == len(endpoint.requests) == 3
    assert judge["dollars"] == pytest.approx((judge["input_tokens"] + 10 * judge["output_tokens"]) / 1e6)
    assert found["unmarked"] == {} and found["unmarked_share"] == 0
    assert "4 answers, 3 calls at most" in result.stderr and "about $" in result.stderr


def test_the_summary_on_the_terminal(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.replies["Pourquoi"] = reply(fluency=1)
    write("a.jsonl", [*answers(4, model="one"), *answers(4, model="two")])
    shown = judged(url, "--by", "model").stdout
    assert "8 answers judged" in shown and "one    2.00" in shown
    assert "4 calls (4 now)" in shown  # the same answers are asked about once
    assert "4 calls (0 now)" in judged(url, "--by", "model").stdout


def test_all_marks_in_a_file(url: str) -> None:
    write("a.jsonl", [*answers(2, model="m"), *answers(2, model="n")])
    for suffix in ("parquet", "csv", "jsonl"):
        judged(url, "--out", f"sub/marks.{suffix}", "--compare", "m,n", "--repeat", "1", "--translated")
    tables = [pl.read_parquet("sub/marks.parquet"), pl.read_csv("sub/marks.csv"), pl.read_ndjson("sub/marks.jsonl")]
    raters = ["judge:local/one", "judge:local/one (again)", "judge:local/one (translated)"]
    for table in tables:
        assert sorted(table["rater"].unique()) == raters
        assert len(table) == 4 * 6 + 4 * 6 + 4 * 4  # a translation has neither language nor fluency
        assert table["value"].to_list() == tables[0]["value"].to_list()
    assert len(pl.read_csv("sub/marks.comparisons.csv")) == 2 * 6
    assert len(pl.read_parquet("sub/marks.comparisons.parquet")) == 2 * 6


def test_a_plan_asks_nobody(endpoint: ChatEndpoint, url: str, folder: Path) -> None:
    write("a.jsonl", [*answers(10, model="m"), *answers(10, model="n"), *answers(5, "en", model="m")])
    assert "25 answers, 25 calls at most" in judged(url, "--plan").stdout
    assert "price not known" in judged(url, "--plan", "--out", "sub/x.csv", "--logs", "logs").stdout
    assert "25 answers, 50 calls at most" in judged(url, "--plan", "--repeat", "1").stdout
    assert "65 calls" in judged(url, "--plan", "--translated").stdout  # 20 translated, and marked
    assert "45 calls" in judged(url, "--plan", "--compare", "m,n").stdout  # 10 prompts in two orders
    # Three instructions: of m and n in French, of m in English where it is one of five; identifiers are the same.
    found = judged(url, "--plan", "--prompts", "3").stdout
    assert " of 25 answers" in found and "25 answers, 25" not in found
    assert not endpoint.requests and [path.name for path in folder.iterdir()] == ["a.jsonl"]


def test_a_budget_stops_and_goes_on(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", answers(40))
    stopped = judged(url, "--max-calls", "15", status=1)
    assert len(endpoint.requests) == 15
    assert "budget spent 150" in stopped.stderr and "62% of what was asked" in stopped.stderr  # 25 × 6 of 40 × 6
    assert len(endpoint.requests) == 15
    judged(url, "--max-calls", "15", status=1)
    assert len(endpoint.requests) == 15
    judged(url)
    assert len(endpoint.requests) == 40


def test_a_panel_with_its_agreement(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.say = lambda body: reply(accuracy=2 if body["model"] == "one" else 1)
    write("a.jsonl", answers(6))
    found = json.loads(judged(url, "-m", "openai-api/local/two", "--json").stdout)
    level = {row["rater"]: row["level"] for row in found["levels"] if row["facet"] == "accuracy"}
    assert level == {"judge:local/one": 2, "judge:local/two": 1, "judge:panel": 1.5}
    (accuracy,) = [
        row for row in found["agreement"] if row["facet"] == "accuracy" and row["requested_language"] == "all"
    ]
    assert (accuracy["first"], accuracy["second"], accuracy["n"], accuracy["exact"]) == (
        "judge:local/one",
        "judge:local/two",
        6,
        0,
    )
    found = json.loads(judged(url, "-m", "openai-api/local/two", "--json", "--panel", "majority").stdout)
    (accuracy,) = [row for row in found["levels"] if (row["facet"], row["rater"]) == ("accuracy", "judge:panel")]
    assert accuracy["reasons"] == {"undetermined": 6}
    assert "local/one × judge:local/two" in judged(url, "-m", "openai-api/local/two").stdout


def test_several_answers_to_one_prompt(endpoint: ChatEndpoint, url: str) -> None:
    """Samples of one model: each is marked, and compared with itself alone."""
    write(
        "a.jsonl",
        [
            {"id": "p", "prompt": "?", "response": text, "language": "fr", "model": model}
            for model in ("m", "n")
            for text in ("", f"Un {model}.", f"Deux {model}.", f"Un {model}.")
        ],
    )

    def say(body: dict[str, Any]) -> str | None:
        asked = body["messages"][-1]["content"]
        if "Translate" in asked:
            return "One." if "| Un" in asked else "Two."
        return None if "better" in body["messages"][0]["content"] else reply(accuracy=1 + ("| Un" in asked))

    endpoint.say = say
    two = ("-m", "openai-api/local/two", "--repeat", "1", "--translated", "--compare", "m,n")
    found = json.loads(judged(url, *two, "--json", "--by", "model").stdout)
    assert found["answers"] == 8
    (of_m,) = [
        row
        for row in found["levels"]
        if (row["facet"], row["model"], row["rater"]) == ("accuracy", "m", "judge:local/one")
    ]
    assert (of_m["n"], of_m["n_scored"], of_m["level"]) == (4, 3, pytest.approx(5 / 3))
    agreed = [row for row in found["agreement"] if row["facet"] == "accuracy" and row["requested_language"] == "all"]
    assert {(row["second"], row["n"], row["exact"]) for row in agreed} == {
        ("judge:local/two", 6, 1),
        ("judge:local/one (again)", 6, 1),
        ("judge:local/two (again)", 6, 1),
    }
    translated = {row["rater"]: row for row in found["translated"] if row["facet"] == "accuracy"}
    assert translated["judge:local/one"]["n"] == 6
    # Directly 2, 1, 2 of each; of English, which does not begin with "Un", always 1.
    assert translated["judge:local/one"]["direct"] == pytest.approx(5 / 3)
    assert translated["judge:local/one"]["translated"] == 1
    assert {row["n"] for row in found["comparisons"]} == {3}


def test_a_comparison_and_a_second_time_are_shown(endpoint: ChatEndpoint, url: str) -> None:
    write("a.jsonl", [*answers(5, model="m"), *answers(5, model="n")])
    shown = judged(url, "--compare", " m , n ", "--repeat", "1").stdout
    assert "A: m, B: n" in shown and "5/5" in shown
    assert "local/one × judge:local/one (again)" in shown
    with pytest.raises(InvalidData, match="no answer of 'x' to compare"):
        judged(url, "--compare", "m,x")
    for given, problem in (
        ("m", "are not two names"),
        ("m,", "are not two"),
        ("m,m", "cannot be compared with itself"),
    ):
        with pytest.raises(InvalidStudy, match=problem):
            judged(url, "--compare", given)


def test_translations_are_shown(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.replies |= {"Translate the text": "<think>hm</think>Because.", "| Because.": reply(accuracy=0)}
    endpoint.replies["Pourquoi"] = reply(accuracy=2)
    write("a.jsonl", answers(2))
    result = judged(url, "--translated")
    assert "Answers and their translations" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "accuracy" in line and "2.00" in line and "0.00" in line]
    assert "0%" in line
    assert not any("hm" in body["messages"][-1]["content"] for body in endpoint.requests)


def test_logs(url: str) -> None:
    from inspect_ai.log import read_eval_log

    write("a.jsonl", answers(3))
    assert "inspect view --log-dir logs" in judged(url, "--logs", "logs").stderr
    (path,) = Path("logs").glob("*.eval")
    assert len(read_eval_log(str(path)).samples or ()) == 3


def test_a_study_is_judged(endpoint: ChatEndpoint, url: str) -> None:
    Path("s.yaml").write_text(
        f"name: s\napi_models: [{{model: openai-api/local/subject, base_url: '{url}', name: subject}}]\n"
        "prompts: {sets: [everyday], languages: [en, fr]}\ngeneration: {max_new_tokens: 40}\n"
    )
    endpoint.say = lambda body: "La mer est salée." if body["model"] == "subject" else None
    run("run", "s.yaml")
    before = len(endpoint.requests)
    result = judged(url, "--prompts", "4", "--json", file="s.yaml")
    assert json.loads(result.stdout)["answers"] == 8 == len(endpoint.requests) - before
    assert f"8 of {before} answers, 8 calls at most" in result.stderr


def test_known_faults(endpoint: ChatEndpoint, url: str) -> None:
    endpoint.say = lambda body: reply()
    found = json.loads(run("check-judge", "-m", MODEL, "--base-url", url, "--languages", "fr,en", "--json").stdout)
    (check,) = found
    assert check["rater"] == "judge:local/one"
    assert {row["separation"] for row in check["quality"]} <= {0.5, None}  # it praises everything
    shown = run("check-judge", "-m", MODEL, "--base-url", url, "--languages", "fr,en", "--marks").stdout
    assert "Not to be trusted with: language, fluency" in shown and "(not 0" in shown
    with pytest.raises(InvalidStudy, match="no judge is named"):
        run("check-judge")
    with pytest.raises(InvalidData, match="xx"):
        run("check-judge", "-m", MODEL, "--base-url", url, "--languages", "xx")
