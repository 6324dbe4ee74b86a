"""The command `crosstune annotate` in a process of its own, for a browser."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

EVIL = "<img src=x onerror=\"alert('seen')\"> <script>alert('seen')</script>"
ANSWERS = [
    {
        "prompt": f"Write a short note to a neighbour, number {number}.",
        "response": f"# Dear neighbour {number}\n\nThank you for **feeding** the cat.\n\n- Milk\n- Bread\n\n{EVIL}",
        "language": "en",
        "id": f"everyday/note-{number}",
        "model": f"secret-run-{number % 2}",
    }
    for number in range(12)
]


def served(folder: Path, rows: list[dict[str, str]], *options: str) -> Iterator[tuple[str, str]]:
    """The link of an annotator, and the coordinator's."""
    file = folder / "answers.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    command = [sys.executable, "-m", "crosstune", "annotate", str(file), "--port", "0", "--add", "ada", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = ""
    while "Ctrl-C" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    join, coordinate = re.search(r"http\S+/join/\S+", printed), re.search(r"http\S+/coordinate/\S+", printed)
    assert join is not None
    assert coordinate is not None
    yield join[0], coordinate[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
