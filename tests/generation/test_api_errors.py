"""What errors of providers mean, on errors made as their packages make them: by status, code and name of the class."""

import pytest
from tenacity import Future, RetryError

from crosstune.generation.api_errors import Fault, read_error
from crosstune.generation.api_failures import cause_of


class APIStatusError(Exception):
    def __init__(self, status, said="refused", code=None):
        super().__init__(said)
        self.status_code, self.code = status, code


class APITimeoutError(Exception):
    pass


class ConnectError(Exception):
    pass


class ClientError(Exception):
    """Of botocore: any refusal."""


def wrapped(error):
    """As Inspect gives up on an error that passes."""
    attempt = Future(1)
    attempt.set_exception(error)
    return RetryError(attempt)


def caused(outer, by):
    outer.__cause__ = by
    return outer


@pytest.mark.parametrize(
    ("error", "fault", "may_pass"),
    [
        (APIStatusError(401), Fault.KEY, False),
        (APIStatusError(403), Fault.FORBIDDEN, False),
        (APIStatusError(403, "flagged by moderation"), Fault.MODERATED, False),
        (APIStatusError(404), Fault.MODEL, False),
        (APIStatusError(402), Fault.CREDIT, False),
        (APIStatusError(429, code="insufficient_quota"), Fault.CREDIT, True),
        (APIStatusError(429), Fault.OTHER, True),
        (APIStatusError(503), Fault.OTHER, True),
        (APIStatusError(400), Fault.OTHER, False),
        (APITimeoutError("slow"), Fault.SLOW, True),
        (caused(APITimeoutError("slow"), ConnectError("nobody there")), Fault.UNREACHED, True),
        (wrapped(APIStatusError(418)), Fault.OTHER, True),
        (ClientError("ValidationException"), Fault.OTHER, False),
    ],
)
def test_what_is_the_matter(error, fault, may_pass):
    found = read_error(error)
    assert (found.fault, found.may_pass) == (fault, may_pass)


def test_what_is_said_comes_from_the_innermost_that_says_something():
    found = read_error(wrapped(APIStatusError(500, "the disk is full")))
    assert found.said == "500: the disk is full"
    assert type(cause_of(found)) is APIStatusError
    assert read_error(APITimeoutError()).said == "APITimeoutError"


def test_a_reply_of_another_form_is_known_as_that_and_no_fault_that_passes():
    found = read_error(ValueError("no choices"))
    assert found.is_garbled and not found.may_pass


def test_a_provider_is_asked_of_every_error_on_the_way():
    asked = []

    class Decision:
        retry, retry_after, kind = True, 7.0, "rate_limit"

    def should_retry(error):
        asked.append(error)
        return Decision() if isinstance(error, APIStatusError) else False

    inner = APIStatusError(400)
    found = read_error(caused(RuntimeError("outer"), inner), should_retry)
    assert inner in asked and (found.may_pass, found.wait, found.is_rate_limit) == (True, 7.0, True)
