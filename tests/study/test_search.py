"""Studies that leave configurations out early, on a tiny model: what survives equals the same without a search."""

import dataclasses
import json
import shutil

import polars as pl
import pytest

from crosstune import Study
from crosstune.errors import InvalidStudy, OutOfMemory, StepFailed
from crosstune.reporting.report import render
from crosstune.steps.events import Failed, Found, Started
from crosstune.steps.store import State
from crosstune.storage.atomic import write_atomic
from crosstune.storage.tables import read_frame
from crosstune.study import probe, stages
from crosstune.study.document import StudyDocument, dump_yaml
from crosstune.study.validation import parse_study

HALVING = {
    "strategy": "halving",
    "rungs": [0.25, 0.5],
    "keep": 0.5,
    "by": "correct_language",
    "probe": {"prompts": 5, "max_new_tokens": 3},
}
RATES = [5e-4, 1e-3, 5e-3, 1e-2]


@pytest.fixture
def tiny(quick, tiny_model, tmp_path):
    """A study of four learning rates that are compared after 2 and after 4 of 8 updates."""
    quick |= {"name": "tiny", "base_models": [str(tiny_model)], "learning_rate": RATES, "search": HALVING}
    quick["instructions"] = [{"source": "starter-en", "examples": 12}]
    quick["prompts"]["limit"] = 5
    quick["generation"] = {"max_new_tokens": 4}
    quick["scorers"] = ["correct_language"]
    quick["training"] = {
        "max_steps": 8,
        "tokens_per_step": 300,
        "tokens_per_device_batch": 256,
        "max_length": 128,
        "save_every": 3,
    }
    (tmp_path / "tiny.yaml").write_text(dump_yaml(quick))
    return tmp_path / "tiny.yaml"


def load(path, **options):
    return Study.load(path, root=path.parent / options.pop("runs", "runs"), **options)


def started(events, kind):
    return [event.step.name for event in events if isinstance(event, Started) and event.step.kind == kind]


def stop_of(name):
    """The update that a training of this name stops at, of the eight that a whole one has."""
    return int(name.rpartition("_to")[2]) if "_to" in name else 8


def facts(tables, rate):
    run = tables.cells.filter(learning_rate=rate)["run"][0]
    curve = tables.curves.filter(run=run).drop("seconds").sort("step")
    return curve, tables.responses.filter(run=run).drop("seconds").sort("prompt_id", "language")


def test_the_survivor_equals_the_same_configuration_without_a_search(tiny, graded):
    study, events = load(tiny, overrides=["learning_rate=[5e-4, 1e-3]"]), []
    tables = study.run(on_event=events.append)
    # Both to update 2, the better one to 4 and to the end.
    assert [stop_of(name) for name in started(events, "training")] == [2, 2, 4, 8]
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3]
    whole_study = load(tiny, runs="whole", overrides=["search=grid", "learning_rate=[1e-3]"])
    whole = whole_study.run()
    curve, answers = facts(tables, 1e-3)
    expected_curve, expected_answers = facts(whole, 1e-3)
    assert curve["step"].to_list() == list(range(1, 9))
    assert curve.equals(expected_curve)
    assert answers.drop("run").equals(expected_answers.drop("run"))
    # It is the very same step, so a grid that is run later finds it.
    ours, theirs = ([steps.training for steps in each.graph.cells if steps.training] for each in (study, whole_study))
    assert [step.fingerprint for step in ours] == [step.fingerprint for step in theirs]


def test_at_each_rung_the_better_half_goes_on(tiny, graded, quick_steps):
    tables = load(tiny).run()
    # Four rates to update 2, the better two (1e-3 with all right, 1e-2 with 3 of 5) to 4, the best one to the end.
    assert [(rate, stop) for rate, stop, _ in quick_steps] == [
        *((rate, 2) for rate in RATES), (1e-3, 4), (1e-2, 4), (1e-3, None)
    ]  # fmt: skip
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3]
    pruned = tables.pruned.filter(~pl.col("goes_on"))
    assert pruned.select("rung", "updates", "configuration", "level").rows() == [
        (1, 2, "lr 5e-3", pytest.approx(0.2)),
        (1, 2, "lr 5e-4", pytest.approx(0.0)),
        (2, 4, "lr 1e-2", pytest.approx(0.6)),
    ]
    # 0.6 - 0.2, 0.6 - 0 and 1 - 0.6.
    assert pruned["margin"].to_list() == pytest.approx([0.4, 0.6, 0.4])
    assert len(tables.pruned) == 4 + 2


def test_run_again_it_runs_nothing_and_says_that_it_is_done(tiny, graded, quick_steps):
    tables = load(tiny).run()
    again, events = load(tiny), []
    assert {state for _, state in again.states()} == {State.FINISHED}
    assert all(item.state is State.FINISHED for item in again.explain())
    assert again.run(on_event=events.append).pruned.equals(tables.pruned)
    assert all(isinstance(event, Found) for event in events)
    assert load(tiny).results().pruned.equals(tables.pruned)


