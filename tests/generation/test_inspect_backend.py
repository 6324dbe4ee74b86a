import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crosstune.errors import ModelUnavailable, StepFailed
from crosstune.generation.api_config import ApiConfig
from crosstune.generation.backends import inspect as backend
from crosstune.records import Ending, Message, Prompt, Response
from crosstune.storage.tables import RecordLog

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.enable_socket  # loopback alone

MODEL = "openai-api/local/test"


class Server:
    """An endpoint that speaks OpenAI's protocol: `answer` gets the request, and gives a status and a body."""

    def __init__(self, answer: Callable[[dict], tuple[int, object]]) -> None:
        self.answer = answer
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.url = ""
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()

    def handle(self, request: dict, key: str) -> tuple[int, object]:
        with self._lock:
            self.requests.append(request)
            self.keys.append(key)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.answer(request)
        finally:
            with self._lock:
                self._now -= 1

    @property
    def asked(self) -> list[str]:
        return [request["messages"][-1]["content"] for request in self.requests]


@contextmanager
def serving(answer: Callable[[dict], tuple[int, object]]) -> Iterator[Server]:
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = server.handle(request, self.headers.get("Authorization", ""))
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def reply(text: str, finish_reason: str = "stop", usage: bool = True) -> tuple[int, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "test", "choices": [choice]}
    if usage:
        body["usage"] = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return 200, body


def refusal(status: int, code: str | None = None) -> tuple[int, object]:
    return status, {"error": {"message": f"fault {status}", "type": "t", "param": None, "code": code}}


def echo(request: dict) -> tuple[int, object]:
    return reply("À propos de " + request["messages"][-1]["content"])


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(
            id=f"set/{number}",
            set="set",
            task="set",
            language="fr",
            requested_language="fr",
            messages=(Message("system", "Sois bref."), Message("user", f"question {number}")),
        )
        for number in range(count)
    ]


@pytest.fixture
def log(tmp_path) -> RecordLog[Response]:
    return RecordLog(tmp_path / "responses.jsonl", Response)


@pytest.fixture
def no_waits(monkeypatch) -> None:
    monkeypatch.setattr(backend, "_WAITS", (0.001,) * len(backend._WAITS))


@pytest.fixture
def mock_tokens(monkeypatch) -> None:
    """Inspect's mock counts tokens with a table that it fetches from the web."""

    monkeypatch.setattr("inspect_ai.model._model.count_text_tokens", len)


def ask(server: Server, log: RecordLog[Response], count: int = 4, **more: object) -> None:
    arguments = {"run": "api", "model": MODEL, "base_url": server.url, "config": ApiConfig()} | more
    backend.generate(prompts(count), log=log, **arguments)


def test_every_prompt_is_answered_with_what_the_api_tells_of_it(log):
    seen = []
    with serving(echo) as server:
        config = ApiConfig(max_new_tokens=40, top_p=0.9, temperature=0.7, extra_body={"repetition_penalty": 1.2})
        ask(server, log, 4, config=config, seed=5, on_progress=seen.append)
    answers = sorted(log.read(), key=lambda response: response.prompt_id)
    assert [(one.run, one.prompt_id, one.language, one.text) for one in answers] == [
        ("api", f"set/{number}", "fr", f"À propos de question {number}") for number in range(4)
    ]
    assert {(one.ending, one.prompt_tokens, one.completion_tokens) for one in answers} == {(Ending.END_TOKEN, 7, 3)}
    assert all(0 < one.seconds < 60 for one in answers)
    request = server.requests[0]
    assert request["messages"][0] == {"role": "system", "content": "Sois bref."}
    wanted = {
        "model": "test",
        "max_tokens": 40,
        "top_p": 0.9,
        "temperature": 0.7,
        "seed": 5,
        "repetition_penalty": 1.2,
    }
    assert {name: request.get(name) for name in wanted} == wanted
    assert [(one.done, one.total) for one in seen] == [(done, 4) for done in range(5)]


