"""Do the accepted answers of questions work: each is found where it is said, and none where another one is."""

from collections.abc import Iterator, Sequence

from crosstune.prompts.review.row import Problem, Row
from crosstune.text.answers import find_answer

_ADDED = "*"
_BETWEEN = " 0x0x0 "
"""A word that no answer has; it keeps words of two neighbours from being read as one answer."""


def answer_problems(rows: Sequence[Row]) -> Iterator[Problem]:
    """What is wrong with the answers of questions.

    Args:
        rows: of one set in one language; those without answers are passed over.
    """
    questions = [row for row in rows if row.answers]
    for row in questions:
        for message in _own_problems(row):
            yield _problem(row, message)
        for other in _mistaken(row, questions):
            yield _problem(row, f"accepts '{other.answers[0]}', which is the answer to '{other.id}'")


def _problem(row: Row, message: str) -> Problem:
    return Problem(row.where, row.id, row.language, row.set, "answers", message)


def _own_problems(row: Row) -> Iterator[str]:
    if _ADDED in row.answers[0]:
        yield f"the first answer '{row.answers[0]}' is shown to people and has a {_ADDED}"
    for alias in row.answers:
        plain = alias.replace(_ADDED, "")
        if find_answer(f"{plain}.", [alias], row.language) is None:
            yield f"the answer '{alias}' is not found in a text that says it"
    found = find_answer(row.text, row.answers, row.language)
    if found is not None:
        yield f"the answer '{found.alias}' stands in the question"


def _mistaken(row: Row, questions: Sequence[Row]) -> Iterator[Row]:
    """Other questions whose first answer would count as right for this one."""
    others = [other for other in questions if other.id != row.id]
    # All at once: one look for each answer instead of one for each pair.
    together = _BETWEEN.join(other.answers[0] for other in others)
    if find_answer(together, row.answers, row.language) is None:
        return
    for other in others:
        if find_answer(other.answers[0], row.answers, row.language) is not None:
            yield other
