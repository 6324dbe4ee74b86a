from math import log, sqrt

import numpy as np
import polars as pl
import pytest
from hand_tables import FACET, hand_tables, run

from crosstune.analysis.design import data_size, design
from crosstune.analysis.factors import factors
from crosstune.analysis.learning_rates import learning_rate_curves
from crosstune.analysis.tables import CELLS_SCHEMA

pytest.importorskip("statsmodels")


def cells(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides=dict(CELLS_SCHEMA))


def row(frame, term, language="fr") -> dict:
    (found,) = frame.filter(
        pl.col("term").eq_missing(pl.lit(term)), pl.col("language").eq_missing(pl.lit(language))
    ).to_dicts()
    return found


def share(right: int, of: int = 20) -> list[int]:
    return [1] * right + [0] * (of - right)


# --- columns


@pytest.mark.parametrize(
    ("label", "size"),
    [
        ("starter-en-200", 200),
        ("starter-en", None),
        ("starter-multi-fr-ru-36-seed3", 36),
        ("a-w0.9+b-w0.1-total200-seed1", 200),
        ("lima2", None),
    ],
)
def test_data_size_of_labels(label, size):
    assert data_size(label) == size


def test_columns_of_a_grid():
    found = design(
        cells(
            run("base"),
            *(
                run(f"{a}{rate}{size}", rate, adaptation=a, instructions=f"starter-{size}")
                for a in ("full", "lora")
                for rate in (1e-4, 1e-3)
                for size in (50, 100, 200)
            ),
        )
    )
    assert [column.term for column in found.columns] == [
        "log10 learning_rate",
        "log2 examples",
        "adaptation: lora",
        "log10 learning_rate × log2 examples",
        "log10 learning_rate × adaptation: lora",
        "log2 examples × adaptation: lora",
    ]
    assert found.columns[2].against == "full"
    # Rates are ten times apart, sizes twice; both are centred.
    assert sorted(set(np.round(found.columns[0].values, 6))) == [-0.5, 0.5]
    assert sorted(set(np.round(found.columns[1].values, 6))) == [-1, 0, 1]
    assert found.settings == 12


def test_settings_that_go_together_cannot_be_told_apart():
    # Full at one learning rate, LoRA at the other.
    found = design(cells(run("a", 1e-5, adaptation="full"), run("b", 1e-3, adaptation="lora")))
    assert [column.term for column in found.columns] == ["log10 learning_rate"]
    assert [column.term for column in found.left_out] == ["adaptation: lora"]


def test_data_without_a_size_is_a_name():
    found = design(cells(run("a", 1e-4, instructions="lima"), run("b", 1e-4, instructions="starter-100")))
    assert [(column.term, column.against) for column in found.columns] == [("instructions: starter-100", "lima")]
    sized = design(
        cells(run("a", 1e-4, instructions="small"), run("b", 1e-4, instructions="large")),
        sizes={"small": 10, "large": 80},
    )
    # Three doublings; what is left names the source, which the size determines here.
    assert [column.term for column in sized.columns] == ["log2 examples"]
    assert float(np.ptp(sized.columns[0].values)) == pytest.approx(3.0)


def test_further_axes_are_settings():
    rows = [{**run(f"r{i}", 1e-4), "training.max_steps": steps, "generation.greedy": greedy}
            for i, (steps, greedy) in enumerate([(16, True), (32, True), (16, False), (32, False)])]  # fmt: skip
    assert [column.term for column in design(cells(*rows), interactions=False).columns] == [
        "generation.greedy: True",
        "training.max_steps",
    ]


# --- effects


