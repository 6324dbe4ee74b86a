"""Tasks, annotations and the labelling config of Label Studio, both ways.

A task is one answer: `data` has the item's key, the prompt, the answer and the languages, and nothing of the
configuration. An annotation has a choice for each criterion, words marked as wrong, and a note.

Label Studio counts characters in UTF-16 in some versions: where the words that an annotation repeats do not stand at
its place in characters, they are looked for there.
"""

import json
from math import isfinite
from typing import Any
from xml.sax.saxutils import quoteattr

from crosstune.annotation.annotators import LONGEST_NAME
from crosstune.annotation.criteria import FACETS, MARKS
from crosstune.annotation.database import Database
from crosstune.annotation.entries import LONGEST_NOTE, MOST_SPANS
from crosstune.annotation.export import WRONG
from crosstune.annotation.importing import Imported, Rating, add_rating
from crosstune.annotation.records import Mark, Standing
from crosstune.annotation.rows import as_text, item_of, now
from crosstune.annotation.saving import stored_text
from crosstune.annotation.standing import standing_in
from crosstune.annotation.texts import InterfaceTexts
from crosstune.errors import InvalidData

RATER = "crosstune_rater"
"""In an annotation, who rated; Label Studio passes it over and knows its own users."""


def labelling_config(words: InterfaceTexts) -> str:
    """The XML that a Label Studio project is set up with."""
    lines = [
        "<View>",
        '  <Header value="$requested_language"/>',
        '  <Text name="prompt" value="$prompt"/>',
        '  <Text name="answer" value="$answer" granularity="word"/>',
        '  <Labels name="wrong" toName="answer">',
        f'    <Label value="{WRONG}" background="#c2571a"/>',
        "  </Labels>",
    ]
    for criterion in words.criteria:
        lines.append(f'  <Header value={quoteattr(f"{criterion.title}: {criterion.question}")} size="4"/>')
        lines.append(
            f'  <Choices name="{criterion.facet}" toName="answer" choice="single" showInline="false" required="true">'
        )
        for mark, meaning in zip(MARKS, criterion.meanings, strict=True):
            lines.append(f'    <Choice value="{mark}" hint={quoteattr(meaning)}/>')
        lines.append("  </Choices>")
    lines += ['  <TextArea name="note" toName="answer" rows="2" maxSubmissions="1"/>', "</View>", ""]
    return "\n".join(lines)


def tasks(database: Database) -> list[dict[str, Any]]:
    """The chosen answers as tasks, with what people said of them as annotations; pairs are left out."""
    found = []
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT * FROM items WHERE withdrawn = 0 AND second_run = '' AND (wanted > 0 OR allotted > 0) ORDER BY key"
        ).fetchall()
        for number, row in enumerate(rows, start=1):
            item = item_of(row)
            raters = connection.execute(
                "SELECT annotators.id, pseudonym FROM assignments JOIN annotators ON annotators.id = annotator "
                "WHERE item = ? AND state != 'open' ORDER BY annotators.id",
                [item.id],
            ).fetchall()
            annotations = [
                _annotation(standing_in(connection, rater["id"], item.id), rater["pseudonym"], item.answer)
                for rater in raters
            ]
            data = {
                "item": item.key,
                "language": item.language,
                "requested_language": item.requested_language,
                "prompt": item.prompt,
                "answer": item.answer,
            }
            found.append({"id": number, "data": data, "annotations": annotations})
    return found


def _annotation(now_holds: Standing, rater: str, answer: str) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    for facet, mark in now_holds.marks.items():
        if mark.value is not None:
            result.append(_region(facet, "choices", {"choices": [str(mark.value)]}))
    for number, span in enumerate(now_holds.spans):
        value = {"start": span.start, "end": span.end, "text": answer[span.start : span.end], "labels": [WRONG]}
        result.append(_region("wrong", "labels", value, f"wrong-{number}"))
    if now_holds.note:
        result.append(_region("note", "textarea", {"text": [now_holds.note]}))
    is_skipped = bool(now_holds.marks) and all(mark.value is None for mark in now_holds.marks.values())
    return {RATER: rater, "result": result, "was_cancelled": is_skipped, "lead_time": now_holds.seconds}


