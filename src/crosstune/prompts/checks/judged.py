"""What no program can tell, such as a style: it is left to a judge or a person, and says so."""

from crosstune.prompts.checks.verdict import Verdict, undecided
from crosstune.records import Reason


def judged(text: str, language: str) -> Verdict:
    """Always the reason `needs_judge`."""
    return undecided(Reason.NEEDS_JUDGE)
