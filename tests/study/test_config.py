import json
from pathlib import Path

import jsonschema
import pytest

from crosstune.errors import CrosstuneError, InvalidStudy
from crosstune.study.config import StudyConfig
from crosstune.study.document import StudyDocument
from crosstune.study.grid import expand
from crosstune.study.resolved import resolved_yaml
from crosstune.study.schema import study_schema
from crosstune.study.validation import parse_study

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))


def parse(text):
    return parse_study(StudyDocument.parse(text, "s.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_shipped_study_is_valid_and_fits_the_published_schema(path):
    document = StudyDocument.read(path)
    assert parse_study(document).name == path.stem
    jsonschema.Draft202012Validator(study_schema()).validate(document.data)


def test_the_published_schema_is_the_current_one():
    published = Path(__file__).parents[2] / "docs" / "study.schema.json"
    assert json.loads(published.read_text("utf-8")) == study_schema(), "run `make schema`"


def test_shorthands_and_axes_fit_the_schema_and_unknown_keys_do_not(quick):
    validator = jsonschema.Draft202012Validator(study_schema())
    quick |= {
        "base_models": "gemma-3-270m",
        "instructions": "starter-en",
        "adaptation": ["full", {"lora": {"rank": [4, 8]}}],
    }
    quick["learning_rate"] = {"full": 1e-5, "lora": [1e-4, 1e-3]}
    quick["training"]["tokens_per_step"] = {"full": [512, 1024], "lora": 256}
    validator.validate(quick)
    for wrong in ({"seedz": [1]}, {"training": {"max_stepz": 1}}, {"learning_rate": "fast"}):
        assert list(validator.iter_errors(quick | wrong))


def test_a_misspelt_key_names_line_and_nearest_key():
    text = "name: a\nbase_models: [gemma-3-270m]\nlearning_rte: 1e-4\nprompts: {sets: [everyday], languages: [en]}\n"
    with pytest.raises(InvalidStudy) as caught:
        parse(text)
    assert str(caught.value) == "s.yaml:3: unknown key 'learning_rte'; did you mean 'learning_rate'?"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"training": {"max_stepz": 3}}, r"unknown key 'max_stepz' in training; did you mean 'max_steps'"),
        ({"adaptation": [{"lora": {"rnk": 3}}]}, r"unknown key 'rnk' in adaptation\[0\]\.lora; did you mean 'rank'"),
        ({"instructions": [{"source": "starter-en", "exampels": 3}]}, "did you mean 'examples'"),
        ({"generation": {"max_new_token": 3}}, "did you mean 'max_new_tokens'"),
        ({"prompts": {"sets": ["everyday"], "langauges": ["en"]}}, "did you mean 'languages'"),
        ({"base_models": [{"name": "gemma-3-270m", "chat_fromat": "gemma"}]}, "did you mean 'chat_format'"),
        ({"base_models": [{"name": "gemma-3-270m", "chat_format": "chatlm"}]}, "did you mean 'chatml'"),
        ({"scorers": ["corect_language"]}, "did you mean 'correct_language'"),
        ({"scorers": ["line_pass"], "select": {"by": "relevance"}}, "no scorer of the study gives"),
        ({"select": {"by": "degeneration"}}, "of which more is not better"),
        ({"learning_rate": "fast"}, "learning_rate.*number"),
        ({"learning_rate": [-1e-4]}, "greater than 0"),
        ({"training": {"max_steps": 0}}, "training.max_steps.*greater than or equal to 1, not 0"),
        ({"name": "a/b"}, "name"),
        ({"seeds": []}, "seeds: should have at least one item"),
        ({"seeds": True}, "seeds: should not be true"),
        ({"learning_rate": [True]}, "should not be true"),
        ({"training": {"max_steps": False}}, "training.max_steps: should not be false"),
        ({"training": {"packing": 3}}, "training.packing: should be true or false|valid boolean"),
        ({"training": [{"max_steps": 3}]}, "training: should be a mapping such as"),
        ({"generation": []}, "generation: should be a mapping such as"),
        ({"adaptation": []}, "adaptation: should have at least one item"),
        ({"base_models": None}, "not null"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"prompts": {"sets": ["everyday"], "languages": ["fr-CA"]}}, "did you mean 'fr'"),
        (
            {"instructions": [{"mixture": [{"source": "a.jsonl", "weight": float("nan")}]}]},
            r"^s.yaml: instructions\[0\].mixture\[0\].weight: should be a number, not nan$",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(quick, change, expected):
    with pytest.raises(InvalidStudy, match=expected):
        parse_study(StudyDocument({**quick, **change}, None, "s.yaml"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"source": "everyday", "wher": {"task": "recipe"}}, "unknown key 'wher' in @; did you mean 'where'?"),
        (
            {"source": "a.csv", "name": "a/b"},
            "@.name: should be of letters, digits and . _ - only, and short, not 'a/b'",
        ),
        (
            {"source": "a.csv", "language": "english"},
            "@.language: 'english' is not a language crosstune knows; did you mean 'en'?",
        ),
        ({"source": "facts", "where": {"a": 1}}, "@: 'where' is not for a set that ships with crosstune ('facts')"),
        ({"source": "a.csv", "where": {"a": [1]}}, "@.where.a: should be text, a number, or true or false"),
        ({"source": "a.csv", "where": {"a": {"b": 1}}}, "@.where.a: should be text, a number, or true or false"),
        ({"name": "a"}, "'@.source' is missing; it has no default"),
        (3, "@: should be text, not 3"),
    ],
)
def test_a_prompt_source_in_a_mapping_has_one_error_each_in_the_words_of_the_file(quick, source, expected):
    quick["prompts"] = {"sets": [source], "languages": ["en"]}
    with pytest.raises(InvalidStudy) as caught:
        parse_study(StudyDocument(quick, None, "s.yaml"))
    assert str(caught.value) == "s.yaml: " + expected.replace("@", "prompts.sets[0]")