def test_without_a_temperature_the_api_is_told_none(log):
    with serving(echo) as server:
        ask(server, log, 2, config=ApiConfig(temperature=None))
    assert "temperature" not in server.requests[0] and "seed" not in server.requests[0]


@pytest.mark.parametrize(
    ("finish_reason", "text", "ending"),
    [
        ("stop", "Oui.", Ending.END_TOKEN),
        ("length", "Oui.", Ending.LENGTH),
        ("content_filter", "", Ending.END_TOKEN),
    ],
)
def test_endings(log, finish_reason, text, ending):
    with serving(lambda request: reply("Oui.", finish_reason)) as server:
        ask(server, log, 1)
    assert [(one.text, one.ending) for one in log.read()] == [(text, ending)]


def test_a_filter_that_refuses_the_prompt_leaves_no_text_of_its_own(log):
    with serving(lambda request: refusal(400, "content_filter")) as server:
        ask(server, log, 1)
    assert [(one.text, one.ending, one.completion_tokens) for one in log.read()] == [("", Ending.END_TOKEN, 0)]


def test_no_more_calls_at_once_than_connections_and_the_first_alone(log):
    together = threading.Barrier(3, timeout=20)

    def answer(request: dict) -> tuple[int, object]:
        if "question 0" not in str(request):
            together.wait()  # six calls in two rounds of three: fewer at once would never get through
        return echo(request)

    with serving(answer) as server:
        ask(server, log, 7, connections=3)
    assert server.most_at_once == 3
    assert server.asked[0] == "question 0" and len(server.asked) == 7


def test_what_is_answered_is_not_asked_again_and_another_run_is(log):
    with serving(echo) as server:
        ask(server, log, 3)
        ask(server, log, 5)
        assert sorted(server.asked) == [f"question {number}" for number in range(5)]
        ask(server, log, 5)
        assert len(server.asked) == 5
        ask(server, log, 2, run="another")
    assert len(server.asked) == 7 and len(log.read()) == 7


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_faults_that_pass_are_tried_again(log, no_waits, status):
    faults = {"question 0": 2, "question 2": 4}

    def answer(request: dict) -> tuple[int, object]:
        question = request["messages"][-1]["content"]
        if faults.get(question, 0):
            faults[question] -= 1
            return refusal(status)
        return echo(request)

    with serving(answer) as server:
        ask(server, log, 4, connections=1)
    assert sorted(one.prompt_id for one in log.read()) == [f"set/{number}" for number in range(4)]
    # 4 prompts, and 2 + 4 faults: nobody below tries again on its own account.
    assert len(server.requests) == 10


MALFORMED = [(200, "{not json"), (200, "[]"), (200, {"id": "1", "object": "chat.completion", "choices": []})]


@pytest.mark.parametrize("fault", [*MALFORMED, refusal(400)], ids=["no-json", "a-list", "no-choice", "400"])
def test_a_prompt_that_fails_for_good_does_not_lose_the_others(log, no_waits, fault):
    with serving(lambda request: fault if "question 2" in str(request) else echo(request)) as server:
        with pytest.raises(StepFailed) as failure:
            ask(server, log, 5)
        assert "1 of 5 prompts were not answered; the first is 'set/2' (fr): " in str(failure.value)
        assert sorted(one.prompt_id for one in log.read()) == ["set/0", "set/1", "set/3", "set/4"]
        asked = len(server.asked)
        server.answer = echo
        ask(server, log, 5)
    assert server.asked[asked:] == ["question 2"]
    assert len(log.read()) == 5


def test_after_five_tries_a_prompt_is_given_up(log, no_waits):
    def answer(request: dict) -> tuple[int, object]:
        return refusal(500) if "question 1" in str(request) else echo(request)

    with serving(answer) as server, pytest.raises(StepFailed, match="fault 500"):
        ask(server, log, 3)
    assert server.asked.count("question 1") == 5
    assert len(log.read()) == 2


def test_a_context_that_is_too_short_is_no_answer(log):
    def answer(request: dict) -> tuple[int, object]:
        return refusal(400, "context_length_exceeded") if "question 1" in str(request) else echo(request)

    with serving(answer) as server, pytest.raises(StepFailed, match="fault 400"):
        ask(server, log, 2)
    assert [one.prompt_id for one in log.read()] == ["set/0"]


