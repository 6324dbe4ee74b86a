"""Attention of one new token on a CPU in bfloat16, against transformers' own in float32."""

import pytest
import torch
from test_decoding import PROMPTS, SIZES, greedy_choice
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from crosstune.generation import attention
from crosstune.generation.decoding import decode


def llama():
    return LlamaForCausalLM(LlamaConfig(**{**SIZES, "num_attention_heads": 4, "num_key_value_heads": 2}))


def gemma():
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, head_dim=16, sliding_window=8, layer_types=layers))


@pytest.mark.parametrize("make", [llama, gemma])
@pytest.mark.parametrize("values_at_once", [1, 1 << 20], ids=["row by row", "all rows"])
def test_gives_the_logits_of_transformers(make, values_at_once, monkeypatch):
    """Each logit is within bfloat16's rounding of that of float32: no further than transformers' own, and a little."""
    torch.manual_seed(0)
    exact = make().eval()
    plain, fast = make().bfloat16().eval(), make().bfloat16().eval()
    plain.load_state_dict(exact.state_dict())
    fast.load_state_dict(exact.state_dict())
    exact.load_state_dict({name: tensor.float() for name, tensor in plain.state_dict().items()})
    attention.use_fast_attention(fast)
    calls = []
    monkeypatch.setattr(attention, "_VALUES_AT_ONCE", values_at_once)
    whole = attention._attend
    monkeypatch.setattr(attention, "_attend", lambda *some: calls.append(len(some[0])) or whole(*some))
    forced = iter(torch.randint(0, 64, (12, len(PROMPTS)), generator=torch.Generator().manual_seed(1)).repeat(3, 1))
    logits = {}
    for name, model in {"exact": exact, "plain": plain, "fast": fast}.items():
        seen = logits[name] = []

        def choose(now, ids, active, seen=seen):
            seen.append(now.float().clone())
            return next(forced)

        decode(model, PROMPTS, limits=[12] * 4, choose=choose, is_finished=lambda _: False)
    distance = {name: (torch.stack(logits[name]) - torch.stack(logits["exact"])).abs().max() for name in logits}
    assert torch.stack(logits["exact"]).std() > 10 * distance["fast"]
    assert distance["fast"] <= 1.5 * distance["plain"]
    assert set(calls) == ({1} if values_at_once == 1 else {len(PROMPTS)})
    assert len(calls) >= 11 * 3  # in each layer at each step but the first


def test_is_used_only_where_torch_is_slow():
    exact, other = llama(), llama().bfloat16()
    attention.use_fast_attention(exact)
    assert exact.config._attn_implementation == "sdpa"
    other.set_attn_implementation("eager")
    attention.use_fast_attention(other)
    assert other.config._attn_implementation == "eager"


def test_float32_answers_of_a_converted_model_are_unchanged():
    torch.manual_seed(0)
    model = llama().bfloat16().eval()
    attention.use_fast_attention(model)
    model.float()
    torch.manual_seed(0)
    plain = llama().bfloat16().float().eval()
    answers = [
        decode(m, PROMPTS, limits=[10] * 4, choose=greedy_choice(1.2), is_finished=lambda _: False)
        for m in (model, plain)
    ]
    assert answers[0] == answers[1]
