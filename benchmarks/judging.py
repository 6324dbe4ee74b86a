"""How fast an LLM judge marks, beside how fast it could: an endpoint on loopback with a fixed latency.

python -m benchmarks.judging             2,000 marks, 50 ms, 32 connections; without faults, and with 20 % of them
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks import record
from benchmarks.record import Row
from crosstune.judging.config import JudgeConfig
from crosstune.judging.judge import Judging, judge
from crosstune.judging.subject import Subject
from crosstune.records import Message

RUNS = 3
ANSWER = "La mer est salée parce que les fleuves y portent depuis toujours le sel des roches. " * 5


@contextmanager
def endpoint(milliseconds: float, connections: int, faults: float) -> Iterator[str]:
    """In a process of its own, which takes a core of its own."""
    options = ["--milliseconds", str(milliseconds), "--most", str(connections), "--faults", str(faults)]
    command = [sys.executable, "-m", "benchmarks.chat_endpoint", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def subjects(count: int) -> list[Subject]:
    asked = [Message("user", f"Pourquoi la mer est-elle salée ? ({number})") for number in range(count)]
    return [
        Subject("one", f"p{number}", "fr", "fr", (message,), f"{ANSWER}{number}")
        for number, message in enumerate(asked)
    ]


def judged(count: int, url: str, connections: int) -> tuple[float, float, Judging]:
    """Seconds, seconds of the processor, and what came of it."""
    model = {"model": "openai-api/local/test", "base_url": url, "connections": connections}
    config = JudgeConfig.model_validate({"models": [model]})
    with tempfile.TemporaryDirectory() as folder:
        judge(subjects(1), config, Path(folder) / "first")  # loads what is loaded once
        started, busy = time.perf_counter(), time.process_time()
        judging = judge(subjects(count), config, Path(folder) / "second")
        return time.perf_counter() - started, time.process_time() - busy, judging


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--marks", type=int)
    parser.add_argument("--milliseconds", type=float, default=50)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    marks = options.marks or (200 if options.quick else 2_000)
    if find_spec("inspect_ai") is None:
        record.skip(options, "judging", "Inspect is not installed (pip install 'crosstune[judge]')")
    ideal = marks / options.connections * options.milliseconds / 1000
    setting = f"{marks:,} marks, {options.milliseconds:g} ms, {options.connections} connections"
    lines = [
        f"{setting}: at best {ideal:.2f} s.",
        "",
        "| faults | seconds | times the best | ms of the processor a mark | without a mark | served twice |",
        "|---|---|---|---|---|---|",
    ]
    rows = []
    for faults in (0.0, 0.2):
        found = []
        for _ in range(1 if options.quick else RUNS):
            with endpoint(options.milliseconds, options.connections, faults) as url:
                seconds, busy, judging = judged(marks, url, options.connections)
                with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as answer:
                    again = json.load(answer)["served_again"] - 1  # the first one, for loading
            missing = len({score.prompt_id for score in judging.scores if score.value is None})
            found.append((seconds, busy, missing, again))
        times = [seconds for seconds, *_ in found]
        ratios = [seconds / ideal for seconds in times]
        each = median(busy for _, busy, *_ in found) / marks * 1000
        twice = max(one[3] for one in found)
        lines.append(
            f"| {faults:.0%} | {median(times):.2f} | {record.spread(ratios)} | {each:.2f} | {found[0][2]} | {twice} |"
        )
        wrong = f"{faults:.0%} of requests going wrong" if faults else "no faults"
        rows.append(Row(f"judging, {wrong}", "an endpoint's best", ratios, "times the best", at_most=2))
    record.finish(options, "judging", "\n".join(lines), rows)


if __name__ == "__main__":
    main()
