"""A study whose answers an LLM judge marks, on a real endpoint on loopback that also answers the prompts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from benchmarks.chat_endpoint import FACETS, ChatEndpoint, chat_endpoint

from crosstune.errors import InvalidStudy, StepFailed
from crosstune.steps.store import AGAIN
from crosstune.study.study import Study

pytestmark = pytest.mark.enable_socket  # loopback alone

ANSWERS = {
    "fr": "La mer est salée parce que les fleuves y portent depuis toujours le sel des roches.",
    "en": "The sea is salty because rivers have always carried the salt of the rocks into it.",
}


def is_marking(body: dict[str, Any]) -> bool:
    return body["messages"][0]["role"] == "system" and "You rate answers" in body["messages"][0]["content"]


@pytest.fixture
def endpoint() -> ChatEndpoint:
    def say(body: dict[str, Any]) -> str | None:
        if body["model"] != "subject":
            return None
        asked = body["messages"][-1]["content"]
        return ANSWERS["fr"] if any(letter in asked for letter in "éèêàç") else ANSWERS["en"]

    return ChatEndpoint(say=say)


@pytest.fixture
def url(endpoint: ChatEndpoint) -> Iterator[str]:
    with chat_endpoint(endpoint) as address:
        yield address


def study(url: str, root: Path, **judge: Any) -> Study:
    data: dict[str, Any] = {
        "name": "judged",
        "api_models": [{"model": "openai-api/local/subject", "base_url": url, "name": "subject"}],
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"]},
        "generation": {"max_new_tokens": 40},
        "judge": {"models": [{"model": "openai-api/local/judge", "base_url": url}], "prompts": 6, **judge},
    }
    return Study.from_dict(data, root=root, base=root)


def test_marks_are_in_results_and_report(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    mine = study(url, tmp_path, repeat=0.5)
    tables = mine.run()
    marks = tables.scores.filter(pl.col("rater") == "judge:local/judge")
    assert sorted(marks["facet"].unique()) == sorted(FACETS)
    assert marks.select("prompt_id", "language").n_unique() == 12
    assert set(marks["run"]) == {"subject"}
    assert set(tables.checks["rater"]) == {"judge:local/judge (again)"}
    assert tables.judging["judges"][0]["calls"] == sum(map(is_marking, endpoint.requests))
    page = mine.report_path.read_text("utf-8")
    assert 'id="judge"' in page and "Factual accuracy" in page and "openai-api/local/judge" in page
    before = len(endpoint.requests)
    study(url, tmp_path, repeat=0.5).run()
    assert len(endpoint.requests) == before
    (log,) = [path for path in mine.store.folder(mine.graph.judging).glob("inspect/*.eval") if "again" not in path.name]
    assert log.stat().st_size > 1_000


def test_failures_are_loud_and_asked_for_again(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    answering = endpoint.say
    endpoint.say = lambda body: (
        "No." if is_marking(body) and "French" in body["messages"][1]["content"] else answering(body)
    )
    first = study(url, tmp_path)
    tables = first.run()
    marks = tables.scores.filter(pl.col("rater") == "judge:local/judge")
    assert set(marks.filter(language="fr")["reason"]) == {"judge_unparsable"}
    assert tables.judging["unmarked_share"] == 0.5
    assert "has no mark" in first.report_path.read_text("utf-8")
    judging = first.graph.judging
    assert judging is not None and (first.store.folder(judging) / AGAIN).is_file()
    assert any("taken up again" in reason for one in first.explain() for reason in one.reasons)
    endpoint.say = answering
    before = len(endpoint.requests)
    again = study(url, tmp_path)
    tables = again.run()
    assert not tables.judging["unmarked"] and len(endpoint.requests) == before + 6
    assert tables.scores.filter(pl.col("rater") == "judge:local/judge")["value"].null_count() == 0
    assert "has no mark" not in again.report_path.read_text("utf-8")
    assert not (again.store.folder(judging) / AGAIN).exists()


def test_a_larger_budget_goes_on(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    tables = study(url, tmp_path, budget={"calls": 5}).run()
    assert tables.judging["unmarked"] == {"budget_spent": 7 * 6} and sum(map(is_marking, endpoint.requests)) == 5
    tables = study(url, tmp_path, budget={"calls": 100}).run()
    assert not tables.judging["unmarked"] and sum(map(is_marking, endpoint.requests)) == 12


def test_another_configuration_costs_only_its_own_marks(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    study(url, tmp_path).run()
    more = study(url, tmp_path)
    data = json.loads(json.dumps(more.document.data))
    data["api_models"].append({"model": "openai-api/local/other", "base_url": url, "name": "other"})
    endpoint.replies["everyday"] = "unused"
    before = sum(map(is_marking, endpoint.requests))
    answering = endpoint.say
    endpoint.say = lambda body: "Autre chose." if body["model"] == "other" else answering(body)
    tables = Study.from_dict(data, root=tmp_path, base=tmp_path).run()
    assert sum(map(is_marking, endpoint.requests)) - before == 12
    assert tables.scores.filter(pl.col("rater") == "judge:local/judge")["run"].n_unique() == 2


def test_a_dead_judge_leaves_the_rest_of_the_report(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.models = ("subject",)
    mine = study(url, tmp_path)
    with pytest.raises(StepFailed, match="there is no model 'openai-api/local/judge'"):
        mine.run()
    page = mine.report_path.read_text("utf-8")
    assert "The judge&#39;s marks are not in this report" in page and "Correct language" in page
    endpoint.models = ()
    assert not study(url, tmp_path).run().judging["unmarked"]


def test_the_plan_says_what_judging_takes(url: str, tmp_path: Path) -> None:
    mine = study(url, tmp_path, models=[{"model": "openai/gpt-5-mini", "price": {"input": 1, "output": 2}}], repeat=0.5)
    (cost,) = mine.plan().judging
    assert cost.calls == 18
    assert 12_000 < cost.input_tokens < 40_000 and cost.dollars is not None and 0.02 < cost.dollars < 0.2


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        ({"models": ["gpt-5"]}, "does not name a provider"),
        ({"models": []}, "judge.models"),
        ({"model": "openai/x"}, "unknown key .model. in judge; did you mean .models."),
        ({"models": ["openai/x"], "panle": "median"}, "panle.*panel"),
        ({"models": ["openai/x"], "budget": {"dollars": 5}}, "price of every judge"),
        ({"models": ["openai/x", "openai/x"]}, "named twice"),
        ({"models": [{"model": "openai/x", "base_url": "localhost"}]}, "http://"),
    ],
)
def test_what_cannot_be(judge: dict[str, Any], problem: str, tmp_path: Path) -> None:
    data = {
        "name": "x",
        "api_models": ["openai/y"],
        "prompts": {"sets": ["facts"], "languages": ["en"]},
        "judge": judge,
    }
    with pytest.raises(InvalidStudy, match=problem):
        Study.from_dict(data, root=tmp_path)


def test_what_people_say_is_among_the_scores(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    from contextlib import closing

    from crosstune.annotation.database import Database, database_of_study
    from crosstune.annotation.importing import import_scores
    from crosstune.annotation.items import add_items
    from crosstune.annotation.sources import study_items

    mine = study(url, tmp_path)
    tables = mine.run()
    marks = tables.scores.filter(pl.col("rater") == "judge:local/judge")
    database = database_of_study(tmp_path, mine.name)
    database.parent.mkdir()
    with closing(Database(database)) as opened:
        add_items(opened, study_items(tables.prompts, tables.responses))
        import_scores(opened, marks.with_columns(rater=pl.lit("person:ada")))
    found = mine.results().scores.filter(pl.col("rater") == "person:ada")
    assert len(found) == len(marks) > 0
    assert found.sort("prompt_id", "language", "facet")["value"].equals(
        marks.sort("prompt_id", "language", "facet")["value"]
    )
