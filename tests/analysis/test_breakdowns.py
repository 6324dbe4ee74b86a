import dataclasses

import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run

from crosstune.analysis.breakdowns import breakdown, weak_spots
from crosstune.analysis.tables import StudyTables
from crosstune.errors import InvalidData
from crosstune.records import Message, Prompt
from crosstune.storage.tables import to_frame

ROWS = [run("a", 1e-4), run("b", 1e-3)]


def prompt(name, language, task, tags=()) -> Prompt:
    return Prompt(name, "set", task, language, language, (Message("user", "?"),), tags=tags)


def study(values, prompts) -> StudyTables:
    return dataclasses.replace(hand_tables(ROWS, values), prompts=to_frame(Prompt, prompts))


def level(frame, group, **where) -> dict:
    (found,) = frame.filter(
        pl.col("group") == group, *[pl.col(name) == value for name, value in where.items()]
    ).to_dicts()
    return found


# Ten prompts: 0 to 5 are mails, 6 to 9 sums; sums are calculations, and 8 and 9 are American as well.
PROMPTS = [
    prompt(
        f"set/{i}",
        code,
        "mail" if i < 6 else "sum",
        () if i < 6 else ("calculation", "us-centric") if i > 7 else ("calculation", "about-fr"),
    )
    for i in range(10)
    for code in ("en", "fr")
]
RIGHT = {"a": {"en": [1] * 10, "fr": [1, 1, 1, 1, 1, 0, 0, 0, "empty", 1]}}


def test_levels_by_task_and_tag():
    tables = study(RIGHT, PROMPTS)
    by_task = breakdown(tables, FACET, "task")
    assert level(by_task, "mail", language="fr")["level"] == pytest.approx(5 / 6)
    # Sums: 0, 0 and 1; one has no value.
    found = level(by_task, "sum", language="fr")
    assert (found["level"], found["n"], found["n_scored"]) == (pytest.approx(1 / 3), 4, 3)
    assert found["reasons"] == [{"reason": "empty", "count": 1}]
    by_tag = breakdown(tables, FACET, "tag")
    assert level(by_tag, "calculation", language="fr")["n"] == 4
    assert level(by_tag, "us-centric", language="fr")["level"] == 1.0
    assert by_tag["group"].unique().sort().to_list() == ["calculation", "us-centric"]
    assert level(breakdown(tables, FACET, "set", by=["language"]), "set", language="en")["level"] == 1.0


def test_levels_by_region():
    by_region = breakdown(study(RIGHT, PROMPTS), FACET, "region", by=[])
    assert by_region["group"].to_list() == ["about-fr", "us-centric"]
    # Both languages together: English 2 of 2, French 0 of 2.
    assert level(by_region, "about-fr")["level"] == 0.5


def test_levels_by_script_and_modifier():
    values = {"a": {"en": [1, 1], "fr": [1, 0], "ru": [0, 0], ("en", "fr"): {"set/0+in_fr": 0}}}
    tables = hand_tables(ROWS, values)
    by_script = breakdown(tables, FACET, "script", by=["configuration"])
    assert dict(by_script.select("group", "level").iter_rows()) == {"Latn": 0.75, "Cyrl": 0.0}
    by_modifier = breakdown(tables, FACET, "modifier", by=["language"])
    assert level(by_modifier, "in_fr", language="en")["level"] == 0.0
    assert level(by_modifier, "none", language="en")["level"] == 1.0


def test_no_prompts_and_no_such_kind():
    assert breakdown(hand_tables(ROWS, RIGHT), FACET, "task").is_empty()
    with pytest.raises(InvalidData, match="tasks"):
        breakdown(hand_tables(ROWS, RIGHT), FACET, "tasks")


def test_weak_spots_are_against_all_other_answers():
    prompts = [prompt(f"set/{i:02}", "fr", "mail" if i < 20 else "sum", ("calculation",) * (i > 29)) for i in range(40)]
    # Mails 18 of 20; sums 5 of 10 without a calculation and 1 of 10 with one.
    values = [1] * 18 + [0] * 2 + [1] * 5 + [0] * 5 + [1] + [0] * 9
    named = {f"set/{i:02}": value for i, value in enumerate(values)}
    tables = study({"a": {"fr": named}}, prompts)
    found = weak_spots(tables, FACET, "lr 1e-4", kinds=["task", "tag"])
    assert found.filter(pl.col("language") == "fr")["group"].to_list() == ["calculation", "sum", "mail"]
    tag = level(found, "calculation", language="fr")
    assert (tag["level"], tag["rest_level"], tag["n_scored"]) == (pytest.approx(0.1), pytest.approx(23 / 30), 10)
    assert tag["difference"] == pytest.approx(0.1 - 23 / 30)
    assert tag["low"] < tag["difference"] < tag["high"] < 0
    task = level(found, "sum", language="fr")
    assert task["difference"] == pytest.approx(6 / 20 - 18 / 20)
    assert level(found, "mail", language="fr")["difference"] == pytest.approx(-task["difference"])


def test_a_modifier_is_compared_with_the_same_instructions():
    # With the modifier each of 30 instructions is wrong one time in five, without it never, whichever the instruction.
    values = {f"set/{i:02}{suffix}": int(not suffix or i % 5 > 0) for i in range(30) for suffix in ("", "+short")}
    found = weak_spots(hand_tables(ROWS, {"a": {"fr": values}}), FACET, "lr 1e-4", kinds=["modifier"])
    short = level(found, "short", language="fr")
    assert short["difference"] == pytest.approx(-0.2)
    assert short["high"] < 0


def test_small_groups_and_strange_configurations_have_no_weak_spots():
    prompts = [prompt(f"set/{i}", "fr", "sum" if i < 4 else "mail") for i in range(20)]
    tables = study({"a": {"fr": [0] * 4 + [1] * 16}}, prompts)
    assert weak_spots(tables, FACET, "lr 1e-4", kinds=["task"]).is_empty()
    assert weak_spots(tables, FACET, "lr 5e-4").is_empty()
