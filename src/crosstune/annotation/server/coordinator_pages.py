"""The coordinator's page: which answers, who rates, how far they are."""

import hmac
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from crosstune.annotation.annotators import DAYS, NewLink, add_annotator, renew_link, revoke, token_hash
from crosstune.annotation.handing_out import release
from crosstune.annotation.progress import annotator_progress, far_apart, language_progress
from crosstune.annotation.selection import Selection, Way, choose
from crosstune.annotation.server.annotator_pages import FormOf, SiteOf
from crosstune.annotation.server.forms import Form, first
from crosstune.annotation.server.serving import LOOPBACK
from crosstune.annotation.server.sessions import NotAllowed, check_csrf, session_secret, set_cookie
from crosstune.annotation.server.site import Site, site_of
from crosstune.errors import InvalidData
from crosstune.languages import languages

router = APIRouter()
_HOME = "/coordinator/"
_FILTERS = {"languages": "requested_language", "runs": "run", "tasks": "task", "modifiers": "modifiers"}


def _is_coordinator(site: Site, secret: str) -> bool:
    return hmac.compare_digest(token_hash(secret), site.coordinator_hash)


def coordinator(request: Request, site: Annotated[Site, Depends(site_of)]) -> None:
    """Refuses everybody else.

    Raises:
        NotAllowed: the cookie is missing or another.
    """
    if not _is_coordinator(site, session_secret(request)):
        raise NotAllowed("session")


ONLY_COORDINATOR = [Depends(coordinator)]


@router.get("/coordinate/{token}")
def coordinate(request: Request, token: str, site: SiteOf) -> Response:
    """The coordinator's link."""
    if not _is_coordinator(site, token):
        raise NotAllowed("link")
    response = RedirectResponse(_HOME, status_code=303)
    set_cookie(request, response, token, "/coordinator")
    return response


@router.get("/coordinator/", dependencies=ONLY_COORDINATOR)
def overview(request: Request, site: SiteOf) -> HTMLResponse:
    """All at a glance."""
    return coordinator_page(request, site)


def coordinator_page(request: Request, site: Site, **values: Any) -> HTMLResponse:
    """The page, with what has just happened.

    Args:
        request: that it answers.
        site: the study.
        values: `message`, `problem`, or `link` (a `NewLink`), and `status`.
    """
    status = values.pop("status", 200)
    link: NewLink | None = values.pop("link", None)
    base = site.address or str(request.base_url).rstrip("/")
    address = f"{base}/join/{link.token}" if link is not None else ""
    shown = {
        "message": "",
        "problem": "",
        "link": address,
        "is_local": (urlsplit(base).hostname or "") in LOOPBACK,
        "link_name": link.annotator.pseudonym if link is not None else "",
        "name": site.name,
        "filters": _offered(site),
        "ways": list(Way),
        "days": DAYS,
        "language_names": {code: entry.name for code, entry in languages().items()},
        **_progress(site),
        **values,
    }
    return site.page(request, "coordinator.html.j2", {"words": site.texts.best("en"), **shown}, status=status)


def _progress(site: Site) -> dict[str, Any]:
    return {
        "annotators": annotator_progress(site.database),
        "by_language": language_progress(site.database),
        "apart": sum(not each.is_decided for each in far_apart(site.database)),
    }


def _offered(site: Site) -> dict[str, list[str]]:
    """What there is to choose from in each filter."""
    found = {}
    with site.database.reading() as connection:
        for name, column in _FILTERS.items():
            rows = connection.execute(f"SELECT DISTINCT {column} FROM items WHERE withdrawn = 0 ORDER BY {column}")
            found[name] = [row[0] or "none" for row in rows]
    return found


@router.get("/coordinator/progress", dependencies=ONLY_COORDINATOR)
def progress(request: Request, site: SiteOf) -> HTMLResponse:
    """The part of the page that changes while people work."""
    names = {code: entry.name for code, entry in languages().items()}
    return site.page(request, "progress.html.j2", {"language_names": names, **_progress(site)})


@router.post("/coordinator/choose", dependencies=ONLY_COORDINATOR)
def choose_answers(request: Request, site: SiteOf, fields: FormOf) -> HTMLResponse:
    """Chooses answers to be rated."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    try:
        chosen = choose(site.database, _selection(fields))
    except InvalidData as error:
        return coordinator_page(request, site, problem=str(error), status=400)
    counts = ", ".join(f"{code} {count}" for code, count in chosen.by_language.items())
    message = f"Chosen: {counts}; by several raters: {chosen.several_raters}."
    return coordinator_page(request, site, message=message)


def _selection(fields: Form) -> Selection:
    way = first(fields, "way", Way.BALANCED.value)
    if way not in list(Way):
        raise InvalidData(f"'{way}' is no way to choose", where="way")
    per_language = first(fields, "per_language").strip()
    return Selection(
        languages=tuple(fields.get("languages", ())),
        runs=tuple(fields.get("runs", ())),
        tasks=tuple("" if name == "none" else name for name in fields.get("tasks", ())),
        modifiers=tuple(fields.get("modifiers", ())),
        way=Way(way),
        per_language=int(_number("per language", per_language)) if per_language else None,
        raters=int(_number("raters", first(fields, "raters", "1"))),
        overlap=_number("overlap", first(fields, "overlap", "100")) / 100,
        seed=int(_number("seed", first(fields, "seed", "0"))),
    )


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
        int(value)  # refuses infinity and NaN
    except (ValueError, OverflowError):
        raise InvalidData(f"'{text[:40]}' is no number", where=name) from None
    return value


@router.post("/coordinator/annotators", dependencies=ONLY_COORDINATOR)
def add(request: Request, site: SiteOf, fields: FormOf) -> HTMLResponse:
    """Adds an annotator; their link is shown this once."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    try:
        days = _number("days", first(fields, "days", str(DAYS)))
        if not 0 < days <= 3650:
            raise InvalidData("a link works for 1 to 3650 days", where="days")
        allowed = fields.get("allowed", [])
        link = add_annotator(site.database, first(fields, "name"), allowed=allowed, days=days)
    except InvalidData as error:
        return coordinator_page(request, site, problem=str(error), status=400)
    return coordinator_page(request, site, link=link)


@router.post("/coordinator/annotators/{number}/renew", dependencies=ONLY_COORDINATOR)
def renew(request: Request, site: SiteOf, number: int, fields: FormOf) -> HTMLResponse:
    """Gives an annotator a new link in place of the old one."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    try:
        link = renew_link(site.database, number)
    except InvalidData as error:
        return coordinator_page(request, site, problem=str(error), status=404)
    return coordinator_page(request, site, link=link)


@router.post("/coordinator/annotators/{number}/revoke", dependencies=ONLY_COORDINATOR)
def withdraw(request: Request, site: SiteOf, number: int, fields: FormOf) -> HTMLResponse:
    """Withdraws a link, and gives back what its owner has not touched."""
    check_csrf(request, site.secret, first(fields, "csrf"))
    revoke(site.database, number)
    released = release(site.database, number)
    return coordinator_page(request, site, message=f"The link is withdrawn. Answers given back: {released}.")
