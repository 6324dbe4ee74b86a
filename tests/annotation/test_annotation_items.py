"""Which answers there are, which are chosen, and who gets which."""

from collections import Counter

import pytest
from annotation_study import annotator_reading, mark, new_item

from crosstune.annotation.annotators import all_annotators, revoke, set_languages
from crosstune.annotation.database import Database
from crosstune.annotation.handing_out import (
    assignment,
    next_assignment,
    own_counts,
    previous_key,
    release,
    waiting_in_pool,
)
from crosstune.annotation.items import Taken, add_items
from crosstune.annotation.records import Annotator, State
from crosstune.annotation.saving import save_entries
from crosstune.annotation.selection import Selection, Way, choose
from crosstune.errors import InvalidData


def everything_of(database: Database, annotator: Annotator) -> list[str]:
    """Rates all that the annotator gets; the prompts and runs, in their order."""
    names = []
    while (given := next_assignment(database, annotator)) is not None:
        names.append(f"{given.item.prompt_id} {given.item.run}")
        facets = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
        save_entries(
            database,
            annotator,
            [mark(given.item.key, facet, 2, f"key-{len(names)}-{facet}") for facet in facets],
        )
    return names


def test_items_are_known_again_changed_and_withdrawn(database: Database) -> None:
    items = [new_item(number) for number in range(4)]
    assert add_items(database, items) == Taken(added=4, known=0, changed=0, withdrawn=0)
    again = [items[0], new_item(1, answer="Autre."), items[2], items[2]]
    assert add_items(database, again) == Taken(added=0, known=2, changed=1, withdrawn=1)
    assert add_items(database, items[:1], complete=False) == Taken(added=0, known=1, changed=0, withdrawn=0)
    assert add_items(database, [items[3]], complete=False) == Taken(added=0, known=1, changed=0, withdrawn=0)
    with database.reading() as connection:
        rows = connection.execute("SELECT answer FROM items WHERE withdrawn = 0 ORDER BY answer").fetchall()
    assert [row["answer"] for row in rows] == ["Autre.", "Réponse 0.", "Réponse 2.", "Réponse 3."]


def test_what_the_judge_says_later_is_taken(database: Database) -> None:
    add_items(database, [new_item(number) for number in range(3)])
    assert add_items(database, [new_item(number, disagreement=number / 2) for number in range(3)]).known == 3
    chosen = choose(database, Selection(way=Way.DISAGREEMENT, per_language=1))
    assert chosen.by_language == {"fr": 1}
    given = next_assignment(database, annotator_reading(database, "fr"))
    assert given is not None
    assert given.item.answer == "Réponse 2."


def test_what_is_no_longer_read_or_there_does_not_wait(database: Database) -> None:
    items = [new_item(number, language) for number in range(4) for language in ("fr", "de")]
    add_items(database, items)
    choose(database, Selection())
    reader = annotator_reading(database, "fr", "de")
    given = next_assignment(database, reader)
    assert given is not None
    save_entries(database, reader, [mark(given.item.key, "fluency", 1, "begun-one")])
    kept = given.item.requested_language
    dropped = ({"fr", "de"} - {kept}).pop()
    assert release(database, reader.id, kept=[kept]) == 4
    set_languages(database, reader, [kept])
    reader = all_annotators(database)[0]
    assert own_counts(database, reader) == {State.OPEN: 3, State.STARTED: 1, State.DONE: 0, State.SKIPPED: 0}
    assert waiting_in_pool(database, annotator_reading(database, dropped)) == 4
    add_items(database, [])  # nothing is in the study any more
    assert sum(own_counts(database, reader).values()) == 0


def test_each_item_goes_to_as_many_raters_as_it_is_to_have(database: Database) -> None:
    add_items(database, [new_item(number) for number in range(20)])
    # 0.25 of 20 answers are rated by three, the other 15 by one: 5 * 3 + 15 = 30 ratings.
    chosen = choose(database, Selection(raters=3, overlap=0.25))
    assert (chosen.by_language, chosen.several_raters) == ({"fr": 20}, 5)
    raters = [annotator_reading(database, "fr") for _ in range(3)]
    rated = [everything_of(database, rater) for rater in raters]
    assert all(len(set(names)) == len(names) for names in rated)
    assert sorted(Counter(name for names in rated for name in names).values()) == [1] * 15 + [3] * 5


def test_languages_are_kept_apart(database: Database) -> None:
    add_items(database, [new_item(number, language) for number in range(3) for language in ("fr", "de", "ru")])
    choose(database, Selection())
    reader = annotator_reading(database, "de", "ru")
    assert waiting_in_pool(database, reader) == 6
    rated = everything_of(database, reader)
    assert len(rated) == 6
    assert waiting_in_pool(database, reader) == 0
    assert own_counts(database, reader)[State.DONE] == 6
    assert next_assignment(database, annotator_reading(database)) is None


