"""What went wrong with a call to a model behind an API, and whether to try again."""

import random
import re
from collections.abc import Iterator
from contextlib import suppress

from crosstune.errors import ModelUnavailable

_LONGEST_WAIT = 120.0
"""Seconds, whatever a server asks for."""
_LONGEST_SAID = 200
"""Characters of what a server said."""
_NOT_CONNECTED = ("ConnectError", "ClientConnectorError", "EndpointConnectionError", "ConnectionRefusedError")
"""What libraries call it when nothing answers at an address; by name, as each has a class of its own."""


class NotAnswered(Exception):
    """A prompt has no answer, and the next may have one."""


def cause_of(error: Exception) -> tuple[BaseException, bool]:
    """What a provider's library raised, and whether another try may help.

    Inspect asks its provider which errors pass (429, 5xx, timeouts, lost connections), and wraps those alone, as it
    would try them again itself if it were let.
    """
    from tenacity import RetryError

    if isinstance(error, RetryError):
        return error.last_attempt.exception() or error, True
    return error, False


def seconds_to_wait(planned: float, cause: BaseException) -> float:
    """Seconds before the next try: as planned, or what the server asks for if that is longer."""
    headers = getattr(getattr(cause, "response", None), "headers", None) or {}
    with suppress(ValueError):  # a date, or nonsense
        planned = max(planned, float(headers.get("retry-after", 0)))
    # Not all at once again. It decides no result, so it needs no seed.
    return min(planned, _LONGEST_WAIT) * random.uniform(1.0, 1.25)


def refuse_unavailable(cause: BaseException, *, model: str, where: str, any_answer: bool) -> None:
    """Raises what no other prompt would escape either.

    Args:
        cause: what a call raised.
        model: its name at the API.
        where: the API, for errors.
        any_answer: whether it has answered already: then only a refused key is more than the matter of one prompt.

    Raises:
        ModelUnavailable: the key is refused, there is no such model, or nothing answers at the address.
    """
    status = getattr(cause, "status_code", None)
    if status == 401 or (status == 403 and not any_answer):
        raise ModelUnavailable(
            f"the API refuses the key ({said(cause)})",
            where=where,
            hint="Inspect reads it from the environment, such as OPENAI_API_KEY, or <SERVICE>_API_KEY for "
            "openai-api/<service>/<model>; what is answered so far is kept",
        ) from cause
    if any_answer:
        return
    if status == 404:
        raise ModelUnavailable(
            f"the API has no model '{model}', or this is not its base URL ({said(cause)})",
            where=where,
            hint="a base URL usually ends in /v1",
        ) from cause
    if any(type(link).__name__ in _NOT_CONNECTED for link in _chain(cause)):
        raise ModelUnavailable(
            f"the API cannot be reached ({said(cause)})", where=where, hint="is the server running?"
        ) from cause


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def said(error: BaseException) -> str:
    """An error in a few words, on one line."""
    # Inspect's own have a message with marks of colour; what it says of a call repeats the whole request.
    text = getattr(error, "provider_message", None) or getattr(error, "message", None) or str(error)
    text = re.sub(r"\[/?(?:bold|blue)\]", "", str(text)).removeprefix("ERROR: ")
    return " ".join(text.split())[:_LONGEST_SAID] or type(error).__name__
