"""Reading instruction data: from files, packaged sets and the hub; whole, or an error that says where."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import instructions_identity, load_conversations

REFERENCE = Path(os.environ.get("CROSSTUNE_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "lima.en.jsonl").is_file(),
    reason="the paper's reference files are not there (CROSSTUNE_REFERENCE)",
)

ENGLISH = "It takes about an hour by train, and the last one leaves at ten in the evening."


def rows(count: int) -> list[dict[str, Any]]:
    return [{"instruction": f"How far is town {n}?", "context": "", "response": ENGLISH} for n in range(count)]


def write(path: Path, values: list[Any]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def load(base: Path, source: str = "data.jsonl", **settings: Any) -> list[Any]:
    return load_conversations(InstructionsConfig(source=source, **settings), base)


def test_a_file(tmp_path: Path) -> None:
    write(tmp_path / "data.jsonl", rows(3))
    conversations = load(tmp_path)
    assert [c.id for c in conversations] == ["data/1", "data/2", "data/3"]
    assert {(c.language, c.source) for c in conversations} == {("en", "data")}
    assert conversations[1].messages[0].content == "How far is town 1?"
    assert conversations[1].messages[1].content == ENGLISH


def test_json_list_json_lines_parquet_and_csv_are_the_same(tmp_path: Path) -> None:
    import polars as pl

    values = rows(4)
    write(tmp_path / "data.jsonl", values)
    (tmp_path / "lines").mkdir()
    write(tmp_path / "lines" / "data.json", values)
    (tmp_path / "data.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
    pl.DataFrame(values).write_parquet(tmp_path / "data.parquet")
    expected = load(tmp_path)
    pl.DataFrame(values).write_csv(tmp_path / "data.csv")
    # Line 1 of the CSV file has the names, so that its rows have other numbers.
    assert [c.messages for c in load(tmp_path, "data.csv")] == [c.messages for c in expected]
    for source in ("data.json", "lines/data.json", "data.parquet", str(tmp_path / "data.json")):
        assert load(tmp_path, source) == expected


def test_parquet_of_messages(tmp_path: Path) -> None:
    import polars as pl

    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ENGLISH}]
    pl.DataFrame({"messages": [turns, turns * 2]}).write_parquet(tmp_path / "data.parquet")
    assert [len(c.messages) for c in load(tmp_path, "data.parquet")] == [2, 4]


def test_draws_are_nested_seeded_and_in_order(tmp_path: Path) -> None:
    write(tmp_path / "data.jsonl", rows(60))
    everything = [c.id for c in load(tmp_path)]
    small, large = ([c.id for c in load(tmp_path, examples=n)] for n in (10, 25))
    assert (len(small), len(large)) == (10, 25)
    assert set(small) < set(large) < set(everything)
    assert large == [i for i in everything if i in set(large)]
    assert large == [c.id for c in load(tmp_path, examples=25)]
    assert set(large) != {c.id for c in load(tmp_path, examples=25, seed=1)}
    assert [c.id for c in load(tmp_path, examples=60)] == everything


def test_languages(tmp_path: Path) -> None:
    values = rows(3)
    for value, named in zip(values, ("fr", "Portuguese", ""), strict=True):
        value["language"] = named
    write(tmp_path / "data.jsonl", values)
    # The third names none, and its answer is English.
    assert [c.language for c in load(tmp_path)] == ["fr", "pt", "en"]
    with pytest.raises(InvalidData, match=r"the rows say they are in fr, pt; did you mean 'languages: \[fr\]'\?"):
        load(tmp_path, language="fr")
    with pytest.raises(InvalidData, match=r"the rows say they are in fr, pt; leave 'language' out"):
        load(tmp_path, language="ru")
    values[1]["language"] = "xx-unknown"
    write(tmp_path / "data.jsonl", values)
    # A name that is not known says nothing against it.
    assert {c.language for c in load(tmp_path, language="fr")} == {"fr"}
    with pytest.raises(InvalidData, match=r"line 2: the row's language 'xx-unknown'.*language: fr"):
        load(tmp_path)


def test_language_that_cannot_be_told(tmp_path: Path) -> None:
    write(tmp_path / "data.jsonl", [{"prompt": "2+2", "completion": "4"}])
    with pytest.raises(InvalidData, match="say it, such as language: en"):
        load(tmp_path)
    assert load(tmp_path, language="en")[0].messages[1].content == "4"


def test_own_ids_where_all_have_one(tmp_path: Path) -> None:
    values = [{**row, "id": f"x{n}"} for n, row in enumerate(rows(2))]
    write(tmp_path / "data.jsonl", values)
    assert [c.id for c in load(tmp_path)] == ["x0", "x1"]
    values[1]["id"] = "x0"
    write(tmp_path / "data.jsonl", values)
    assert [c.id for c in load(tmp_path)] == ["data/1", "data/2"]


def test_where_and_columns(tmp_path: Path) -> None:
    values = [
        {"question": "Q1", "reply": ENGLISH, "language": "eng", "good": True},
        {"question": "Q2", "reply": ENGLISH, "language": "fra", "good": True},
        {"question": "Q3", "reply": ENGLISH, "language": "eng", "good": False},
    ]
    write(tmp_path / "data.jsonl", values)
    renamed = {"question": "prompt", "reply": "completion"}
    found = load(tmp_path, columns=renamed, where={"language": "eng", "good": True}, language="en")
    assert [c.messages[0].content for c in found] == ["Q1"]
    assert found[0].id == "data-True-eng/1"
    with pytest.raises(InvalidData, match=r"no row has 'deu'.*'eng', 'fra'"):
        load(tmp_path, columns=renamed, where={"language": "deu"})
    with pytest.raises(InvalidData, match=r"'lang', which is not there.*'language'"):
        load(tmp_path, columns=renamed, where={"lang": "eng"})
    with pytest.raises(InvalidData, match="'questions', which is not there; did you mean 'question'"):
        load(tmp_path, columns={"questions": "prompt"})


def test_incomplete_rows_are_refused_or_left_out(tmp_path: Path) -> None:
    values = rows(3)
    values[1]["response"] = ""
    write(tmp_path / "data.jsonl", values)
    with pytest.raises(InvalidData, match=r"line 2: the answer in turn 2 is empty; set skip_incomplete: true"):
        load(tmp_path)
    assert [c.id for c in load(tmp_path, skip_incomplete=True)] == ["data/1", "data/3"]
    # Only what is incomplete is left out: a row of another form is an error all the same.
    write(tmp_path / "data.jsonl", [*values, {"instruction": "x"}])
    with pytest.raises(InvalidData, match="line 4: no column 'response'"):
        load(tmp_path, skip_incomplete=True)
    write(tmp_path / "data.jsonl", values[1:2])
    with pytest.raises(InvalidData, match="every row"):
        load(tmp_path, skip_incomplete=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.jsonl", b'{"prompt": "a", "completion": "b"}\n{"prompt": "a", "compl', r"line 2: not JSON.*cut off"),
        ("data.json", b'[{"prompt": "a", "completion": "b"}, {"pro', r"data.json: not JSON.*cut off"),
        ("data.json", b"[]", "the set is empty"),
        ("data.jsonl", b"", "the file is empty"),
        ("data.parquet", b"PAR1 and then nothing", "not a whole Parquet file"),
        ("data.xlsx", b"PK", r"'.xlsx' is not a kind of file.*\.jsonl"),
        ("data.csv", b"prompt,completion\n", "the set is empty"),
        ("data.csv", b"prompt,completion\na,b\nc\n", "line 3: 1 cell"),
        ("data.jsonl", '{"prompt": "é"}'.encode("utf-16"), "UTF-16"),
        ("data.jsonl", '\n{"prompt": "é"}'.encode("latin-1"), "line 2: not UTF-8"),
        ("data.jsonl", b'["a", "b"]\n', "line 1: a row is a list, not an object"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidData, match=message):
        load(tmp_path, "./" + name)


def test_more_examples_than_there_are(tmp_path: Path) -> None:
    write(tmp_path / "data.jsonl", rows(3))
    with pytest.raises(InvalidData, match="4 examples are asked for, and there are 3"):
        load(tmp_path, examples=4)


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "data.jsonl", rows(1))
    with pytest.raises(InvalidData, match=r"did you mean 'data.jsonl'"):
        load(tmp_path, "dta.jsonl")
    with pytest.raises(InvalidData, match="did you mean 'starter-en'"):
        load(tmp_path, "starter_en")
    with pytest.raises(InvalidData, match="folder"):
        load(tmp_path, "./")
    for source in ("dta.jsonl", "starter_en", "./"):
        with pytest.raises(InvalidData):
            instructions_identity(InstructionsConfig(source=source), tmp_path)


def test_identity_is_of_content_and_settings_not_of_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "data.jsonl", rows(3))

    def identity(source: str, **settings: Any) -> dict[str, object]:
        return instructions_identity(InstructionsConfig(source=source, **settings), tmp_path)

    first = identity("a/data.jsonl")
    assert json.loads(json.dumps(first)) == first
    assert first == identity("b/data.jsonl")
    assert first == identity("a/data.jsonl", seed=5), "without a draw the seed decides nothing"
    assert identity("a/data.jsonl", examples=2) != identity("a/data.jsonl", examples=2, seed=5)
    others = [{"examples": 2}, {"language": "en"}, {"format": "dolly"}, {"skip_incomplete": True}, {"where": {"a": 1}}]
    for settings in others:
        assert identity("a/data.jsonl", **settings) != first
    write(tmp_path / "b" / "data.jsonl", rows(4))
    assert first != identity("b/data.jsonl")


class Hub:
    """Stands where the network would be: answers `datasets.load_dataset` with a real data set, or fails as it does."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.asked: tuple[Any, ...] = ()

    def __call__(self, path: str, name: str | None = None, *, split: str, revision: str | None) -> Any:
        self.asked = (path, name, split, revision)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_hub_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    # The columns of CohereLabs/aya_collection, configuration translated_dolly.
    values = [
        {"id": n // 2, "inputs": f"Q{n}", "targets": ENGLISH, "template_id": 0, "language": code, "script": "Latn"}
        for n, code in enumerate(["fra", "eng"] * 5)
    ]
    hub = Hub(datasets.Dataset.from_list(values))
    monkeypatch.setattr(datasets, "load_dataset", hub)
    config = InstructionsConfig(
        source="hub:CohereLabs/aya_collection",
        config="translated_dolly",
        where={"language": "fra"},
        language="fr",
        examples=3,
    )
    conversations = load_conversations(config, tmp_path)
    assert hub.asked == ("CohereLabs/aya_collection", "translated_dolly", "train", None)
    assert len(conversations) == 3
    # The French rows are the odd ones, counted from 1: questions Q0, Q2, ...
    assert {c.messages[0].content for c in conversations} <= {"Q0", "Q2", "Q4", "Q6", "Q8"}
    assert all(int(c.id.rsplit("/", 1)[1]) % 2 == 1 and c.language == "fr" for c in conversations)
    with pytest.raises(InvalidData, match=r"no row has 'deu'.*'fra', 'eng'"):
        load_conversations(config.model_copy(update={"where": {"language": "deu"}}), tmp_path)
    (identity,) = instructions_identity(config, tmp_path)["parts"]
    assert identity["hub"] == "CohereLabs/aya_collection"
    assert identity["revision"] is None


def test_hub_failures_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    for failure, message in [
        (DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub"), "hf auth login"),
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), "fetch the data set as a file"),
        (ValueError("BuilderConfig 'x' not found. Available: ['y']"), r"Available: \['y'\].*check config, split"),
        (RuntimeError("Dataset scripts are no longer supported"), "cannot be loaded"),
    ]:
        monkeypatch.setattr(datasets, "load_dataset", Hub(failure))
        with pytest.raises(InvalidData, match=message) as caught:
            load_conversations(InstructionsConfig(source="hub:a/b"), tmp_path)
        assert caught.value.where == "hub:a/b"


def test_hub_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library itself, told that there is no network, as by HF_HUB_OFFLINE=1 before it was imported.
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(InvalidData, match="cannot be reached"):
        load_conversations(InstructionsConfig(source="hub:no-such-org/no-such-set"), tmp_path)


@needs_reference
def test_lima_whole() -> None:
    conversations = load(REFERENCE, "lima.en.jsonl")
    assert len(conversations) == 1030
    assert {c.language for c in conversations} == {"en"}
    # 1,000 single pairs; 30 dialogues, of which one has five turns and loses the last, which nobody answers.
    assert sum(len(c.messages) == 2 for c in conversations) == 1000
    assert all(c.messages[-1].role == "assistant" for c in conversations)


@needs_reference
def test_alpaca_whole() -> None:
    conversations = load(REFERENCE, "alpaca_en_demo.json")
    assert len(conversations) == 999
    assert {c.language for c in conversations} == {"en"}
    assert all(len(c.messages) == 2 for c in conversations)
