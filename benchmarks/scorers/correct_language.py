"""Correct language: honest texts that are right, and others that must not be."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.scorers.table import Table
from benchmarks.scorers.texts import LANGUAGES, prompts, starter
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.scorers.correct_language import CORRECT_LANGUAGE

_REFERENCE = Path(os.environ.get("CROSSTUNE_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
_CASES = Path(__file__).parents[2] / "tests" / "scoring"
_PAPER = ("en", "fr", "pt", "ru")


def _measures(rows: Sequence[tuple[str, str]]) -> list[Measure]:
    """Of language and text."""
    answers = [Answer("run", str(place), code, code, text) for place, (code, text) in enumerate(rows)]
    return list(CORRECT_LANGUAGE.measure(answers, NO_CONTEXT))


def _counted(rows: Sequence[tuple[str, str]]) -> list[str]:
    found = Counter(one.value for one in _measures(rows))
    return [str(len(rows)), *(str(found[value]) for value in (1.0, 0.0, None))]


def _paper() -> list[Table]:
    if not (_REFERENCE / "alpacaeval_test_subset.en.jsonl").is_file():
        return []
    known = [
        (code, json.loads(line)[0]["content"])
        for code in _PAPER
        for line in (_REFERENCE / f"alpacaeval_test_subset.{code}.jsonl").read_text("utf-8").splitlines()
    ]
    rows = [["whole", *_counted(known)]]
    rows += [
        [f"first {count} words", *_counted([(code, " ".join(text.split()[:count])) for code, text in known])]
        for count in (5, 3, 2)
    ]
    note = "In English, French, Portuguese and Russian; the files are not part of crosstune."
    return [
        Table("The paper's 113 prompts in four languages", note, ("prompts", "n", "right", "wrong", "no value"), rows)
    ]


def _cases(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (_CASES / f"{name}_languages.jsonl").read_text("utf-8").splitlines()]


def _by_kind() -> Table:
    rows = []
    for name in ("adversarial", "honest"):
        cases = _cases(name)
        for kind in dict.fromkeys(case["kind"].partition(":")[0] for case in cases):
            some = [(case["requested"], case["text"]) for case in cases if case["kind"].partition(":")[0] == kind]
            rows.append([name, kind, *_counted(some)])
    return Table(
        "Answers made to deceive, and honest ones",
        "`tests/scoring/adversarial_languages.jsonl` (39 requested languages; none may be right) and "
        "`honest_languages.jsonl` (43). Rules were changed with both in view.",
        ("set", "kind", "n", "right", "wrong", "no value"),
        rows,
    )


def _packaged() -> Table:
    texts = {
        code: [
            *(answer for _, answer in starter(code).values()),
            *(text for name in ("everyday", "facts", "native") for text in prompts(code, name).values()),
        ]
        for code in LANGUAGES
    }
    rows = []
    for code in LANGUAGES:
        others = [(code, text) for other in LANGUAGES if other != code for text in texts[other]]
        false = sum(one.value == 1.0 for one in _measures(others))
        rows.append([code, *_counted([(code, text) for text in texts[code]]), f"{len(others):,}", str(false)])
    return Table(
        "Packaged answers and prompts",
        "Each asked for in its own language, and all of the other eleven languages asked for in this one.",
        ("language", "n", "right", "wrong", "no value", "texts in other languages", "of these right"),
        rows,
    )


def tables() -> list[Table]:
    """Known prompts, made-up cases, packaged texts."""
    return [*_paper(), _by_kind(), _packaged()]
