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
        members = [index for batch in update for index in batch]
        assert len(members) == len(set(members))
        # A device has nothing to do only where there are fewer examples than batches; others have it first.
        assert [bool(batch) for batch in update] == [True] * min(len(members), len(update)) + [False] * (
            len(update) - min(len(members), len(update))
        )
        for batch in filter(None, update):
            sizes = [lengths[index] for index in batch]
            assert (sum(sizes) if packed else len(sizes) * max(sizes)) <= capacity
        if sum(lengths[i] for i in members) > tokens:
            # Only because each device batch has one example at least.
            assert all(len(batch) <= 1 for batch in update)


@given(
    lengths=LENGTHS, tokens=st.integers(1, 600), capacity=st.integers(100, 300), held=st.integers(100, 300),
    packed=st.booleans(), processes=st.integers(1, 9),
)  # fmt: skip
def test_processes_and_what_they_hold_do_not_decide_what_is_learned(  # noqa: PLR0917 - hypothesis passes them by name
    lengths: list[int], tokens: int, capacity: int, held: int, packed: bool, processes: int
) -> None:
    def plan(processes: int, device_tokens: int | None) -> list[tuple[tuple[int, ...], ...]]:
        made = plan_batches(
            lengths, seed=1, max_steps=5, tokens_per_step=tokens, tokens_per_device_batch=capacity,
            processes=processes, packed=packed, device_tokens=device_tokens,
        )  # fmt: skip
        assert {len(update) for update in made.updates} == {made.batches_per_update}
        assert made.batches_per_update % processes == 0
        return list(made.updates)

    def examples(updates: list[tuple[tuple[int, ...], ...]]) -> list[list[int]]:
        return [sorted(index for batch in update for index in batch) for update in updates]

    shared = plan(processes, held)
    assert examples(shared) == examples(plan(1, None))
    for batch in (batch for update in shared for batch in update if batch):
        sizes = [lengths[index] for index in batch]
        assert (sum(sizes) if packed else len(sizes) * max(sizes)) <= min(capacity, held)


def test_processes_get_about_the_same_to_do() -> None:
    # One process makes two batches. Of four, longest first, each to who has least: 40, 40, 40, 30; the next 30 joins
    # that (60), the last a 40 (70); 20s join the other 40s (60, 60), and one of the 60s (80).
    lengths = [40, 20, 30] * 3
    plan = plan_batches(lengths, seed=0, max_steps=1, tokens_per_step=270, tokens_per_device_batch=200, processes=4)
    assert [sum(lengths[index] for index in batch) for batch in plan.updates[0]] == [80, 70, 60, 60]


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
