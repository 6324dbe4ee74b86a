"""Is an answer in the language that was asked for?"""

from crosstune.languages import languages
from crosstune.prompts.checks.verdict import Verdict, decided, undecided
from crosstune.records import Reason
from crosstune.text.prose import letter_count, running_text
from crosstune.text.shares import LEAST_LETTERS, LEAST_SHARE, language_shares


def in_language(text: str, language: str) -> Verdict:
    """Whether at least half of the running text of an answer is in the language, by letters.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    entry = languages().get(language)
    if entry is None or not entry.lid176:
        return undecided(Reason.UNSUPPORTED_LANGUAGE)
    running = running_text(text)
    if letter_count(running) < LEAST_LETTERS:
        return undecided(Reason.TOO_SHORT)
    candidates = language_shares(running)
    if not candidates or candidates[0].probability < LEAST_SHARE:
        return undecided(Reason.UNDETERMINED, candidates[0].language if candidates else "")
    return decided(candidates[0].language == language, candidates[0].language)
