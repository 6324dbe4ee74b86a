"""Bodies of requests: forms and JSON, read without trusting either."""

import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

from crosstune.annotation.server.sessions import NotAllowed

Form = dict[str, list[str]]
_MOST_FIELDS = 500


async def form(request: Request) -> Form:
    """The fields of a form, each with all its values.

    Raises:
        NotAllowed: it is no form.
    """
    try:
        text = (await request.body()).decode("utf-8")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise NotAllowed("request", 400) from None


async def json_body(request: Request) -> Any:
    """The JSON of a request.

    Raises:
        NotAllowed: it is none.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise NotAllowed("request", 400) from None


def first(fields: Form, name: str, otherwise: str = "") -> str:
    """The first value of a field."""
    return fields.get(name, [otherwise])[0]