def test_interrupted_between_rungs_it_goes_on(tiny, graded, quick_steps):
    def interrupt(event):
        if isinstance(event, Started) and event.step.kind == "training" and event.step.name.endswith("_to4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tiny).run(on_event=interrupt)
    between, events = load(tiny), []
    assert between.search is not None
    assert len(between.search.rungs) == 2
    assert not between.search.is_decided
    plan = between.plan()
    assert plan.search is not None and plan.search.counts == (4, 2, 1) and plan.search.decided == 1
    tables = between.run(on_event=events.append)
    assert [stop_of(name) for name in started(events, "training")] == [4, 4, 8]
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3]


def test_the_plan_says_what_is_saved(tiny, graded, quick_steps):
    plan = load(tiny).plan()
    # To 2: 4 configurations, to 4: 2, to 8: 1; 2·4 + 2·2 + 4·1 = 16 of 8·4 = 32 updates.
    assert plan.search is not None
    assert (plan.search.counts, plan.search.updates, plan.search.most_updates) == ((4, 2, 1), 16, 32)
    assert plan.search.saved == pytest.approx(0.5)
    # Parts add up: the rung's two updates and the six that are left are the eight of a whole training.
    tokens = [item.cost.tokens for item in plan.steps if item.step.kind == "training" and item.cost]
    assert sum(tokens) == 4 * 8 * 300


def test_equal_configurations_go_on_together(tiny, graded, quick_steps):
    graded |= dict.fromkeys(RATES, 0.4)
    tables = load(tiny).run()
    assert len(tables.cells) == 1 + 4
    assert tables.pruned["goes_on"].all()
    # Each goes on from where its rung before ended, and from nowhere at first.
    starts = {(rate, stop): start.name if start else None for rate, stop, start in quick_steps}
    assert starts[1e-3, 2] is None
    assert "lr0.001_s0_to2-" in starts[1e-3, 4]
    assert "lr0.001_s0_to4-" in starts[1e-3, None]


def test_seeds_of_a_configuration_go_on_together(tiny, graded, quick_steps):
    events: list = []
    overrides = ["seeds=[0, 1]", "learning_rate=[5e-4, 1e-3]", "search.rungs=0.5"]
    tables = load(tiny, overrides=overrides).run(on_event=events.append)
    assert tables.cells.filter("tuned").select("learning_rate", "seed").rows() == [(1e-3, 0), (1e-3, 1)]
    assert [len(runs) for runs in tables.pruned["runs"]] == [2, 2]


def test_a_configuration_that_fails_leaves_the_others_in_the_race(tiny, graded, quick_steps, monkeypatch):
    original = stages.tune

    def tune(workspace, *, cell, tuning, **options):
        if tuning.learning_rate == 1e-2:
            raise OutOfMemory("too little memory for this")
        original(workspace, cell=cell, tuning=tuning, **options)

    monkeypatch.setattr(stages, "tune", tune)
    study, events = load(tiny), []
    with pytest.raises(StepFailed, match="too little memory"):
        study.run(on_event=events.append)
    assert len([event for event in events if isinstance(event, Failed)]) == 1
    page = study.report_path.read_text("utf-8")
    assert "failed and is not in this report" in page and "too little memory" in page
    # Of the three others the better two went on to update 4, and 1e-3 to the end.
    assert [stop_of(name) for name in started(events, "training")].count(4) == 2
    monkeypatch.setattr(stages, "tune", original)
    tables = load(tiny).run()
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3]


def test_untuned_models_are_never_left_out_and_the_probe_is_in_all_languages(tiny, graded, quick_steps):
    study = load(tiny, overrides=["prompts.modifiers=[in_fr]"])
    (step,) = {steps.scoring.inputs["prompts"] for steps in study.search.rungs[0]}
    prompts = probe.draw_probe(study.config.prompts, study.config.search.probe, study.base)
    assert step.kind == "prompts"
    assert {prompt.language for prompt in prompts} == {"en", "fr"}
    assert len({prompt.id for prompt in prompts}) == 5
    assert not any(prompt.modifiers for prompt in prompts)
    assert {cell.name for cell in study.search.cells} == {cell.name for cell in study.cells}


