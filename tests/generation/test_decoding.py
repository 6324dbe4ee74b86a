"""The decoding loop and the choice of tokens, against transformers' own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from crosstune.generation.config import GenerationConfig
from crosstune.generation.decoding import decode
from crosstune.generation.sampling import greedy, prompt_generator, sample
from crosstune.records import Message, Prompt

PROMPTS = [[7, 8, 9, 10, 11, 12], [20], [30, 31, 32], [40, 41, 42, 43, 44, 45, 46, 47]]
VOCABULARY = 50


SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "tie_word_embeddings": False,  # a tied random model says the same token for ever
}


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


@pytest.fixture(scope="module")
def gemma():
    """A Gemma 3 whose sliding window of 8 tokens is shorter than prompt and answer."""
    torch.manual_seed(0)
    layer_types = ["sliding_attention", "full_attention", "sliding_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, head_dim=16, sliding_window=8, layer_types=layer_types)).eval()


def transformers_generate(model, prompts, new_tokens, penalty, eos=None):
    width = max(map(len, prompts))
    # Pads with the first token of each row, so that the penalty counts no token that a row has not.
    ids = torch.tensor([[*[prompt[0]] * (width - len(prompt)), *prompt] for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=new_tokens,
        do_sample=False,
        repetition_penalty=penalty,
        eos_token_id=eos,
        pad_token_id=0,
    )
    return [row[width:].tolist() for row in output]


def greedy_choice(penalty):
    return lambda logits, seen, active: greedy(logits, seen, penalty)


@pytest.mark.parametrize("which", ["llama", "gemma"])
@pytest.mark.parametrize("penalty", [1.0, 1.2])
def test_gives_the_tokens_of_transformers_generate(which, penalty, request):
    model = request.getfixturevalue(which)
    expected = transformers_generate(model, PROMPTS, 24, penalty)
    answers = decode(model, PROMPTS, limits=[24] * 4, choose=greedy_choice(penalty), is_finished=lambda _: False)
    assert answers == expected
    assert len({token for answer in answers for token in answer}) > 8  # not one token for ever


@pytest.mark.parametrize("which", ["llama", "gemma"])
def test_an_answer_that_leaves_the_batch_changes_no_other(which, request):
    """Answers end after 3, 10, 1 and 20 tokens; each is the beginning of what it is without an end."""
    model = request.getfixturevalue(which)
    whole = transformers_generate(model, PROMPTS, 24, 1.2)
    limits = [3, 10, 1, 20]
    answers = decode(model, PROMPTS, limits=limits, choose=greedy_choice(1.2), is_finished=lambda _: False)
    assert answers == [answer[:limit] for answer, limit in zip(whole, limits, strict=True)]


def test_an_answer_ends_with_its_stop_token(llama):
    whole = transformers_generate(llama, PROMPTS, 24, 1.2)
    stop = whole[0][5]
    answers = decode(
        llama, PROMPTS, limits=[24] * 4, choose=greedy_choice(1.2), is_finished=lambda answer: answer[-1] == stop
    )
    for answer, full in zip(answers, whole, strict=True):
        end = full.index(stop) + 1 if stop in full else len(full)
        assert answer == full[:end]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 1.2, 0.7]), st.sampled_from([torch.float32, torch.bfloat16]))
def test_greedy_is_the_penalty_over_the_whole_vocabulary(seed, penalty, dtype):
    """Against transformers' processor and argmax in float32; coarse values make ties."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-6, 7, (4, VOCABULARY), generator=generator).to(dtype) / 4
    seen = torch.randint(0, VOCABULARY, (4, 6), generator=generator)
    expected = RepetitionPenaltyLogitsProcessor(penalty)(seen, logits.float()).argmax(dim=1)
    assert greedy(logits.clone(), seen, penalty).tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2048, 2049, 5000]), st.sampled_from([torch.float32, torch.bfloat16]))
def test_the_first_of_the_largest_is_taken_in_a_large_vocabulary(seed, vocabulary, dtype):
    """Few values, so the largest occurs in several pieces of the vocabulary, and in what is left after whole ones."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(0, vocabulary, (3, vocabulary), generator=generator).clamp(max=vocabulary - 3).to(dtype)
    assert greedy(logits.clone(), torch.zeros(3, 1, dtype=torch.long), 1.0).tolist() == [
        row.tolist().index(row.max().item()) for row in logits
    ]


@pytest.mark.parametrize(
    "settings",
    [{}, {"top_k": 5}, {"top_p": 0.6}, {"top_k": 8, "top_p": 0.5}, {"repetition_penalty": 1.0}],
    ids=["plain", "top_k", "top_p", "both", "no_penalty"],
)
def test_sampling_has_the_probabilities_of_transformers(settings):
    """20,000 draws against the probabilities of transformers' processors: each within 5 standard deviations."""
    config = GenerationConfig(temperature=0.8, **settings)
    torch.manual_seed(1)
    logits, seen = torch.randn(1, 12) * 2, torch.tensor([[3, 3, 5]])
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(config.repetition_penalty)])
    processors.append(TemperatureLogitsWarper(0.8))
    processors += [TopKLogitsWarper(config.top_k)] if config.top_k else []
    processors += [TopPLogitsWarper(config.top_p)] if config.top_p else []
    expected = processors(seen, logits.clone()).softmax(dim=1)[0]
    draws = 20_000
    generator = torch.Generator().manual_seed(2)
    tokens = sample(logits.expand(draws, -1).clone(), seen.expand(draws, -1), config, [generator] * draws)
    shares = torch.bincount(tokens, minlength=12) / draws
    tolerance = 5 * (expected * (1 - expected) / draws).sqrt()
    assert ((shares - expected).abs() <= tolerance).all()
    assert (shares[expected == 0] == 0).all()


def test_a_prompt_draws_the_same_numbers_in_any_batch():
    def first_draw(seed, identifier, language):
        prompt = Prompt(identifier, "s", "t", language, language, (Message("user", "Hi"),))
        return torch.rand(1, generator=prompt_generator(seed, prompt)).item()

    draws = {first_draw(seed, name, code) for seed in (0, 1) for name in ("a", "b") for code in ("en", "fr")}
    assert len(draws) == 8
    assert first_draw(0, "a", "en") == first_draw(0, "a", "en")


def test_a_frozen_output_layer_is_not_copied_for_each_answer(llama):
    """With the weight frozen, as an adapter leaves it, torch would multiply batches (bmm) of copies of the weight."""
    from torch.profiler import profile

    llama.requires_grad_(False)
    with profile(record_shapes=True) as profiled:
        decode(llama, PROMPTS, limits=[2] * 4, choose=greedy_choice(1.0), is_finished=lambda _: False)
    shapes = [event.input_shapes for event in profiled.events() if event.name == "aten::bmm"]
    assert not any(64 in shape[1] for shape in shapes)  # 64: the vocabulary
