"""A chat endpoint on loopback that speaks OpenAI's protocol, marks at random, and fails when told to.

python -m benchmarks.chat_endpoint --port 8123 --milliseconds 50 --most 32 --faults 0.2
"""

import argparse
import asyncio
import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop
from aiohttp import web

FACETS = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
FAULTS = ("429", "500", "cut off", "malformed", "broken connection", "no JSON")


@dataclass
class ChatEndpoint:
    """What the endpoint does, and what it was asked."""

    milliseconds: float = 0.0
    """Before each reply."""
    most: int = 1_000
    """Requests under way at once; more get 429."""
    faults: float = 0.0
    """The share of requests that go wrong, in one of the ways of `kinds`."""
    kinds: tuple[str, ...] = FAULTS
    key: str | None = None
    models: tuple[str, ...] = ()
    """Those that there are; empty: any."""
    seed: int = 0
    takes_schema: bool = True
    replies: dict[str, str] = field(default_factory=dict)
    """What is said to a request whose last message has the key in it, instead of marks."""
    say: Callable[[dict[str, Any]], str | None] = lambda body: None
    """What is said to a request; None: what would be said otherwise."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """All that came, in order."""
    served: Counter[str] = field(default_factory=Counter)
    """Whole replies by digest of the messages."""
    came: Counter[str] = field(default_factory=Counter)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)
    """Names of the files with their replies."""
    under_way: int = 0
    most_under_way: int = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if self.models and body["model"] not in self.models:
            return _error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        if not self.takes_schema and "response_format" in body:
            return _error(400, "response_format is not supported", "unsupported")
        if self.under_way >= self.most:
            return _error(429, "too many requests", "rate_limit_exceeded", {"Retry-After": "0"})
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.milliseconds:
                await asyncio.sleep(self.milliseconds / 1000)
            return await self._reply(request, body)
        finally:
            self.under_way -= 1

    async def _reply(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: PLR0911
        digest = hashlib.blake2b(json.dumps(body["messages"]).encode(), digest_size=8).hexdigest()
        self.came[digest] += 1
        draw = random.Random(f"{self.seed} {digest} {self.came[digest]}")
        fault = draw.choice(self.kinds) if draw.random() < self.faults else ""
        text = self._text(body, draw)
        match fault:
            case "429":
                return _error(429, "slow down", "rate_limit_exceeded", {"Retry-After": "0"})
            case "500":
                return _error(500, "internal error", "server_error")
            case "broken connection":
                response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "9999"})
                await response.prepare(request)
                await response.write(b'{"id": "x", "choi')
                if request.transport is not None:
                    request.transport.close()
                return response
            case "malformed":
                return web.Response(text='{"choices": [{"mess', content_type="application/json")
            case "refused":
                return web.json_response(_completion(body, "", "content_filter"))
            case "cut off":
                return web.json_response(_completion(body, text[: len(text) // 2], "length"))
            case "no JSON":
                return web.json_response(_completion(body, "I would say it is quite good.", "stop"))
        self.served[digest] += 1
        return web.json_response(_completion(body, text, "stop"))

    async def file(self, request: web.Request) -> web.Response:
        """Takes the requests of a batch."""
        fields = await request.post()
        content = fields["file"]
        assert isinstance(content, web.FileField)
        name = f"file-{len(self.files)}"
        self.files[name] = content.file.read()
        return web.json_response(_file(name, len(self.files[name])))

    async def content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])

    async def batch(self, request: web.Request) -> web.Response:
        """Answers all requests of a batch at once."""
        asked = self.files[(await request.json())["input_file_id"]]
        lines = []
        for line in asked.decode().splitlines():
            one = json.loads(line)
            self.requests.append(one["body"])
            text = self._text(one["body"], random.Random(self.seed))
            answer = {"status_code": 200, "request_id": "r", "body": _completion(one["body"], text, "stop")}
            lines.append(json.dumps({"id": "b", "custom_id": one["custom_id"], "response": answer, "error": None}))
        output = f"file-{len(self.files)}"
        self.files[output] = "\n".join(lines).encode()
        self.batches.append(output)
        return web.json_response(_batch(f"batch-{len(self.batches) - 1}", output))

    async def batch_state(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response(_batch(name, self.batches[int(name.rpartition("-")[2])]))

    def _text(self, body: dict[str, Any], draw: random.Random) -> str:
        if (said := self.say(body)) is not None:
            return said
        last = body["messages"][-1]["content"]
        for key, reply in self.replies.items():
            if key in last:
                return reply
        if "better" in body["messages"][0]["content"]:
            return json.dumps({facet: {"reason": "as drawn", "better": "tie"} for facet in FACETS})
        return json.dumps({facet: {"reason": "as drawn", "mark": draw.randint(1, 2)} for facet in FACETS})


def _file(name: str, size: int) -> dict[str, Any]:
    return {"id": name, "object": "file", "bytes": size, "created_at": 0, "filename": name, "purpose": "batch",
            "status": "processed"}  # fmt: skip


def _batch(name: str, output: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "created_at": 0,
        "input_file_id": "",
        "status": "completed",
        "output_file_id": output,
        "request_counts": {"total": 1, "completed": 1, "failed": 0},
    }


def _completion(body: dict[str, Any], text: str, finish: str) -> dict[str, Any]:
    read = sum(len(message["content"]) for message in body["messages"]) // 4
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": len(text) // 4,
            "total_tokens": read + len(text) // 4,
        },
    }


def _error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": code, "code": code}}, status=status, headers=headers
    )


def application(endpoint: ChatEndpoint) -> web.Application:
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", endpoint.chat)
    app.router.add_post("/v1/files", endpoint.file)
    app.router.add_get("/v1/files/{name}/content", endpoint.content)
    app.router.add_post("/v1/batches", endpoint.batch)
    app.router.add_get("/v1/batches/{name}", endpoint.batch_state)

    async def stats(request: web.Request) -> web.Response:
        twice = sum(count - 1 for count in endpoint.served.values())
        facts = {"requests": len(endpoint.requests), "served": len(endpoint.served), "served_again": twice}
        return web.json_response(facts | {"most_under_way": endpoint.most_under_way})

    app.router.add_get("/stats", stats)
    return app


@contextmanager
def chat_endpoint(endpoint: ChatEndpoint, port: int = 0) -> Iterator[str]:
    """Serves in a thread until the block ends; yields the base URL."""
    loop = uvloop.new_event_loop()
    started = threading.Event()
    address: list[str] = []

    async def start() -> web.AppRunner:
        runner = web.AppRunner(application(endpoint), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, bound = runner.addresses[0][:2]
        address.append(f"http://{host}:{bound}/v1")
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the endpoint did not start")
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--milliseconds", type=float, default=50)
    parser.add_argument("--most", type=int, default=1_000)
    parser.add_argument("--faults", type=float, default=0.0)
    options = parser.parse_args()
    endpoint = ChatEndpoint(milliseconds=options.milliseconds, most=options.most, faults=options.faults)
    with chat_endpoint(endpoint, options.port) as address:
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
