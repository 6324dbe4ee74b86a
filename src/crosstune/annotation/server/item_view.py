"""An answer, or two, as the annotator's page shows them. No run and no prompt id is in it."""

from dataclasses import dataclass
from typing import Any

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.handing_out import previous_key
from crosstune.annotation.markdown import ShownText, shown_markdown
from crosstune.annotation.records import Annotator, Assignment, State
from crosstune.annotation.standing import standing
from crosstune.languages import languages


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer."""

    shown: ShownText
    raw: str
    """As it was given, for marking words."""
    is_empty: bool
    is_cut_off: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """All that the page has of the item."""

    key: str
    position: int
    prompt: ShownText
    prompt_language: str
    answers: tuple[AnswerView, ...]
    answer_language: str
    requested: str
    """Name of the language the answer should be in, by itself."""
    is_pair: bool
    marks: dict[str, int | None]
    """As this annotator sees the sides."""
    note: str
    spans: list[tuple[int, int, int]]
    was_skipped: bool
    previous: str | None
    """Key of the item before."""


def item_view(database: Database, annotator: Annotator, given: Assignment) -> ItemView:
    """Lays an assignment out."""
    item = given.item
    now = standing(database, annotator.id, item.id)
    answers = [_answer(item.answer, item.cut_off)]
    if item.is_pair:
        answers.append(_answer(item.second_answer, item.second_cut_off))
    is_turned = item.is_pair and given.flipped
    marks: dict[str, int | None] = {}
    for facet in FACETS:
        value = now.marks[facet].value if facet in now.marks else None
        marks[facet] = 2 - value if is_turned and value is not None else value
    known = languages().get(item.requested_language)
    return ItemView(
        key=item.key,
        position=given.position,
        prompt=shown_markdown(item.prompt),
        prompt_language=item.language,
        answers=tuple(reversed(answers) if is_turned else answers),
        answer_language=item.requested_language,
        requested=known.endonym if known else item.requested_language,
        is_pair=item.is_pair,
        marks=marks,
        note=now.note,
        spans=[(span.start, span.end, int(span.of_second != is_turned)) for span in now.spans],
        was_skipped=given.state is State.SKIPPED,
        previous=previous_key(database, annotator, given.position),
    )


def _answer(text: str, cut_off: bool) -> AnswerView:
    return AnswerView(shown_markdown(text), text, not text.strip(), cut_off)


def script_state(view: ItemView) -> dict[str, Any]:
    """What the page's script needs to begin with."""
    return {
        "item": view.key,
        "position": view.position,
        "pair": view.is_pair,
        "marks": view.marks,
        "spans": view.spans,
        "texts": [answer.raw for answer in view.answers],
    }
