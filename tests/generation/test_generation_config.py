"""The settings of generation."""

import pytest
from pydantic import ValidationError

from crosstune.generation.config import GenerationConfig


def test_the_defaults_are_the_papers():
    config = GenerationConfig()
    assert (config.max_new_tokens, config.repetition_penalty, config.temperature) == (512, 1.2, None)


def test_the_memory_budget_is_no_part_of_the_identity():
    small, large = GenerationConfig(tokens_per_batch=10), GenerationConfig(tokens_per_batch=9999)
    assert small.identity() == large.identity()
    assert GenerationConfig(max_new_tokens=3).identity() != small.identity()


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 5}, {"max_new_tokens": 0}, {"temperature": 0}, {"top_p": 0.9}, {"top_k": 5}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        GenerationConfig(**wrong)
