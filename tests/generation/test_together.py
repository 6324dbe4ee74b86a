"""Several configurations of one model that answer in the same batches, against each of them alone."""

from itertools import pairwise

import pytest
from lora_adapters import write_adapter

from crosstune.generation.backend import Answerer
from crosstune.generation.backends import transformers as backend
from crosstune.generation.config import GenerationConfig
from crosstune.records import Message, Prompt, Response
from crosstune.storage.tables import RecordLog

CONFIG = GenerationConfig(max_new_tokens=12, tokens_per_batch=700, dtype="float32")
PROMPTS = [
    Prompt(f"set/{number}", "set", "task", language, language, (Message("user", "Hello " + "again " * number),))
    for number in range(4)
    for language in ("en", "fr")
]


@pytest.fixture(scope="module")
def adapters(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return [
        None,
        write_adapter(tiny_model, folder / "a", 1)[0],
        write_adapter(tiny_model, folder / "b", 2, std=1.0, r=8, target_modules=["v_proj", "down_proj"])[0],
        write_adapter(tiny_model, folder / "c", 3, use_rslora=True)[0],
    ]


def answerers(adapters, folder, on_progress=lambda run: lambda progress: None):
    return [
        Answerer(f"run{n}", adapter, n, RecordLog(folder / f"{n}.jsonl", Response), on_progress(f"run{n}"))
        for n, adapter in enumerate(adapters)
    ]


def together(tiny_model, asked, config=CONFIG):
    backend.generate_together(PROMPTS, asked, model_folder=tiny_model, chat_format="chatml", config=config)


def answers(log):
    return {(r.run, r.prompt_id, r.language): (r.text, r.ending, r.completion_tokens) for r in log.read()}


def alone(tiny_model, item, folder, config=CONFIG):
    log = RecordLog(folder / f"alone-{item.run}.jsonl", Response)
    backend.generate(
        PROMPTS, run=item.run, model_folder=tiny_model, adapter=item.adapter, chat_format="chatml", config=config,
        seed=item.seed, log=log,
    )  # fmt: skip
    return answers(log)


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0, "top_p": 0.9}], ids=["greedy", "sampled"])
def test_answers_are_those_of_each_alone(tiny_model, adapters, tmp_path, settings):
    config = CONFIG.model_copy(update=settings)
    asked = answerers(adapters, tmp_path)
    together(tiny_model, asked, config)
    given = [answers(item.log) for item in asked]
    assert [len(mine) for mine in given] == [len(PROMPTS)] * 4
    for mine, item in zip(given, asked, strict=True):
        assert mine == alone(tiny_model, item, tmp_path, config)
    texts = [sorted(text for text, _, _ in mine.values()) for mine in given]
    assert len({tuple(t) for t in texts}) == 4  # each adapter says something else


def test_rows_keep_their_adapter_when_others_leave_the_batch(tiny_model, adapters, tmp_path, monkeypatch):
    """Every other answer ends after 3 tokens; the others go on, in a batch of other rows, as they do alone."""
    whole = backend.decode
    rows_seen = []

    def some_end_early(model, prompts, *, limits, on_rows, **others):
        def watched(active):
            rows_seen.append(len(active))
            on_rows(active)

        limits = [3 if number % 2 else limit for number, limit in enumerate(limits)]
        return whole(model, prompts, limits=limits, on_rows=watched, **others)

    asked = answerers(adapters, tmp_path)
    expected = [alone(tiny_model, item, tmp_path) for item in asked]
    monkeypatch.setattr(backend, "decode", some_end_early)
    together(tiny_model, asked)
    assert any(later < earlier for earlier, later in pairwise(rows_seen))
    for item, mine in zip(asked, expected, strict=True):
        for key, (text, _, tokens) in answers(item.log).items():
            whole_text = mine[key][0]
            assert text == whole_text or (
                tokens == 3 and whole_text.startswith(text.rstrip("\N{REPLACEMENT CHARACTER}"))
            )


def test_goes_on_with_what_each_has_and_tells_each_its_own_progress(tiny_model, adapters, tmp_path):
    seen = {}

    def on_progress(run):
        return lambda progress: seen.setdefault(run, []).append((progress.done, progress.total))

    asked = answerers(adapters, tmp_path, on_progress)
    expected = [alone(tiny_model, item, tmp_path) for item in asked]
    done = RecordLog(tmp_path / "alone-run1.jsonl", Response).read()
    asked[1].log.append(done[:3])
    asked[2].log.append(RecordLog(tmp_path / "alone-run2.jsonl", Response).read())
    together(tiny_model, asked)
    assert [answers(item.log) for item in asked] == expected
    assert [len(item.log.read()) for item in asked] == [8] * 4
    assert asked[1].log.read()[:3] == done[:3]
    assert (seen["run0"][0], seen["run0"][-1]) == ((0, 8), (8, 8))
    assert (seen["run1"][0], seen["run1"][-1]) == ((3, 8), (8, 8))
    assert "run2" not in seen


def test_an_adapter_of_another_kind_is_left_out(tiny_model, adapters, tmp_path):
    dora, _ = write_adapter(tiny_model, tmp_path / "dora", 1, use_dora=True)
    asked = answerers([*adapters[:2], dora], tmp_path)
    together(tiny_model, asked)
    assert [len(item.log.read()) for item in asked] == [8, 8, 0]


def test_one_that_is_left_is_not_begun(tiny_model, adapters, tmp_path):
    dora, _ = write_adapter(tiny_model, tmp_path / "dora", 1, use_dora=True)
    asked = answerers([adapters[1], dora], tmp_path)
    together(tmp_path / "no-such-model", asked)
    assert [len(item.log.read()) for item in asked] == [0, 0]
