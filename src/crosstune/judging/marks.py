"""A judge's marks as scores, with the rule of fluency applied where everybody can see it.

An answer that can hardly be understood cannot help, be accurate or coherent: where fluency is 0, so are the criteria
that the rubric names. What the judge said of them stands in the detail.
"""

from crosstune.judging.reply import Mark, Marks
from crosstune.judging.rubric import FLUENCY, Rubric
from crosstune.judging.subject import Subject
from crosstune.records import Reason, Score

RATER_PREFIX = "judge:"


def scores_of(marks: Marks, subject: Subject, rater: str, rubric: Rubric) -> list[Score]:
    """One score for each criterion, in the rubric's order.

    Args:
        marks: from `reply.read_marks`.
        subject: whose they are.
        rater: such as `judge:openai/gpt-5-mini`.
        rubric: that they follow.
    """
    fluency = marks.by_facet.get(FLUENCY)
    has_no_fluency = fluency is not None and fluency.value == 0
    scores = []
    for criterion in rubric.criteria:
        mark = marks.by_facet[criterion.facet]
        forced = has_no_fluency and criterion.zero_without_fluency and criterion.facet != FLUENCY
        if forced and mark.value != 0:
            scores.append(_score(subject, rater, criterion.facet, Mark(0, _forced(mark))))
        else:
            scores.append(_score(subject, rater, criterion.facet, mark))
    return scores


def unmarked(reason: Reason, detail: str, subject: Subject, rater: str, rubric: Rubric) -> list[Score]:
    """The scores of an answer that was not marked, and why.

    Args:
        reason: such as `empty`, or `endpoint_failed`.
        detail: what happened.
        subject: whose they would be.
        rater: as for `scores_of`.
        rubric: the criteria.
    """
    return [_score(subject, rater, facet, Mark(None, detail, reason)) for facet in rubric.facets]


def _forced(mark: Mark) -> str:
    said = f"the judge: {mark.value}" if mark.value is not None else f"the judge: {mark.reason}"
    return f"0 because fluency is 0 ({said}{', ' + mark.why if mark.why else ''})"


def _score(subject: Subject, rater: str, facet: str, mark: Mark) -> Score:
    return Score(
        run=subject.run,
        prompt_id=subject.prompt_id,
        language=subject.language,
        requested_language=subject.requested_language,
        rater=rater,
        facet=facet,
        value=None if mark.value is None else float(mark.value),
        reason=None if mark.reason is None else mark.reason.value,
        detail=mark.why,
    )
