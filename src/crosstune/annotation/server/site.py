"""What all pages share: the database, the words, the templates."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosstune.annotation.annotators import Refusal, admitted
from crosstune.annotation.criteria import SKIP_REASONS, ZERO_WITHOUT_FLUENCY
from crosstune.annotation.database import Database
from crosstune.annotation.entries import LONGEST_NOTE
from crosstune.annotation.handing_out import own_counts, waiting_in_pool
from crosstune.annotation.records import Annotator, State
from crosstune.annotation.server.sessions import csrf_token, session_secret
from crosstune.annotation.texts import InterfaceTexts, TextLibrary
from crosstune.languages import languages

_COUNTED_FOR_SECONDS = 5.0

_SCRIPT_TEXTS = (
    "state.saved",
    "state.saving",
    "state.offline",
    "state.refused",
    "work.missing",
    "work.note_too_long",
    "work.show_all",
    "work.show_less",
    "words.open",
    "words.close",
    "words.count",
    "fluency.suggested",
    "fluency.why",
    "training.same",
    "training.different",
    "training.all",
    "error.session",
    "error.expired",
    "error.revoked",
    "error.form",
    "error.large",
    "error.often",
    "error.disk",
    "error.server",
    "error.request",
)
"""What scripts put into pages."""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("crosstune.annotation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["json_attribute"] = json_attribute
    return environment


def json_attribute(value: object) -> Markup:
    """A value as JSON in an attribute in double quotes; line ends and control characters stay as they are."""
    return Markup.escape(json.dumps(value, ensure_ascii=True))


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was still to be handed out to an annotator when it was counted."""

    moment: float
    own: int
    """Answers that had been handed out to them."""
    waiting: int


@dataclass
class Site:
    """One study's pages."""

    database: Database
    texts: TextLibrary
    name: str
    coordinator_hash: str
    """SHA-256 of the secret of the coordinator's link."""
    address: str = ""
    """What links begin with; empty: as whoever asks reached the server."""
    secret: str = ""
    templates: Environment = field(default_factory=_environment)
    _counts: dict[int, _Counted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secret = self.database.setting("secret") or ""

    def page(self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
        """A page of its template."""
        html = self.templates.get_template(template).render(
            csrf=csrf_token(self.secret, session_secret(request)), **values
        )
        return HTMLResponse(html, status_code=status)

    def words(self, request: Request, annotator: Annotator | None = None) -> InterfaceTexts:
        """The words for whoever asks: as they chose, else as their browser says, else in a language they read."""
        wanted = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")[:10]]
        codes = [code.split("-")[0].lower() for code in wanted]
        if annotator is None:
            return self.texts.best(*codes)
        chosen = [annotator.interface] if annotator.interface else []
        return self.texts.best(*chosen, *codes, *annotator.languages)

    def annotator_page(
        self, request: Request, annotator: Annotator, template: str, values: Mapping[str, Any], *, page: str
    ) -> HTMLResponse:
        """A page of an annotator.

        Args:
            request: that it answers.
            annotator: whose page it is.
            template: its name.
            values: of the template.
            page: which one it is, for the menu.
        """
        words = self.words(request, annotator)
        common = {
            "words": words,
            "home": f"/a/{annotator.key}",
            "page": page,
            "annotator": annotator,
            "interfaces": [languages()[code] for code in self.texts.languages],
            "script_texts": {key: words(key) for key in _SCRIPT_TEXTS},
            "skip_reasons": SKIP_REASONS,
            "zero_without_fluency": ZERO_WITHOUT_FLUENCY,
            "longest_note": LONGEST_NOTE,
        }
        return self.page(request, template, {**common, **values})

    def progress(self, annotator: Annotator, words: InterfaceTexts) -> str:
        """How far an annotator is; what is still to be handed out is counted every few seconds."""
        counts = own_counts(self.database, annotator)
        moment, own = time.monotonic(), sum(counts.values())
        counted = self._counts.get(annotator.id)
        if counted is None or moment - counted.moment > _COUNTED_FOR_SECONDS or counted.own != own:
            counted = _Counted(moment, own, waiting_in_pool(self.database, annotator))
            self._counts[annotator.id] = counted
        left = counts[State.OPEN] + counts[State.STARTED] + counted.waiting
        return words("work.progress", done=counts[State.DONE] + counts[State.SKIPPED], left=left)

    def error_page(self, request: Request, code: str, status: int) -> HTMLResponse:
        """A page that says what is wrong, in the language of whoever asks."""
        annotator = None
        parts = request.url.path.split("/")
        if len(parts) > 2 and parts[1] == "a":
            found = admitted(self.database, parts[2], session_secret(request))
            annotator = None if isinstance(found, Refusal) else found
        words = self.words(request, annotator)
        home = f"/a/{annotator.key}" if annotator is not None else ""
        values = {"words": words, "message": words(f"error.{code}"), "home": home}
        return self.page(request, "error.html.j2", values, status=status)


def site_of(request: Request) -> Site:
    """The site that a request belongs to."""
    site: Site = request.app.state.site
    return site