def test_logistic_effect_by_hand():
    # 16 of 20 right at 1e-4 and 8 of 20 at 1e-3: log odds log(4) and log(2/3).
    tables = hand_tables([run("a", 1e-4), run("b", 1e-3)], {"a": {"fr": share(16)}, "b": {"fr": share(8)}})
    found = row(factors(tables, FACET), "log10 learning_rate")
    assert (found["model"], found["n"], found["instructions"]) == ("logistic", 40, 20)
    assert found["estimate"] == pytest.approx(log(2 / 3) - log(4), abs=1e-6)
    assert found["low"] < found["estimate"] < found["high"] < 0
    assert 0 < found["p"] < 0.05


def test_linear_effect_and_its_clustered_error_by_hand():
    # Differences within 20 instructions: 8 fall by one, 12 stay. With a constant and a centred setting, an instruction
    # adds d/20 to the slope; its clustered variance is the sum of (d - mean)² / 20², here 20 * .4 * .6 / 400 = .012,
    # times G/(G-1) * (N-1)/(N-K) = 20/19 * 39/38.
    tables = hand_tables([run("a", 1e-4), run("b", 1e-3)], {"a": {"fr": share(16)}, "b": {"fr": share(8)}})
    found = row(factors(tables, FACET, model="linear"), "log10 learning_rate")
    error = sqrt(0.012 * 20 / 19 * 39 / 38)
    assert (found["model"], found["estimate"]) == ("linear", pytest.approx(-0.4))
    # Student's t, 19 degrees of freedom: 2.0930.
    assert (found["low"], found["high"]) == pytest.approx((-0.4 - 2.0930 * error, -0.4 + 2.0930 * error), abs=1e-3)
    scipy = pytest.importorskip("scipy.stats")
    assert found["p"] == pytest.approx(2 * scipy.t.sf(0.4 / error, 19))


def test_repeated_answers_add_no_certainty():
    def error(copies: int) -> float:
        values = {
            name: {
                "fr": {f"set/{i:02}{'+' * (k > 0)}{k or ''}": int(i < right) for i in range(20) for k in range(copies)}
            }
            for name, right in (("a", 16), ("b", 8))
        }
        found = row(
            factors(hand_tables([run("a", 1e-4), run("b", 1e-3)], values), FACET, model="linear"), "log10 learning_rate"
        )
        return found["high"] - found["low"]

    # But for the small-sample factor (N-1)/(N-K).
    assert error(4) == pytest.approx(error(1), rel=0.02)


def test_separated_values_are_fitted_by_least_squares():
    tables = hand_tables([run("a", 1e-4), run("b", 1e-3)], {"a": {"fr": share(20)}, "b": {"fr": share(8)}})
    found = row(factors(tables, FACET), "log10 learning_rate")
    assert (found["model"], found["estimate"]) == ("linear", pytest.approx(-0.6))


def test_effects_differ_by_language_and_have_a_common_one():
    values = {"a": {"en": share(18), "fr": share(16)}, "b": {"en": share(18), "fr": share(8)}}
    found = factors(hand_tables([run("a", 1e-4), run("b", 1e-3)], values), FACET, model="linear")
    assert found["language"].to_list() == ["en", "fr", None]
    # Nothing in English, -.4 in French, and with as many answers in both their mean.
    assert found["estimate"].to_list() == pytest.approx([0.0, -0.4, -0.2])
    # English is the same in all instructions, which says nothing of how sure that is.
    assert (row(found, "log10 learning_rate", "en")["reason"], found["low"][0], found["p"][0]) == (
        "no_spread",
        None,
        None,
    )


def test_interaction_by_hand():
    # LoRA falls from .8 to .4, full stays at .8: -.4 - 0.
    rates = {"full": (16, 16), "lora": (16, 8)}
    rows = [run(f"{a}{i}", rate, adaptation=a) for a in rates for i, rate in enumerate((1e-4, 1e-3))]
    values = {f"{a}{i}": {"fr": share(right)} for a, rights in rates.items() for i, right in enumerate(rights)}
    found = factors(hand_tables(rows, values), FACET, model="linear")
    assert row(found, "log10 learning_rate × adaptation: lora")["estimate"] == pytest.approx(-0.4)
    # At the mean learning rate LoRA is .6 and full .8; full has no slope.
    assert row(found, "adaptation: lora")["estimate"] == pytest.approx(-0.2)
    assert row(found, "log10 learning_rate")["estimate"] == pytest.approx(0.0, abs=1e-9)


