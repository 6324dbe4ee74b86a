"""Where the pages send marks, notes, marked words and skips."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from crosstune.annotation.entries import LONGEST_NOTE, Entry, Refused, read_entry
from crosstune.annotation.saving import Saved, save_entries
from crosstune.annotation.server.annotator_pages import Current, SiteOf
from crosstune.annotation.server.forms import json_body
from crosstune.annotation.server.sessions import NotAllowed, check_csrf
from crosstune.annotation.texts import InterfaceTexts

router = APIRouter()
MOST_ENTRIES = 100
"""In one request."""


@router.post("/a/{key}/entries")
def entries(
    request: Request, annotator: Current, site: SiteOf, body: Annotated[Any, Depends(json_body)]
) -> JSONResponse:
    """Saves entries, each by itself: `{"entries": [...]}` gives `{"results": [...], "progress": "..."}`.

    A result has the entry's `client_key`, a `state` (`saved`, `known`, `refused`) and, of a refusal, a `message`.
    """
    check_csrf(request, site.secret)
    given = body.get("entries") if isinstance(body, dict) else None
    if not isinstance(given, list) or len(given) > MOST_ENTRIES:
        raise NotAllowed("request", 400)
    words = site.words(request, annotator)
    read = [(_key_of(value), read_entry(value)) for value in given]
    good: list[Entry] = [entry for _, entry in read if not isinstance(entry, Refused)]
    saved = iter(save_entries(site.database, annotator, good) if good else [])
    results = [
        _result(Saved(key, "refused", entry.code) if isinstance(entry, Refused) else next(saved), words)
        for key, entry in read
    ]
    return JSONResponse({"results": results, "progress": site.progress(annotator, words)})


def _key_of(value: object) -> str:
    key = value.get("client_key") if isinstance(value, dict) else None
    return key[:64] if isinstance(key, str) else ""


def _result(saved: Saved, words: InterfaceTexts) -> dict[str, str]:
    result = {"client_key": saved.client_key, "state": saved.state}
    if saved.code == "note":
        result["message"] = words("work.note_too_long", count=LONGEST_NOTE)
    elif saved.code:
        result["message"] = words(f"error.{saved.code}")
    return result
