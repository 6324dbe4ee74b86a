"""The annotators' web app under load, over real HTTP on loopback, with a kill -9 in the middle.

python -m benchmarks.annotation             20 annotators, 50,000 answers, 10,000 marks
python -m benchmarks.annotation --quick     4 annotators, 1,000 answers, 240 marks

Each annotator works as the page does: fetches an answer, sends its six marks one after the other with a pause between,
fetches the next. What gets no answer is sent again with the same key, and one mark in twenty is sent twice on purpose.
Afterwards the database must hold each mark exactly once.
"""

import http.client
import json
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks import record
from benchmarks.record import Row
from benchmarks.scoring import write

FACETS = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
PAUSE_SECONDS = 0.1
SENT_TWICE = 0.05


class Server:
    """The command, in a process of its own."""

    def __init__(self, file: Path, annotators: int) -> None:
        self.file = file
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        names = [part for number in range(annotators) for part in ("--add", f"rater-{number}")]
        self.links = re.findall(r"/join/(\S+)", self.start(*names))

    def start(self, *more: str) -> str:
        command = [sys.executable, "-m", "crosstune", "annotate", str(self.file), "--port", str(self.port), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        printed = ""
        for line in self.process.stdout:
            printed += line
            if "Ctrl-C" in line:
                return printed
        raise SystemExit(printed)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Annotator(threading.Thread):
    """One browser."""

    def __init__(self, port: int, token: str, marks: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.port, self.token, self.marks = port, token, marks
        self.generator = random.Random(seed)
        self.connection: http.client.HTTPConnection | None = None
        self.headers: dict[str, str] = {}
        self.pages: list[float] = []
        self.saves: list[float] = []
        self.sent: dict[str, tuple[str, str, int]] = {}
        self.retries = 0
        self.problem = ""

    def once(self, method: str, path: str, body: str | None = None) -> tuple[int, str, http.client.HTTPMessage]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        return response.status, response.read().decode(), response.headers

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[str, http.client.HTTPMessage]:
        while True:
            try:
                status, text, headers = self.once(method, path, body)
                if status < 400:
                    return text, headers
                if status != 429 and status < 500:
                    raise SystemExit(f"{method} {path}: {status} {text[:300]}")
            except (OSError, http.client.HTTPException):
                self.connection = None
            self.retries += 1
            time.sleep(0.2)

    def run(self) -> None:
        try:
            self.work()
        except SystemExit as error:
            self.problem = str(error)

    def work(self) -> None:
        _, headers = self.ask("GET", f"/join/{self.token}")
        self.headers["cookie"] = headers["set-cookie"].split(";")[0]
        home = headers["location"].rstrip("/")
        page, _ = self.ask("GET", f"{home}/languages")
        self.headers["x-csrf-token"] = re.search(r'name="csrf" content="(\w+)"', page)[1]
        languages = re.findall(r'name="language" value="(\w+)"', page)
        self.ask("POST", f"{home}/languages", "&".join(f"language={code}" for code in languages))
        number = after = 0
        while number < self.marks:
            started = time.perf_counter()
            _, headers = self.ask("GET", f"{home}/work?after={after}")
            page, _ = self.ask("GET", headers["location"])
            self.pages.append(time.perf_counter() - started)
            item = headers["location"].rpartition("/")[2]
            after += 1
            for facet in FACETS:
                time.sleep(self.generator.uniform(0.5, 1.5) * PAUSE_SECONDS)
                key = f"{self.generator.getrandbits(128):032x}"
                value = self.generator.randrange(3)
                entry = {"kind": "mark", "item": item, "facet": facet, "value": value, "client_key": key, "seconds": 1}
                body = json.dumps({"entries": [entry]})
                started = time.perf_counter()
                for _ in range(1 + (self.generator.random() < SENT_TWICE)):
                    answer, _ = self.ask("POST", f"{home}/entries", body)
                    assert json.loads(answer)["results"][0]["state"] in ("saved", "known"), answer
                self.saves.append(time.perf_counter() - started)
                self.sent[key] = (item, facet, value)
                number += 1


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


def main() -> None:
    options = record.parser(__doc__).parse_args()
    if find_spec("fastapi") is None:
        record.skip(options, "annotation", "FastAPI is not installed (pip install 'crosstune[annotate]')")
    annotators, answers, marks = (4, 1_000, 240) if options.quick else (20, 50_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.jsonl"
        write(file, answers)
        started = time.perf_counter()
        server = Server(file, annotators)
        print(f"{answers:,} answers taken in and served after {time.perf_counter() - started:.1f} s")
        # Whole answers have six marks, so a few more may come than asked for.
        each = -(-marks // annotators)
        browsers = [Annotator(server.port, token, each, seed) for seed, token in enumerate(server.links)]
        began = time.perf_counter()
        for browser in browsers:
            browser.start()
        while sum(len(browser.sent) for browser in browsers) < marks // 2:
            time.sleep(0.05)
        server.kill()
        killed = time.perf_counter()
        server.start()
        back = time.perf_counter() - killed
        print(f"kill -9 after half of the marks; served again after {back:.1f} s")
        pages_before = [len(browser.pages) for browser in browsers]
        for browser in browsers:
            browser.join()
        seconds = time.perf_counter() - began
        server.end()
        problems = [browser.problem for browser in browsers if browser.problem]
        # The one page that each had to wait for while nothing ran is no measure of a page.
        pages = [
            value
            for browser, before in zip(browsers, pages_before, strict=True)
            for place, value in enumerate(browser.pages)
            if place != before or value < 1
        ]
        saves = [value for browser in browsers for value in browser.saves if value < 5]
        sent = {key: mark for browser in browsers for key, mark in browser.sent.items()}
        with sqlite3.connect(f"{file}.annotation.sqlite") as connection:
            rows = connection.execute(
                "SELECT client_key, key, facet, value FROM marks JOIN items ON items.id = item"
            ).fetchall()
        kept = {row[0]: tuple(row[1:]) for row in rows}
        print(
            f"{len(sent):,} marks by {annotators} annotators in {seconds:.0f} s; sent again: "
            f"{sum(browser.retries for browser in browsers)}"
        )
        lost, doubled = sum(kept.get(key) != mark for key, mark in sent.items()), len(rows) - len(kept)
        print(f"lost {lost}, doubled {doubled}, not sent {len(set(kept) - set(sent))}")
        if problems or kept != sent or len(rows) != len(kept):
            raise SystemExit(f"not as it should be: {problems}")
    page, saving = ([quantile(values, share) for share in (0.95, 0.5)] for values in (pages, saves))
    lines = [
        f"Real HTTP on loopback, {annotators} annotators, {answers:,} answers, `synchronous=FULL`, the server "
        "killed (-9) half-way and started again.",
        "",
        "| | |",
        "|---|---|",
        f"| page of an answer, 95th percentile (median) | {page[0]:.0f} ms ({page[1]:.0f}) |",
        f"| saving a mark, 95th percentile (median) | {saving[0]:.0f} ms ({saving[1]:.0f}) |",
        f"| marks sent, lost, doubled | {len(sent):,}, {lost}, {doubled} |",
        f"| served again after the kill | {back:.1f} s |",
        "",
        "Page times leave out the one page of each annotator that waited for the server to come back.",
    ]
    summary = [
        Row(
            f"page of an answer, {annotators} annotators, 95th percentile",
            "",
            page[:1],
            "ms",
            at_most=100,
        ),
        Row(f"saving a mark, {annotators} annotators, 95th percentile", "", saving[:1], "ms", at_most=50),
        Row("marks lost when the server is killed", "", [lost + doubled], "marks", at_most=0),
    ]
    record.finish(options, "annotation", "\n".join(lines), summary)


if __name__ == "__main__":
    main()
