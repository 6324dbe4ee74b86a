"""What the tests of checks share."""

from typing import Any

from crosstune.prompts.checks.check import as_check
from crosstune.prompts.checks.table import verify


def outcome(kind: str, text: str, language: str = "en", **parameters: Any) -> bool | str:
    """Whether an answer passes a check, or the reason why that cannot be told."""
    verdict = verify(as_check(kind, parameters), text, language)
    if verdict.reason is not None:
        return verdict.reason.value
    assert verdict.passed is not None
    return verdict.passed
