"""Models behind an API as subjects of a study, answered by an endpoint on loopback."""

import re
import subprocess
import sys

import jsonschema
import pytest

from crosstune import Study
from crosstune.analysis.configurations import configurations
from crosstune.analysis.selection import choose
from crosstune.cli.plan import show_plan
from crosstune.errors import InvalidStudy, StepFailed
from crosstune.generation.api_config import ApiConfig, api_config, not_sent
from crosstune.generation.backends import inspect as backend
from crosstune.generation.config import GenerationConfig
from crosstune.steps.events import Failed, Found, Started
from crosstune.study.config import StudyConfig
from crosstune.study.document import StudyDocument
from crosstune.study.grid import expand
from crosstune.study.schema import study_schema
from crosstune.study.validation import parse_study

pytest.importorskip("inspect_ai")
web = pytest.importorskip("aiohttp.web")
from benchmarks.chat_endpoint import ChatEndpoint, chat_endpoint  # noqa: E402 (needs what may not be installed)

pytestmark = pytest.mark.enable_socket  # loopback alone

FRENCH = "Le soleil chauffe la mer, et la vapeur monte dans le ciel avant de retomber en pluie."
NOWHERE = "http://127.0.0.1:9/v1"


def hosted(base_url=NOWHERE, **changes):
    """A study of one API model: 3 prompts in each of 2 languages."""
    return {
        "name": "hosted",
        "api_models": [{"model": "openai-api/local/smollm2", "base_url": base_url, "name": "served", "connections": 2}],
        "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
        "generation": {"max_new_tokens": 32},
    } | changes


def study(tmp_path, *arguments, **changes):
    return Study.from_dict(hosted(*arguments, **changes), root=tmp_path / "runs")


def generation_fingerprint(**model):
    data = hosted(api_models=[{"model": "openai-api/local/smollm2", **model}])
    return Study.from_dict(data).graph.cells[0].generation.fingerprint


def cells(data):
    return expand(StudyConfig.model_validate(data))


def test_a_study_of_one_api_model_has_answers_scores_and_a_report_and_asks_nothing_twice(tmp_path):
    endpoint = ChatEndpoint(replies={"": FRENCH})
    with chat_endpoint(endpoint) as base_url:
        first = study(tmp_path, base_url)
        tables = first.run()
        assert len(endpoint.requests) == 6
        again: list = []
        study(tmp_path, base_url).run(on_event=again.append)
        assert len(endpoint.requests) == 6 and all(isinstance(event, Found) for event in again)
    (cell,) = tables.cells.to_dicts()
    assert cell | {"run": "served", "base_model": "served", "adaptation": "none", "tuned": False, "api": True} == cell
    assert tables.responses["text"].to_list() == [FRENCH] * 6 and set(tables.responses["run"]) == {"served"}
    # All answers are French: right where French was asked, wrong where English was.
    right = tables.scores.filter(facet="correct_language").group_by("language").agg("value").to_dicts()
    assert {row["language"]: row["value"] for row in right} == {"en": [0.0] * 3, "fr": [1.0] * 3}
    assert choose(tables).candidates == ()
    page = first.report_path.read_text("utf-8")
    assert "served, API" in page.replace("<wbr>", "") and "1 API model<" in page and "untuned base model<" not in page
    sent = endpoint.requests[0]
    assert (sent["max_tokens"], sent["temperature"]) == (32, 0.0)
    assert not {"repetition_penalty", "top_k", "seed"} & set(sent)


class Dying(ChatEndpoint):
    """Breaks the connection from the fourth request on, as a server does that was killed."""

    async def chat(self, request):
        if len(self.requests) < 3:
            return await super().chat(request)
        request.transport.close()
        return web.Response()  # which nobody gets


def test_after_the_endpoint_died_a_later_run_asks_only_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "_WAITS", ())
    with chat_endpoint(Dying(replies={"": FRENCH})) as base_url:
        one_at_a_time = hosted(base_url)["api_models"][0] | {"connections": 1}
        dying = study(tmp_path, api_models=[one_at_a_time])
        with pytest.raises(StepFailed, match="3 of 6 prompts were not answered"):
            dying.run()
    events: list = []
    with pytest.raises(StepFailed, match="cannot be reached"):
        study(tmp_path, base_url).run(on_event=events.append)  # another number of connections is no other step
    assert [event.step.kind for event in events if isinstance(event, Failed)] == ["generation"]
    assert not dying.report_path.exists()
    alive = ChatEndpoint(replies={"": FRENCH})
    with chat_endpoint(alive, port=int(base_url.split(":")[2].split("/")[0])):
        tables = study(tmp_path, base_url).run(on_event=events.append)
    assert len(tables.responses) == 6 and len(alive.requests) == 3
    resumed = [event.step.kind for event in events if isinstance(event, Started) and event.resumed]
    assert resumed == ["generation", "generation"]


