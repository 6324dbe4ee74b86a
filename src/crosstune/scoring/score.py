"""The table of scorers, and running them over answers. Knows nothing of averages: those are analysis."""

from collections.abc import Iterable, Mapping, Sequence

from crosstune.errors import InvalidData, InvalidStudy, did_you_mean
from crosstune.records import Prompt, Reason, Response, Score
from crosstune.scoring.answer import Answer, answer_of
from crosstune.scoring.context import Context, ContextBuilder
from crosstune.scoring.measure import Measure, unmeasured
from crosstune.scoring.scorer import Scorer
from crosstune.scoring.scorers.code_switching import CODE_SWITCHING
from crosstune.scoring.scorers.consistency import CONSISTENCY
from crosstune.scoring.scorers.constraints import CONSTRAINTS
from crosstune.scoring.scorers.correct_language import CORRECT_LANGUAGE
from crosstune.scoring.scorers.degeneration import DEGENERATION
from crosstune.scoring.scorers.facts import FACTS
from crosstune.scoring.scorers.grammar import GRAMMAR
from crosstune.scoring.scorers.length import LENGTH
from crosstune.scoring.scorers.length_ratio import LENGTH_RATIO
from crosstune.scoring.scorers.line_pass import LINE_PASS
from crosstune.scoring.scorers.relevance import RELEVANCE
from crosstune.scoring.scorers.spelling import SPELLING
from crosstune.scoring.scorers.word_pass import WORD_PASS
from crosstune.text.well_formed import is_blank

SCORERS: dict[str, Scorer] = {
    scorer.facet: scorer
    for scorer in (
        CORRECT_LANGUAGE,
        LINE_PASS,
        WORD_PASS,
        CODE_SWITCHING,
        DEGENERATION,
        CONSTRAINTS,
        FACTS,
        LENGTH,
        LENGTH_RATIO,
        RELEVANCE,
        CONSISTENCY,
        SPELLING,
        GRAMMAR,
    )
}
"""All scorers by facet, in the order in which they are shown."""

RATER_PREFIX = "scorer:"

CHEAP_FACETS = tuple(name for name, scorer in SCORERS.items() if scorer.cost == "cheap")
"""What `crosstune score` measures unless told otherwise."""
STUDY_FACETS = tuple(name for name, scorer in SCORERS.items() if scorer.cost != "extra")
"""What a study measures unless told otherwise."""


def scorer(facet: str) -> Scorer:
    """The scorer of a facet.

    Raises:
        InvalidStudy: there is none; names the nearest.
    """
    if facet not in SCORERS:
        raise InvalidStudy(f"'{facet}' is not a facet that a scorer measures", hint=did_you_mean(facet, SCORERS))
    return SCORERS[facet]


def scorer_identities(facets: Iterable[str]) -> dict[str, dict[str, object]]:
    """What decides the scores of these facets, for fingerprints.

    Raises:
        InvalidStudy: a facet is not in `SCORERS`.
        ModelUnavailable: what one of them needs is not installed.
    """
    return {facet: {"version": scorer(facet).version, **scorer(facet).identity()} for facet in facets}


def measure(answers: Sequence[Answer], facet: str, context: Context) -> list[Measure | None]:
    """What the scorer of a facet says of each answer; otherwise as `measure_by`."""
    return measure_by(answers, scorer(facet), context)


def measure_by(answers: Sequence[Answer], by: Scorer, context: Context) -> list[Measure | None]:
    """What one scorer says of each answer.

    Args:
        answers: any, in any languages.
        by: one of `SCORERS`, or one that does the same in another way.
        context: of all answers that belong together, of which these may be a part.

    Returns:
        One for each answer; None where the facet is not asked of it.
    """
    found: list[Measure | None] = [None] * len(answers)
    places: list[int] = []
    for place, answer in enumerate(answers):
        if not by.asked_of(answer):
            continue
        reason = _refusal(answer, by)
        if reason is None:
            places.append(place)
        else:
            found[place] = unmeasured(reason)
    measures = by.measure([answers[place] for place in places], context) if places else ()
    for place, one in zip(places, measures, strict=True):
        found[place] = one
    return found


def _refusal(answer: Answer, by: Scorer) -> Reason | None:
    if answer.text is None:
        return Reason.NO_ANSWER
    if not by.takes_blank and is_blank(answer.seen.text):
        return Reason.EMPTY
    if not by.supports(answer.requested_language):
        return Reason.UNSUPPORTED_LANGUAGE
    return None


def score_answers(answers: Sequence[Answer], facets: Sequence[str], context: Context) -> list[Score]:
    """Scores answers.

    Returns:
        In the order of `answers`, then of `facets`; none where a facet is not asked of an answer.
    """
    columns = [measure(answers, facet, context) for facet in facets]
    return [
        Score(
            run=answer.run,
            prompt_id=answer.prompt_id,
            language=answer.language,
            requested_language=answer.requested_language,
            rater=RATER_PREFIX + facet,
            facet=facet,
            value=one.value,
            reason=one.reason,
            detail=one.detail,
            spans=one.spans,
        )
        for place, answer in enumerate(answers)
        for facet, column in zip(facets, columns, strict=True)
        if (one := column[place]) is not None
    ]


def context_of(answers: Iterable[Answer]) -> Context:
    """What these answers are compared with."""
    builder = ContextBuilder()
    for answer in answers:
        builder.add(answer)
    return builder.build()


def score(responses: Sequence[Response], prompts: Sequence[Prompt], facets: Sequence[str]) -> list[Score]:
    """Scores every response of a study's runs.

    Args:
        responses: answers, of one run or several.
        prompts: the prompts they answer; `(id, language)` is unique.
        facets: names in `SCORERS`.

    Returns:
        In the order of `responses`, then of `facets`; none where a facet is not asked of a prompt.

    Raises:
        InvalidStudy: a facet is not in `SCORERS`.
        InvalidData: a response answers a prompt that is not there, or two prompts have one id.
        ModelUnavailable: what a scorer needs is not installed.
    """
    for facet in facets:
        scorer(facet)
    by_key: dict[tuple[str, str], Prompt] = {}
    for prompt in prompts:
        if by_key.setdefault((prompt.id, prompt.language), prompt) is not prompt:
            raise InvalidData(f"two prompts in '{prompt.language}' have the id '{prompt.id}'")
    answers = [_answer(response, by_key) for response in responses]
    return score_answers(answers, facets, context_of(answers))


def _answer(response: Response, prompts: Mapping[tuple[str, str], Prompt]) -> Answer:
    prompt = prompts.get((response.prompt_id, response.language))
    if prompt is None:
        raise InvalidData(
            f"an answer of '{response.run}' is to prompt '{response.prompt_id}' in '{response.language}', "
            "which is not among the prompts",
            hint="score answers together with the prompts they were generated from",
        )
    return answer_of(response, prompt)
