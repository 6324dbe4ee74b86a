"""What a study does about data that overlaps with its prompts: in the plan, and in the data that is tuned on."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crosstune.cli.main import app
from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig
from crosstune.prompts.language_file import LANGUAGES_FOLDER
from crosstune.records import Conversation
from crosstune.steps.step import Workspace
from crosstune.storage.tables import read_table
from crosstune.study import stages
from crosstune.study.document import dump_yaml
from crosstune.study.study import Study

TOWNS = ["Oslo", "Rome", "Lima", "Cairo", "Delhi", "Quito", "Paris", "Accra"]
ASKED = "Should zoos still exist today? Give me the strongest arguments of both sides."


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """A study with eight conversations, of which the third asks what a prompt asks."""
    rows = [{"id": town, "prompt": f"Where is {town}?", "completion": f"{town} is on the map."} for town in TOWNS]
    rows[2]["prompt"] = ASKED
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "asked.en.jsonl").write_text(json.dumps({"id": "zoos", "text": ASKED}) + "\n")
    return {
        "name": "mine",
        "base_models": ["gemma-3-270m"],
        "instructions": [{"source": "data.jsonl", "language": "en"}],
        "training": {"max_steps": 1, "tokens_per_step": 64, "max_length": 64},
        "prompts": {"sets": ["asked.{language}.jsonl"], "languages": ["en"]},
    }


def study(data: dict[str, Any], base: Path, **more: Any) -> Study:
    return Study.from_dict({**data, **more}, base=base, root=base / "runs")


def written(loaded: Study, out: Path) -> list[str]:
    """The conversations of the study's instructions step."""
    step = next(step for step in loaded.steps if step.kind == "instructions")
    out.mkdir(exist_ok=True)
    step.run(Workspace(out, {}, lambda progress: None))
    return [item.id for item in read_table(out / "conversations.parquet", Conversation)]


def test_reported(data, tmp_path):
    loaded = study(data, tmp_path)
    (found,) = loaded.plan().overlaps
    assert (found.action, found.conversations, found.unchecked) == ("report", ["Lima"], "")
    assert found.overlaps[0].where == f"{tmp_path / 'data.jsonl'}, line 3"
    assert (found.overlaps[0].prompt_id, found.overlaps[0].kind) == ("zoos", "words")
    assert written(loaded, tmp_path / "out") == TOWNS
    assert study(data, tmp_path).plan().overlaps == (found,), "the same from the cache"


def test_removed(data, tmp_path):
    loaded = study(data, tmp_path, contamination="remove")
    assert loaded.plan().overlaps[0].conversations == ["Lima"]
    assert written(loaded, tmp_path / "out") == [town for town in TOWNS if town != "Lima"]
    assert [item["prompt_id"] for item in json.loads((tmp_path / "out" / "overlaps.json").read_text())] == ["zoos"]


def test_another_takes_the_place_of_what_is_removed(data, tmp_path):
    data["instructions"][0]["examples"] = 7
    assert len(written(study(data, tmp_path, contamination="remove"), tmp_path / "out")) == 7
    data["instructions"][0]["examples"] = 8
    with pytest.raises(InvalidData, match=r"there are 7; set examples to 7 .*; 1 is left out because it overlaps"):
        study(data, tmp_path, contamination="remove").plan()


def test_refused(data, tmp_path):
    loaded = study(data, tmp_path, contamination="refuse")
    for ask in (loaded.plan, loaded.run):
        with pytest.raises(
            InvalidData, match=r"1 conversations? of data overlaps? with prompts: .*line 3 has zoos \(en\)"
        ):
            ask()
    with pytest.raises(InvalidData, match=r"overlaps? with prompts"):
        written(loaded, tmp_path / "out")


def test_refused_names_all_sets_and_each_overlap_once(data, tmp_path):
    data["instructions"][0]["examples"] = [7, 8]
    data["instructions"][0]["seed"] = next(  # of which 7 of the 8 have the third
        seed for seed in range(9) if "Lima" in written(study(_drawn(data, 7, seed), tmp_path), tmp_path / "out")
    )
    with pytest.raises(InvalidData) as caught:
        study(data, tmp_path, contamination="refuse").plan()
    first, second = (config.name for config in study(data, tmp_path).config.instructions)
    assert f"1 conversation of {first}, 1 conversation of {second} overlap with prompts: " in caught.value.message
    assert caught.value.message.count("has zoos (en)") == 1


def _drawn(data: dict[str, Any], examples: int, seed: int) -> dict[str, Any]:
    (source,) = data["instructions"]
    return {**data, "instructions": [{**source, "examples": examples, "seed": seed}]}


def test_only_removing_depends_on_the_prompts(data, tmp_path):
    def identity(**more: Any) -> str:
        step = next(step for step in study(data, tmp_path, **more).steps if step.kind == "instructions")
        return step.fingerprint

    kept, refused, removed = (identity(contamination=action) for action in ("report", "refuse", "remove"))
    assert kept == refused != removed
    (tmp_path / "asked.en.jsonl").write_text(json.dumps({"id": "zoos", "text": "Are zoos good?"}) + "\n")
    assert identity(contamination="report") == kept
    assert identity(contamination="remove") != removed


def test_data_on_the_hub_is_compared_when_it_is_read(data, tmp_path):
    loaded = study(data, tmp_path, instructions=[{"source": "hub:a/b", "language": "en"}], contamination="refuse")
    (found,) = loaded.plan().overlaps
    assert "on the hub" in found.unchecked and found.overlaps == ()
    # A step finished under another action has not been compared.
    other = study(data, tmp_path, instructions=[{"source": "hub:a/b", "language": "en"}])
    first, second = (next(s for s in item.steps if s.kind == "instructions") for item in (loaded, other))
    assert first.fingerprint != second.fingerprint


