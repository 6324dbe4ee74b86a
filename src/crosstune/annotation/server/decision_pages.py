"""Where people are far apart, the coordinator reads the answer and decides."""

import secrets

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from crosstune.annotation.annotators import ADJUDICATED
from crosstune.annotation.criteria import FACETS, MARKS
from crosstune.annotation.markdown import shown_markdown, visible
from crosstune.annotation.progress import decide, far_apart, raters_of
from crosstune.annotation.records import Standing
from crosstune.annotation.server.annotator_pages import FormOf, SiteOf
from crosstune.annotation.server.coordinator_pages import ONLY_COORDINATOR
from crosstune.annotation.server.forms import first
from crosstune.annotation.server.sessions import NotAllowed, check_csrf
from crosstune.languages import languages

router = APIRouter(dependencies=ONLY_COORDINATOR)


@router.get("/coordinator/apart")
def list_apart(request: Request, site: SiteOf) -> HTMLResponse:
    """The answers of which people are far apart."""
    rows = [
        {
            "key": each.item.key,
            "language": each.item.requested_language,
            "facets": each.facets,
            "is_decided": each.is_decided,
            "start": visible(each.item.prompt.strip().split("\n", 1)[0][:120]),
        }
        for each in far_apart(site.database)
    ]
    values = {"words": site.texts.best("en"), "name": site.name, "rows": rows}
    return site.page(request, "apart.html.j2", values)


@router.get("/coordinator/apart/{item_key}")
def one(request: Request, site: SiteOf, item_key: str) -> HTMLResponse:
    """An answer with what each rater said of it."""
    found = raters_of(site.database, item_key)
    if found is None:
        raise NotAllowed("item", 404)
    item, raters = found
    decided = next((standing for name, standing in raters if name == ADJUDICATED), None)
    values = {
        "words": site.texts.best("en"),
        "name": site.name,
        "item": item,
        "prompt": shown_markdown(item.prompt),
        "answers": [shown_markdown(text) for text in (item.answer, item.second_answer)][: 2 if item.is_pair else 1],
        "requested": languages()[item.requested_language].name
        if item.requested_language in languages()
        else item.requested_language,
        "raters": [(name, standing) for name, standing in raters if name != ADJUDICATED],
        "proposed": _proposed([standing for name, standing in raters if name != ADJUDICATED], decided),
        "facets": FACETS,
    }
    return site.page(request, "decide.html.j2", values)


def _proposed(raters: list[Standing], decided: Standing | None) -> dict[str, int | None]:
    """Marks to begin with: the decision there is, else what all raters agree on; of the rest nobody is preferred."""
    if decided is not None:
        return {facet: mark.value for facet, mark in decided.marks.items()}
    given = {facet: {each.marks[facet].value for each in raters if facet in each.marks} for facet in FACETS}
    return {facet: values.pop() for facet, values in given.items() if len(values) == 1}


@router.post("/coordinator/apart/{item_key}")
def decide_one(request: Request, site: SiteOf, item_key: str, fields: FormOf) -> Response:
    """Keeps a decision."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    found = raters_of(site.database, item_key)
    if found is None:
        raise NotAllowed("item", 404)
    given = {facet: first(fields, facet) for facet in FACETS if facet in fields}
    if not given or any(mark not in map(str, MARKS) for mark in given.values()):
        raise NotAllowed("mark", 400)
    marks = {facet: int(mark) for facet, mark in given.items()}
    decide(site.database, found[0], marks, secrets.token_hex(16))
    return RedirectResponse("/coordinator/apart", status_code=303)
