"""The marks of several judges as one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Literal

from crosstune.records import Reason, Score

PANEL = "judge:panel"


def panel_score(scores: Sequence[Score], rule: Literal["median", "majority"]) -> Score:
    """What several judges say of one facet of one answer, together.

    Args:
        scores: one of each judge, with or without a value.
        rule: `median` of the values (between two of them: their mean), or `majority`: the value that more than half of
            the judges give.

    Returns:
        A score of the panel; without a value when fewer than half of the judges have one (the reason is their most
        frequent one), or when no value has a majority. The detail has all marks.
    """
    values = [score.value for score in scores if score.value is not None]
    marks = ", ".join("–" if score.value is None else f"{score.value:g}" for score in scores)
    panel = replace(scores[0], rater=PANEL, detail=marks, value=None, reason=Reason.UNDETERMINED.value, spans=())
    if 2 * len(values) < len(scores):
        reasons = Counter(score.reason for score in scores if score.reason is not None)
        return replace(panel, reason=reasons.most_common(1)[0][0])
    if rule == "median":
        return replace(panel, value=float(median(values)), reason=None)
    value, count = Counter(values).most_common(1)[0]
    return replace(panel, value=value, reason=None) if 2 * count > len(scores) else panel
