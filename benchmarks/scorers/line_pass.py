"""Line and word pass rates beside a plain implementation of the definition, with the paper's segmenters and with ICU.

Needs the extra `segmenters`.
"""

from collections.abc import Sequence
from typing import Literal

from benchmarks.mixed_answers import mixed_answers
from benchmarks.plain_pass_rates import Passes, cut_of, passes
from benchmarks.scorers.table import Table
from benchmarks.scorers.texts import LANGUAGES
from crosstune.languages import languages
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.scorer import Scorer
from crosstune.scoring.scorers.line_pass import line_pass_with
from crosstune.scoring.scorers.word_pass import word_pass_with

COUNT = 1_000
SEED = 11


def _measures(scorer: Scorer, language: str, texts: Sequence[str]) -> Sequence[Measure]:
    return scorer.measure(
        [Answer("run", str(place), language, language, text) for place, text in enumerate(texts)], NO_CONTEXT
    )


def _plain(language: str, texts: Sequence[str], segmenters: Literal["icu", "original"]) -> list[Passes]:
    cut = cut_of(language, segmenters)
    return [passes(text, language, cut) for text in texts]


def rate(values: Sequence[float | None]) -> str:
    """The mean of those that have a value, in percent, and how many they are."""
    known = [value for value in values if value is not None]
    return f"{100 * sum(known) / len(known):.1f} ({len(known)})" if known else "–"


def _differing(plain: Sequence[float | None], ours: Sequence[Measure]) -> str:
    return str(sum(one != other.value for one, other in zip(plain, ours, strict=True)))


def _line_row(language: str) -> list[str]:
    texts = mixed_answers(language, COUNT, SEED)
    plain = [one.line for one in _plain(language, texts, "original")]
    ours, icu = (_measures(line_pass_with(by), language, texts) for by in ("original", "icu"))
    return [
        languages()[language].name,
        rate(plain),
        rate([one.value for one in ours]),
        _differing(plain, ours),
        rate([one.value for one in icu]),
        _differing(plain, icu),
    ]


def word_row(language: str) -> list[str]:
    """Word pass rates of one language that is not written in Latin script."""
    texts = mixed_answers(language, COUNT, SEED)
    plain = [one.word for one in _plain(language, texts, "original")]
    ours, icu = (_measures(word_pass_with(by, beyond=False), language, texts) for by in ("original", "icu"))
    default = _measures(word_pass_with("icu"), language, texts)
    return [
        languages()[language].name,
        rate(plain),
        rate([one.value for one in ours]),
        _differing(plain, ours),
        rate([one.value for one in icu]),
        rate([one.value for one in default]),
    ]


NOTE = (
    f"{COUNT:,} made-up answers a language: packaged prompts and answers cut, joined and mixed line by line with other "
    "languages, code and odd characters, so that the rates themselves mean nothing. In brackets, answers with a value."
)


def tables() -> list[Table]:
    """The one table of this facet."""
    return [
        Table(
            "Line pass rates beside a plain implementation",
            NOTE + " `plain` is a loop over fastText with jieba and fugashi, written from the definition.",
            ("language", "plain", "original segmenters", "answers that differ", "ICU", "answers that differ"),
            [_line_row(language) for language in LANGUAGES],
        )
    ]