def test_an_api_that_answers_nothing_any_more_is_not_asked_everything(log, no_waits):
    def answer(request: dict) -> tuple[int, object]:
        return echo(request) if "question 0" in str(request) else refusal(400)

    with serving(answer) as server, pytest.raises(StepFailed) as failure:
        ask(server, log, 100, connections=2)
    # The 21st is under way when the 20th fails.
    assert len(server.requests) in (21, 22)
    left = 101 - len(server.requests) - 1
    assert f"{left} more were not asked" in str(failure.value)


def test_an_api_that_never_answers_is_given_up_soon(log, no_waits):
    with serving(lambda request: refusal(400)) as server, pytest.raises(StepFailed, match="97 more were not asked"):
        ask(server, log, 100)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refuses the key"), (403, "refuses the key"), (404, "no model 'local/test'")]
)
def test_a_wrong_key_or_model_shows_at_the_first_prompt(log, status, message):
    with serving(lambda request: refusal(status)) as server, pytest.raises(ModelUnavailable, match=message) as error:
        ask(server, log, 20)
    assert error.value.hint and error.value.where == server.url
    assert len(server.requests) == 1 and log.read() == []


def test_a_key_that_is_refused_later_keeps_what_is_answered(log):
    def answer(request: dict) -> tuple[int, object]:
        return refusal(401) if "question 5" in str(request) else echo(request)

    with serving(answer) as server, pytest.raises(ModelUnavailable, match="refuses the key"):
        ask(server, log, 50, connections=2)
    assert len(log.read()) in (5, 6)
    assert len(server.requests) <= 8


def test_nothing_answers_at_the_address(log):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        ask(Server(echo), log, 3, base_url=f"http://127.0.0.1:{port}/v1")


def test_a_call_that_hangs_is_tried_again(log, no_waits, monkeypatch):
    monkeypatch.setattr(backend, "_SECONDS_TO_WAIT", 1)
    ended, hung = threading.Event(), []

    def answer(request: dict) -> tuple[int, object]:
        if not hung:
            hung.append(request)
            ended.wait(20)
        return echo(request)

    with serving(answer) as server:
        ask(server, log, 1)
        ended.set()
    assert [one.text for one in log.read()] == ["À propos de question 0"]


def test_the_key_is_read_where_inspect_reads_it(log, monkeypatch):
    with serving(echo) as server:
        monkeypatch.delenv("LOCAL_API_KEY", raising=False)
        ask(server, log, 1)
        monkeypatch.setenv("LOCAL_API_KEY", "s3cret")
        ask(server, log, 2)
    assert server.keys == ["Bearer none", "Bearer s3cret"]


@pytest.mark.parametrize(
    ("model", "message"), [("nobody/x", "nobody"), ("gpt", "gpt"), ("openai-api/remote/x", "REMOTE_API_KEY")]
)
def test_a_model_that_inspect_cannot_open(log, model, message):
    with pytest.raises(ModelUnavailable, match=message) as error:
        backend.generate(prompts(1), run="api", model=model, config=ApiConfig(), log=log)
    assert "[" not in error.value.message


def test_inspects_own_mock_model(log, mock_tokens):
    backend.generate(prompts(3), run="mock", model="mockllm/model", config=ApiConfig(), log=log)
    assert [one.text for one in log.read()] == ["Default output from mockllm/model"] * 3


def test_it_runs_where_a_loop_is_running_already(log, mock_tokens):
    async def cell() -> None:
        backend.generate(prompts(2), run="mock", model="mockllm/model", config=ApiConfig(), log=log)

    asyncio.run(cell())
    assert len(log.read()) == 2


def test_memory_does_not_grow_with_the_calls(log, mock_tokens):
    from inspect_ai.log._transcript import Transcript, init_transcript, transcript

    init_transcript(Transcript())
    backend.generate(prompts(5), run="mock", model="mockllm/model", config=ApiConfig(), log=log)
    assert len(transcript().events) == 0
