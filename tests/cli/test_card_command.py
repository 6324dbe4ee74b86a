import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from score_tables_by_hand import call, scores, write_study

from crosstune.errors import InvalidData, InvalidStudy, ModelUnavailable, StorageFailure

RIGHT = "correct_language"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A finished study whose run `low` is selected, with its tuned model on the disk."""
    monkeypatch.chdir(tmp_path)
    rows = scores("base", RIGHT, {"fr": [0] * 6}) + scores("low", RIGHT, {"fr": [1] * 6})
    study = write_study(monkeypatch, rows + scores("high", RIGHT, {"fr": [0] * 6}))
    folder = tmp_path / "training" / "model"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"w" * 2000)
    (folder / "adapter_config.json").write_text('{"r": 16, "base_model_name_or_path": "/home/ada/models/gemma"}')
    (folder / "README.md").write_text("an empty card")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    monkeypatch.setattr("crosstune.steps.store.require_finished", lambda store, step: folder.parent)
    return study


class FakeHub:
    """What is asked of the hub, at the boundary of huggingface_hub."""

    calls: ClassVar[list[tuple]] = []
    failure: ClassVar[Exception | None] = None

    def create_repo(self, repo_id, *, private, exist_ok):
        self.calls.append(("create_repo", repo_id, private, exist_ok))

    def create_commit(self, repo_id, operations, *, commit_message):
        if self.failure:
            raise self.failure
        content = {item.path_in_repo: item.path_or_fileobj for item in operations}
        self.calls.append(("create_commit", repo_id, content, commit_message))
        return SimpleNamespace(commit_url=f"https://hub.test/{repo_id}/commit/1")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(FakeHub, "calls", [])
    monkeypatch.setattr(FakeHub, "failure", None)
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "a token")
    return FakeHub


def test_a_card_of_what_the_study_selects(study):
    text = call("card", "quick.yaml").stdout
    assert text.startswith("---\n")
    assert study.cells[1].name in text
    # A packaged model by the hub's name, and what its weights are.
    assert "\nbase_model: google/gemma-3-270m\n" in text and "de-quantized from Q4\\_K\\_M" in text


def test_a_card_in_a_file_of_a_run_that_is_named(study):
    result = call("card", "quick.yaml", "--run", study.cells[2].name, "--out", "card/README.md", "--title", "My model")
    assert result.stdout == "" and "Written: card/README.md" in result.stderr
    assert "My model" in Path("card/README.md").read_text("utf-8")


def test_runs_that_have_no_card(study):
    untuned = study.cells[0].name
    for arguments, kind, problem in (
        (["quick.yaml", "--run", "untuned base"], InvalidData, f"'{untuned}' is not tuned.*{study.cells[1].name}"),
        (["quick.yaml", "--run", "lr 5e-2"], InvalidData, "no 'lr 5e-2'; did you mean"),
        (["quick.yaml", "--out", "."], StorageFailure, "this is a folder"),
        (["answers.jsonl"], InvalidStudy, "no study file"),
    ):
        with pytest.raises(kind, match=problem):
            call("card", *arguments)


def test_a_dry_run_lists_and_uploads_nothing(study, hub):
    output = call("push", "quick.yaml", "--to", "ada/model", "--dry-run").stdout
    assert "adapter_model.safetensors  2.0 KiB" in output and "README.md" in output
    assert ".cache" not in output and "Nothing is uploaded" in output
    assert hub.calls == []


def test_the_model_and_its_card_are_one_commit(study, hub):
    output = call("push", "quick.yaml", "--to", "ada/model").stdout
    assert "3 files uploaded: https://hub.test/ada/model/commit/1" in output
    made, (_, repository, content, message) = hub.calls
    assert made == ("create_repo", "ada/model", True, True)
    assert (repository, sorted(content)) == (
        "ada/model",
        ["README.md", "adapter_config.json", "adapter_model.safetensors"],
    )
    assert content["README.md"].decode("utf-8") == call("card", "quick.yaml").stdout
    assert study.cells[1].name in message
    # The folder of this machine is nobody's business.
    assert json.loads(content["adapter_config.json"]) == {"r": 16, "base_model_name_or_path": "google/gemma-3-270m"}
    further = ("--base-model", "ada/base", "--license", "gemma")
    call("push", "quick.yaml", "--to", "ada/model", "--public", "--message", "first", *further)
    told = hub.calls[3][2]
    assert json.loads(told["adapter_config.json"])["base_model_name_or_path"] == "ada/base"
    assert b"\nbase_model: ada/base\n" in told["README.md"] and b"\nlicense: gemma\n" in told["README.md"]
    assert hub.calls[2] == ("create_repo", "ada/model", False, True) and hub.calls[3][3] == "first"


def test_nothing_can_be_pushed(study, hub, monkeypatch):
    with pytest.raises(InvalidData, match="'model' is not the name of a repository; write owner/name"):
        call("push", "quick.yaml", "--to", "model")
    hub.failure = ConnectionError("no route")
    with pytest.raises(ModelUnavailable, match="the hub cannot be reached"):
        call("push", "quick.yaml", "--to", "ada/model")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ModelUnavailable, match=r"no token .* HF_TOKEN"):
        call("push", "quick.yaml", "--to", "ada/model")
    Path("training/model/adapter_model.safetensors").unlink()
    with pytest.raises(StorageFailure, match="no weights"):
        call("push", "quick.yaml", "--to", "ada/model", "--dry-run")


def test_a_token_that_may_not_write(study, hub):
    from huggingface_hub.errors import HfHubHTTPError

    refusal = HfHubHTTPError.__new__(HfHubHTTPError)
    refusal.response = SimpleNamespace(status_code=403)
    hub.failure = refusal
    with pytest.raises(ModelUnavailable, match=r"ada/model: the hub does not let this token write \(status 403\)"):
        call("push", "quick.yaml", "--to", "ada/model")


@pytest.mark.enable_socket
def test_the_real_client_without_a_network(study, monkeypatch):
    # Nothing listens on this port, so that the client's own error comes.
    from huggingface_hub import HfApi

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "a token")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: HfApi(endpoint="http://127.0.0.1:9", token="a token"))
    with pytest.raises(ModelUnavailable, match="ada/model: the hub cannot be reached"):
        call("push", "quick.yaml", "--to", "ada/model")
