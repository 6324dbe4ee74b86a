"""Do the accepted answers of questions work: each is found where it is said, and none where another one is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from crosstune.prompts.review.row import Problem, Row
from crosstune.text.answers import find_answer, normalise

_ADDED = "*"


@dataclass(frozen=True, slots=True)
class _Plain:
    """An accepted answer as people write it, without its `*`."""

    text: str
    words: str
    """Those of it that are compared, one a line."""


def _as_written(alias: str, language: str) -> _Plain:
    plain = alias.replace(_ADDED, "")
    return _Plain(plain, "\n".join(normalise(plain, language)))


def answer_problems(rows: Sequence[Row]) -> Iterator[Problem]:
    """What is wrong with the answers of questions.

    Args:
        rows: of one set in one language; those without answers are passed over.
    """
    questions = [row for row in rows if row.answers]
    plain = {row.id: [_as_written(alias, row.language) for alias in row.answers] for row in questions}
    for row in questions:
        for message in _own_problems(row):
            yield _problem(row, message)
        for other, answer in _mistaken(row, questions, plain):
            yield _problem(row, f"accepts '{answer}', which is an answer to '{other.id}'")


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


def _mistaken(row: Row, questions: Sequence[Row], plain: Mapping[str, Sequence[_Plain]]) -> Iterator[tuple[Row, str]]:
    """Other questions of which an answer, as people write it, would count as right for this one; and that answer."""
    looked_for = [(alias, normalise(alias, row.language)) for alias in row.answers]
    for other in questions:
        if other.id == row.id:
            continue
        for answer in plain[other.id]:
            # A word that fits holds the alias's own letters; only where all do is it worth a real look.
            likely = [alias for alias, words in looked_for if all(word in answer.words for word in words)]
            if likely and find_answer(answer.text, likely, row.language) is not None:
                yield other, answer.text
                break
