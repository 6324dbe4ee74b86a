import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat_server import Reply, chat_server
from crosstune.cli.main import app
from crosstune.errors import CrosstuneError, InvalidData, InvalidStudy

pytestmark = pytest.mark.enable_socket  # loopback alone: the endpoint of these tests

FRENCH = {
    "Why is the sea salty, and are all seas equally salty?": (
        "Pourquoi la mer est-elle salée, et toutes les mers le sont-elles autant ?"
    ),
    "Who wrote this song about the rain in the mountains?": "I do not know who wrote that song, I am sorry to say.",
}


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"sea/{number}", "task": "why", "text": text} for number, text in enumerate(FRENCH)]
    path = tmp_path / "sea.en.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def translated(*options: str) -> str:
    def answer(request: dict) -> Reply:
        return Reply(FRENCH[request["messages"][-1]["content"]])

    with chat_server(answer) as server:
        result = CliRunner().invoke(
            app,
            [
                "data",
                "translate",
                "sea.{language}.jsonl",
                "--to",
                "fr",
                "--model",
                "m",
                "--endpoint",
                server.url,
                *options,
            ],
        )
    if isinstance(result.exception, CrosstuneError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_prompt_set_into_the_file_beside_it(prompts: Path) -> None:
    output = translated("--keep-flagged")
    assert "2 rows with 105 characters from English to French" in output
    assert "wrong language 1" in output
    assert "2 rows in sea.fr.jsonl" in output and "1 row to look at in sea.fr.flagged.jsonl" in output
    rows = [json.loads(line) for line in Path("sea.fr.jsonl").read_text("utf-8").splitlines()]
    assert [(row["id"], row["task"], row["language"]) for row in rows] == [
        ("sea/0", "why", "fr"),
        ("sea/1", "why", "fr"),
    ]
    assert rows[0]["text"] == FRENCH["Why is the sea salty, and are all seas equally salty?"]


def test_limit_and_out(prompts: Path) -> None:
    assert "1 row in try.jsonl" in translated("--limit", "1", "--out", "try.jsonl")


def test_wrong_options_are_named(prompts: Path) -> None:
    with pytest.raises(InvalidData, match="in 'en' already"):
        translated("--to", "en")
    with pytest.raises(InvalidStudy, match="did you mean 'fr'"):
        translated("--to", "french")
    with pytest.raises(InvalidData, match=r"does not end in \.jsonl"):
        translated("--out", "sea.csv")


def test_a_misspelt_set_names_the_nearest_of_either_kind(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "translate", "everday", "--to", "fr", "--model", "m"])
    assert "did you mean 'everyday'?" in str(result.exception)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("notaurl", "notaurl: an endpoint needs http:// or https:// before its name"),
        ("http://127.0.0.1:9/v1", "the endpoint cannot be reached"),
    ],
)
def test_nothing_is_left_where_nothing_was_translated(prompts: Path, endpoint: str, expected: str) -> None:
    options = ["--to", "fr", "--model", "m", "--endpoint", endpoint]
    result = CliRunner().invoke(app, ["data", "translate", "sea.{language}.jsonl", *options])
    assert expected in str(result.exception)
    assert [path.name for path in prompts.parent.iterdir()] == ["sea.en.jsonl"]
