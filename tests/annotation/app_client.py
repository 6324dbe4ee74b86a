"""A browser without scripts, for tests."""

import re
from typing import Any

from fastapi.testclient import TestClient

from crosstune.annotation.annotators import NewLink, add_annotator
from crosstune.annotation.database import Database
from crosstune.annotation.server.app import create_app

COORDINATOR = "coordinator-token-of-the-tests-0123456789"


class Browser(TestClient):
    """Opens links, and sends forms and entries with the token of the page that was opened last."""

    csrf = ""

    def open(self, address: str) -> str:
        response = self.get(address)
        assert response.status_code == 200, (address, response.status_code, response.text[:300])
        found = re.search(r'name="csrf" content="(\w+)"', response.text)
        if found:
            self.csrf = found[1]
        self.last = str(response.url)
        return response.text

    def send_form(self, address: str, **fields: Any) -> str:
        response = self.post(address, data={"csrf": self.csrf, **fields})
        assert response.status_code == 200, (address, response.status_code, response.text[:300])
        self.last = str(response.url)
        return response.text

    def send_entries(self, key: str, *entries: dict[str, Any]) -> Any:
        headers = {"x-csrf-token": self.csrf}
        return self.post(f"/a/{key}/entries", json={"entries": list(entries)}, headers=headers)


def browser(database: Database) -> Browser:
    app = create_app(database, coordinator_token=COORDINATOR, name="study-of-tests")
    return Browser(app, raise_server_exceptions=False, headers={"accept-language": "en"})


def working(database: Database, name: str = "", language: str = "fr") -> tuple[Browser, NewLink, str]:
    """A browser in which an annotator has come to the first answer, and the answer's key."""
    link = add_annotator(database, name)
    opened = browser(database)
    opened.open(f"/join/{link.token}")
    opened.send_form(f"/a/{link.annotator.key}/languages", language=language)
    opened.open(f"/a/{link.annotator.key}/work")
    return opened, link, opened.last.rpartition("/")[2]
