"""How long identifying the languages of lines takes, beside fastText called line by line. One process, one thread.

python -m benchmarks.identification

The lines are 166 characters long and all different, cut from the packaged prompts. `new words` means that the detector
was made to forget the words that it had met before; `words met` that the same lines were looked at before. Neither
loading the model nor forgetting is counted.
"""

import json
import statistics
import time
from collections.abc import Callable
from importlib.resources import files

from benchmarks import record
from benchmarks.record import Row
from crosstune.text.identify import _detector, _model_path, first_choices, identify_many

CHARACTERS = 166
REPEATS = 9
NEW = "`first_choices`, new words"
WITHOUT_SPACES = ("ja", "zh")


def lines_of(language: str) -> list[str]:
    content = files("crosstune.prompts").joinpath(f"data/languages/{language}.jsonl").read_text("utf-8")
    text = " ".join(" ".join(str(json.loads(line)["text"]).split()) for line in content.splitlines())
    return [text[first : first + CHARACTERS] for first in range(0, len(text) - CHARACTERS, CHARACTERS)]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def measured(name: str, lines: list[str], repeats: int) -> tuple[list[str], Row]:
    """The table's lines, and how many times as fast the first choices of new words are found."""
    import fasttext

    reference = fasttext.load_model(str(_model_path()))

    def loop(some: list[str]) -> object:
        return [reference.predict(line, k=1) for line in some]

    ways: dict[str, tuple[Callable[[list[str]], object], bool]] = {
        "fastText, line by line, first choice": (loop, False),
        NEW: (first_choices, True),
        "`first_choices`, words met": (first_choices, False),
        "`identify_many`, new words": (identify_many, True),
        "`identify_many`, words met": (identify_many, False),
    }
    identify_many(lines[:1])  # loads the model
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, (work, is_forgetful) in ways.items():  # interleaved, so that a slow minute hits all alike
            if is_forgetful:
                _detector()._memory.forget()
            started = time.perf_counter()
            work(lines)
            times[way].append((time.perf_counter() - started) / len(lines) * 1e6)
    slow = times[next(iter(ways))]
    ratios = {way: [before / now for before, now in zip(slow, each, strict=True)] for way, each in times.items()}
    made = [
        f"| {name}, {len(lines)} lines | {way} | {spread(each)} | {spread(ratios[way])} |"
        for way, each in times.items()
    ]
    return made, Row(f"language of lines, {name}", "fastText, line by line", ratios[NEW], at_least=1)


def main() -> None:
    options = record.parser(__doc__).parse_args()
    repeats = 2 if options.quick else REPEATS
    folder = files("crosstune.prompts").joinpath("data/languages")
    known = sorted(entry.name.removesuffix(".jsonl") for entry in folder.iterdir() if entry.name.endswith(".jsonl"))
    spaced = [line for language in known if language not in WITHOUT_SPACES for line in lines_of(language)]
    unspaced = [line for language in WITHOUT_SPACES for line in lines_of(language)]
    found = [
        measured(f"{len(known) - len(WITHOUT_SPACES)} languages with spaces", spaced, repeats),
        measured("Chinese and Japanese", unspaced, repeats),
    ]
    lines = [
        "| lines | way | µs a line, median (range) | times as fast as fastText, median (range) |",
        "|---|---|---|---|",
    ]
    lines += [line for made, _ in found for line in made]
    record.finish(options, "identification", "\n".join(lines), [row for _, row in found])


if __name__ == "__main__":
    main()