def test_the_probe_is_drawn_by_its_seed(tiny):
    config = load(tiny, overrides=["prompts.limit=20"]).config
    drawn = [
        {
            prompt.id
            for prompt in probe.draw_probe(config.prompts, config.search.probe.model_copy(update=change), tiny.parent)
        }
        for change in ({}, {}, {"seed": 1}, {"prompts": 20})
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [len(ids) for ids in drawn] == [5, 5, 5, 20]


def test_an_answer_that_reaches_the_probes_limit_is_not_broken_for_that(tiny, quick_steps):
    load(tiny, overrides=["learning_rate=[5e-4, 1e-3]", "search.rungs=0.5"]).run()
    scores = pl.concat(
        read_frame(path) for path in (tiny.parent / "runs" / "scoring").glob("*_to4-*/scores.parquet")
    ).filter(facet="degeneration")
    assert len(scores) > 0
    assert not scores["detail"].str.contains("cut_off").any()


def test_a_grid_is_what_it_was(tiny):
    plain = load(tiny, overrides=["search=grid"])
    data = {key: value for key, value in plain.document.data.items() if key != "search"}
    before = Study.from_dict(data, base=tiny.parent, root=tiny.parent / "runs")
    assert plain.resolved_yaml == before.resolved_yaml and "search" not in plain.resolved_yaml
    assert plain.graph.report.fingerprint == before.graph.report.fingerprint
    assert plain.search is None
    assert "strategy: halving" in load(tiny).resolved_yaml


def test_the_report_says_who_was_left_out_when_and_how_sure(tiny, graded, quick_steps):
    tables = load(tiny).run()
    page = render(tables, title="t", study_yaml="", provenance={})
    assert "Left out early" in page
    for words in ("lr 5e-3", "lr 5e-4", "lr 1e-2"):
        assert words in page
    nothing = dataclasses.replace(tables, pruned=pl.DataFrame())
    assert "Left out early" not in render(nothing, title="t", study_yaml="", provenance={})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"strategy": "halfing"}, "'grid' or 'halving'"),
        ({"rungs": [0.5, 0.25]}, "0.25 comes after 0.5"),
        ({"rungs": [0.5, 0.5]}, "0.5 comes after 0.5"),
        ({"rungs": [0]}, r"search.rungs.*greater than 0"),
        ({"rungs": [1]}, r"search.rungs.*less than 1"),
        ({"rungs": []}, r"search.rungs: should have at least one item"),
        ({"rungs": [0.01, 0.5]}, "after 0, 2, which is no progress"),
        ({"keep": 0}, "search.keep.*greater than 0"),
        ({"keep": 1}, "search.keep.*less than 1"),
        ({"keep": True}, "search.keep: should not be true"),
        ({"at_least": 2}, "2 configurations to tune and search.at_least is 2"),
        ({"by": "helpfulness"}, "'usable' or 'correct_language'"),
        ({"kep": 0.5}, "unknown key 'kep' in search; did you mean 'keep'"),
        ({"probe": {"prompt": 5}}, "unknown key 'prompt' in search.probe; did you mean 'prompts'"),
        ({"probe": {"prompts": 0}}, "search.probe.prompts.*greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_search_is_said(quick, change, expected):
    search = {"strategy": "halving", **change}
    with pytest.raises(InvalidStudy, match=expected):
        parse_study(StudyDocument({**quick, "search": search}, None, "s.yaml"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"search": "halving", "learning_rate": 1e-4}, "1 configuration to tune: none could be left out"),
        ({"search": "halving", "learning_rate": 1e-4, "seeds": [0, 1, 2]}, "1 configuration to tune"),
        ({"search": "halving", "instructions": []}, "without instructions nothing is tuned"),
        ({"search": {"keep": 0.5}}, "keep would do nothing with strategy: grid"),
        ({"search": 3}, "search: should be a mapping"),
    ],
)
def test_what_does_not_fit_a_search_is_said(quick, change, expected):
    with pytest.raises(InvalidStudy, match=expected):
        parse_study(StudyDocument({**quick, **change}, None, "s.yaml"))


def test_shorthands_of_a_search(quick):
    assert parse_study(StudyDocument(quick, None, "s.yaml")).search.strategy == "grid"
    config = parse_study(StudyDocument({**quick, "search": "halving"}, None, "s.yaml"))
    assert (config.search.rungs, config.search.keep, config.search.probe.prompts) == ((0.25, 0.5), 0.5, 8)


def test_rungs_can_be_removed_when_the_study_is_finished(tiny, graded, quick_steps):
    tables = load(tiny).run()
    for folder in (tiny.parent / "runs" / "training").glob("*_to*"):
        shutil.rmtree(folder)
    done = len(quick_steps)
    assert load(tiny).run().pruned.equals(tables.pruned)
    assert len(quick_steps) == done


def test_what_diverged_at_a_rung_goes_no_further(tiny, graded, quick_steps, monkeypatch):
    original = stages.tune

    def tune(workspace, *, cell, tuning, **options):
        original(workspace, cell=cell, tuning=tuning, **options)
        if tuning.learning_rate == 1e-3:  # which would be the best
            facts = json.loads((workspace.out / "training.json").read_text())
            write_atomic(workspace.out / "training.json", json.dumps(facts | {"diverged_at_step": 2}))

    monkeypatch.setattr(stages, "tune", tune)
    tables = load(tiny).run()
    # Of the others 1e-2 leads with 3 of 5, and 5e-3 is second with 1 of 5.
    assert tables.cells["learning_rate"].to_list() == [None, 1e-2]
    (why,) = tables.pruned.filter(configuration="lr 1e-3")["why"]
    assert why == "its training diverged at update 2"
