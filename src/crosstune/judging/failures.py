"""What errors of providers mean: whether another try may succeed, or the judge cannot be used at all."""

from collections.abc import Callable
from typing import Any

from crosstune.errors import ModelUnavailable
from crosstune.judging.config import JudgeModel
from crosstune.records import Reason

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 522, 524, 529}
_NOT_CONNECTED = {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError", "gaierror"}
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
_MOST_DETAIL = 300


class TryFailed(Exception):
    """A try without a reply.

    Attributes:
        reason: what it is when no other try succeeds.
        detail: for readers.
        may_succeed: whether another try may.
        wait: seconds that the endpoint asks to wait; None when it does not.
        is_unreachable: whether nothing answered at all.
        is_rate_limit: whether the endpoint has too much to do.
        is_timeout: whether it took too long; such a try may have been paid for.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        may_succeed: bool = False,
        wait: float | None = None,
        is_unreachable: bool = False,
        is_rate_limit: bool = False,
        is_timeout: bool = False,
    ) -> None:
        self.reason = reason
        self.detail = " ".join(detail.split())[:_MOST_DETAIL]
        self.may_succeed = may_succeed
        self.wait = wait
        self.is_unreachable = is_unreachable
        self.is_rate_limit = is_rate_limit
        self.is_timeout = is_timeout
        super().__init__(self.detail)


def meaning(
    error: Exception, judge: JudgeModel, should_retry: Callable[[BaseException], Any], *, has_replied: bool
) -> Exception:
    """What an error of a provider means: a try that failed, or a judge that cannot be used.

    Args:
        error: with what it came from.
        judge: which model.
        should_retry: what the provider's part of Inspect says of an error.
        has_replied: whether the judge has replied to anything yet.

    Returns:
        A `TryFailed` or a `ModelUnavailable`.
    """
    where = judge.base_url or judge.model
    status, said = status_of(error), said_by(error)
    causes = _causes(error)
    if status == 403 and (has_replied or any(word in said.lower() for word in _MODERATED)):
        return TryFailed(Reason.JUDGE_REFUSED, said)
    if status in (401, 403):
        return ModelUnavailable(
            f"the endpoint refuses the key ({said})", where=where, hint="set the provider's environment variable"
        )
    if status == 404:
        hint = "a base URL usually ends in /v1" if judge.base_url else None
        return ModelUnavailable(f"there is no model '{judge.model}' ({said})", where=where, hint=hint)
    codes = {str(getattr(cause, name, "")) for cause in causes for name in ("code", "type")}
    if status == 402 or codes & _NO_CREDIT or any(code in said for code in _NO_CREDIT):
        return ModelUnavailable(f"the account has no credit left ({said})", where=where)
    decisions = [should_retry(cause) for cause in causes]
    told = [getattr(decision, "retry_after", None) for decision in decisions]
    is_known = any(getattr(decision, "retry", decision) for decision in decisions)
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    is_broken = bool(names & {"APIConnectionError", "ConnectionError", "TransportError", "ClientError"})
    is_unreached = bool(names & _NOT_CONNECTED)  # which the client on aiohttp calls a timeout
    is_slow = any("Timeout" in name for name in names) and not is_unreached
    is_garbled = bool(names & _GARBLED)
    return TryFailed(
        Reason.ENDPOINT_FAILED,
        str(causes[-1]) if is_unreached else f"no reply in {judge.timeout:g} s" if is_slow else said,
        may_succeed=is_known or is_broken or is_slow or is_garbled or status in _TRANSIENT,
        wait=next((wait for wait in told if wait is not None), None),
        is_unreachable=is_unreached,
        is_rate_limit=status == 429 or any(getattr(one, "kind", "") == "rate_limit" for one in decisions),
        is_timeout=is_slow,
    )


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


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error came from; None where there was none."""
    for one in _causes(error):
        status = getattr(one, "status_code", None) or getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def said_by(error: BaseException) -> str:
    """What the error that everything came from says."""
    named = [
        one for one in _causes(error) if str(one) and type(one).__name__ not in ("RetryError", "ModelGenerateError")
    ]
    status = status_of(error)
    said = str(named[0]) if named else type(error).__name__
    return (said if status is None or str(status) in said else f"{status}: {said}").strip()[:_MOST_DETAIL]
