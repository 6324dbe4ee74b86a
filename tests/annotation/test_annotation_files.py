"""Tables and files of what people said."""

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from annotation_study import annotator_reading, mark, new_item

from crosstune.annotation import importing
from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.entries import Refused, read_entry
from crosstune.annotation.export import as_csv, comparisons, history, scores, scores_in
from crosstune.annotation.handing_out import next_assignment
from crosstune.annotation.importing import import_scores, read_table
from crosstune.annotation.items import add_items
from crosstune.annotation.label_studio import RATER, import_tasks, labelling_config, tasks
from crosstune.annotation.records import NewItem
from crosstune.annotation.saving import save_entries
from crosstune.annotation.selection import Selection, choose
from crosstune.annotation.texts import TextLibrary
from crosstune.errors import InvalidData
from crosstune.records import Score
from crosstune.storage.tables import from_rows

ANSWER = "Le 😀 chat dort."  # 15 characters; in UTF-16 the face counts as two
COLUMNS = ("run", "prompt_id", "language", "rater", "facet", "value")
ITEMS = [
    new_item(0, run="a", prompt_id="p0", answer=ANSWER, prompt="=1+1"),
    new_item(0, run="a", prompt_id="p1"),
]


def entry(**values: object) -> Any:
    found = read_entry(values)
    assert not isinstance(found, Refused)
    return found


def rated(database: Database, items: list[NewItem] = ITEMS) -> Database:
    """Ada marks the first answer with a note and a wrong word, and skips the second."""
    add_items(database, items)
    choose(database, Selection())
    ada = annotator_reading(database, "fr", name="ada")
    for _ in range(2):
        given = next_assignment(database, ada)
        assert given is not None
        key = given.item.key
        if given.item.prompt_id == "p0":
            marks = [mark(key, facet, number % 3, f"p0-{facet}", 2) for number, facet in enumerate(FACETS)]
            more = [
                mark(key, "language", 2, "p0-again", 3),
                entry(kind="note", item=key, text="=SUM(A1)", client_key="p0-note-1"),
                entry(kind="spans", item=key, spans=[(5, 9, 0)], client_key="p0-spans"),
            ]
            save_entries(database, ada, [*marks, *more])
        else:
            skip = entry(kind="skip", item=key, reason="unclear", detail="nonsense", client_key="p1-skip-1", seconds=4)
            save_entries(database, ada, [skip])
    return database


@pytest.fixture
def other(tmp_path: Path) -> Database:
    opened = Database(tmp_path / "other.sqlite")
    add_items(opened, ITEMS)
    choose(opened, Selection())
    return opened


def test_scores(database: Database) -> None:
    frame = scores(rated(database))
    first, second = frame.filter(prompt_id="p0"), frame.filter(prompt_id="p1")
    assert first["facet"].to_list() == list(FACETS)
    # 0 1 2 0 1 2, of which the first became 2; 6 * 2 + 3 seconds.
    assert first["value"].to_list() == [2, 1, 2, 0, 1, 2]
    assert first["seconds"].to_list() == [15] * 6
    assert set(first["detail"]) == {"=SUM(A1)"}
    assert first.filter(facet="fluency")["spans"].to_list() == [[{"start": 5, "end": 9, "note": "wrong"}]]
    assert first.filter(facet="accuracy")["spans"].to_list() == [[]]
    assert set(second["reason"]) == {"skipped"}
    assert set(second["detail"]) == {"unclear: nonsense"}
    assert set(frame["rater"]) == {"person:ada"}
    # They are scores like all others.
    assert len(from_rows(Score, frame.drop("seconds").to_dicts(), "here")) == 12


def test_scores_of_a_database_that_is_open_elsewhere(database: Database, tmp_path: Path) -> None:
    assert scores_in(rated(database).path).equals(scores(database))
    with pytest.raises(InvalidData, match="nobody has rated anything"):
        scores_in(tmp_path / "nothing.sqlite")


def test_withdrawn_answers_are_in_the_history_alone(database: Database) -> None:
    rated(database)
    add_items(database, ITEMS[1:])
    assert set(scores(database)["prompt_id"]) == {"p1"}
    everything = history(database)
    # 7 marks, a note and marked words of the first answer; a skip of 6 criteria of the second.
    assert everything.group_by("prompt_id", "kind").len().sort("prompt_id", "kind").rows() == [
        ("p0", "mark", 7),
        ("p0", "note", 1),
        ("p0", "spans", 1),
        ("p1", "mark", 6),
    ]
    assert everything.filter(prompt_id="p0")["withdrawn"].all()


