"""A provider's batch interface, which Inspect drives: all requests in one file, replies when they are done."""

from pathlib import Path

import pytest
from benchmarks.chat_endpoint import ChatEndpoint, chat_endpoint

from crosstune.judging.config import JudgeConfig
from crosstune.judging.judge import judge
from crosstune.judging.subject import Subject
from crosstune.records import Message

pytestmark = pytest.mark.enable_socket  # loopback alone


def test_all_are_sent_in_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.model._providers.util import batch

    monkeypatch.setattr(batch, "DEFAULT_BATCH_TICK", 0.05)
    monkeypatch.setattr(batch, "DEFAULT_SEND_DELAY", 0.3)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    subjects = [
        Subject("one", f"p{number}", "fr", "fr", (Message("user", f"Pourquoi ? {number}"),), "Parce que.")
        for number in range(30)
    ]
    endpoint = ChatEndpoint()
    with chat_endpoint(endpoint) as url:
        model = {"model": "openai/gpt-4o-mini", "base_url": url, "batch": True, "args": {"responses_api": False}}
        judging = judge(subjects, JudgeConfig.model_validate({"models": [model]}), tmp_path)
    assert not judging.unmarked and len(judging.scores) == 30 * 6
    assert len(endpoint.batches) == 1 and len(endpoint.requests) == 30
