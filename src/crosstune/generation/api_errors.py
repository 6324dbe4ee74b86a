"""What an error of a provider of models means: one reading of it, for models that answer and for those that judge.

Providers' packages raise classes of their own, wrap one another's, and agree on little but HTTP statuses; so errors are
told apart by the status, by codes in them and by the names of their classes. What follows from the meaning, and how it
is told, is for whoever asked: see `api_failures` and `judging.failures`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 522, 524, 529}
_NOT_CONNECTED = {
    "ConnectError",
    "ConnectTimeout",
    "ClientConnectorError",
    "ConnectionRefusedError",
    "EndpointConnectionError",
    "gaierror",
}
"""What libraries call it when nothing answers at an address; by name, as each has a class of its own."""
_BROKEN = {"APIConnectionError", "ConnectionError", "TransportError", "aiohttp.client_exceptions.ClientError"}
"""A connection that was lost; botocore calls any refusal a `ClientError`."""
_GARBLED = {
    "JSONDecodeError",
    "APIResponseValidationError",
    "ValidationError",
    "ValueError",
    "TypeError",
    "AttributeError",
    "LookupError",
}
"""What providers' packages raise at replies of another form; `LookupError` at lists that are empty."""
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits"}
_MODERATED = ("moderation", "flagged", "content policy", "content_policy")
_WRAPPERS = ("RetryError", "ModelGenerateError")
"""Of tenacity and Inspect: they say less than what they wrap."""
_MOST_SAID = 300


class Fault(StrEnum):
    """What is the matter."""

    KEY = "key"
    """The key is refused."""
    FORBIDDEN = "forbidden"
    """A status of 403: the key, or what was asked, is refused; which of them depends on what was answered before."""
    MODERATED = "moderated"
    """A filter of the provider's refuses what was asked."""
    MODEL = "model"
    """There is no such model, or no such address at the server."""
    CREDIT = "credit"
    """The account has no credit left."""
    UNREACHED = "unreached"
    """Nothing answers at the address."""
    SLOW = "slow"
    """There was no reply in time; it may have been paid for."""
    OTHER = "other"
    """Anything else: see `ApiError.may_pass`."""


_OF_STATUS: dict[int | None, Fault] = {401: Fault.KEY, 402: Fault.CREDIT, 403: Fault.FORBIDDEN, 404: Fault.MODEL}


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error of a provider, read.

    Attributes:
        fault: what is the matter.
        status: of HTTP; None where there was none.
        said: what the error that everything came from says, with the status.
        may_pass: whether another try may succeed.
        is_garbled: whether a reply had another form than it must have; some endpoints do better the next time.
        is_rate_limit: whether the endpoint has too much to do.
        wait: seconds that the provider's part of Inspect was told to wait; None when it was not.
        causes: the error, and those that it came from.
    """

    fault: Fault
    status: int | None
    said: str
    may_pass: bool
    is_garbled: bool
    is_rate_limit: bool
    wait: float | None
    causes: tuple[BaseException, ...]


def read_error(error: BaseException, should_retry: Callable[[BaseException], Any] | None = None) -> ApiError:
    """What an error means.

    Args:
        error: with what it came from.
        should_retry: what the provider's part of Inspect says of an error; None where Inspect has been asked already:
            it then wraps errors that pass, and those alone, in tenacity's `RetryError`.
    """
    causes = _causes(error)
    status = _status(causes)
    said = _said(causes, status)
    kinds = {kind for cause in causes for kind in type(cause).__mro__}
    names = {kind.__name__ for kind in kinds}
    decisions = [should_retry(cause) for cause in causes] if should_retry is not None else []
    told = [getattr(decision, "retry_after", None) for decision in decisions]
    fault = _fault(causes, status, said, names)
    is_known = "RetryError" in names or any(getattr(decision, "retry", decision) for decision in decisions)
    is_broken = bool(names & _BROKEN) or any(f"{kind.__module__}.{kind.__name__}" in _BROKEN for kind in kinds)
    return ApiError(
        fault=fault,
        status=status,
        said=said,
        may_pass=is_known or is_broken or fault in (Fault.SLOW, Fault.UNREACHED) or status in _TRANSIENT,
        is_garbled=bool(names & _GARBLED),
        is_rate_limit=status == 429 or any(getattr(one, "kind", "") == "rate_limit" for one in decisions),
        wait=next((wait for wait in told if wait is not None), None),
        causes=tuple(causes),
    )


def _fault(causes: list[BaseException], status: int | None, said: str, names: set[str]) -> Fault:
    if status == 403 and any(word in said.lower() for word in _MODERATED):
        return Fault.MODERATED
    codes = {str(getattr(cause, name, "")) for cause in causes for name in ("code", "type")}
    if status not in _OF_STATUS and (codes & _NO_CREDIT or any(code in said for code in _NO_CREDIT)):
        return Fault.CREDIT
    if names & _NOT_CONNECTED:  # which the client on aiohttp calls a timeout
        otherwise = Fault.UNREACHED
    else:
        otherwise = Fault.SLOW if any("Timeout" in name for name in names) else Fault.OTHER
    return _OF_STATUS.get(status, otherwise)


def _said(causes: list[BaseException], status: int | None) -> str:
    named = [one for one in causes if str(one) and type(one).__name__ not in _WRAPPERS]
    said = str(named[0]) if named else type(causes[0]).__name__
    return (said if status is None or str(status) in said else f"{status}: {said}").strip()[:_MOST_SAID]


def _causes(error: BaseException) -> list[BaseException]:
    """An error with those that it came from, that of tenacity's last attempt included."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        attempt = getattr(one, "last_attempt", None)
        waiting += [one.__context__, one.__cause__, attempt.exception() if attempt is not None else None]
    return found


def _status(causes: list[BaseException]) -> int | None:
    for one in causes:
        status = getattr(one, "status_code", None) or getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None
