"""Who asks. A personal link is opened once; from then on a cookie that scripts cannot read opens the same pages.

Forms and scripts must bring the page's own token too (`x-csrf-token`, or a field `csrf`), which another site does not
know. All comparisons take the same time whatever is compared.
"""

import hashlib
import hmac

from fastapi import Request, Response

from crosstune.annotation.annotators import Refusal, admitted
from crosstune.annotation.database import Database
from crosstune.annotation.records import Annotator

_COOKIE_SECONDS = 90 * 24 * 3600


class NotAllowed(Exception):
    """The request is refused; `code` names the text that says why."""

    def __init__(self, code: str, status: int = 403) -> None:
        self.code = code
        self.status = status
        super().__init__(code)


def _cookie(request: Request) -> str:
    """Each study's own: browsers send a machine's cookies to all its ports, and two servers would share one name."""
    return "crosstune-" + hashlib.sha256(request.app.state.site.secret.encode()).hexdigest()[:12]


def session_secret(request: Request) -> str:
    """The secret that a request brings; empty when it brings none."""
    return request.cookies.get(_cookie(request), "")


def set_cookie(request: Request, response: Response, secret: str, path: str) -> None:
    """Lets the browser open the pages below `path` from now on."""
    response.set_cookie(
        _cookie(request),
        secret,
        max_age=_COOKIE_SECONDS,
        path=path,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def annotator_of_request(request: Request, database: Database, key: str) -> Annotator:
    """The annotator whose pages these are.

    Raises:
        NotAllowed: the cookie is missing or not theirs, or the link has expired or was withdrawn.
    """
    found = admitted(database, key, session_secret(request))
    if isinstance(found, Refusal):
        raise NotAllowed("session" if found is Refusal.UNKNOWN else found.value)
    return found


def csrf_token(server_secret: str, session_secret: str) -> str:
    """What the pages of a session bring along."""
    return hmac.new(server_secret.encode(), f"csrf:{session_secret}".encode(), hashlib.sha256).hexdigest()


def check_csrf(request: Request, server_secret: str, form_field: str = "") -> None:
    """Refuses what does not come from the session's own pages.

    Raises:
        NotAllowed: the token is missing or another.
    """
    given = request.headers.get("x-csrf-token") or form_field
    expected = csrf_token(server_secret, session_secret(request))
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise NotAllowed("form")
