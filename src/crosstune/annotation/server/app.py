"""The web app."""

import secrets
from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from crosstune.annotation.annotators import token_hash
from crosstune.annotation.database import Database
from crosstune.annotation.server import annotator_pages, coordinator_pages, decision_pages, entry_point, files
from crosstune.annotation.server.middleware import SECURITY_HEADERS, HostNames, Limits, SecurityHeaders
from crosstune.annotation.server.sessions import NotAllowed
from crosstune.annotation.server.site import Site, site_of
from crosstune.annotation.texts import TextLibrary
from crosstune.errors import StorageFailure


def new_token() -> str:
    """A token for the coordinator's link, which nobody can guess."""
    return secrets.token_urlsafe(32)


def create_app(
    database: Database,
    *,
    coordinator_token: str,
    name: str = "",
    texts_folder: Path | None = None,
    address: str = "",
    host_names: Collection[str] = (),
) -> FastAPI:
    """The web app of one study.

    Args:
        database: of the study; who opened it closes it.
        coordinator_token: what opens the coordinator's page, at `/coordinate/<token>`.
        name: of the study, shown to the coordinator alone.
        texts_folder: words of the pages other than those that are packaged.
        address: what links begin with; empty: as the coordinator reached the server.
        host_names: names by which the server may be asked; empty: all.

    Raises:
        InvalidData: a file of words is not as it should be.
    """
    app = FastAPI(title="crosstune annotate", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = Site(
        database=database,
        texts=TextLibrary(texts_folder),
        name=name or database.path.stem,
        coordinator_hash=token_hash(coordinator_token),
        address=address,
    )
    app.include_router(annotator_pages.router)
    app.include_router(entry_point.router)
    for pages in (coordinator_pages, decision_pages, files):
        app.include_router(pages.router)
    app.mount("/static", StaticFiles(packages=[("crosstune.annotation", "static")]))
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(StorageFailure, _storage_failure)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(Exception, _server_error)
    app.add_middleware(Limits)
    app.add_middleware(HostNames, allowed=host_names)
    app.add_middleware(SecurityHeaders)
    return app


def _answer(request: Request, code: str, status: int) -> Response:
    site = site_of(request)
    if request.url.path.endswith("/entries"):
        message = site.words(request)(f"error.{code}")
        return JSONResponse({"error": code, "message": message}, status_code=status)
    return site.error_page(request, code, status)


def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAllowed)
    return _answer(request, error.code, error.status)


def _storage_failure(request: Request, error: Exception) -> Response:
    return _answer(request, "disk", 507)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, "page" if error.status_code in (404, 405) else "request", error.status_code)


def _bad_request(request: Request, error: Exception) -> Response:
    return _answer(request, "page" if request.method == "GET" else "request", 404 if request.method == "GET" else 400)


def _server_error(request: Request, error: Exception) -> Response:
    response = _answer(request, "server", 500)
    for name, value in SECURITY_HEADERS:  # this answer does not pass the middleware
        response.headers[name.decode()] = value.decode()
    return response
