"""A chat endpoint on loopback that answers from a table, and notes what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    text: str = ""
    status: int = 200
    finish_reason: str = "stop"
    error: dict | None = None


@dataclass
class ChatServer:
    url: str
    requests: list[dict] = field(default_factory=list)


@contextmanager
def chat_server(answer: Callable[[dict], Reply]) -> Iterator[ChatServer]:
    server = ChatServer("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(request | {"path": self.path, "key": self.headers.get("Authorization")})
            reply = answer(request)
            if reply.status == 200:
                message = {"role": "assistant", "content": reply.text}
                choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
                body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            else:
                body = {"error": reply.error or {"message": "no", "type": "t", "param": None, "code": None}}
            content = json.dumps(body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
