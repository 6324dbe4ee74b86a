"""Is an answer in the language that was asked for? Fails closed: what cannot be told is a reason, never a pass.

An answer is in the language that more than half of its running text is in, by letters (`text.shares`). Foreign words
and sentences in it (the paper's "mostly right") do not change that; they are for other measures to count.
"""

from crosstune.languages import languages
from crosstune.records import Prompt, Reason, Response, Score
from crosstune.text.prose import letter_count, running_text
from crosstune.text.shares import LEAST_LETTERS, LEAST_SHARE, language_shares

FACET = "correct_language"
RATER = "scorer:language"


def correct_language(response: Response, prompt: Prompt) -> Score:
    """Whether a response is in its prompt's requested language.

    Args:
        response: an answer; its text is untrusted, and its first `normalise.CHARACTERS_LOOKED_AT` characters are
            looked at.
        prompt: the prompt it answers.

    Returns:
        Value 1.0 or 0.0 with the language found as detail (a code of the table, or the detector's label), or one of
        the reasons `empty`, `too_short`, `undetermined` (detail: the best guess; also when no language has half of the
        letters), `unsupported_language`.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    requested = prompt.requested_language

    def score(value: float | None, reason: Reason | None, detail: str = "") -> Score:
        return Score(
            run=response.run,
            prompt_id=response.prompt_id,
            language=response.language,
            requested_language=requested,
            rater=RATER,
            facet=FACET,
            value=value,
            reason=reason,
            detail=detail,
        )

    entry = languages().get(requested)
    if entry is None or not entry.lid176:
        return score(None, Reason.UNSUPPORTED_LANGUAGE)
    if not response.text.strip():
        return score(None, Reason.EMPTY)
    text = running_text(response.text)
    if letter_count(text) < LEAST_LETTERS:
        return score(None, Reason.TOO_SHORT)
    candidates = language_shares(text)
    if not candidates or candidates[0].probability < LEAST_SHARE:
        return score(None, Reason.UNDETERMINED, candidates[0].language if candidates else "")
    best = candidates[0].language
    return score(float(best == requested), None, best)
