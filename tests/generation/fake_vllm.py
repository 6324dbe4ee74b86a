"""A stand-in for `vllm serve`: its endpoints and options, over a rule that anyone can work out.

    python fake_vllm.py FOLDER [what vLLM is told]

The base model answers with the user's text and the end of the turn, an adapter with the text backwards.

FOLDER/letters.json     id of a token -> its letter
FOLDER/faults.json      what goes wrong; see `Fake`
FOLDER/starts.jsonl     a line for each start: process, arguments, variables
FOLDER/requests.jsonl   a line for each request
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START, END = 3, 4  # <|im_start|> and <|im_end|> of the tiny tokenizer
VARIABLES = (
    "VLLM_API_KEY",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
    "VLLM_SERVER_DEV_MODE",
    "CUDA_VISIBLE_DEVICES",
)


class Fake:
    """What it holds.

    Faults: `start` (what it writes before it ends at once), `starts` (only so many of the first starts go wrong),
    `hangs` (never healthy), `die_after` (so many answers, in the first `starts`), `replies` (a word in a prompt -> the
    [status, body] of the replies to it, one after the other; then as usual), `tokens` (letter -> id that is answered
    for it), `refuse` (an adapter whose path has this in it), `no_sleep`, `child` (it starts a process, as vLLM does).
    """

    def __init__(self, folder, arguments):
        self.folder = folder
        self.arguments = arguments
        self.letters = {int(key): value for key, value in json.loads((folder / "letters.json").read_text()).items()}
        self.faults = json.loads((folder / "faults.json").read_text())
        starts = folder / "starts.jsonl"
        self.start = len(starts.read_text().splitlines()) if starts.exists() else 0
        self.adapters = {}
        self.asleep = False
        self.answers = 0
        self.lock = threading.Lock()
        child = subprocess.Popen(["sleep", "600"]).pid if self.faults.get("child") else None
        self.note(
            "starts.jsonl",
            child=child,
            pid=os.getpid(),
            argv=sys.argv[2:],
            environment={name: os.environ.get(name) for name in VARIABLES},
        )

    def note(self, name, **line):
        with (self.folder / name).open("a") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def is_faulty(self):
        return self.start < self.faults.get("starts", 99)

    def models(self):
        base = {"id": self.arguments.served_model_name, "root": self.arguments.model, "parent": None}
        base["max_model_len"] = self.arguments.max_model_len
        loras = [{"id": name, "root": path, "parent": base["id"]} for name, path in self.adapters.items()]
        return 200, {"object": "list", "data": [base, *loras]}

    def load(self, body):
        name, path = body["lora_name"], body["lora_path"]
        if name in self.adapters:
            return 400, {"error": {"message": f"The lora adapter '{name}' has already been loaded.", "code": 400}}
        rank = json.loads((Path(path) / "adapter_config.json").read_text())["r"]
        if rank > self.arguments.max_lora_rank or self.faults.get("refuse", "\0") in path:
            return 500, {"error": {"message": f"LoRA rank {rank} is greater than max_lora_rank", "code": 500}}
        self.adapters[name] = path
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def text(self, prompt):
        ids = prompt[prompt.index(START) : prompt.index(END)]
        return "".join(self.letters[number] for number in ids if number > END).removeprefix("userĊ").replace("Ġ", " ")

    def complete(self, body):
        if self.asleep:
            return 500, {"error": {"message": "asleep"}}
        if body["model"] != self.arguments.served_model_name and body["model"] not in self.adapters:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}}
        text = self.text(body["prompt"])
        with self.lock:
            for word, replies in self.faults.get("replies", {}).items():
                if word in text and replies:
                    return replies.pop(0)
            self.answers += 1
            if self.is_faulty and self.answers > self.faults.get("die_after", 10**9):
                os._exit(1)
        ids = {letter: number for number, letter in self.letters.items()} | self.faults.get("tokens", {})
        spoken = text if body["model"] == self.arguments.served_model_name else text[::-1]
        answer = []
        for token in [*(ids[letter.replace(" ", "Ġ")] for letter in spoken), END]:
            answer.append(token)
            if token in body["stop_token_ids"]:
                break
        reason = "stop" if len(answer) <= body["max_tokens"] else "length"
        answer = answer[: body["max_tokens"]]
        choice = {"index": 0, "text": "(not looked at)", "finish_reason": reason, "token_ids": answer}
        return 200, {"object": "text_completion", "choices": [choice | {"prompt_token_ids": body["prompt"]}]}


def handler(fake):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self, status, body=""):
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def allowed(self):
            key = os.environ.get("VLLM_API_KEY")
            if self.path.startswith("/v1") and key and self.headers.get("Authorization") != f"Bearer {key}":
                self.reply(401, {"error": "Unauthorized"})
                return False
            return True

        def do_GET(self):
            if not self.allowed():
                return
            if self.path == "/health":
                self.reply(503 if fake.faults.get("hangs") else 200)
            elif self.path == "/v1/models":
                self.reply(*fake.models())
            else:
                self.reply(404, {"detail": "Not Found"})

        def do_POST(self):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.allowed():
                return
            body = json.loads(content) if content else {}
            with fake.lock:
                fake.note("requests.jsonl", path=self.path, **body)
            if self.path == "/v1/load_lora_adapter":
                self.reply(*fake.load(body))
            elif self.path == "/v1/completions":
                self.reply(*fake.complete(body))
            elif self.path in ("/sleep?level=1", "/wake_up") and not fake.faults.get("no_sleep"):
                fake.asleep = self.path != "/wake_up"
                self.reply(200)
            else:
                self.reply(404, {"detail": "Not Found"})

        def log_message(self, *args):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--max-model-len", type=int, default=512)
    parser.add_argument("--max-lora-rank", type=int, default=16)
    arguments, _ = parser.parse_known_args(sys.argv[2:])
    fake = Fake(Path(sys.argv[1]), arguments)
    print(f"start {fake.start} of the stand-in", flush=True)
    if fake.is_faulty and "start" in fake.faults:
        print(fake.faults["start"], flush=True)
        time.sleep(0.05)
        sys.exit(1)
    ThreadingHTTPServer((arguments.host, arguments.port), handler(fake)).serve_forever()


if __name__ == "__main__":
    main()
