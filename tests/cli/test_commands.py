import json
import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from crosstune.cli import console as shared
from crosstune.cli.console import amount, duration, size
from crosstune.cli.main import app, main
from crosstune.study.document import dump_yaml

DATA = {
    "name": "quick",
    "base_models": ["gemma-3-270m"],
    "instructions": [{"source": "starter-en", "examples": 20}],
    "learning_rate": [5e-4, 5e-3],
    "training": {"max_steps": 4, "tokens_per_step": 256, "max_length": 128},
    "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
    "generation": {"max_new_tokens": 8},
}


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "quick.yaml"
    path.write_text(dump_yaml(DATA))
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", [["--help"], ["plan"], ["status"], ["explain"]], ids=" ".join)
def test_what_should_answer_at_once_loads_nothing_heavy(study, tmp_path, command):
    arguments = command if command == ["--help"] else [*command, str(study), "--root", str(tmp_path / "runs")]
    code = f"""
import atexit, sys
from crosstune.cli.main import main
sys.argv[1:] = {arguments!r}
heavy = ("torch", "transformers", "polars", "datasets", "altair")
atexit.register(lambda: print("LOADED", [name for name in heavy if name in sys.modules]))
main()
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.rstrip().endswith("LOADED []")


def test_plan_as_json_counts_cells_steps_and_tokens(study, tmp_path):
    data = json.loads(invoke("plan", study, "--root", tmp_path / "runs", "--json").output)
    assert data["configurations"] == 3 and data["prompts"] == 6
    # prompts, instructions, 3 generations, 3 scorings, 2 trainings, results, report
    assert len(data["steps"]) == 12
    # 2 trainings × 4 updates × 256 tokens + 3 cells × 6 prompts × 8 tokens
    assert data["tokens_left"] == 2 * 4 * 256 + 3 * 6 * 8
    assert data["seconds_left"] > 0 and data["peak_memory_bytes"] > 268_098_176 * 2


def test_plan_says_what_so_many_instructions_can_show(study, tmp_path):
    # Of 24, near .8: (t + z) s / √n = (2.0687 + .8416) √(2 · .8 · .2) / √24 = .336; near .95: .308 / .566 of it, .183.
    more = ("plan", study, "--set", "prompts.limit=24", "--root", tmp_path / "runs")
    said = " ".join(invoke(*more).output.split())
    assert "24 instructions can show in one language" in said
    assert "34 points where 80% are right or of 18 where 95% are right" in said
    assert json.loads(invoke(*more, "--json").output)["smallest_differences"]["0.8"] == pytest.approx(0.336, abs=2e-3)
    assert "3 instructions: too few" in invoke("plan", study, "--root", tmp_path / "runs").output


def test_plan_for_another_machine_and_an_unknown_one(study):
    assert "NVIDIA H100" in invoke("plan", study, "--on", "h100").output
    result = invoke("plan", study, "--on", "h10")
    assert "did you mean 'h100'" in str(result.exception)


def test_status_of_a_study_that_never_ran(study, tmp_path):
    result = invoke("status", study, "--root", tmp_path / "runs", "--require-done")
    assert result.exit_code == 1 and "0 of 12 steps finished" in result.output
    states = json.loads(invoke("status", study, "--root", tmp_path / "runs", "--json").output)["steps"]
    assert {step["state"] for step in states} == {"new"}


def test_explain_of_a_study_that_never_ran(study, tmp_path):
    output = invoke("explain", study, "--root", tmp_path / "runs", "--kind", "training").output
    assert output.count("no training has been run here yet") == 2 and "generation" not in output
    assert "did you mean 'training'" in str(invoke("explain", study, "--kind", "trainin").exception)


def test_a_report_before_the_run_says_so(study, tmp_path):
    assert "run the study" in str(invoke("report", study, "--root", tmp_path / "runs").exception)


def test_schema_is_json(tmp_path):
    printed = json.loads(invoke("schema").output)
    invoke("schema", "--out", tmp_path / "s.json")
    assert printed == json.loads((tmp_path / "s.json").read_text()) and "learning_rate" in printed["properties"]


def test_errors_meant_for_the_user_have_no_traceback(study, monkeypatch, capsys):
    study.write_text(study.read_text().replace("max_steps", "max_stepz"))
    monkeypatch.setattr(sys, "argv", ["crosstune", "plan", str(study)])
    monkeypatch.setattr(shared, "error_console", Console(stderr=True, width=200))
    with pytest.raises(SystemExit) as caught:
        main()
    error = capsys.readouterr().err
    assert caught.value.code == 1 and "did you mean 'max_steps'" in error and "Traceback" not in error
    assert f"{study}:" in error


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"),
        (0.04, "0.0 s"),
        (45, "45 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (273600, "3 days 4 h"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_sizes_and_amounts():
    assert [size(n) for n in (None, 0, 850, 5 << 20, 1288490189, 3 << 40)] == [
        "unknown", "0 B", "850 B", "5.0 MiB", "1.2 GiB", "3.0 TiB",
    ]  # fmt: skip
    assert [amount(n) for n in (940, 12_345, 4_500_000, 1_200_000_000)] == ["940", "12.3k", "4.5M", "1.2B"]