def test_the_plan_lists_them(data, tmp_path):
    (tmp_path / "mine.yaml").write_text(dump_yaml(data))
    arguments = ["plan", str(tmp_path / "mine.yaml"), "--root", str(tmp_path / "runs")]
    words = " ".join(CliRunner().invoke(app, arguments).output.split())
    assert "1 conversation of data overlaps with prompts (kept; `contamination: remove` leaves them out)" in words
    assert "zoos (en)" in words and "data.jsonl, line 3" in words
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json", "--set", "contamination=remove"]).output)
    (item,) = shown["contamination"]
    assert (item["action"], item["conversations"], item["overlaps"][0]["conversation_id"]) == ("remove", 1, "Lima")


def test_the_plan_lists_draws_of_one_source_together_and_breaks_no_id(data, tmp_path):
    long = "an/identifier-that-is-longer-than-a-terminal-of-eighty-columns-is-wide/with-a-number-00000001"
    rows = [json.loads(line) for line in (tmp_path / "data.jsonl").read_text().splitlines()]
    rows[2]["id"] = long
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = data["instructions"][0]
    data["instructions"] = [{**source, "label": "first"}, {**source, "label": "second"}]
    (tmp_path / "mine.yaml").write_text(dump_yaml(data))
    output = CliRunner().invoke(app, ["plan", str(tmp_path / "mine.yaml"), "--root", str(tmp_path / "runs")]).output
    assert "1 conversation of data overlaps with prompts" in output and ": 1 of first, 1 of second\n" in output
    assert output.count(f"  {long} (data.jsonl, line 3) has zoos (en): 13 words\n") == 1


def test_the_plan_says_what_a_mixture_became(data, tmp_path):
    # Of 10 examples at 9 to 1, 9 and 1; no name of a mixture is broken.
    parts = [
        {"source": "starter-en", "weight": 9},
        {"source": "starter-multi", "languages": ["fr", "ru"], "weight": 1},
    ]
    data["instructions"] = [{"mixture": parts, "examples": 10}]
    loaded = study(data, tmp_path)
    name = loaded.config.instructions[0].name
    note = f"{name}: 9 from starter-en, 1 from starter-multi-fr-ru"
    assert note in loaded.plan().notes and note in loaded.plan().notes, "the same from the cache"
    (tmp_path / "mine.yaml").write_text(dump_yaml(data))
    output = CliRunner().invoke(app, ["plan", str(tmp_path / "mine.yaml"), "--root", str(tmp_path / "runs")]).output
    assert f"\n  {name}  " in output


def test_the_plan_says_that_a_file_takes_the_place_of_texts_that_ship(data, tmp_path):
    (tmp_path / "full.fr.jsonl").write_bytes((LANGUAGES_FOLDER / "fr.jsonl").read_bytes())
    data["prompts"] = {"sets": ["everyday"], "languages": ["en", "fr"], "language_files": ["full.fr.jsonl"]}
    note = "fr: full.fr.jsonl is used instead of the texts that ship"
    assert note in study(data, tmp_path).plan().notes
    data["prompts"]["languages"] = ["en"]
    assert note not in study(data, tmp_path).plan().notes


def test_mixtures_are_axes(data, tmp_path):
    parts = [{"source": "data.jsonl", "weight": [3, 1]}, {"source": "starter-en", "weight": 1}]
    loaded = study(data, tmp_path, instructions=[{"mixture": parts, "examples": [4, 8]}])
    names = [config.name for config in loaded.config.instructions]
    assert names == [f"data-w{weight}+starter-en-w1-total{total}" for weight in (3, 1) for total in (4, 8)]


def test_large_data_is_compared_when_it_is_read(data, tmp_path, monkeypatch):
    monkeypatch.setattr("crosstune.study.contamination.READ_AT_PLAN_UP_TO_BYTES", 100)
    reported, refused = (study(data, tmp_path, contamination=action) for action in ("report", "refuse"))
    (found,) = refused.plan().overlaps
    assert "large" in found.unchecked and found.overlaps == ()
    # A step finished under another action has not been compared: it is another one, and refuses.
    first, second = (next(s for s in item.steps if s.kind == "instructions") for item in (reported, refused))
    assert first.fingerprint != second.fingerprint
    with pytest.raises(InvalidData, match=r"data overlaps? with prompts: .*zoos \(en\)"):
        written(refused, tmp_path / "out")


@pytest.mark.parametrize("source", ["data.jsonl", "hub:a/b"])
def test_results_never_pass_what_is_refused(data, tmp_path, source):
    """Whatever step was finished before: the overlaps of a report are those of a comparison."""
    loaded = study(data, tmp_path)
    written(loaded, tmp_path / "out")
    config = InstructionsConfig(source=source, language="en", label="mine")
    workspace = Workspace(tmp_path, {"instructions/mine": tmp_path / "out"}, lambda progress: None)
    with pytest.raises(InvalidData, match=r"1 conversations? of mine overlaps? with prompts"):
        stages._overlaps_of(workspace, config, loaded.config.prompts, "refuse", tmp_path)
    (found,) = stages._overlaps_of(workspace, config, loaded.config.prompts, "report", tmp_path)
    assert (found["conversation_id"], found["prompt_id"]) == ("Lima", "zoos")
