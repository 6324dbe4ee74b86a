"""Judging against a real endpoint on loopback that behaves well, badly, and not at all."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.chat_endpoint import FACETS, ChatEndpoint, chat_endpoint

from crosstune.errors import InvalidData, ModelUnavailable
from crosstune.judging.config import JudgeConfig
from crosstune.judging.exchange import read_exchanges
from crosstune.judging.judge import Judging, judge, ledger_file
from crosstune.judging.side import AGAIN, TRANSLATED
from crosstune.judging.subject import Subject
from crosstune.records import Message, Reason

pytestmark = pytest.mark.enable_socket  # loopback alone


def subject(number: int = 0, text: str | None = "La mer est salée.", **more: Any) -> Subject:
    known: dict[str, Any] = {
        "run": "one",
        "prompt_id": f"everyday/p{number}",
        "language": "fr",
        "requested_language": "fr",
        "conversation": (Message("user", f"Pourquoi la mer est-elle salée ? ({number})"),),
    }
    return Subject(**{**known, **more, "text": text})


def config(base_url: str, **more: Any) -> JudgeConfig:
    model = {"model": "openai-api/local/test", "base_url": base_url, "connections": 8, **more.pop("model", {})}
    return JudgeConfig.model_validate({"models": [model], **more})


def marks(judging: Judging, rater: str = "judge:local/test") -> dict[str, tuple[float | None, str | None]]:
    """By prompt and facet: value and reason."""
    return {
        f"{score.prompt_id.removeprefix('everyday/')} {score.facet}": (score.value, score.reason)
        for score in (*judging.scores, *judging.checks)
        if score.rater == rater
    }


def reply(**marks: Any) -> str:
    known = dict.fromkeys(FACETS, 2) | marks
    return json.dumps({facet: {"reason": f"about {facet}", "mark": mark} for facet, mark in known.items()})


@pytest.fixture
def endpoint() -> ChatEndpoint:
    return ChatEndpoint()


@pytest.fixture
def url(endpoint: ChatEndpoint) -> Iterator[str]:
    with chat_endpoint(endpoint) as address:
        yield address


def test_an_answer_is_marked_in_one_call(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.replies["(0)"] = reply(accuracy=1, helpfulness=0)
    judging = judge([subject(accepted=("sel*",), modifiers=("short",))], config(url), tmp_path)
    assert {score.facet: score.value for score in judging.scores} == dict.fromkeys(FACETS, 2) | {
        "accuracy": 1,
        "helpfulness": 0,
    }
    assert {score.rater for score in judging.scores} == {"judge:local/test"}
    assert judging.scores[3].detail == "about accuracy"
    (body,) = endpoint.requests
    assert body["model"] == "test" and body["temperature"] == 0 and body["max_tokens"] == 1024
    assert body["response_format"]["json_schema"]["schema"]["required"] == list(FACETS)
    asked = body["messages"][-1]["content"]
    assert "French (français)" in asked and "«sel»" in asked and "short" in asked and "| La mer est salée." in asked
    assert judging.runs[0].spent.calls == 1 and judging.runs[0].spent.output_tokens > 0


def test_fluency_of_0_is_applied_openly(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.replies["(0)"] = reply(fluency=0, helpfulness=2, accuracy=0)
    found = {score.facet: score for score in judge([subject()], config(url), tmp_path).scores}
    assert [found[facet].value for facet in FACETS] == [2, 0, 0, 0, 0, 2]
    assert found["helpfulness"].detail == "0 because fluency is 0 (the judge: 2, about helpfulness)"


def test_what_nobody_need_be_asked(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    found = marks(judge([subject(1, ""), subject(2, " \n"), subject(3, None)], config(url), tmp_path))
    assert not endpoint.requests
    assert {found[f"p{number} fluency"] for number in (1, 2)} == {(None, Reason.EMPTY)}
    assert found["p3 fluency"] == (None, Reason.NO_ANSWER)


def test_the_same_is_asked_once(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    judging = judge([subject(1), subject(1, run="two"), subject(1, "Autre.", run="three")], config(url), tmp_path)
    assert len(endpoint.requests) == 2
    assert {score.run for score in judging.scores} == {"one", "two", "three"}
    judge([subject(1), subject(2)], config(url), tmp_path)
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("Quite good.", "it has no JSON object"),
        (reply(accuracy="2"), "is text instead of the number"),
        (reply(accuracy=7), 'the mark of "accuracy" is not 0, 1 or 2'),
        (reply()[:-40], "not valid JSON"),
        (reply() + reply(), "more than one JSON object"),
        ('{"langue": {"note": 2}}', '"language" is missing'),
    ],
)
def test_one_attempt_to_repair(endpoint: ChatEndpoint, url: str, tmp_path: Path, first: str, problem: str) -> None:
    endpoint.replies |= {"Your reply cannot be used": reply(coherence=1), "(0)": first}
    found = marks(judge([subject()], config(url), tmp_path))
    assert found["p0 coherence"] == (1, None) and found["p0 accuracy"] == (2, None)
    assert len(endpoint.requests) == 2
    again = endpoint.requests[1]["messages"]
    assert [turn["role"] for turn in again] == ["system", "user", "assistant", "user"]
    assert again[2]["content"] == first and problem in again[3]["content"]


def test_extra_keys_and_thoughts_do_not_matter(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    extra = {**json.loads(reply(fluency=1)), "total": 11}
    endpoint.replies["(0)"] = f"<think>mark: 0</think>\n```json\n{json.dumps(extra)}\n```"
    assert marks(judge([subject()], config(url), tmp_path))["p0 fluency"] == (1, None)
    assert len(endpoint.requests) == 1


def test_no_mark_is_no_zero_and_is_asked_for_again(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.replies |= {"cannot be used": reply(accuracy=9), "(0)": reply(accuracy=9)}
    judging = judge([subject()], config(url), tmp_path)
    found = marks(judging)
    assert found["p0 accuracy"] == (None, Reason.OUT_OF_RANGE) and found["p0 fluency"] == (2, None)
    assert judging.unmarked == {"out_of_range": 1} and judging.unmarked_share == pytest.approx(1 / 6)
    endpoint.replies.clear()
    endpoint.replies["(0)"] = reply(accuracy=1)
    again = judge([subject()], config(url), tmp_path)
    assert marks(again)["p0 accuracy"] == (1, None) and not again.unmarked
    before = len(endpoint.requests)
    judge([subject()], config(url), tmp_path)
    assert len(endpoint.requests) == before == 3


def test_a_refusal(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.faults, endpoint.kinds = 1.0, ("refused",)
    assert set(marks(judge([subject()], config(url), tmp_path)).values()) == {(None, Reason.JUDGE_REFUSED)}
    assert len(endpoint.requests) == 1  # it would be refused again
    endpoint.faults = 0.0
    assert marks(judge([subject()], config(url), tmp_path))["p0 language"][1] is None


def test_an_endpoint_without_schemas_is_asked_without(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.takes_schema = False
    judging = judge([subject(number) for number in range(20)], config(url), tmp_path)
    assert not judging.unmarked
    assert sum("response_format" in body for body in endpoint.requests) == 1
    assert len(endpoint.requests) == 21


def test_a_very_long_answer_and_hostile_text(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    judging = judge(
        [subject(1, "très long " * 10_000), subject(2, "\ud800 \x00 <|im_end|> \u202e")], config(url), tmp_path
    )
    assert not judging.unmarked
    sizes = [len(body["messages"][-1]["content"]) for body in endpoint.requests]
    assert max(sizes) < 20_000
    assert not any("<|im_end|>" in body["messages"][-1]["content"] for body in endpoint.requests)


def test_every_answer_gets_a_mark_or_a_reason_and_none_twice(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.faults = 0.2
    subjects = [subject(number) for number in range(150)]
    judging = judge(subjects, config(url), tmp_path)
    assert len(judging.scores) == 6 * 150
    assert len({(score.prompt_id, score.facet) for score in judging.scores}) == 6 * 150
    assert judging.unmarked_share < 0.03
    assert not any(count > 1 for count in endpoint.served.values())
    endpoint.faults = 0.0
    before = sum(endpoint.served.values())
    again = judge(subjects, config(url), tmp_path)
    assert not again.unmarked
    # Only what had no mark is asked for again.
    assert sum(endpoint.served.values()) - before == len({s.prompt_id for s in judging.scores if s.value is None})


def test_too_many_requests_lower_the_number_at_once(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.most, endpoint.milliseconds = 5, 5
    judging = judge([subject(number) for number in range(80)], config(url, model={"connections": None}), tmp_path)
    assert not judging.unmarked
    refused = len(endpoint.requests) - 80
    assert refused < 60


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": "secret"}, "refuses the key .*Incorrect API key"),
        ({"models": ("other",)}, "there is no model 'openai-api/local/test' .*does not exist"),
    ],
)
def test_wrong_key_and_unknown_model(
    endpoint: ChatEndpoint, url: str, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    for name, value in change.items():
        setattr(endpoint, name, value)
    with pytest.raises(ModelUnavailable, match=problem):
        judge([subject(number) for number in range(50)], config(url), tmp_path)
    assert len(endpoint.requests) == 1  # the others were not sent


def test_the_key_is_taken_from_the_environment(
    endpoint: ChatEndpoint, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.key = "secret"
    monkeypatch.setenv("LOCAL_API_KEY", "secret")
    assert not judge([subject()], config(url), tmp_path).unmarked


def test_a_dead_endpoint_and_one_that_dies(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        judge([subject(number) for number in range(50)], config(dead), tmp_path)
    endpoint = ChatEndpoint(milliseconds=20)
    with chat_endpoint(endpoint) as address:
        settings = config(address, model={"connections": 2})
        judge([subject(number) for number in range(5)], settings, tmp_path)
    with pytest.raises(ModelUnavailable, match="same command goes on from there"):
        judge([subject(number) for number in range(9)], settings, tmp_path)
    port = int(address.removesuffix("/v1").rpartition(":")[2])
    with chat_endpoint(endpoint, port):
        assert judge([subject(number) for number in range(9)], settings, tmp_path).runs[0].new.calls == 4


@pytest.mark.parametrize("budget", [{"calls": 0}, {"tokens": 0}, {"dollars": 0}])
def test_a_budget_of_nothing_asks_nobody(
    endpoint: ChatEndpoint, url: str, tmp_path: Path, budget: dict[str, int]
) -> None:
    settings = config(url, budget=budget, model={"price": {"input": 1, "output": 1}})
    found = marks(judge([subject()], settings, tmp_path))
    assert set(found.values()) == {(None, Reason.BUDGET_SPENT)} and not endpoint.requests


def test_a_budget_stops_and_goes_on_when_there_is_more(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    subjects = [subject(number) for number in range(60)]

    def marked(**budget: int) -> tuple[set[str], int]:
        judging = judge(subjects, config(url, budget=budget), tmp_path)
        return {score.prompt_id for score in judging.scores if score.value is not None}, judging.runs[0].new.calls

    first, calls = marked(calls=20)
    assert len(first) == calls == 20
    again, calls = marked(calls=20)
    assert again == first and calls == 0
    more, calls = marked(calls=50)
    assert more > first and len(more) == 50 and calls == 30
    each = sum(exchange.input_tokens + exchange.output_tokens for exchange in _ledger(tmp_path, url)) / 50
    tokens, calls = marked(tokens=int(each * 55))
    assert 52 <= len(tokens) <= 55
    assert len(marked()[0]) == 60


def _ledger(folder: Path, url: str) -> list[Any]:
    return read_exchanges(ledger_file(folder, config(url).models[0]))


def test_several_judges_are_a_panel(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.replies["(0)"] = reply()
    models = [{"model": f"openai-api/local/{name}", "base_url": url} for name in ("a", "b", "c")]
    settings = JudgeConfig.model_validate({"models": models})
    judging = judge([subject(), subject(1, "")], settings, tmp_path)
    raters = {score.rater for score in judging.scores}
    assert raters == {"judge:local/a", "judge:local/b", "judge:local/c", "judge:panel"}
    assert marks(judging, "judge:panel")["p0 fluency"] == (2, None)
    assert marks(judging, "judge:panel")["p1 fluency"] == (None, Reason.EMPTY)
    assert len(endpoint.requests) == 3


def test_marks_of_a_second_time(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    subjects = [subject(number) for number in range(200)]
    judging = judge(subjects, config(url, repeat=0.25), tmp_path)
    again = {score.prompt_id for score in judging.checks}
    assert {score.rater for score in judging.checks} == {"judge:local/test" + AGAIN}
    assert 35 <= len(again) <= 65  # 50, give or take 2.5 standard deviations
    assert len(endpoint.requests) == 200 + len(again)
    assert {score.prompt_id for score in judge(subjects, config(url, repeat=0.25), tmp_path).checks} == again


def test_marks_of_translations(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    endpoint.replies |= {"Translate the text below": "The sea is salty.", "| The sea is salty.": reply(accuracy=1)}
    english = subject(1, "It is salt.", language="en", requested_language="en")
    judging = judge([subject(), english], config(url, translated=True), tmp_path)
    found = marks(judging, "judge:local/test" + TRANSLATED)
    assert {key.split()[1] for key in found} == set(FACETS) - {"language", "fluency"}
    assert {key.split()[0] for key in found} == {"p0"} and found["p0 accuracy"] == (1, None)
    asked = [body["messages"][-1]["content"] for body in endpoint.requests]
    assert any("Requested language: English" in text and "| The sea is salty." in text for text in asked)


def test_a_comparison_in_both_orders(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    good, bad = "La mer est salée.", "Mer sel."

    def behave(body: dict[str, Any]) -> str | None:
        text = body["messages"][-1]["content"]
        if "Answer 2, between" not in text:
            return None
        good_first = text.index(f"| {good}") < text.index(f"| {bad}")
        # Accuracy by order alone; language a tie; the rest to the good one, wherever it stands.
        better = "1" if good_first else "2"
        return json.dumps(
            {f: {"reason": "why", "better": {"accuracy": "1", "language": "tie"}.get(f, better)} for f in FACETS}
        )

    endpoint.say = behave
    subjects = [subject(0, good, run="a"), subject(0, bad, run="b"), subject(1, good, run="a"), subject(1, "", run="b")]
    judging = judge(subjects, config(url, compare=["a", "b"]), tmp_path)
    found = {one.facet: one for one in judging.comparisons}
    assert len(judging.comparisons) == 6  # an empty answer is not compared
    assert (found["fluency"].value, found["fluency"].a_first, found["fluency"].b_first) == (1.0, "a", "a")
    assert (found["accuracy"].value, found["accuracy"].a_first, found["accuracy"].b_first) == (0.5, "a", "b")
    assert found["language"].value == 0.5
    assert len(endpoint.requests) == 3 + 2
    with pytest.raises(InvalidData, match="there is no answer of 'c' to compare; there are: a, b"):
        judge(subjects, config(url, compare=["a", "c"]), tmp_path)


def test_only_some_instructions(endpoint: ChatEndpoint, url: str, tmp_path: Path) -> None:
    subjects = [
        subject(number, language=code, requested_language=code, run=run)
        for number in range(30)
        for code in ("fr", "ru")
        for run in ("a", "b")
    ]
    judging = judge(subjects, config(url, prompts=4), tmp_path)
    chosen = {score.prompt_id for score in judging.scores}
    assert len(chosen) == 4 and len(judging.scores) == 4 * 2 * 2 * 6


_SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_judge import config, judge, subject
judge([subject(number) for number in range(120)], config({url!r}, model={{"connections": 4}}), Path({folder!r}))
"""


def test_killed_in_the_middle_nothing_is_paid_for_twice(tmp_path: Path) -> None:
    endpoint = ChatEndpoint(milliseconds=40)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with chat_endpoint(endpoint) as url:
        script = _SCRIPT.format(tests=str(Path(__file__).parent), url=url, folder=str(tmp_path))
        process = subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=root)
        file = ledger_file(tmp_path, config(url).models[0])
        started = time.monotonic()
        while time.monotonic() - started < 60 and (not file.is_file() or file.read_bytes().count(b"\n") < 30):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = len(read_exchanges(file))
        assert 30 <= kept < 120
        with file.open("ab") as torn:
            torn.write(b'{"request": "torn')
        judging = judge([subject(number) for number in range(120)], config(url, model={"connections": 4}), tmp_path)
        assert not judging.unmarked
        assert judging.runs[0].new.calls == 120 - kept
        # Replies that were on their way when it was killed, four at most, are the only ones that came twice.
        assert sum(endpoint.served.values()) <= 120 + 4
