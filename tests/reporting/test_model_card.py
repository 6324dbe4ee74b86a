import re

import polars as pl
import pytest
from edges import STUDIES
from huggingface_hub import ModelCard
from study_tables import study_tables

from crosstune.errors import InvalidData
from crosstune.reporting.model_card import model_card

RUN = "lr-0.0005-s0"


def test_the_hub_reads_the_results():
    tables = study_tables(prompts=8)
    text = model_card(tables, RUN, base_model="google/gemma-3-270m", title="My model", license="gemma")
    data = ModelCard(text).data
    assert (data.base_model, data.license, data.library_name) == ("google/gemma-3-270m", "gemma", "peft")
    assert data.language == ["en", "fr", "pt", "ru"]
    assert data.model_name == "My model"
    (french,) = [result for result in data.eval_results if result.dataset_config == "fr"]
    values = tables.scores.filter(pl.col("run") == RUN, pl.col("language") == "fr")["value"]
    assert french.metric_type == "correct_language"
    assert french.metric_value == pytest.approx(values.mean(), abs=5e-5)
    assert french.metric_args["rated"] == values.count()


def test_readers_see_the_run_beside_its_base_model():
    text = model_card(study_tables(prompts=8), RUN, base_model="google/gemma-3-270m", title="My *model*")
    assert "# My \\*model\\*" in text
    assert "learning rate: 5e-4" in text
    assert "The untuned base model, for comparison:" in text
    assert text.count("| Correct language ↑ |") == 2


def test_a_title_cannot_leave_the_front_matter():
    title = "x\n---\n# hi\n- a: !!python/object:os.system"
    text = model_card(study_tables(prompts=2), RUN, base_model="a: b\n---", title=title)
    data = ModelCard(text).data
    assert data.base_model == "a: b\n---"
    assert data.model_name == title


@pytest.mark.parametrize("name", STUDIES)
def test_no_number_from_nothing(name):
    tables = STUDIES[name]()
    for run in tables.cells["run"]:
        text = model_card(tables, run, base_model="base", title="t")
        assert not re.search(r"\b(nan|None|inf)\b", text)
        if name in ("all answers empty", "no scores", "no answers"):
            assert "No answer of this run could be rated" in text
            assert "model-index" not in text


def test_an_unknown_run_is_named():
    with pytest.raises(InvalidData, match=r"no run 'lr-0\.0005'"):
        model_card(study_tables(prompts=1), "lr-0.0005", base_model="b", title="t")
