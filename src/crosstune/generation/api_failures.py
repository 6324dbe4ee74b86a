"""What follows for a model behind an API that answers from an error of its provider: try again, pass over, or stop."""

import random
import re
from contextlib import suppress

from crosstune.errors import ModelUnavailable
from crosstune.generation.api_errors import ApiError, Fault

_LONGEST_WAIT = 120.0
"""Seconds, whatever a server asks for."""
_LONGEST_SAID = 200
"""Characters of what a server said."""


class NotAnswered(Exception):
    """A prompt has no answer, and the next may have one."""


def cause_of(error: ApiError) -> BaseException:
    """What a provider's library raised, without what Inspect wraps around it."""
    first = error.causes[0]
    attempt = getattr(first, "last_attempt", None)
    return (attempt.exception() if attempt is not None else None) or first


def seconds_to_wait(planned: float, cause: BaseException) -> float:
    """Seconds before the next try: as planned, or what the server asks for if that is longer."""
    headers = getattr(getattr(cause, "response", None), "headers", None) or {}
    with suppress(ValueError):  # a date, or nonsense
        planned = max(planned, float(headers.get("retry-after", 0)))
    # Not all at once again. It decides no result, so it needs no seed.
    return min(planned, _LONGEST_WAIT) * random.uniform(1.0, 1.25)


def refuse_unavailable(error: ApiError, *, model: str, where: str, any_answer: bool) -> None:
    """Raises what no other prompt would escape either.

    Args:
        error: of a call.
        model: its name at the API.
        where: the API, for errors.
        any_answer: whether it has answered already: then only a refused key, or an account without credit, is more than
            the matter of one prompt.

    Raises:
        ModelUnavailable: the key is refused, there is no credit, no such model, or nothing answers at the address.
    """
    cause = cause_of(error)
    if error.fault is Fault.KEY or (error.fault in (Fault.FORBIDDEN, Fault.MODERATED) and not any_answer):
        raise ModelUnavailable(
            f"the API refuses the key ({said(cause)})",
            where=where,
            hint="Inspect reads it from the environment, such as OPENAI_API_KEY, or <SERVICE>_API_KEY for "
            "openai-api/<service>/<model>; what is answered so far is kept",
        ) from cause
    if error.fault is Fault.CREDIT:
        raise ModelUnavailable(
            f"the account has no credit left ({said(cause)})", where=where, hint="what is answered so far is kept"
        ) from cause
    if any_answer:
        return
    if error.fault is Fault.MODEL:
        raise ModelUnavailable(
            f"the API has no model '{model}', or this is not its base URL ({said(cause)})",
            where=where,
            hint="a base URL usually ends in /v1",
        ) from cause
    if error.fault is Fault.UNREACHED:
        raise ModelUnavailable(
            f"the API cannot be reached ({said(cause)})", where=where, hint="is the server running?"
        ) from cause


def said(error: BaseException) -> str:
    """An error in a few words, on one line."""
    # Inspect's own have a message with marks of colour; what it says of a call repeats the whole request.
    text = getattr(error, "provider_message", None) or getattr(error, "message", None) or str(error)
    text = re.sub(r"\[/?(?:bold|blue)\]", "", str(text)).removeprefix("ERROR: ")
    return " ".join(text.split())[:_LONGEST_SAID] or type(error).__name__