def test_comparisons(database: Database) -> None:
    add_items(database, [new_item(0, run="a", second_run="b", second_answer="B")])
    choose(database, Selection())
    ada = annotator_reading(database, "fr", name="ada")
    given = next_assignment(database, ada)
    assert given is not None
    # As ada sees the sides: the left one is better in language, the right one in fluency, alike in help.
    values = {"language": 0, "fluency": 2, "helpfulness": 1}
    save_entries(
        database, ada, [mark(given.item.key, facet, value, f"pair-{facet}") for facet, value in values.items()]
    )
    frame = comparisons(database)
    left, right = (0.0, 1.0) if given.flipped else (1.0, 0.0)
    assert frame["value"].to_list() == [left, right, 0.5]
    assert frame.select("run_a", "run_b", "rater").row(0) == ("a", "b", "person:ada")
    assert scores(database).is_empty()


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_tables_come_back_as_they_went(database: Database, other: Database, tmp_path: Path, name: str) -> None:
    sent = scores(rated(database))
    if name.endswith("csv"):
        content = as_csv(sent)
        assert b",'=SUM(A1)," in content  # no formula for a spreadsheet
    else:
        sent.write_parquet(tmp_path / name)
        content = (tmp_path / name).read_bytes()
    result = import_scores(other, read_table(content, name))
    assert (result.added, result.known, result.refused, result.unknown_answers) == (12, 0, 0, 0)
    assert scores(other).sort("prompt_id", "facet").equals(sent.sort("prompt_id", "facet"))
    again = import_scores(other, read_table(content, name))
    assert (again.added, again.known) == (0, 12)
    assert scores(other)["seconds"].to_list() == scores(database)["seconds"].to_list()


def test_what_cannot_be_imported_is_said(other: Database) -> None:
    good = {"run": "a", "prompt_id": "p0", "language": "fr", "rater": "person:eve", "facet": "fluency", "value": "1"}
    rows = [
        good,
        good | {"facet": "accuracy", "value": "1.5"},
        good | {"facet": "beauty"},
        good | {"rater": "judge:x"},
        good | {"prompt_id": "p9"},
    ]
    result = import_scores(other, pl.DataFrame(rows))
    assert (result.added, result.refused, result.unknown_answers) == (1, 3, 1)
    assert any("no person" in problem for problem in result.problems)
    for content, name, problem in [
        (b"run,prompt_id\na,b\n", "x.csv", "no column language"),
        (b"nonsense", "x.parquet", "cannot be read"),
        (b"", "x.csv", "cannot be read"),
        (b"", "x.xlsx", "neither"),
    ]:
        with pytest.raises(InvalidData, match=problem):
            read_table(content, name)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "'"])
def test_no_text_in_csv_is_a_formula(start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    content = as_csv(pl.DataFrame([dict.fromkeys(COLUMNS, "x") | {"detail": text}]))
    assert f"'{text}" in content.decode()
    assert read_table(content, "x.csv")["detail"].to_list() == [text]


def test_tables_with_other_kinds_of_columns(other: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    good = {"run": "a", "prompt_id": "p0", "language": "fr", "rater": "person:eve", "facet": "fluency", "value": 1}
    for change in ({"run": ["a"]}, {"detail": {"a": 1}}, {"value": b"1"}, {"seconds": [1.0]}):
        with pytest.raises(InvalidData, match="no texts or numbers"):
            import_scores(other, pl.DataFrame([good | change]))
    # Numbers where texts are wanted are taken as texts.
    assert import_scores(other, pl.DataFrame([good | {"prompt_id": 7, "detail": 5}])).unknown_answers == 1
    for name in ("eve\n", " eve", "e  ve", "\x1b[2J"):
        assert import_scores(other, pl.DataFrame([good | {"rater": f"person:{name}"}])).refused == 1
    buffer = io.BytesIO()
    pl.DataFrame([good] * 3).write_parquet(buffer)
    monkeypatch.setattr(importing, "_MOST_ROWS", 2)
    with pytest.raises(InvalidData, match="3 rows"):
        read_table(buffer.getvalue(), "x.parquet")


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"lead_time": float("nan")}, (1, 0)),
        ({"lead_time": float("inf")}, (1, 0)),
        ({"lead_time": -5}, (1, 0)),
        ({"lead_time": [1]}, (0, 1)),
        ({"completed_by": "\ud800"}, (1, 0)),
        ({RATER: "e\n\tve"}, (1, 0)),
        ({"result": [{"from_name": "fluency", "value": {"choices": [1.9]}}]}, (0, 1)),
        ({"result": [{"from_name": "fluency", "value": {"choices": [True]}}]}, (0, 1)),
        ({"result": [{"from_name": "wrong", "value": {"start": 1e999, "end": 2}}]}, (0, 1)),
        ({"result": [{"from_name": "wrong", "value": {"start": 0, "end": 2}}] * 2_001}, (0, 1)),
        ({"result": [{"from_name": "note", "value": {"text": "\ud800" * 20_000}}]}, (0, 0)),
    ],
)
def test_hostile_annotations(other: Database, change: dict[str, Any], counts: tuple[int, int]) -> None:
    with other.reading() as connection:
        key = connection.execute("SELECT key FROM items WHERE prompt_id = 'p0'").fetchone()["key"]
    fluency = {"from_name": "fluency", "value": {"choices": ["1"]}}
    annotation = {"result": [fluency], "completed_by": 7, **change}
    content = json.dumps([{"data": {"item": key}, "annotations": [annotation]}]).encode()
    result = import_tasks(other, content)
    assert (result.added, result.refused) == counts
    assert import_tasks(other, content.replace(key.encode(), b"\\ud800")).unknown_answers == 1
    scores(other)
    with other.reading() as connection:
        assert all(len(row["text"]) <= 10_000 for row in connection.execute("SELECT text FROM notes"))
        assert all(row["pseudonym"].isprintable() for row in connection.execute("SELECT pseudonym FROM annotators"))


