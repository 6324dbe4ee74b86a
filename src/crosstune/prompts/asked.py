"""What the text of a prompt already asks for, by the words that its row has for it: checks, the answer's language.

A word is one of `types` or the name of a modifier. Any other is allowed, and has no check.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from crosstune.errors import InvalidData, did_you_mean, nearest
from crosstune.languages import languages
from crosstune.prompts.checks.check import as_check
from crosstune.prompts.checks.table import check_problem
from crosstune.prompts.modifiers import Modifier, modifiers
from crosstune.prompts.types import known_type, type_language
from crosstune.records import Check


def asked_for(words: Sequence[str], language: str, where: str) -> tuple[tuple[Check, ...], str]:
    """The checks of what a text already asks for, and the language that it wants the answer in.

    Args:
        words: of its row.
        language: code of the language it is in.
        where: file and line.

    Raises:
        InvalidData: a word asks for an answer in a language that is none.
    """
    checks: list[Check] = []
    requested = language
    for word in words:
        code = type_language(word)
        if code is not None and code not in languages():
            raise InvalidData(
                f"'{code}' is not a language crosstune knows", where=where, hint=did_you_mean(code, languages())
            )
        requested = code or requested
        modifier = modifiers().get(word)
        known = known_type(word)
        if known is not None:
            checks += known
        elif modifier is not None:
            requested = modifier.requested_language or requested
            # The word or phrase that some checks look for is not known of a text that others wrote.
            if modifier.check and _problem(modifier) is None:
                checks.append(as_check(str(modifier.check["kind"]), _parameters(modifier)))
    return tuple(checks), requested


def notes_on_unchecked(words: Iterable[str]) -> list[str]:
    """What to say of words that get no check, in the order in which they come.

    Args:
        words: those of all rows, one after the other.
    """
    counts = Counter(words)
    reasons = {word: why for word in counts if (why := _why_unchecked(word)) is not None}
    return [
        f"'{word}' of {counts[word]} {'prompt' if counts[word] == 1 else 'prompts'} has no check: {why}"
        for word, why in reasons.items()
    ]


def _why_unchecked(word: str) -> str | None:
    if known_type(word) is not None:
        return None
    modifier = modifiers().get(word)
    if modifier is not None:
        problem = _problem(modifier) if modifier.check else None
        return None if problem is None else f"{problem}, which only the modifier of a study has"
    match = nearest(word, modifiers())
    return "no modifier has this name" + (f"; did you mean '{match}'?" if match is not None else "")


def _problem(modifier: Modifier) -> str | None:
    return check_problem(str(modifier.check["kind"]), _parameters(modifier))


def _parameters(modifier: Modifier) -> dict[str, object]:
    """Those of its check that are the same in every language."""
    parameters = {key: value for key, value in modifier.check.items() if key != "kind"}
    return parameters if modifier.number is None else {**parameters, "count": modifier.number}
