"""The page of a report, read as far as the tests ask."""

import re
from html.parser import HTMLParser

from crosstune.analysis.tables import StudyTables
from crosstune.reporting.report import render

VOID = {"meta", "br", "hr", "img", "input", "link"}
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "href", "xlink:href", "style"}


class Page(HTMLParser):
    """What a browser would make of the page, as far as the tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags, self.scripts, self.text, self.references, self.ids, self.open = [], [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        self.is_data = tag == "script" and attributes.get("type") == "text/plain"
        if tag == "script" and not self.is_data:
            self.scripts.append("")
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.references += [value for name, value in attrs if name in LOADING and value]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            if self.is_data:
                assert re.fullmatch(r"[A-Za-z0-9+/=]+", data)
            else:
                self.scripts[-1] += data
        elif "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text).replace("\u00a0", " "))

    def all(self, tag, name=None):
        return [attributes for found, attributes in self.tags if found == tag and (name is None or name in attributes)]


def page(tables: StudyTables, **options) -> Page:
    given = {"title": "quickstart", "study_yaml": "name: quickstart\n", "provenance": {"torch": "2.13.0"}}
    return Page(render(tables, **{**given, **options}))
