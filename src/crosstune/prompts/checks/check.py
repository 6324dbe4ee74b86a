"""A check as a record, with its parameters in one form."""

import json
from collections.abc import Mapping
from typing import Any

from crosstune.records import Check


def as_check(kind: str, parameters: Mapping[str, Any]) -> Check:
    """The record of a check; the same parameters always give the same text."""
    return Check(kind, json.dumps(dict(parameters), ensure_ascii=False, sort_keys=True))


def parameters_of(check: Check) -> dict[str, Any]:
    """The parameters of a check."""
    parameters = json.loads(check.parameters)
    if not isinstance(parameters, dict):
        raise ValueError(f"the parameters of a check are an object, not {check.parameters}")
    return parameters
