"""What judging will take, counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.judging.config import JudgeConfig
from crosstune.judging.estimate import estimate
from crosstune.judging.subject import Subject
from crosstune.records import Message
from crosstune.study.study import Study


def subject(number: int, run: str, language: str = "fr", text: str = "Oui.") -> Subject:
    return Subject(run, f"p{number}", language, language, (Message("user", "?"),), text)


def calls(subjects: list[Subject], folder: Path, **more: Any) -> int:
    config = JudgeConfig.model_validate({"models": ["openai/x"], **more})
    (cost,) = estimate(subjects, config, folder)
    return cost.calls


def test_of_answers(tmp_path: Path) -> None:
    subjects = [subject(n, run, code) for n in range(10) for run in ("a", "b", "c") for code in ("en", "fr")]
    assert calls(subjects, tmp_path) == 60
    assert calls([*subjects, subject(99, "a", text=" ")], tmp_path, repeat=1.0) == 120
    assert calls(subjects, tmp_path, translated=True) == 60 + 2 * 30
    assert calls(subjects, tmp_path, compare=("a", "c")) == 60 + 2 * 20  # 10 prompts in two languages
    assert calls(subjects, tmp_path, prompts=4, compare=("a", "c"), translated=True) == 24 + 2 * 12 + 2 * 8
    with pytest.raises(InvalidData, match="no answer of 'x'"):
        calls(subjects, tmp_path, compare=("a", "x"))


def test_of_a_study(tmp_path: Path) -> None:
    data = {
        "name": "x",
        "api_models": [{"model": f"openai/{name}", "name": name} for name in "abc"],
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"]},
        "judge": {"models": ["openai/x"], "prompts": 6, "translated": True, "compare": ["a", "b"]},
    }
    (cost,) = Study.from_dict(data, root=tmp_path, base=tmp_path).plan().judging
    # 3 × 6 × 2 answers, half of them translated and marked again, 6 × 2 prompts in two orders.
    assert cost.calls == 36 + 2 * 18 + 2 * 12