def test_all_problems_are_listed_at_once(quick):
    quick |= {"nme": "x", "learning_rate": "fast", "training": {"max_stepz": 1}}
    with pytest.raises(InvalidStudy) as caught:
        parse_study(StudyDocument(quick, None, "s.yaml"))
    assert "3 problems" in str(caught.value)


def test_an_unknown_base_model_names_the_nearest(quick):
    with pytest.raises(CrosstuneError, match="gemma-3-270m"):
        expand(StudyConfig.model_validate(quick | {"base_models": ["gemma-3-270"]}))


def cells(data):
    return expand(StudyConfig.model_validate(data))


def test_the_grid_has_each_base_untuned_and_every_combination(quick):
    # 1 untuned + 2 sizes of data × 2 learning rates × 2 seeds = 9
    quick |= {"seeds": [0, 1], "instructions": [{"source": "starter-en", "examples": [10, 20]}]}
    found = cells(quick)
    assert len(found) == 9 and found[0].tuning is None
    assert found[0].name == "gemma-3-270m_untuned"
    assert found[1].name == "gemma-3-270m_starter-en-10_lora-r16_lr0.0005_s0"
    assert len({cell.name for cell in found}) == 9


def test_learning_rates_and_batches_by_adaptation(quick):
    quick |= {"adaptation": ["full", "lora"], "learning_rate": {"full": [1e-5], "lora": [1e-4, 1e-3]}}
    quick["training"]["tokens_per_step"] = {"full": 512, "lora": 128}
    found = [(cell.tuning.adaptation.kind, cell.tuning.learning_rate, cell.tuning.config.tokens_per_step)
             for cell in cells(quick) if cell.tuning]  # fmt: skip
    assert found == [("full", 1e-5, 512), ("lora", 1e-4, 128), ("lora", 1e-3, 128)]


def test_an_adaptation_without_a_learning_rate_is_an_error(quick):
    with pytest.raises(InvalidStudy, match="no learning rate for lora"):
        cells(quick | {"adaptation": ["lora"], "learning_rate": {"full": [1e-5]}})


def test_axes_of_training_and_generation_are_named_in_the_cell(quick):
    quick["training"]["max_steps"] = [4, 8]
    quick["generation"]["repetition_penalty"] = [1.0, 1.2]
    quick["learning_rate"] = 1e-3
    found = cells(quick)
    # untuned × 2 penalties + 2 lengths × 2 penalties
    assert len(found) == 6
    assert {"training.max_steps": 8, "generation.repetition_penalty": 1.2} in [cell.axes for cell in found]
    assert any(cell.name.endswith("_max_steps8_repetition_penalty1.2") for cell in found)


def test_the_same_value_twice_is_an_error(quick):
    with pytest.raises(InvalidStudy, match="twice"):
        cells(quick | {"learning_rate": [1e-4, 0.0001]})


def test_the_resolved_study_has_the_defaults_and_means_the_same(quick):
    text = resolved_yaml(quick)
    again = StudyDocument.parse(text).data
    assert again["training"]["weight_decay"] == 0.1 and again["adaptation"] == [
        {"lora": again["adaptation"][0]["lora"]}
    ]
    assert cells(again) == cells(quick)


def test_examples_longer_than_the_context_are_refused_before_anything_runs(quick):
    # gemma-3-270m reads 32,768 tokens.
    quick["training"] |= {"max_length": 40_000, "tokens_per_device_batch": 40_000}
    with pytest.raises(InvalidStudy, match=r"max_length \(40000\) is longer than the context of gemma-3-270m \(32768"):
        cells(quick)


def test_booleans_stay_where_they_belong(quick):
    quick["training"] |= {"packing": False, "gradient_checkpointing": {"full": True, "lora": False}}
    assert cells(quick)[1].tuning.config.packing is False
    parse_study(StudyDocument(quick, None, "s.yaml"))


@pytest.mark.parametrize("name", ["save_every", "processes"])
def test_settings_of_speed_are_no_axis(quick, name):
    quick["training"][name] = [1, 2]
    with pytest.raises(InvalidStudy, match="changes speed and not results"):
        cells(quick)


def test_cells_that_differ_in_lora_settings_have_names_of_their_own(quick):
    quick |= {"adaptation": [{"lora": {"alpha": [8, 16]}}], "learning_rate": [1e-4, 1.00000001e-4]}
    assert len({cell.name for cell in cells(quick)}) == 5


def test_relative_model_folders_start_from_the_study(quick, tiny_model):
    config = StudyConfig.model_validate(quick | {"base_models": [f"./{tiny_model.name}"]})
    assert expand(config, tiny_model.parent)[0].base_model.kind == "folder"


def test_errors_in_overrides_name_the_override(quick):
    text = "name: a\nbase_models: [gemma-3-270m]\nprompts: {sets: [everyday], languages: [en]}\nselect:\n  bye: x\n"
    document = StudyDocument.parse(text, "s.yaml").with_overrides(["training.max_step=8", "select.over=english"])
    with pytest.raises(InvalidStudy) as caught:
        parse_study(document)
    assert "--set training.max_step=8: unknown key 'max_step'" in str(caught.value)
    assert "s.yaml:5: unknown key 'bye' in select" in str(caught.value)
