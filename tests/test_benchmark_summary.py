"""What benchmarks hand over, and the one table that is made of it."""

import re
import sys
from pathlib import Path

import pytest
from benchmarks import __main__ as runner
from benchmarks import record
from benchmarks.__main__ import BENCHMARKS, Benchmark, merged, table
from benchmarks.record import Outcome, Row


def finished(folder: Path, rows: list[Row]) -> Outcome:
    path = folder / "rows.json"
    record.finish(record.parser("").parse_args([f"--rows={path}"]), "training", "| a |", rows)
    return Outcome.read(path)


def test_rows_come_back_as_they_were_handed_over(tmp_path: Path) -> None:
    row = Row("training", "plain TRL", [2.0, 1.5, 4.0], at_least=2, memory_bytes=3_000, against_memory_bytes=5_000)
    assert finished(tmp_path, [row]) == Outcome("training", [row])


@pytest.mark.parametrize(
    ("values", "at_least", "at_most", "reached"),
    [
        ([1.0, 2.0, 9.0], 2, None, True),  # the median is 2, not the mean of 4
        ([1.0, 1.9, 9.0], 2, None, False),
        ([50.0], None, 50, True),
        ([51.0], None, 50, False),
        ([51.0], None, None, None),
        ([3.0], 1, 2, False),
    ],
)
def test_an_aim_is_reached_by_the_median(
    values: list[float], at_least: float | None, at_most: float | None, reached: bool | None
) -> None:
    assert Row("a", "b", values, at_least=at_least, at_most=at_most).is_reached is reached


def test_what_cannot_run_says_why_and_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with pytest.raises(SystemExit) as ended:
        record.skip(record.parser("").parse_args([f"--rows={path}"]), "report", "no Chromium")
    assert ended.value.code == 0
    assert Outcome.read(path) == Outcome("report", skipped="no Chromium")


def test_a_part_that_cannot_run_stands_beside_what_did(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    row = Row("building", "", [3.0], "s")
    record.finish(record.parser("").parse_args([f"--rows={path}"]), "report", "", [row], skipped="opening: no Chromium")
    assert table([Outcome.read(path)]).splitlines()[2:] == [
        "| report | skipped: opening: no Chromium | | | | | |",
        "| report | building |  | 3 s |  |  |  |",
    ]


def test_the_table_has_a_line_for_each_figure_skip_and_failure() -> None:
    fast = Row("LoRA", "plain TRL", [12.094, 8.7, 13.06], at_least=2, memory_bytes=2_100_000_000)
    slow = Row("a step", "", [1234.0], "ms", at_most=50)
    lines = table(
        [Outcome("training", [fast]), Outcome("engine", [slow]), Outcome("report", skipped="no Chromium"),
         Outcome("data", failed="ended with status 1")]
    ).splitlines()  # fmt: skip
    assert lines[2:] == [
        "| training | LoRA | plain TRL | 12.1 times as fast (8.7 to 13.1) | 2.10 GB | at least 2 | yes |",
        "| engine | a step |  | 1,234 ms |  | at most 50 | **no** |",
        "| report | skipped: no Chromium | | | | | |",
        "| data | **failed**: ended with status 1 | | | | | |",
    ]


def test_figures_of_a_quick_run_are_not_held_against_the_aims() -> None:
    (line,) = table([Outcome("engine", [Row("a step", "", [99.0], "ms", at_most=50)])], quick=True).splitlines()[2:]
    assert line == "| engine | a step |  | 99 ms |  | at most 50 |  |"


def lines_of(*names: str) -> str:
    return table([Outcome(name, [Row(name, "", [1.0])]) for name in names])


def test_some_benchmarks_run_again_take_the_place_of_their_lines_in_the_order_of_all() -> None:
    first = merged("It has not been recorded yet.", "monday: all.", lines_of("training", "engine", "data"))
    assert first == f"monday: all.\n\n{lines_of('training', 'engine', 'data')}"
    failed = table([Outcome("engine", failed="ended with status 1"), Outcome("generation", [Row("new", "", [2.0])])])
    text = merged(first, "tuesday: two.", failed)
    assert text.splitlines()[:4] == ["monday: all.", "", "tuesday: two.", ""]
    assert [line.split("|")[1:3] for line in text.splitlines()[6:]] == [
        [" training ", " training "],
        [" generation ", " new "],
        [" engine ", " **failed**: ended with status 1 "],
        [" data ", " data "],
    ]


SECTIONS = """# Speed

## One

<!-- one: begin -->
old
<!-- one: end -->

By hand.
"""


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(SECTIONS, "utf-8")
    record.write_section("one", r"new \1 \g<0>", path)
    assert path.read_text("utf-8") == SECTIONS.replace("old", r"new \1 \g<0>")


def test_a_new_section_comes_last(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(SECTIONS, "utf-8")
    record.write_section("training, GPU", "fast", path)
    section = "## Training, GPU\n\n<!-- training, GPU: begin -->\nfast\n<!-- training, GPU: end -->\n"
    assert path.read_text("utf-8") == f"{SECTIONS}\n{section}"


def test_every_benchmark_has_a_module() -> None:
    for benchmark in BENCHMARKS:
        assert (Path(runner.__file__).parent / f"{benchmark.name}.py").is_file()


def test_every_recorded_section_belongs_to_a_benchmark_and_has_one_beginning_and_one_end() -> None:
    content = record.RESULTS.read_text("utf-8")
    begun, ended = (re.findall(f"^<!-- (.+): {mark} -->$", content, re.MULTILINE) for mark in ("begin", "end"))
    assert begun == ended
    assert len(set(begun)) == len(begun)
    names = {benchmark.name for benchmark in BENCHMARKS} | {"summary"}
    assert {name.partition(",")[0] for name in begun} <= names
    assert {"summary", "training", "scoring", "report", "study", "engine", "growth"} <= set(begun)


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("raise SystemExit(3)", "ended with status 3"),
        ("pass", "told nothing of itself"),
        ("import time; time.sleep(60)", "not finished after 0.02 minutes"),
    ],
)
def test_a_benchmark_that_fails_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, failed: str
) -> None:
    monkeypatch.setattr(runner, "command_of", lambda benchmark: [sys.executable, "-c", code])
    outcome = runner.run(Benchmark("made_up", limit_minutes=0.02), tmp_path, [])
    assert (outcome.name, outcome.failed, outcome.rows) == ("made_up", failed, [])
    assert outcome.seconds < 30