def test_base_models_and_api_models_side_by_side(quick, tiny_model, tmp_path):
    quick |= {"base_models": [str(tiny_model)], "learning_rate": 5e-3, "seeds": [0, 1]}
    quick["training"] = {"max_steps": 1, "tokens_per_step": 900, "tokens_per_device_batch": 512, "max_length": 512}
    alone = Study.from_dict(quick, root=tmp_path).graph
    with chat_endpoint(ChatEndpoint(replies={"": FRENCH})) as base_url:
        beside = Study.from_dict(quick | {"api_models": hosted(base_url)["api_models"]}, root=tmp_path)
        folders = [steps.scoring.folder for steps in beside.graph.cells]
        assert [steps.scoring.folder for steps in alone.cells] == folders[:3]
        tables = beside.run()
    assert tables.cells["tuned"].to_list() == [False, True, True, False]
    assert tables.cells["api"].to_list() == [False, False, False, True]
    labels = [(item.label, len(item.runs)) for item in configurations(tables.cells)]
    assert labels == [("untuned base", 1), ("served, API", 1), ("lr 5e-3", 2)]
    assert choose(tables).candidates == ("lr 5e-3",)
    page = beside.report_path.read_text("utf-8")
    assert "1 untuned base model<" in page and "1 API model<" in page


def test_one_that_fails_leaves_the_others_in_the_report(tmp_path):
    with chat_endpoint(ChatEndpoint(replies={"": FRENCH})) as base_url:
        models = [*hosted(base_url)["api_models"], {"model": "openai-api/local/gone", "base_url": NOWHERE}]
        both = study(tmp_path, api_models=models)
        with pytest.raises(StepFailed, match="openai-api-local-gone"):
            both.run()
    page = both.report_path.read_text("utf-8")
    assert "openai-api-local-gone failed and is not in this report" in page and "cannot be reached" in page


def test_the_plan_shows_rows_and_tokens_and_contacts_nothing(tmp_path, capsys):
    endpoint = ChatEndpoint()
    with chat_endpoint(endpoint) as base_url:
        plan = study(tmp_path, base_url, base_models=["gemma-3-270m"]).plan()
        alone = study(tmp_path, base_url).plan()
        assert endpoint.requests == []
    generation = {item.step.name: item.cost for item in plan.steps if item.step.kind == "generation"}
    # 3 prompts × 2 languages × 32 tokens
    assert generation["served"].tokens == 6 * 32
    assert generation["served"].seconds is None and generation["served"].memory_bytes is None
    # What the base model takes is told as without the API model.
    base = generation["gemma-3-270m_untuned"]
    assert plan.peak_memory_bytes == base.memory_bytes and plan.seconds_left > base.seconds
    assert plan.asks_apis and plan.works_here and not alone.works_here
    capsys.readouterr()
    show_plan(plan)
    both = capsys.readouterr().out
    show_plan(alone)
    only = capsys.readouterr().out
    assert "and answers of API models at the endpoint's speed, at most 384 tokens" in both and "of memory" in both
    assert "left: answers of API models at the endpoint's speed, at most 192 tokens" in only and "memory," not in only
    assert re.search(r"^served +API +0/1 +192 +– +–$", only, flags=re.M)
    assert "API models are not told generation's repetition_penalty 1.2" in only


