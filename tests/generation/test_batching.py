"""Batches under a budget of tokens."""

from hypothesis import given
from hypothesis import strategies as st

from crosstune.generation.batching import batches


def test_similar_lengths_go_together():
    """Room for 10 new tokens, budget 60. Longest 20: rows of 30, so 2 fit. Then 10: rows of 20, so 3 fit."""
    assert batches([10, 20, 9, 19, 8], 10, 60) == [[1, 3], [0, 2, 4]]


def test_a_prompt_over_the_budget_is_answered_alone():
    assert batches([100, 1], 10, 20) == [[0], [1]]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 20), st.integers(1, 300))
def test_each_prompt_once_and_never_over_budget(lengths, new_tokens, budget):
    grouped = batches(lengths, new_tokens, budget)
    assert sorted(index for batch in grouped for index in batch) == list(range(len(lengths)))
    for batch in grouped:
        width = max(lengths[index] for index in batch) + new_tokens
        assert len(batch) == 1 or len(batch) * width <= budget
