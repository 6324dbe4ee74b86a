"""From prompts to responses in a log, with the tiny model."""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model

from crosstune.errors import InvalidData, ModelUnavailable, OutOfMemory
from crosstune.generation.adapters import apply_adapter
from crosstune.generation.backends import transformers as backend
from crosstune.generation.config import GenerationConfig
from crosstune.models.chat_formats import chat_format
from crosstune.models.loading import load_model, load_tokenizer
from crosstune.records import Ending, Message, Prompt, Response
from crosstune.storage.tables import RecordLog

CONFIG = GenerationConfig(max_new_tokens=6, tokens_per_batch=150, dtype="float32")


def prompt(number: int, language: str = "en", text: str | None = None) -> Prompt:
    content = text or "Hello " + "again " * number
    return Prompt(f"set/{number}", "set", "task", language, language, (Message("user", content),))


PROMPTS = [prompt(number, language) for number in range(4) for language in ("en", "fr")]


@pytest.fixture
def log(tmp_path):
    return RecordLog(tmp_path / "responses.jsonl", Response)


def answer(folder, log, prompts=PROMPTS, **changes):
    arguments = {
        "run": "r",
        "model_folder": folder,
        "adapter": None,
        "chat_format": "chatml",
        "config": CONFIG,
        "seed": 0,
    }
    backend.generate(prompts, log=log, **(arguments | changes))
    return {(response.prompt_id, response.language): response for response in log.read()}


def test_answers_every_prompt_once_and_tells_progress(tiny_model, log):
    seen = []
    answers = answer(tiny_model, log, on_progress=seen.append)
    assert set(answers) == {(item.id, item.language) for item in PROMPTS}
    assert len(log.read()) == len(PROMPTS)
    assert [progress.done for progress in seen] == sorted({progress.done for progress in seen})
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 8, 8)
    assert seen[-1].tokens_per_second > 0
    for response in answers.values():
        assert response.completion_tokens == 6
        assert response.ending is Ending.LENGTH
        assert response.seconds > 0


def test_the_answer_does_not_depend_on_the_batch(tiny_model, log, tmp_path):
    """float32: batches of one give the text of larger batches, greedy and sampled."""
    for name, settings in {"greedy": {}, "sampled": {"temperature": 1.0, "top_p": 0.9}}.items():
        texts = []
        for budget in (1, 150, 100_000):
            config = CONFIG.model_copy(update={"tokens_per_batch": budget, **settings})
            responses = answer(tiny_model, RecordLog(tmp_path / f"{name}-{budget}", Response), config=config)
            texts.append({key: response.text for key, response in responses.items()})
        assert texts[0] == texts[1] == texts[2]


def test_the_seed_decides_what_is_sampled(tiny_model, tmp_path):
    config = CONFIG.model_copy(update={"temperature": 1.0})
    texts = [
        [r.text for r in answer(tiny_model, RecordLog(tmp_path / str(n), Response), config=config, seed=seed).values()]
        for n, seed in enumerate((0, 0, 1))
    ]
    assert texts[0] == texts[1] != texts[2]


