"""Models that a backend of generation cannot answer with are refused before anything is trained."""

import pytest

from crosstune.errors import InvalidStudy
from crosstune.study.config import StudyConfig
from crosstune.study.grid import expand


def cells(**changes):
    study = {
        "name": "s",
        "base_models": ["gemma-3-270m"],
        "instructions": [{"source": "starter-en", "examples": 10}],
        "learning_rate": [5e-4],
        "prompts": {"sets": ["everyday"], "languages": ["en"]},
        "generation": {"backend": "llama.cpp"},
    }
    return expand(StudyConfig.model_validate(study | changes))


def test_packaged_models_and_adapters_of_them_can_answer_by_llama_cpp():
    assert [cell.generation.backend for cell in cells()] == ["llama.cpp"] * 2


def test_both_backends_make_rows_of_their_own():
    # (untuned + one learning rate) x two backends
    assert len(cells(generation={"backend": ["transformers", "llama.cpp"]})) == 4


def test_another_model_is_refused_with_those_that_can(tiny_model):
    with pytest.raises(InvalidStudy, match=r"packaged base models.*one of: gemma-3-270m, smollm2-135m"):
        cells(base_models=[str(tiny_model)])


def test_a_fully_tuned_model_is_refused():
    with pytest.raises(InvalidStudy, match=r"adaptation 'full' makes none; set backend: transformers"):
        cells(adaptation=[{"full": {}}])


def test_other_backends_take_fully_tuned_models():
    assert len(cells(adaptation=[{"full": {}}], generation={})) == 2
