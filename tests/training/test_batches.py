from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.training.batches import plan_batches

LENGTHS = st.lists(st.integers(1, 100), min_size=4, max_size=60)


@given(
    lengths=LENGTHS,
    seed=st.integers(0, 5),
    tokens=st.integers(1, 600),
    capacity=st.integers(100, 300),
    processes=st.integers(1, 3),
    packed=st.booleans(),
)
def test_plan_keeps_its_promises(  # noqa: PLR0917 - hypothesis passes them by name
    lengths: list[int], seed: int, tokens: int, capacity: int, processes: int, packed: bool
) -> None:
    plan = plan_batches(
        lengths,
        seed=seed,
        max_steps=7,
        tokens_per_step=tokens,
        tokens_per_device_batch=capacity,
        processes=processes,
        packed=packed,
    )
    assert len(plan.updates) == 7
    assert plan.batches_per_update % processes == 0
    for update in plan.updates:
        assert len(update) == plan.batches_per_update
        assert all(update)  # no device has nothing to do
        members = [index for batch in update for index in batch]
        assert len(members) == len(set(members))
        for batch in update:
            sizes = [lengths[index] for index in batch]
            assert (sum(sizes) if packed else len(sizes) * max(sizes)) <= capacity
        if sum(lengths[i] for i in members) > tokens:
            # Only because each device batch has one example at least.
            assert all(len(batch) == 1 for batch in update)


@given(lengths=LENGTHS, seed=st.integers(0, 5))
def test_every_example_is_used_alike(lengths: list[int], seed: int) -> None:
    plan = plan_batches(lengths, seed=seed, max_steps=40, tokens_per_step=100, tokens_per_device_batch=100)
    uses = Counter(index for batch in plan.device_batches() for index in batch)
    counts = [uses[index] for index in range(len(lengths))]
    # Examples of the next epoch may be taken while one of this epoch waits, and the current epoch is unfinished: so
    # two uses apart at most.
    assert max(counts) - min(counts) <= 2


def test_updates_are_filled() -> None:
    lengths = [20, 30, 50, 70, 110, 180, 300, 500] * 40
    plan = plan_batches(lengths, seed=0, max_steps=50, tokens_per_step=4000, tokens_per_device_batch=1000)
    assert plan.batches_per_update == 4
    sizes = [sum(lengths[i] for batch in update for i in batch) for update in plan.updates]
    assert min(sizes) >= 0.97 * 4000
    assert max(sizes) <= 4000


def test_padding_is_small_when_not_packed() -> None:
    lengths = [20, 30, 50, 70, 110, 180, 300, 500] * 40
    plan = plan_batches(lengths, seed=0, max_steps=20, tokens_per_step=8000, tokens_per_device_batch=1000, packed=False)
    used = sum(lengths[i] for batch in plan.device_batches() for i in batch)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in plan.device_batches())
    # Drawn at random into batches of 8, these lengths (mean 157.5, longest 500) would be two thirds padding.
    assert used / padded > 0.75


def test_plan_follows_from_its_seed() -> None:
    def plan(seed: int) -> object:
        return plan_batches(
            list(range(1, 90)), seed=seed, max_steps=9, tokens_per_step=200, tokens_per_device_batch=100
        )

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_a_longer_plan_begins_with_the_shorter() -> None:
    def plan(steps: int) -> tuple[object, ...]:
        lengths = list(range(1, 90))
        arguments = {"seed": 3, "tokens_per_step": 200, "tokens_per_device_batch": 100}
        return plan_batches(lengths, max_steps=steps, **arguments).updates

    assert plan(20)[:9] == plan(9)


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="exceeds a device batch"):
        plan_batches([5, 11], seed=0, max_steps=1, tokens_per_step=10, tokens_per_device_batch=10)
    with pytest.raises(ValueError, match="shared by 3 processes"):
        plan_batches([5, 5], seed=0, max_steps=1, tokens_per_step=10, tokens_per_device_batch=10, processes=3)
