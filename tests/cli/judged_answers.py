"""Answers to be judged, for the tests of the commands that judge."""

import json
from pathlib import Path
from typing import Any

MODEL = "openai-api/local/one"


def write(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def answers(count: int, language: str = "fr", **more: Any) -> list[dict[str, Any]]:
    """Each to a prompt of its own."""
    return [
        {"id": f"p{n}", "prompt": f"Pourquoi ? ({n})", "response": f"Parce que {n}.", "language": language, **more}
        for n in range(count)
    ]