def test_planning_loads_neither_inspect_nor_torch(tmp_path):
    code = (
        f"import sys; from crosstune import Study; plan = Study.from_dict({hosted()!r}).plan();"
        "print([name for name in ('torch', 'transformers', 'openai', 'inspect_ai') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert output.stdout.strip() == "[]"


def test_the_fingerprint_covers_what_decides_the_answers_and_not_how_many_calls_are_under_way():
    usual = generation_fingerprint()
    assert generation_fingerprint(connections=3, name="other") == usual
    assert generation_fingerprint(base_url=NOWHERE) != usual
    assert generation_fingerprint(model="openai-api/local/other") != usual
    tokens, penalty = (
        Study.from_dict(hosted(api_models=["openai-api/local/smollm2"], generation=generation))
        for generation in ({"max_new_tokens": 33}, {"max_new_tokens": 32, "repetition_penalty": 1.5})
    )
    assert tokens.graph.cells[0].generation.fingerprint != usual
    assert penalty.graph.cells[0].generation.fingerprint == usual  # it is not sent


def test_settings_that_are_not_sent_and_seeds_make_no_further_rows(quick):
    quick |= {"api_models": ["openai/a", "openai/b"], "seeds": [0, 1], "learning_rate": 1e-3}
    quick["generation"] = {"max_new_tokens": [8, 16], "repetition_penalty": [1.0, 1.2]}
    names = [cell.name for cell in cells(quick) if cell.name.startswith("openai")]
    assert names == [f"openai-{model}_max_new_tokens{tokens}" for model in "ab" for tokens in (8, 16)]


def test_settings_of_generation_as_an_api_is_told_them():
    greedy = GenerationConfig(max_new_tokens=9, repetition_penalty=1.0)
    assert api_config(greedy) == ApiConfig(max_new_tokens=9, temperature=0.0) and not_sent(greedy) == {}
    sampled = GenerationConfig(temperature=0.7, top_p=0.9, top_k=5, dtype="float32")
    assert api_config(sampled) == ApiConfig(max_new_tokens=512, temperature=0.7, top_p=0.9)
    assert not_sent(sampled) == {"repetition_penalty": 1.2, "top_k": 5, "dtype": "float32"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"api_models": [{"modle": "openai/a"}]}, r"unknown key 'modle' in api_models\[0\]; did you mean 'model'"),
        ({"api_models": [{"model": "openai/a", "conections": 3}]}, "did you mean 'connections'"),
        ({"api_models": [{"model": "openai/a", "connections": 0}]}, r"api_models\[0\].connections: .* 1, not 0"),
        ({"api_models": [{"model": "openai/a", "connections": True}]}, "connections: should not be true"),
        ({"api_models": ["gpt-5-mini"]}, r"api_models\[0\].model: should be provider/model, such as openai/gpt-5-mini"),
        ({"api_models": [{"model": "openai/a", "base_url": "localhost:80"}]}, "base_url: should be an address such as"),
        ({"api_models": [{"model": "openai/a", "base_url": "http://me:key@host/v1"}]}, "should hold no key"),
        ({"api_models": []}, "^s.yaml: no model: base_models and api_models are both missing or empty"),
        ({"instructions": ["starter-en"]}, "instructions are for tuning base_models, and there are none"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(change, expected):
    with pytest.raises(InvalidStudy, match=expected):
        parse_study(StudyDocument(hosted(**change), None, "s.yaml"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"api_models": ["openai/a", {"model": "openai/a", "name": "b"}]}, "'openai/a' is listed twice"),
        ({"api_models": ["openai/a", {"model": "openai/b", "name": "openai/a"}]}, "two models are called 'openai/a'"),
        ({"api_models": [{"model": "openai/a", "name": "gemma-3-270m"}]}, "two models are called 'gemma-3-270m'"),
    ],
)
def test_names_are_given_once(quick, change, expected):
    with pytest.raises(InvalidStudy, match=expected):
        cells(quick | change)


def test_the_schema_knows_api_models_and_wants_a_model():
    validator = jsonschema.Draft202012Validator(study_schema())
    for fine in (hosted(), hosted(api_models="openai/a", base_models=[]), hosted(api_models=["openai/a"])):
        validator.validate(fine)
    for wrong in (hosted(api_models=[{"model": "openai/a", "conections": 3}]), hosted(api_models=[{"name": "a"}])):
        assert list(validator.iter_errors(wrong))
    without = hosted()
    del without["api_models"]
    assert list(validator.iter_errors(without))


def test_an_empty_list_of_api_models_leaves_a_study_as_it_was(quick):
    assert Study.from_dict(quick | {"api_models": []}).resolved_yaml == Study.from_dict(quick).resolved_yaml
    assert "api_models" not in Study.from_dict(quick).resolved_yaml
    named = quick | {"api_models": ["openai/a"]}
    assert StudyDocument.parse(Study.from_dict(named).resolved_yaml).data["api_models"] == ["openai/a"]
