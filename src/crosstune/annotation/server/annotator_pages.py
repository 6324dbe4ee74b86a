"""The pages of an annotator, from the personal link to the last answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from crosstune.annotation.annotators import Refusal, admitted, set_interface, set_languages, set_trained
from crosstune.annotation.handing_out import assignment, earlier, next_assignment, own_counts, release
from crosstune.annotation.items import item_languages
from crosstune.annotation.markdown import visible
from crosstune.annotation.records import Annotator, State
from crosstune.annotation.server.forms import Form, first, form
from crosstune.annotation.server.item_view import item_view, script_state
from crosstune.annotation.server.sessions import NotAllowed, annotator_of_request, check_csrf, set_cookie
from crosstune.annotation.server.site import Site, site_of
from crosstune.languages import languages

router = APIRouter()
_PER_PAGE = 50
_PAGES = ("work", "guidelines", "earlier", "languages")

SiteOf = Annotated[Site, Depends(site_of)]
FormOf = Annotated[Form, Depends(form)]


def current_annotator(request: Request, key: str, site: SiteOf) -> Annotator:
    """Who asks."""
    return annotator_of_request(request, site.database, key)


Current = Annotated[Annotator, Depends(current_annotator)]


def _to(annotator: Annotator, page: str) -> RedirectResponse:
    return RedirectResponse(f"/a/{annotator.key}/{page}", status_code=303)


@router.get("/join/{token}")
def join(request: Request, token: str, site: SiteOf) -> Response:
    """The personal link."""
    key, _, secret = token.partition(".")
    found = admitted(site.database, key, secret)
    if isinstance(found, Refusal):
        raise NotAllowed(found.value)
    response = _to(found, "")
    set_cookie(request, response, secret, f"/a/{found.key}")
    return response


@router.get("/a/{key}/")
def start(annotator: Current, site: SiteOf) -> Response:
    """Where one was."""
    if not annotator.languages:
        return _to(annotator, "languages")
    return _to(annotator, "work" if annotator.trained else "guidelines")


@router.get("/a/{key}/languages")
def language_choice(request: Request, annotator: Current, site: SiteOf) -> HTMLResponse:
    """The first page: which languages one reads."""
    return _language_choice(request, annotator, site, is_empty=False)


def _language_choice(request: Request, annotator: Annotator, site: Site, *, is_empty: bool) -> HTMLResponse:
    offered = [code for code in item_languages(site.database) if not annotator.allowed or code in annotator.allowed]
    table = languages()
    choices = [(code, table[code].endonym if code in table else code) for code in offered]
    values = {"choices": choices, "is_empty": is_empty}
    return site.annotator_page(request, annotator, "languages.html.j2", values, page="languages")


@router.post("/a/{key}/languages")
def choose_languages(request: Request, annotator: Current, site: SiteOf, fields: FormOf) -> Response:
    """Keeps which languages one reads."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    chosen = [code for code in fields.get("language", []) if code in item_languages(site.database)]
    if not chosen:
        return _language_choice(request, annotator, site, is_empty=True)
    set_languages(site.database, annotator, chosen)
    release(site.database, annotator.id, kept=chosen)  # for others who read them
    return _to(annotator, "")


@router.post("/a/{key}/interface")
def choose_interface(request: Request, annotator: Current, site: SiteOf, fields: FormOf) -> Response:
    """Keeps the language of the pages."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    code = first(fields, "code")
    if code not in site.texts.languages:
        raise NotAllowed("request", 400)
    set_interface(site.database, annotator, code)
    page = first(fields, "page")
    return _to(annotator, page if page in _PAGES else "")


@router.get("/a/{key}/guidelines")
def guidelines(request: Request, annotator: Current, site: SiteOf) -> HTMLResponse:
    """The guidelines, with an example of each mark."""
    words = site.words(request, annotator)
    has_training = bool(words.training) and not annotator.trained
    values = {"has_training": has_training}
    return site.annotator_page(request, annotator, "guidelines.html.j2", values, page="guidelines")


@router.get("/a/{key}/training/{number}")
def training(request: Request, annotator: Current, site: SiteOf, number: int) -> HTMLResponse:
    """An answer to practise with."""
    items = site.words(request, annotator).training
    if not 1 <= number <= len(items):
        raise NotAllowed("page", 404)
    values = {"number": number, "count": len(items), "item": items[number - 1]}
    return site.annotator_page(request, annotator, "training.html.j2", values, page="guidelines")


@router.post("/a/{key}/trained")
def trained(request: Request, annotator: Current, site: SiteOf, fields: FormOf) -> Response:
    """Ends the training."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    set_trained(site.database, annotator)
    return _to(annotator, "work")


@router.get("/a/{key}/work")
def work(request: Request, annotator: Current, site: SiteOf, after: int = 0) -> Response:
    """The next answer."""
    if not annotator.languages:
        return _to(annotator, "languages")
    given = next_assignment(site.database, annotator, max(0, min(after, 2**53)))
    if given is None:
        counts = own_counts(site.database, annotator)
        values = {"done": counts[State.DONE], "skipped": counts[State.SKIPPED]}
        return site.annotator_page(request, annotator, "finished.html.j2", values, page="work")
    return _to(annotator, f"item/{given.item.key}")


@router.get("/a/{key}/item/{item_key}")
def item(request: Request, annotator: Current, site: SiteOf, item_key: str) -> HTMLResponse:
    """An answer to rate."""
    given = assignment(site.database, annotator, item_key)
    if given is None:
        raise NotAllowed("item", 404)
    view = item_view(site.database, annotator, given)
    progress = site.progress(annotator, site.words(request, annotator))
    values = {"view": view, "state": script_state(view), "progress": progress}
    return site.annotator_page(request, annotator, "item.html.j2", values, page="work")


@router.get("/a/{key}/earlier")
def earlier_ratings(request: Request, annotator: Current, site: SiteOf, number: int = 1) -> HTMLResponse:
    """What one has rated, to be looked at and changed."""
    number = max(1, min(number, 100_000))
    found = earlier(site.database, annotator, offset=(number - 1) * _PER_PAGE, limit=_PER_PAGE + 1)
    rows = [
        {
            "key": each.item.key,
            "position": each.position,
            "state": each.state.value,
            "language": each.item.language,
            "start": visible(each.item.prompt.strip().split("\n", 1)[0][:120]),
        }
        for each in found[:_PER_PAGE]
    ]
    values = {"rows": rows, "number": number, "has_more": len(found) > _PER_PAGE}
    return site.annotator_page(request, annotator, "earlier.html.j2", values, page="earlier")
