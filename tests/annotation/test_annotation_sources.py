"""Answers of a study as items."""

import polars as pl
from annotation_study import new_item

from crosstune.annotation.records import NewItem
from crosstune.annotation.sources import disagreements, pairs, study_items
from crosstune.records import Ending, Message, Prompt, Response, Score
from crosstune.storage.tables import to_frame

PROMPTS = to_frame(
    Prompt,
    [
        Prompt("p1", "everyday", "recipe", "fr", "fr", (Message("user", "Oui ?"),), modifiers=("short", "items_3")),
        Prompt("p2", "everyday", "letter", "fr", "en", (Message("system", "Be kind."), Message("user", "Oui ?"))),
    ],
)


def response(run: str, prompt: str, text: str, ending: Ending = Ending.END_TOKEN) -> Response:
    return Response(run, prompt, "fr", text, ending, 1, 1, 0.1)


def score(rater: str, facet: str, value: float | None, prompt: str = "p1") -> Score:
    reason = "empty" if value is None else None
    return Score("a", prompt, "fr", "fr", rater, facet, value, reason)


def test_answers_of_a_study() -> None:
    responses = to_frame(Response, [response("a", "p1", "Non.", Ending.LENGTH), response("a", "p2", "No.")])
    assert study_items(PROMPTS, responses) == [
        NewItem("a", "p1", "fr", "fr", "Oui ?", "Non.", "recipe", "short+items_3", cut_off=True),
        NewItem("a", "p2", "fr", "en", "**system:** Be kind.\n\n**user:** Oui ?", "No.", "letter"),
    ]


def test_where_judge_and_measure_are_apart() -> None:
    scores = to_frame(
        Score,
        [
            # Two judges' 1 and 0 are 0.25 of the scale on average, the measure says 1.
            score("judge:x", "language", 1),
            score("judge:y", "language", 0),
            score("scorer:correct_language", "correct_language", 1),
            score("judge:x", "language", None, "p2"),
            score("scorer:correct_language", "correct_language", 1, "p2"),
        ],
    )
    assert disagreements(scores) == {("a", "p1", "fr"): 0.75}
    (item, other) = study_items(
        PROMPTS, to_frame(Response, [response("a", "p1", "Non."), response("b", "p1", "Si.")]), scores
    )
    assert (item.disagreement, other.disagreement) == (0.75, None)
    assert disagreements(pl.DataFrame(schema=scores.schema)) == {}


def test_pairs_of_runs() -> None:
    items = [
        new_item(0, run="b", answer="B"),
        new_item(0, run="a", answer="A"),
        new_item(0, run="c", answer="A"),
        new_item(0, run="a", prompt_id="alone"),
    ]
    found = [(item.run, item.answer, item.second_run, item.second_answer) for item in pairs(items)]
    # a and c say the same, so there is nothing to compare.
    assert found == [("a", "A", "b", "B"), ("b", "B", "c", "A")]
