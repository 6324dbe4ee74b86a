"""Marks, notes and marked words: kept once, with history."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from annotation_study import annotator_reading, mark, new_item

from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.entries import Refused, merged_spans, read_entry
from crosstune.annotation.handing_out import assignment, next_assignment
from crosstune.annotation.items import add_items
from crosstune.annotation.records import Annotator, State, WrongSpan
from crosstune.annotation.saving import save_entries
from crosstune.annotation.selection import Selection, choose
from crosstune.annotation.standing import standing
from crosstune.errors import InvalidData, StorageFailure


@pytest.fixture
def annotator(filled: Database) -> Annotator:
    return annotator_reading(filled, "fr")


@pytest.fixture
def given(filled: Database, annotator: Annotator) -> Any:
    found = next_assignment(filled, annotator)
    assert found is not None
    return found


def entry(**values: object) -> Any:
    found = read_entry(values)
    assert not isinstance(found, Refused), values
    return found


def test_what_is_sent_twice_is_kept_once_and_the_newest_holds(
    filled: Database, annotator: Annotator, given: Any
) -> None:
    key = given.item.key
    first = mark(key, "fluency", 1, "first-mark", seconds=4)
    second = mark(key, "fluency", 2, "second-mark", seconds=3)
    assert [saved.state for saved in save_entries(filled, annotator, [first, second])] == ["saved", "saved"]
    assert [saved.state for saved in save_entries(filled, annotator, [first])] == ["known"]
    now = standing(filled, annotator.id, given.item.id)
    assert now.marks["fluency"].value == 2
    assert now.seconds == 7  # 4 + 3: the one that came twice counts once
    with filled.reading() as connection:
        history = [row["value"] for row in connection.execute("SELECT value FROM marks ORDER BY id")]
    assert history == [1, 2]


def test_the_same_key_of_two_annotators_is_two_marks(filled: Database) -> None:
    add_items(filled, [new_item(30)], complete=False)
    choose(filled, Selection(raters=2))
    both = [annotator_reading(filled, "fr") for _ in range(2)]
    for each in both:
        mine = next_assignment(filled, each)
        assert mine is not None
        assert save_entries(filled, each, [mark(mine.item.key, "fluency", 1, "same-key")])[0].state == "saved"


def test_states(filled: Database, annotator: Annotator, given: Any) -> None:
    def state() -> State:
        found = assignment(filled, annotator, given.item.key)
        assert found is not None
        return found.state

    key = given.item.key
    assert state() is State.OPEN
    save_entries(filled, annotator, [mark(key, "fluency", 0, "fluency-0")])
    assert state() is State.STARTED
    save_entries(filled, annotator, [entry(kind="skip", item=key, reason="unclear", detail="?", client_key="skip-1-1")])
    assert state() is State.SKIPPED
    assert {found.skip_reason for found in standing(filled, annotator.id, given.item.id).marks.values()} == {"unclear"}
    save_entries(filled, annotator, [mark(key, facet, 2, f"again-{facet}") for facet in FACETS[:5]])
    assert state() is State.STARTED
    save_entries(filled, annotator, [mark(key, FACETS[5], 2, "again-last")])
    assert state() is State.DONE


def test_notes_and_marked_words(filled: Database, annotator: Annotator, given: Any) -> None:
    key = given.item.key  # the answer is "Réponse 10." or shorter, 10 or 11 letters
    saved = save_entries(
        filled,
        annotator,
        [
            entry(kind="note", item=key, text="a", client_key="note-one"),
            entry(kind="note", item=key, text="<b>", client_key="note-two"),
            entry(kind="spans", item=key, spans=[(8, 9, 0), (0, 4, 0), (4, 7, 0)], client_key="spans-one"),
            entry(kind="spans", item=key, spans=[(0, 12, 0)], client_key="spans-two"),
        ],
    )
    assert [each.state for each in saved] == ["saved", "saved", "saved", "refused"]
    now = standing(filled, annotator.id, given.item.id)
    assert now.note == "<b>"
    assert now.spans == (WrongSpan(0, 7), WrongSpan(8, 9))


def test_what_is_not_theirs_is_refused_and_the_rest_is_saved(
    filled: Database, annotator: Annotator, given: Any
) -> None:
    other = annotator_reading(filled, "fr")
    theirs = next_assignment(filled, other)
    assert theirs is not None
    saved = save_entries(
        filled,
        annotator,
        [
            mark(theirs.item.key, "fluency", 1, "not-mine"),
            mark("no-such-item", "fluency", 1, "nowhere-"),
            mark(given.item.key, "fluency", 1, "mine-----"),
        ],
    )
    assert [(each.state, each.code) for each in saved] == [("refused", "item"), ("refused", "item"), ("saved", "")]
    add_items(filled, [])  # the study has none of them any more
    assert save_entries(filled, annotator, [mark(given.item.key, "fluency", 1, "too-late")])[0].code == "item"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": 3}, "mark"),
        ({"value": -1}, "mark"),
        ({"value": True}, "mark"),
        ({"value": "2"}, "mark"),
        ({"value": None}, "mark"),
        ({"facet": "beauty"}, "request"),
        ({"kind": "drop"}, "request"),
        ({"seconds": -1}, "request"),
        ({"seconds": float("inf")}, "request"),
        ({"client_key": "short"}, "request"),
        ({"client_key": "with/slash"}, "request"),
        ({"more": 1}, "request"),
    ],
)
def test_entries_that_cannot_be_used(change: dict[str, object], code: str) -> None:
    good = {"kind": "mark", "item": "k", "facet": "fluency", "value": 1, "client_key": "12345678"}
    assert not isinstance(read_entry(good), Refused)
    assert read_entry(good | change) == Refused(code)


def test_a_note_that_is_too_long() -> None:
    note = {"kind": "note", "item": "k", "client_key": "12345678"}
    assert read_entry(note | {"text": "x" * 10_001}) == Refused("note")
    assert not isinstance(read_entry(note | {"text": "x" * 10_000}), Refused)
    assert read_entry("note") == Refused("request")


def test_spans_that_touch_are_one() -> None:
    assert merged_spans([(5, 6, 0), (0, 2, 0), (1, 5, 0), (0, 1, 1)], [6, 1]) == [(0, 6, 0), (0, 1, 1)]
    for outside in [(0, 7, 0), (-1, 2, 0), (3, 3, 0), (0, 1, 2)]:
        assert merged_spans([outside], [6, 1]) is None


def test_sides_of_a_pair_are_turned_back(database: Database) -> None:
    pairs = [new_item(number, second_run="other", second_answer="Une autre.") for number in range(12)]
    add_items(database, pairs)
    choose(database, Selection())
    annotator = annotator_reading(database, "fr")
    flips = set()
    while (given := next_assignment(database, annotator)) is not None:
        flips.add(given.flipped)
        # They always say that what they see first (mark 0) is better, and that its first letter is wrong.
        entries = [mark(given.item.key, facet, 0, f"{given.position}-of-{facet}") for facet in FACETS]
        entries += [
            entry(kind="spans", item=given.item.key, spans=[(0, 1, 0)], client_key=f"spans-{given.position:04}")
        ]
        save_entries(database, annotator, entries)
        now = standing(database, annotator.id, given.item.id)
        assert now.marks["fluency"].value == (2 if given.flipped else 0)
        assert now.spans == (WrongSpan(0, 1, of_second=given.flipped),)
    assert flips == {True, False}  # all twelve on one side: once in 2048 times


def test_a_full_disk_says_so_and_loses_nothing(filled: Database, annotator: Annotator, given: Any) -> None:
    save_entries(filled, annotator, [mark(given.item.key, "fluency", 1, "before--")])
    with filled.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    filled._writer.execute(f"PRAGMA max_page_count={pages}")  # SQLite then says that the disk is full
    note = "x" * 9_000
    with pytest.raises(StorageFailure, match="no space left"):
        for number in range(20):
            save_entries(
                filled, annotator, [entry(kind="note", item=given.item.key, text=note, client_key=f"note-{number:04}")]
            )
    filled._writer.execute("PRAGMA max_page_count=1000000")
    assert standing(filled, annotator.id, given.item.id).marks["fluency"].value == 1
    assert save_entries(filled, annotator, [mark(given.item.key, "fluency", 2, "after---")])[0].state == "saved"


def test_files_that_are_no_database(tmp_path: Path) -> None:
    wrong = tmp_path / "text.sqlite"
    wrong.write_text("not a database " * 100)
    with pytest.raises(InvalidData, match="not a database"):
        Database(wrong)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(InvalidData, match="something else"):
        Database(other)
    connection = sqlite3.connect(tmp_path / "new.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(InvalidData, match="version 99"):
        Database(tmp_path / "new.sqlite")
