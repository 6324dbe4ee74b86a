"""A small study to annotate."""

from crosstune.annotation.annotators import add_annotator, all_annotators, set_languages
from crosstune.annotation.database import Database
from crosstune.annotation.entries import MarkEntry
from crosstune.annotation.records import Annotator, NewItem


def new_item(number: int, language: str = "fr", **others: object) -> NewItem:
    values: dict[str, object] = {
        "run": f"secret-run-{number % 2}",
        "prompt_id": f"everyday/prompt-{number // 2}",
        "language": language,
        "requested_language": language,
        "prompt": f"Question {number // 2} ?",
        "answer": f"Réponse {number}.",
        "task": ("recipe", "letter")[number // 2 % 2],
    }
    return NewItem(**{**values, **others})  # type: ignore[arg-type]


def annotator_reading(database: Database, *languages: str, name: str = "") -> Annotator:
    made = add_annotator(database, name).annotator
    set_languages(database, made, languages)
    return next(each for each in all_annotators(database) if each.id == made.id)


def mark(item: str, facet: str, value: int, key: str, seconds: float = 0.0) -> MarkEntry:
    return MarkEntry(kind="mark", item=item, facet=facet, value=value, client_key=key, seconds=seconds)
