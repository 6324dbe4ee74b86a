import math
import re
from pathlib import Path

import pytest
import tiktoken
from tiktoken.registry import ENCODINGS

pytest.importorskip("inspect_ai")

from inspect_ai import eval as evaluate
from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.registry import registry_info, registry_lookup
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from crosstune.errors import InvalidData
from crosstune.judging import tasks
from crosstune.judging.mock_tokens import count_without_web

PAGE = (Path(__file__).parents[2] / "docs" / "inspect.md").read_text("utf-8")
FRENCH = "Le soleil se lève à l’est et se couche à l’ouest, parce que la Terre tourne sur elle-même en un jour."
ENGLISH = "The sun rises in the east and sets in the west, because the Earth turns around itself in one day."


def mock(texts, stop_reason="stop"):
    """Inspect's mock model with these answers, in turn; usage spares it the table by which it counts tokens."""
    outputs = [ModelOutput.from_content("mock", text, stop_reason=stop_reason) for text in texts]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return get_model("mockllm/model", custom_outputs=outputs)


@pytest.fixture(autouse=True)
def no_web(monkeypatch):
    """Whatever the machine has: no table of tokens can be fetched."""

    def refuse(path):
        raise OSError(f"{path}: no web")

    monkeypatch.delitem(ENCODINGS, "o200k_base", raising=False)
    monkeypatch.setattr("tiktoken.load.read_file_cached", lambda path, expected_hash=None: refuse(path))


def test_tokens_of_the_mock_model_are_bytes_where_there_is_no_web():
    with pytest.raises(OSError, match="no web"):
        tiktoken.get_encoding("o200k_base")
    count_without_web("openai/gpt-5-mini")
    assert "o200k_base" not in ENCODINGS
    count_without_web("mockllm/model")
    assert tiktoken.get_encoding("o200k_base").encode("né") == [110, 195, 169]


def run(task, texts, tmp_path, stop_reason="stop", **more):
    (log,) = evaluate(
        task,
        model=mock(texts, stop_reason),
        log_dir=str(tmp_path),
        display="none",
        max_connections=1,
        max_samples=1,
        **more,
    )
    assert log.status == "success", log.error
    return log


def metrics(log, name):
    (found,) = [score for score in log.results.scores if score.name == name]
    return {key: metric.value for key, metric in found.metrics.items()}


def test_samples_are_the_packaged_prompts():
    task = tasks.everyday(languages=["fr", "pt"], modifiers="none,no_digits", limit=2)
    assert [sample.id.partition("/")[0] for sample in task.dataset] == ["fr"] * 4 + ["pt"] * 4
    plain, asked = task.dataset[0], task.dataset[2]
    assert asked.metadata["prompt_id"] == plain.metadata["prompt_id"] + "+no_digits"
    assert asked.metadata["instruction"] == plain.metadata["instruction"] == plain.metadata["prompt_id"]
    assert [check["kind"] for check in asked.metadata["checks"]] == ["no_digits"]
    assert plain.metadata["checks"] == []
    assert [message.role for message in plain.input] == ["user"]
    assert asked.input[0].text.startswith(plain.input[0].text)


def test_a_modifier_may_ask_for_another_language():
    (sample,) = tasks.everyday(languages="fr", modifiers="in_pt", limit=1).dataset
    assert (sample.metadata["language"], sample.metadata["requested_language"]) == ("fr", "pt")


def test_facts_have_their_accepted_answers():
    (sample,) = tasks.facts(languages="pt", limit=1).dataset
    assert sample.target == sample.metadata["accepted"] and len(sample.target) > 0


def names(task):
    return [registry_info(scorer).name for scorer in task.scorer]


def test_only_facets_that_are_asked_are_scored():
    always = ["correct_language", "line_pass", "word_pass", "code_switching", "degeneration"]
    named = [f"crosstune/{facet}" for facet in always]
    assert names(tasks.everyday(languages="fr", limit=1)) == named
    assert names(tasks.everyday(languages="fr", modifiers="short", limit=1)) == [*named, "crosstune/constraints"]
    assert names(tasks.facts(languages="fr", limit=1)) == [*named, "crosstune/facts"]


def test_inspect_knows_the_tasks_and_scorers_by_name():
    for kind, name in [("task", "everyday"), ("task", "facts"), *(("scorer", facet) for facet in tasks.FACETS)]:
        assert registry_lookup(kind, f"crosstune/{name}") is not None, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: tasks.everyday(languages="fr,xx"),
            r"no prompts of 'everyday' in 'xx'; there are some in en, fr, .*tr",
        ),
        (lambda: tasks.facts(languages=False), r"in 'no'"),  # what YAML makes of `-T languages=no`
        (
            lambda: tasks.everyday(languages="fr", modifiers="shrt"),
            r"'shrt' is not a modifier; .*there are none, short",
        ),
        (lambda: tasks.everyday(languages="fr", limit=0), r"'limit': .*, not 0"),
        (lambda: tasks.everyday(languages="fr", modifiers="in_fr"), r"no modifier applies"),
    ],
)
def test_wrong_parameters_say_what_there_is(make, message):
    with pytest.raises(InvalidData, match=message) as error:
        make()
    assert isinstance(error.value, PrerequisiteError)  # Inspect's command shows these without a traceback


