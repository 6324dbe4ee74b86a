"""How long the packaged data takes to load and to compare, beside Hugging Face datasets reading the same files.

python -m benchmarks.data
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import record
from benchmarks.record import Row
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.contamination import overlaps
from crosstune.instructions.load import load_conversations, load_examples
from crosstune.instructions.sources import packaged_files
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import LANGUAGES_FOLDER, packaged_language_codes, read_language_file
from crosstune.prompts.load import load_prompts

REPEATS = 5
SETS = ["everyday", "facts", "native"]
OURS, THEIRS = "`starter-multi`, read and checked", "`starter-multi`, datasets.load_dataset"


def seconds(work: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def main() -> None:
    options = record.parser(__doc__).parse_args()
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    codes = packaged_language_codes()
    config = PromptsConfig(sets=SETS, languages=codes)
    prompts = load_prompts(config, Path())

    def read_again() -> None:
        for code in codes:
            read_language_file(LANGUAGES_FOLDER / f"{code}.jsonl")

    def everything() -> None:
        read_again()  # load_prompts keeps what it has read
        load_prompts(config, Path())
        for source in ("starter-en", "starter-multi"):
            load_conversations(InstructionsConfig(source=source), Path())

    def conversations() -> None:
        load_conversations(InstructionsConfig(source="starter-multi"), Path())

    def with_datasets() -> None:
        files = [str(path) for path in packaged_files()["starter-multi"].values()]
        with tempfile.TemporaryDirectory() as cache:  # its first reading; a second one is answered from its cache
            load_dataset("json", data_files=files, split="train", cache_dir=cache)

    examples = load_examples(InstructionsConfig(source="starter-en"), Path())
    overlaps(examples[:1], prompts[:1])  # the encoder is loaded
    works = {
        f"all sets in {len(codes)} languages, read and checked": everything,
        OURS: conversations,
        THEIRS: with_datasets,
        f"overlap of {len(examples)} conversations with {len(prompts)} prompts": lambda: overlaps(examples, prompts),
    }
    times = {name: seconds(work, 2 if options.quick else REPEATS) for name, work in works.items()}
    lines = ["| what | seconds, median (range) |", "|---|---|"]
    lines += [f"| {name} | {record.spread(taken, 3)} |" for name, taken in times.items()]
    ratios = [theirs / ours for ours, theirs in zip(times[OURS], times[THEIRS], strict=True)]
    row = Row("reading `starter-multi`", "datasets.load_dataset", ratios, at_least=1)
    record.finish(options, "data", "\n".join(lines), [row])


if __name__ == "__main__":
    main()