def test_resumes_after_a_kill_between_batches(tiny_model, log, monkeypatch):
    """The second batch dies; the next try answers the rest alone, and what was there stays."""
    whole = backend._Answering.batch
    calls = []

    def dies(self, *arguments):
        calls.append(len(arguments[0]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(backend._Answering, "batch", dies)
    with pytest.raises(KeyboardInterrupt):
        answer(tiny_model, log)
    kept = log.read()
    assert len(kept) == calls[0] < len(PROMPTS)
    again = answer(tiny_model, log)
    assert log.read()[: len(kept)] == kept
    assert len(again) == len(log.read()) == len(PROMPTS)
    assert sum(calls) == len(PROMPTS) + calls[1]  # only the batch that died was asked for twice


def test_nothing_is_loaded_when_all_is_answered(tiny_model, log, tmp_path):
    answer(tiny_model, log)
    answer(tmp_path / "no-such-model", log)
    with pytest.raises((ModelUnavailable, OSError)):
        answer(tmp_path / "no-such-model", log, run="another run")


def test_a_models_own_generation_settings_are_ignored(tiny_model, log, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    own = {"do_sample": True, "temperature": 5.0, "max_length": 3, "repetition_penalty": 9.0, "eos_token_id": 2}
    (copy / "generation_config.json").write_text(json.dumps(own))
    other = RecordLog(tmp_path / "other", Response)
    expected = {key: response.text for key, response in answer(tiny_model, log).items()}
    assert {key: response.text for key, response in answer(copy, other).items()} == expected


def holding(rows, monkeypatch):
    """Lets decoding run out of memory with more rows than that; gives the rows of every try."""
    tried = []
    whole = backend.decode

    def decode(model, prompts, **named):
        tried.append(len(prompts))
        if len(prompts) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(model, prompts, **named)

    monkeypatch.setattr(backend, "decode", decode)
    return tried


def test_out_of_memory_makes_batches_smaller_from_then_on(tiny_model, log, tmp_path, monkeypatch, caplog):
    same = [prompt(number, text=f"Hello {number}") for number in range(8)]
    config = CONFIG.model_copy(update={"tokens_per_batch": 10_000})
    undisturbed = answer(tiny_model, RecordLog(tmp_path / "other", Response), same, config=config)
    tried = holding(3, monkeypatch)
    answers = answer(tiny_model, log, same, config=config)
    # All eight, half of them, half of those; prompts of one length stay at two from then on.
    assert tried == [8, 4, 2, 2, 2, 2]
    assert {key: item.text for key, item in answers.items()} == {key: item.text for key, item in undisturbed.items()}
    assert caplog.text.count("out of memory") == 2


def test_too_little_memory_for_one_prompt_says_what_to_lower(tiny_model, log, monkeypatch):
    tried = holding(0, monkeypatch)
    with pytest.raises(OutOfMemory, match=r"lower generation.max_new_tokens, shorten the prompt"):
        answer(tiny_model, log)
    assert tried[-1] == 1
    assert log.read() == []


def test_a_prompt_longer_than_the_context_is_named(tiny_model, log):
    """The tiny model reads 512 tokens, and one letter is one token."""
    with pytest.raises(InvalidData, match=r"prompt 'set/9' \(en\) has \d+ tokens, and the model reads 512"):
        answer(tiny_model, log, [prompt(9, text="x" * 600)])


def test_an_answer_ends_where_the_context_does(tiny_model, log):
    """ChatML with this tokenizer: 3 marks, 'user\\n', a line break and 'assistant\\n' are 19 tokens; 490 + 19 = 509."""
    answers = answer(tiny_model, log, [prompt(9, text="x" * 490)])
    response = answers["set/9", "en"]
    assert response.prompt_tokens == 509
    assert (response.completion_tokens, response.ending) == (3, Ending.LENGTH)


def test_an_end_mark_spelled_in_ordinary_tokens_ends_an_answer(tiny_model):
    """A letter a token; with its last letter, and not before, ChatML's end of turn is there."""
    tokenizer = load_tokenizer(tiny_model)
    answering = backend._Answering(None, tokenizer, chat_format("chatml", tokenizer), config=CONFIG, adapters=None)
    ids = tokenizer.convert_tokens_to_ids(list("a>b<|im_end|>"))
    assert len(ids) == 13
    assert [answering._is_finished(ids[:count]) for count in range(1, 14)] == [False] * 12 + [True]


@pytest.fixture
def adapter(tiny_model, tmp_path):
    torch.manual_seed(3)
    model = get_peft_model(
        load_model(tiny_model, dtype=torch.float32, device="cpu"),
        LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter", model.eval()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_an_adapter_gives_the_logits_that_peft_gives(tiny_model, adapter, dtype, tolerance):
    """The random adapter moves logits by about 1, so 0.1 tells bfloat16 rounding from a missing adapter."""
    folder, tuned = adapter
    ids = torch.arange(5, 45)[None]
    with torch.no_grad():
        expected = tuned(ids).logits
        with tuned.disable_adapter():
            untuned = tuned(ids).logits
        model = load_model(tiny_model, dtype=dtype, device="cpu")
        apply_adapter(model, folder)
        logits = model(ids).logits.float()
    assert (expected - untuned).abs().max() > 3 * tolerance
    assert (logits - expected).abs().max() < tolerance


def test_an_adapter_is_merged_only_where_no_precision_is_lost(tiny_model, adapter):
    """A bfloat16 weight of 1 plus an update of 0.001 is 1 again (the next number is 1.0078): it must stay apart."""
    one, update = torch.ones(1, dtype=torch.bfloat16), torch.full((1,), 0.001, dtype=torch.bfloat16)
    assert torch.equal(one + update, one)
    for dtype, apart in ((torch.float32, False), (torch.bfloat16, True)):
        model = load_model(tiny_model, dtype=dtype, device="cpu")
        apply_adapter(model, adapter[0])
        assert any("lora" in name for name, _ in model.named_buffers()) is apart


def test_an_adapter_changes_the_answers(tiny_model, adapter, log, tmp_path):
    untuned = answer(tiny_model, log)
    tuned = answer(tiny_model, RecordLog(tmp_path / "tuned", Response), adapter=adapter[0])
    assert {k: r.text for k, r in untuned.items()} != {k: r.text for k, r in tuned.items()}


@pytest.mark.parametrize("damage", ["missing", "truncated", "other model"])
def test_a_wrong_adapter_is_named(tiny_model, adapter, damage):
    folder, _ = adapter
    weights = folder / "adapter_model.safetensors"
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:100])
    else:
        from safetensors.torch import load_file, save_file

        save_file({name: torch.zeros(*tensor.shape, 2) for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(ModelUnavailable, match="adapter"):
        apply_adapter(load_model(tiny_model, dtype=torch.float32, device="cpu"), folder)
