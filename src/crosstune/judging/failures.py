"""What follows for a judge from an error of its provider: another try may succeed, or it cannot be used at all."""

from crosstune.errors import ModelUnavailable
from crosstune.generation.api_errors import ApiError, Fault
from crosstune.judging.config import JudgeModel
from crosstune.records import Reason

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


def meaning(error: ApiError, judge: JudgeModel, *, has_replied: bool) -> Exception:
    """What an error of a provider means for a judge: a try that failed, or a judge that cannot be used.

    Args:
        error: as it was read.
        judge: which model.
        has_replied: whether the judge has replied to anything yet: then what is forbidden is what was asked.

    Returns:
        A `TryFailed` or a `ModelUnavailable`.
    """
    where, said = judge.base_url or judge.model, error.said
    match error.fault:
        case Fault.MODERATED:
            return TryFailed(Reason.JUDGE_REFUSED, said)
        case Fault.FORBIDDEN if has_replied:
            return TryFailed(Reason.JUDGE_REFUSED, said)
        case Fault.KEY | Fault.FORBIDDEN:
            return ModelUnavailable(
                f"the endpoint refuses the key ({said})", where=where, hint="set the provider's environment variable"
            )
        case Fault.MODEL:
            hint = "a base URL usually ends in /v1" if judge.base_url else None
            return ModelUnavailable(f"there is no model '{judge.model}' ({said})", where=where, hint=hint)
        case Fault.CREDIT:
            return ModelUnavailable(f"the account has no credit left ({said})", where=where)
        case Fault.UNREACHED:
            detail = str(error.causes[-1])
        case Fault.SLOW:
            detail = f"no reply in {judge.timeout:g} s"
        case _:
            detail = said
    return TryFailed(
        Reason.ENDPOINT_FAILED,
        detail,
        may_succeed=error.may_pass or error.is_garbled,
        wait=error.wait,
        is_unreachable=error.fault is Fault.UNREACHED,
        is_rate_limit=error.is_rate_limit,
        is_timeout=error.fault is Fault.SLOW,
    )