def test_two_annotators_have_different_orders(database: Database) -> None:
    add_items(database, [new_item(number) for number in range(12)])
    choose(database, Selection(raters=2, overlap=1))
    first, second = annotator_reading(database, "fr"), annotator_reading(database, "fr")
    orders = [everything_of(database, first), everything_of(database, second)]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]  # equal once in 12! times


def test_going_on_from_a_place_and_back(filled: Database) -> None:
    annotator = annotator_reading(filled, "fr")
    first = next_assignment(filled, annotator)
    assert first is not None
    second = next_assignment(filled, annotator, after=first.position)
    assert second is not None
    assert (first.position, second.position) == (1, 2)
    assert previous_key(filled, annotator, 2) == first.item.key
    assert previous_key(filled, annotator, 1) is None
    # At the end it goes on with what was left out.
    last = next_assignment(filled, annotator, after=12)
    assert last is not None
    assert last.position == 1


def test_nobody_has_an_item_of_another_or_one_that_is_withdrawn(filled: Database) -> None:
    annotator, other = annotator_reading(filled, "fr"), annotator_reading(filled, "fr")
    given = next_assignment(filled, annotator)
    assert given is not None
    assert assignment(filled, annotator, given.item.key) == given
    assert assignment(filled, other, given.item.key) is None
    add_items(filled, [])
    assert assignment(filled, annotator, given.item.key) is None
    assert next_assignment(filled, annotator) is None


def test_what_was_not_touched_is_given_back(filled: Database) -> None:
    leaving, staying = annotator_reading(filled, "fr"), annotator_reading(filled, "fr")
    given = next_assignment(filled, leaving)  # ten of the twelve answers are theirs now
    assert given is not None
    assert waiting_in_pool(filled, staying) == 2
    save_entries(filled, leaving, [mark(given.item.key, "fluency", 1, "key-of-one")])
    revoke(filled, leaving.id)
    assert (release(filled, leaving.id), release(filled, leaving.id)) == (9, 0)
    assert waiting_in_pool(filled, staying) == 11
    assert len(everything_of(filled, staying)) == 11


def test_balanced_takes_as_many_of_each_run_and_task(database: Database) -> None:
    # Run 0 has 8 recipes, run 1 has 4 recipes and 2 letters; six are taken: two of each.
    tasks = [("a", "recipe")] * 8 + [("b", "recipe")] * 4 + [("b", "letter")] * 2
    add_items(
        database,
        [new_item(0, run=run, task=task, prompt_id=str(number)) for number, (run, task) in enumerate(tasks)],
    )
    choose(database, Selection(way=Way.BALANCED, per_language=6))
    with database.reading() as connection:
        taken = Counter((row["run"], row["task"]) for row in connection.execute("SELECT * FROM items WHERE wanted = 1"))
    assert taken == {("a", "recipe"): 2, ("b", "recipe"): 2, ("b", "letter"): 2}


def test_disagreement_takes_the_largest(database: Database) -> None:
    apart = [0.1, 0.9, None, 0.5]
    add_items(database, [new_item(0, prompt_id=str(number), disagreement=value) for number, value in enumerate(apart)])
    choose(database, Selection(way=Way.DISAGREEMENT, per_language=2))
    with database.reading() as connection:
        taken = [row[0] for row in connection.execute("SELECT disagreement FROM items WHERE wanted = 1 ORDER BY 1")]
    assert taken == [0.5, 0.9]


def test_filters(database: Database) -> None:
    add_items(
        database,
        [new_item(number, modifiers=("", "short")[number % 2]) for number in range(8)]
        + [new_item(number, "de") for number in range(8)],
    )
    narrow = Selection(languages=("fr",), runs=("secret-run-1",), tasks=("recipe",), modifiers=("short",))
    assert choose(database, narrow).by_language == {"fr": 2}
    # What is chosen is not chosen again.
    with pytest.raises(InvalidData, match="no answer that is not chosen already"):
        choose(database, narrow)
    assert choose(database, Selection(modifiers=("none",))).by_language == {"de": 8, "fr": 4}


@pytest.mark.parametrize("wrong", [{"raters": 0}, {"overlap": 1.5}, {"overlap": -0.1}, {"per_language": 0}])
def test_numbers_that_make_no_sense(filled: Database, wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidData):
        choose(filled, Selection(**wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "share", "several"), [(30, 0.1, 3), (10, 0, 0), (10, 1, 10), (7, 0.5, 4), (3, 0.01, 1), (100, 0.29, 29)]
)
def test_overlap_is_the_share_that_was_asked_for(database: Database, count: int, share: float, several: int) -> None:
    # Rounded up: whoever asks for some overlap gets some.
    add_items(database, [new_item(0, prompt_id=str(number)) for number in range(count)])
    assert choose(database, Selection(raters=2, overlap=share)).several_raters == several