def _region(name: str, kind: str, value: dict[str, Any], identifier: str | None = None) -> dict[str, Any]:
    return {"id": identifier or name, "from_name": name, "to_name": "answer", "type": kind, "value": value}


def import_tasks(database: Database, content: bytes, name: str = "tasks.json") -> Imported:
    """Takes annotations from Label Studio's JSON export.

    Raises:
        InvalidData: it is not a list of tasks.
    """
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"not JSON ({error})", where=name) from error
    if not isinstance(read, list):
        raise InvalidData("not a list of tasks", where=name, hint="export as JSON, not as JSON-MIN")
    result = Imported()
    moment = as_text(now())
    with database.writing() as connection:
        for number, task in enumerate(read, start=1):
            data = task.get("data") if isinstance(task, dict) else None
            annotations = task.get("annotations") if isinstance(task, dict) else None
            if not isinstance(data, dict) or not isinstance(annotations, list):
                result.refuse(f"task {number} has no data or no annotations")
                continue
            row = connection.execute(
                "SELECT id, answer FROM items WHERE key = ? AND withdrawn = 0 AND second_run = ''",
                [stored_text(str(data.get("item", "")))],
            ).fetchone()
            if row is None:
                result.unknown_answers += len(annotations)
                continue
            for annotation in annotations:
                try:
                    rating = _rating(annotation, row["answer"])
                except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
                    result.refuse(f"task {number}: an annotation is not as Label Studio writes it")
                    continue
                add_rating(connection, row["id"], rating, result, moment)
    return result


def _rating(annotation: dict[str, Any], answer: str) -> Rating:
    marks: dict[str, Mark] = {}
    spans: list[tuple[int, int]] = []
    note = ""
    for region in annotation["result"]:
        name, value = region["from_name"], region["value"]
        if name in FACETS:
            (choice,) = value["choices"]
            if choice not in map(str, MARKS):
                raise ValueError(choice)
            marks[name] = Mark(int(choice), None, "")
        elif name == "wrong" and len(spans) <= MOST_SPANS:
            spans.append(_place(int(value["start"]), int(value["end"]), value.get("text"), answer))
        elif name == "note":
            note = "\n".join(map(str, value["text"])) if isinstance(value["text"], list) else str(value["text"])
    if annotation.get("was_cancelled"):
        marks = dict.fromkeys(FACETS, Mark(None, "other", ""))
    if len(spans) > MOST_SPANS:
        raise ValueError("too many marked words")
    seconds = float(annotation.get("lead_time") or 0.0)
    return Rating(
        rater=_rater(annotation),
        marks=marks,
        note=note[:LONGEST_NOTE],
        spans=tuple(spans),
        seconds=max(0.0, seconds) if isfinite(seconds) else 0.0,
    )


def _rater(annotation: dict[str, Any]) -> str:
    """Who rated; users of Label Studio by their number, so that no address of theirs comes along."""
    name = annotation.get(RATER)
    if isinstance(name, str) and name.strip() and name.isprintable():
        return " ".join(name.split())[:LONGEST_NAME].strip()
    user = annotation.get("completed_by")
    number = user.get("id") if isinstance(user, dict) else user
    return f"label-studio-{number if isinstance(number, int) else 'unknown'}"


def _place(start: int, end: int, text: object, answer: str) -> tuple[int, int]:
    if not isinstance(text, str) or answer[start:end] == text:
        return start, end
    units = answer.encode("utf-16-le")
    first = len(units[: 2 * start].decode("utf-16-le", "ignore"))
    last = len(units[: 2 * end].decode("utf-16-le", "ignore"))
    return (first, last) if answer[first:last] == text else (start, end)