def test_answers_without_a_value_are_counted_and_are_no_zeros(tmp_path):
    log = run(tasks.everyday(languages="fr,pt", limit=3), [FRENCH, ENGLISH, "Ok", "12", "7", "3"], tmp_path)
    # In French: right, wrong, too short to tell: 1 of the 2 that can be told. In Portuguese: none can be.
    # Both scored answers are to different instructions; the standard error of (1, 0) by Liang and Zeger's sum over
    # clusters, with g / (g - 1) for g clusters, is sqrt(2 * (0.25 + 0.25)) / 2 = 0.5.
    found = metrics(log, "correct_language")
    assert found == {"grouped_fr": 0.5, "grouped_all": 0.5, "stderr": pytest.approx(0.5)}
    assert metrics(log, "no_value_correct_language") == {"grouped_fr": 1, "grouped_pt": 3, "grouped_all": 4}
    scores = {sample.output.completion: sample.scores["correct_language"] for sample in log.samples}
    assert scores["Ok"].reason == "too_short" and scores["Ok"].answer == "Ok"
    assert math.isnan(scores["Ok"].value["correct_language"]) and scores["Ok"].value["no_value_correct_language"] == 1
    assert scores[ENGLISH].value["correct_language"] == 0 and scores[ENGLISH].explanation == "en"


def test_nothing_that_has_a_value_is_not_zero(tmp_path):
    log = run(tasks.everyday(languages="fr", limit=2), ["Ok", "Ok"], tmp_path)
    assert math.isnan(metrics(log, "correct_language")["grouped_all"])
    assert metrics(log, "no_value_correct_language")["grouped_all"] == 2


def test_epochs_leave_out_what_has_no_value(tmp_path):
    log = run(tasks.everyday(languages="fr", limit=1), [FRENCH, "Ok"], tmp_path, epochs=2)
    assert metrics(log, "correct_language")["grouped_all"] == 1
    assert metrics(log, "no_value_correct_language")["grouped_all"] == 0.5


def test_checks_are_of_the_prompts_that_have_them(tmp_path):
    log = run(tasks.everyday(languages="fr", modifiers="none,no_digits", limit=1), ["En 1969.", "En 1969."], tmp_path)
    plain, asked = sorted(log.samples, key=lambda sample: len(sample.id))
    assert "constraints" not in plain.scores
    assert asked.scores["constraints"].value["constraints"] == 0
    assert metrics(log, "constraints")["grouped_fr"] == 0


def test_facts_are_rated_among_the_answers_to_other_questions(tmp_path):
    task = tasks.facts(languages="fr")
    chosen = [sample for sample in task.dataset if sample.metadata["task"] == task.dataset[0].metadata["task"]][:6]
    first = chosen[0].target[0].replace("*", "")
    names_everything = ", ".join(sample.target[0].replace("*", "") for sample in chosen)
    task = tasks.facts(languages="fr", limit=None)
    (right,) = run(task, [first], tmp_path / "a", sample_id=chosen[0].id).samples
    (listing,) = run(task, [names_everything], tmp_path / "b", sample_id=chosen[0].id).samples
    assert right.scores["facts"].value["facts"] == 1
    assert listing.scores["facts"].value["facts"] == 0 and "lists" in listing.scores["facts"].explanation


def test_what_a_filter_held_back_is_empty_and_what_was_cut_off_shows(tmp_path):
    task = tasks.everyday(languages="fr", limit=1)
    (held,) = run(task, ["This was filtered."], tmp_path / "a", stop_reason="content_filter").samples
    assert held.scores["correct_language"].reason == "empty"
    assert held.scores["degeneration"].value["degeneration"] == 1
    (cut,) = run(task, [FRENCH.removesuffix("un jour.")], tmp_path / "b", stop_reason="max_tokens").samples
    assert cut.scores["degeneration"].value["degeneration"] == 1


def another(metadata):
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample

    samples = [Sample("Pourquoi ?", id=7, metadata=metadata)]
    return Task(dataset=MemoryDataset(samples), scorer=tasks.INSPECT_SCORERS["correct_language"]())


def test_the_scorers_serve_tasks_of_others(tmp_path):
    log = run(another({"requested_language": "fr", "instruction": "why"}), [FRENCH], tmp_path)
    assert metrics(log, "correct_language")["grouped_fr"] == 1


def test_a_task_without_languages_is_refused_by_name(tmp_path):
    (log,) = evaluate(another({"lang": "fr"}), model=mock([FRENCH]), log_dir=str(tmp_path), display="none")
    assert log.status == "error"
    assert "sample 7 has no 'requested_language' in its metadata" in log.error.message


def test_the_commands_of_the_page_name_what_is_there():
    commands = re.findall(r"^    inspect eval crosstune/(\w+)(.*)$", PAGE, flags=re.M)
    assert len(commands) == 4
    for name, options in commands:
        given = dict(re.findall(r"-T (\w+)=(\S+)", options))
        if "limit" in given:
            given["limit"] = int(given["limit"])
        task = getattr(tasks, name)(**given)
        assert {sample.metadata["language"] for sample in task.dataset} == set(given["languages"].split(","))


def test_the_task_of_the_page_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    made = {}
    exec(code, made)
    log = run(made["task"], [FRENCH], tmp_path)
    assert metrics(log, "correct_language")["grouped_fr"] == 1
    assert metrics(log, "degeneration")["grouped_fr"] == 0
