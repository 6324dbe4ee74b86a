"""How fast answers are scored, what each facet takes of it, and how much memory it needs.

python -m benchmarks.scoring             20,000 answers on one process and on two, and each facet alone
python -m benchmarks.scoring --large     200,000 answers, and the memory of all processes together
"""

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from benchmarks import record
from benchmarks.record import Row
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.records import Prompt
from crosstune.scoring.answers_file import AnswersFile
from crosstune.scoring.score import CHEAP_FACETS, SCORERS, context_of, measure

LETTERS = 900
"""Characters that an answer has at least, or as many as are about 150 words in scripts that write more densely."""
DENSE = {"zh": 0.3, "ja": 0.4}
ALONE = 2_000
"""Answers on which facets are timed alone."""
WRONG_LANGUAGE = 0.08
CUT_OFF = 0.1
KNOWN = 0.7
"""Of questions of facts, how many are answered right."""
MODIFIERS = ["short", "long", "items_3", "paragraphs_2", "no_digits", "capitalised", "then_summary", "arrows"]
AIM, LARGE = 1_000, 20_000
"""Answers a second on two processes, of at least so many: fewer are scored while word lists are read."""
EVERY = 3
"""One prompt in so many is asked with a modifier too; likewise, of questions of facts one in so many is asked."""


@cache
def texts() -> dict[str, list[str]]:
    """Packaged answers by language."""
    found: dict[str, list[str]] = {}
    for source in ("starter-en", "starter-multi"):
        for conversation in load_conversations(InstructionsConfig(source=source), Path()):
            found.setdefault(conversation.language, []).append(conversation.messages[-1].content)
    return found


@cache
def prompts() -> list[Prompt]:
    """The everyday prompts in twelve languages, some of them once more with a modifier, and questions of facts."""
    languages = sorted(texts())
    plain = load_prompts(PromptsConfig(sets=["everyday"], languages=languages), Path())
    facts = load_prompts(PromptsConfig(sets=["facts"], languages=languages), Path())
    asked = load_prompts(PromptsConfig(sets=["everyday"], languages=languages, modifiers=MODIFIERS), Path())
    return [*plain, *asked[:: EVERY * len(MODIFIERS)], *facts[::EVERY]]


def answers(count: int) -> Iterator[dict[str, object]]:
    """Answers as models give them: sentences of the packaged conversations, some in another language, some cut off.

    All prompts are answered by as many models as are needed.
    """
    generator = random.Random(0)
    for number in range(count):
        prompt = prompts()[number % len(prompts())]
        language = prompt.language if generator.random() > WRONG_LANGUAGE else generator.choice(sorted(texts()))
        text = generator.choice(texts()[language])
        if prompt.answers and generator.random() < KNOWN:
            text = f"{prompt.answers[0].replace('*', '')}. {text}"
        while len(text) < LETTERS * DENSE.get(language, 1.0):
            text += "\n\n" + generator.choice(texts()[language])
        if generator.random() < CUT_OFF:
            text = text[: generator.randrange(len(text) // 2, len(text))]
        yield {
            "prompt": prompt.messages[-1].content,
            "response": text,
            "language": prompt.language,
            "model": f"model-{number // len(prompts())}",
            "id": prompt.id,
            "task": prompt.task,
            "modifiers": prompt.modifiers,
            "answers": prompt.answers,
        }


def write(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in answers(count):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def scored(path: Path, workers: int) -> tuple[float, int]:
    """Seconds that `crosstune score` takes on a file, and the most memory (bytes) of its processes together."""
    command = [sys.executable, "-m", "crosstune", "score", str(path), "--workers", str(workers), "--json"]
    most = 0
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--out", f"{folder}/scores.parquet"], stdout=subprocess.DEVNULL)

        def watch() -> None:
            nonlocal most
            whole = psutil.Process(process.pid)
            while process.poll() is None:
                with suppress(psutil.NoSuchProcess):
                    most = max(most, sum(one.memory_info().rss for one in [whole, *whole.children(recursive=True)]))
                time.sleep(0.1)

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        seconds = time.perf_counter() - started
        watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return seconds, most


def alone(path: Path) -> list[str]:
    """A table: what each facet takes of an answer, in a process that has its models loaded already."""
    rows = [row.answer for _, row in zip(range(ALONE), AnswersFile([path]).read(print), strict=False)]
    context = context_of(rows)
    lines = ["", "| facet, alone, its word lists read anew | ms an answer |", "|---|---|"]
    for facet in CHEAP_FACETS:
        measure(rows[:50], facet, context)
        for answer in rows:
            answer.kept.clear()
            answer.__dict__.pop("seen", None)  # what answers keep for all facets counts for each here
        started = time.perf_counter()
        measure(rows, facet, context)
        lines.append(f"| `{facet}` | {1000 * (time.perf_counter() - started) / len(rows):.3f} |")
    return lines


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--large", action="store_true", help="200,000 answers, on two processes")
    parser.add_argument("--answers", type=int, help="how many instead")
    options = parser.parse_args()
    count = options.answers or (2_000 if options.quick else 200_000 if options.large else 20_000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        write(path, count)
        size = f"{path.stat().st_size / 1e6:.0f} MB"
        lines = [
            f"{count:,} answers, {size}; cheap facets: {len(CHEAP_FACETS)} of {len(SCORERS)}.",
            "",
            "| processes | seconds | answers/s | memory, all processes |",
            "|---|---|---|---|",
        ]
        for workers in (2,) if options.large else (1, 2):
            seconds, memory = scored(path, workers)
            speed = count / seconds
            lines.append(f"| {workers} | {seconds:.1f} | {speed:,.0f} | {memory / 1e9:.2f} GB |")
            print(lines[-1], flush=True)
            what = f"scoring {count:,} answers, {workers} process{'es' if workers > 1 else ''}"
            aim = AIM if workers > 1 and count >= LARGE else None
            rows.append(Row(what, "", [speed], "answers/s", at_least=aim, memory_bytes=memory))
        if not options.large:
            lines += alone(path)
    record.finish(options, "scoring, large" if options.large else "scoring", "\n".join(lines), rows)


if __name__ == "__main__":
    main()
