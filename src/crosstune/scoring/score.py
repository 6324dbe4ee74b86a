"""The table of scorers, and running them over responses. Knows nothing of averages: those are analysis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crosstune.errors import InvalidData, InvalidStudy, did_you_mean
from crosstune.records import Prompt, Response, Score
from crosstune.scoring.scorers.correct_language import correct_language


@dataclass(frozen=True, slots=True)
class Scorer:
    """One measure."""

    version: int
    """Raised with every change that can change a score; part of fingerprints."""
    function: Callable[[Response, Prompt], Score]


SCORERS: dict[str, Scorer] = {
    "correct_language": Scorer(version=1, function=correct_language),
}
"""All scorers by name."""


def _scorer(name: str) -> Scorer:
    if name not in SCORERS:
        raise InvalidStudy(f"'{name}' is not a scorer", hint=did_you_mean(name, SCORERS))
    return SCORERS[name]


def scorer_versions(names: Sequence[str]) -> dict[str, int]:
    """The versions of these scorers, for fingerprints.

    Raises:
        InvalidStudy: a name is not in `SCORERS`.
    """
    return {name: _scorer(name).version for name in names}


def score(responses: Sequence[Response], prompts: Sequence[Prompt], scorers: Sequence[str]) -> list[Score]:
    """Scores every response with every scorer.

    Args:
        responses: answers, of one run or several.
        prompts: the prompts they answer; `(id, language)` is unique.
        scorers: names in `SCORERS`.

    Returns:
        One score a response and scorer, in the order of `responses`, then of `scorers`.

    Raises:
        InvalidStudy: a name is not in `SCORERS`.
        InvalidData: a response answers a prompt that is not there, or two prompts have one id.
        ModelUnavailable: a detector's model is not installed.
    """
    chosen = [_scorer(name) for name in scorers]
    by_key: dict[tuple[str, str], Prompt] = {}
    for prompt in prompts:
        if by_key.setdefault((prompt.id, prompt.language), prompt) is not prompt:
            raise InvalidData(f"two prompts in '{prompt.language}' have the id '{prompt.id}'")
    scores: list[Score] = []
    for response in responses:
        answered = by_key.get((response.prompt_id, response.language))
        if answered is None:
            raise InvalidData(
                f"an answer of '{response.run}' is to prompt '{response.prompt_id}' in '{response.language}', "
                "which is not among the prompts",
                hint="score answers together with the prompts they were generated from",
            )
        scores.extend(scorer.function(response, answered) for scorer in chosen)
    return scores