def test_tasks_that_are_very_deep(other: Database) -> None:
    with pytest.raises(InvalidData, match="not JSON"):
        import_tasks(other, b"[" * 200_000 + b"]" * 200_000)


def test_label_studio_both_ways(database: Database, tmp_path: Path) -> None:
    found = tasks(rated(database))
    assert "secret" not in json.dumps(found)
    by_answer = {task["data"]["answer"]: task for task in found}
    (annotation,) = by_answer[ANSWER]["annotations"]
    assert {"id": "fluency", "from_name": "fluency", "to_name": "answer", "type": "choices",
            "value": {"choices": ["1"]}} in annotation["result"]  # fmt: skip
    assert {"start": 5, "end": 9, "text": "chat", "labels": ["wrong"]} in [
        region["value"] for region in annotation["result"]
    ]
    # The same answers in another database have other keys; the file names them by its own.
    other = Database(tmp_path / "copy.sqlite")
    add_items(other, ITEMS)
    with other.writing() as connection:
        for task in found:
            connection.execute(
                "UPDATE items SET key = ? WHERE answer = ?", [task["data"]["item"], task["data"]["answer"]]
            )
    result = import_tasks(other, json.dumps(found).encode())
    assert (result.added, result.refused) == (12, 0)
    mine, theirs = (scores(each).sort("prompt_id", "facet") for each in (database, other))
    assert theirs.filter(prompt_id="p0").equals(mine.filter(prompt_id="p0"))
    assert theirs.filter(prompt_id="p1")["reason"].to_list() == ["skipped"] * 6


def test_label_studio_as_its_users_write_it(other: Database) -> None:
    with other.reading() as connection:
        key = connection.execute("SELECT key FROM items WHERE prompt_id = 'p0'").fetchone()["key"]

    def task(*results: Any, **annotation: Any) -> dict[str, Any]:
        return {"data": {"item": key}, "annotations": [{"result": list(results), "completed_by": 7, **annotation}]}

    def choice(facet: str, value: str) -> dict[str, Any]:
        return {"from_name": facet, "type": "choices", "value": {"choices": [value]}}

    # "chat" stands at 5 to 9 in characters, at 6 to 10 in UTF-16.
    words = {"from_name": "wrong", "type": "labels", "value": {"start": 6, "end": 10, "text": "chat"}}
    content = [
        task(choice("fluency", "2"), words, lead_time=3.5),
        task(choice("fluency", "5")),
        task("nonsense"),
        {"data": {"item": "unknown"}, "annotations": [{}]},
        "nonsense",
    ]
    result = import_tasks(other, json.dumps(content).encode())
    assert (result.added, result.refused, result.unknown_answers) == (1, 3, 1)
    (row,) = scores(other).to_dicts()
    assert (row["rater"], row["value"], row["seconds"]) == ("person:label-studio-7", 2, 3.5)
    assert row["spans"] == [{"start": 5, "end": 9, "note": "wrong"}]
    for wrong in (b"{}", b"nonsense", b"["):
        with pytest.raises(InvalidData):
            import_tasks(other, wrong)


def test_labelling_config_is_xml_with_all_criteria() -> None:
    root = ElementTree.fromstring(labelling_config(TextLibrary().languages["en"]))
    choices = {element.attrib["name"]: [each.attrib["value"] for each in element] for element in root.iter("Choices")}
    assert choices == {facet: ["0", "1", "2"] for facet in FACETS}
    assert {element.attrib["value"] for element in root.iter("Text")} == {"$prompt", "$answer"}
