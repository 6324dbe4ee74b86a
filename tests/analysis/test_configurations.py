from dataclasses import replace

import polars as pl
import pytest
from hand_tables import hand_tables, run

from crosstune.analysis.configurations import configurations, format_learning_rate
from crosstune.analysis.tables import StudyTables
from crosstune.analysis.training_costs import answering_costs, training_costs
from crosstune.errors import InvalidData
from crosstune.records import Ending, Response
from crosstune.storage.tables import to_frame


def labels(*cells):
    return [item.label for item in configurations(pl.DataFrame(list(cells)))]


@pytest.mark.parametrize(("rate", "words"), [(5e-4, "5e-4"), (1.5e-5, "1.5e-5"), (1e-10, "1e-10"), (2.0, "2e0")])
def test_learning_rates_are_written_as_people_do(rate, words):
    assert format_learning_rate(rate) == words


def test_labels_name_what_varies():
    assert labels(run("base"), run("a", 5e-3), run("b", 5e-4)) == ["untuned base", "lr 5e-4", "lr 5e-3"]
    assert labels(run("a", 5e-4), run("b", 5e-4, adaptation="full")) == ["full", "lora"]


def test_labels_of_further_axes_and_several_base_models():
    assert labels(run("a", 1e-4, rank=8), run("b", 1e-4, rank=16)) == ["rank 8", "rank 16"]
    assert labels(run("x"), run("y", base_model="smol")) == ["gemma, untuned", "smol, untuned"]


def test_seeds_share_a_configuration():
    (only,) = configurations(pl.DataFrame([run("a", 1e-4, seed=1), run("b", 1e-4, seed=0)]))
    assert only.runs == ("a", "b")


def test_training_costs_average_seeds_and_the_last_tenth_of_the_updates():
    # 20 updates: the last two count. Seed 0: (1 + 3) / 2 = 2, seed 1: 4; mean 3. The helper's curves have 100 tokens
    # and 2 seconds an update: 2000 tokens in 40 s, 50 a second.
    cells = [run("s0", 1e-4, seed=0), run("s1", 1e-4, seed=1)]
    tables = hand_tables(cells, {}, {"s0": [9.0] * 18 + [1.0, 3.0], "s1": [9.0] * 18 + [4.0, 4.0]})
    assert training_costs(tables).to_dicts() == [
        {
            "configuration": "lr 1e-4",
            "updates": 20,
            "final_loss": 3.0,
            "tokens": 2000.0,
            "seconds": 40.0,
            "tokens_per_second": 50.0,
        }
    ]


def test_training_costs_without_losses_or_curves():
    tables = hand_tables([run("a", 1e-4)], {}, {"a": [float("nan")]})
    assert training_costs(tables)["final_loss"].to_list() == [None]
    assert training_costs(hand_tables([run("a", 1e-4)], {})).is_empty()


def test_answering_costs():
    tables = hand_tables([run("a", 1e-4)], {})
    responses = [
        Response("a", "p", "en", "x", Ending.LENGTH, 5, 30, 1.0),
        Response("a", "p", "fr", "x", Ending.END_TOKEN, 5, 10, 3.0),
    ]
    tables = StudyTables(tables.cells, tables.prompts, to_frame(Response, responses), tables.scores, tables.curves)
    assert answering_costs(tables).to_dicts() == [
        {
            "configuration": "lr 1e-4",
            "answers": 2,
            "completion_tokens": 20.0,
            "seconds": 4.0,
            "tokens_per_second": 10.0,
            "at_limit": 1,
            "api": False,
        }
    ]
    over_api = replace(tables, cells=tables.cells.with_columns(tuned=False, api=True))
    assert answering_costs(over_api).select("configuration", "api").rows() == [("gemma, API", True)]


def test_tables_refuse_what_would_distort_a_level():
    good = hand_tables([run("a", 1e-4)], {"a": {"fr": [1]}})

    def with_scores(scores):
        return StudyTables(good.cells, good.prompts, good.responses, scores, good.curves)

    with pytest.raises(InvalidData, match=r"twice.*prompt_id 'set/0'"):
        with_scores(pl.concat([good.scores, good.scores]))
    with pytest.raises(InvalidData, match="neither a value nor a reason"):
        with_scores(good.scores.with_columns(value=pl.lit(None, pl.Float64())))
    with pytest.raises(InvalidData, match="neither a value nor a reason"):
        with_scores(good.scores.with_columns(value=pl.lit(float("nan"))))
    with pytest.raises(InvalidData, match="not in cells: b"):
        with_scores(good.scores.with_columns(run=pl.lit("b")))
    with pytest.raises(InvalidData, match="no column facet"):
        with_scores(good.scores.drop("facet"))