def test_reasons():
    two = [run("a", 1e-4), run("b", 1e-3)]

    def reason(rows, values):
        (found,) = factors(hand_tables(rows, values), FACET).filter(pl.col("language") == "fr").to_dicts()
        assert found["term"] is None and found["estimate"] is None
        return found["reason"]

    assert reason([run("a", 1e-4)], {"a": {"fr": share(9)}}) == "one_level"
    assert reason(two, {"a": {"fr": share(4, 8)}, "b": {"fr": share(2, 8)}}) == "too_few_instructions"
    assert reason(two, {"a": {"fr": share(20)}, "b": {"fr": share(20)}}) == "no_variation"
    assert reason([run("base")], {"base": {"fr": share(9)}}) == "one_level"
    assert factors(hand_tables(two, {}), FACET).is_empty()


def test_collinear_settings_are_said():
    rows = [run("a", 1e-5, adaptation="full"), run("b", 1e-3, adaptation="lora")]
    found = factors(hand_tables(rows, {"a": {"fr": share(9)}, "b": {"fr": share(12)}}), FACET)
    assert row(found, "adaptation: lora")["reason"] == "collinear"
    assert row(found, "log10 learning_rate")["estimate"] is not None


def test_a_setting_that_goes_with_a_language_has_no_common_effect():
    # One rate was asked in English alone, the other in French alone.
    tables = hand_tables([run("a", 1e-4), run("b", 1e-3)], {"a": {"en": share(16)}, "b": {"fr": share(8)}})
    (found,) = factors(tables, FACET).filter(pl.col("language").is_null()).to_dicts()
    assert (found["term"], found["estimate"], found["reason"]) == ("log10 learning_rate", None, "collinear")


def test_known_effects_are_found():
    # A true slope of -.5 in log odds for each tenfold rate, 60 instructions that differ in how hard they are, 6 rates.
    draw = np.random.default_rng(2)
    rates = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]
    covered = 0
    for _ in range(20):
        hard = draw.normal(0, 0.5, 60)
        values = {
            f"r{i}": {
                "fr": (draw.random(60) < 1 / (1 + np.exp(-(hard - 0.5 * (np.log10(rate) + 4))))).astype(int).tolist()
            }
            for i, rate in enumerate(rates)
        }
        found = row(
            factors(hand_tables([run(f"r{i}", rate) for i, rate in enumerate(rates)], values), FACET),
            "log10 learning_rate",
        )
        covered += found["low"] <= -0.5 <= found["high"]
    # Of 20 intervals at 95 %, fewer than 16 is less likely than three in a thousand.
    assert covered >= 16


# --- curves


def test_curves_follow_the_learning_rate():
    rows = [
        run("base"),
        *(run(f"{a}{i}", rate, adaptation=a) for a in ("full", "lora") for i, rate in enumerate((1e-3, 1e-4))),
    ]
    values = {item["run"]: {"en": share(20), "fr": share(10)} for item in rows}
    found = learning_rate_curves(hand_tables(rows, values), FACET)
    assert found.select("series", "language", "learning_rate").rows()[:6] == [
        ("full", "en", 1e-4),
        ("full", "en", 1e-3),
        ("full", "fr", 1e-4),
        ("full", "fr", 1e-3),
        ("full", None, 1e-4),
        ("full", None, 1e-3),
    ]
    assert found["level"].to_list()[:6] == pytest.approx([1, 1, 0.5, 0.5, 0.75, 0.75])
    assert len(found) == 12  # no base model
    assert learning_rate_curves(hand_tables(rows, {}), FACET).is_empty()
