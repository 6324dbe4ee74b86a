"""How long line and word pass take, beside a plain loop over fastText that follows the same definition.

python -m benchmarks.pass_rates

Both see the same answers in one process, in turns, and tell the same: of each answer how many of its lines are right,
whether it passes, and whether its words do. The loop is also timed stopping at an answer's first wrong line, which
crosstune does not. Word pass is measured where the paper defines it: in languages that are not written in Latin script.
crosstune's detector, which remembers words, forgets them before each turn.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import record
from benchmarks.mixed_answers import mixed_answers
from benchmarks.plain_pass_rates import LATIN_SCRIPT, cut_of, passes
from benchmarks.record import Row
from benchmarks.scorers.texts import LANGUAGES, prompts, starter
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.scorers.line_pass import line_pass_with
from crosstune.scoring.scorers.word_pass import word_pass_with
from crosstune.text import identify
from crosstune.text.segmenters import Segmenters

REPEATS = 7
COUNT = 5_000
TOGETHER = 500
"""Answers that are scored in one go, as `crosstune score` does."""

Texts = Sequence[tuple[str, str]]
"""Language and text."""


def _plain(texts: Texts, segmenters: Segmenters, every_line: bool) -> None:
    for language, text in texts:
        passes(text, language, cut_of(language, segmenters), every_line=every_line)


def _crosstune(texts: Texts, segmenters: Segmenters) -> None:
    identify._detector()._memory.forget()
    line_pass, word_pass = line_pass_with(segmenters), word_pass_with(segmenters, beyond=False)
    for first in range(0, len(texts), TOGETHER):
        answers = [
            Answer("run", str(place), language, language, text)
            for place, (language, text) in enumerate(texts[first : first + TOGETHER])
        ]
        line_pass.measure(answers, NO_CONTEXT)
        others = [answer for answer in answers if answer.language not in LATIN_SCRIPT]
        word_pass.measure(others, NO_CONTEXT)


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _mixed(count: int) -> Texts:
    """Answers of up to ten lines, about 500 characters; their lines come from the same packaged texts."""
    each = count // len(LANGUAGES) + 1
    found = [(language, text) for language in LANGUAGES for text in mixed_answers(language, each)]
    return found[:count]


def _once() -> Texts:
    """Each packaged answer and prompt once: no line is seen twice, and many a word only once."""
    return [
        (language, text)
        for language in LANGUAGES
        for text in (
            *(text for pair in starter(language).values() for text in pair),
            *(text for name in ("everyday", "facts", "native") for text in prompts(language, name).values()),
        )
    ]


def _row(
    name: str, texts: Texts, segmenters: Segmenters, repeats: int, *, every_line: bool = True
) -> tuple[str, list[float]]:
    """A line of the table, and the ratios."""
    works = partial(_plain, texts, segmenters, every_line), partial(_crosstune, texts, segmenters)
    for work in works:
        work()  # dictionaries and models are read
    times = [[_seconds(work) for work in works] for _ in range(repeats)]
    plain, ours = (statistics.median(column) for column in zip(*times, strict=True))
    ratios = [one / other for one, other in times]
    line = (
        f"| {name} | {len(texts):,} | {1e6 * plain / len(texts):.0f} | {1e6 * ours / len(texts):.0f} "
        f"| {record.spread(ratios, 1)} |"
    )
    print(line, flush=True)
    return line, ratios


def main() -> None:
    options = record.parser(__doc__).parse_args()
    repeats, count = (2, 500) if options.quick else (REPEATS, COUNT)
    segmented = ("zh", "ja")
    mixed, once = _mixed(count), _once()
    unspaced = [one for one in mixed if one[0] in segmented]
    rows = [
        _row("mixed, 12 languages, ICU", mixed, "icu", repeats),
        _row("the same, the loop stopping at the first wrong line", mixed, "icu", repeats, every_line=False),
        _row("mixed, 12 languages, jieba and fugashi", mixed, "original", repeats),
        _row("mixed, zh and ja, ICU", unspaced, "icu", repeats),
        _row("mixed, zh and ja, jieba and fugashi", unspaced, "original", repeats),
        _row("mixed, Latin script", [one for one in mixed if one[0] in LATIN_SCRIPT], "icu", repeats),
        _row("packaged texts, each once, ICU", once, "icu", repeats),
    ]
    lines = ["| answers | number | plain loop, µs each | crosstune, µs each | times as fast, median (range) |"]
    lines += ["|---|---|---|---|---|", *(line for line, _ in rows)]
    summary = Row("line and word pass, 12 languages", "plain loop over fastText", rows[0][1], at_least=1)
    record.finish(options, "pass_rates", "\n".join(lines), [summary])


if __name__ == "__main__":
    main()
