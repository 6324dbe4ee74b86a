"""Which examples each update of a training sees, planned before it starts; knows lengths alone, no tokens, no torch.

An update is a fixed number of device batches, each a tuple of indices of examples. Because the whole plan follows from
the lengths and a seed, a training that is resumed at update `n` sees what an undisturbed one sees from there on. The
examples of an update are chosen for one process, and then shared out: neither how many processes there are nor what
their devices turn out to hold decides what is learned.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

LOOKAHEAD = 64
"""Examples looked at beyond those that are taken, to fill what is left of an update."""

DeviceBatch = tuple[int, ...]
"""Indices of the examples that pass through the model together."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The examples of every update.

    Attributes:
        updates: for each update, `batches_per_update` device batches. Processes take turns: of the batches of an
            update, process `r` of `n` computes those whose position is `r` modulo `n`.
            An update with fewer examples than it has batches ends with empty ones.
        batches_per_update: device batches of an update over all processes.
    """

    updates: tuple[tuple[DeviceBatch, ...], ...]
    batches_per_update: int

    def device_batches(self) -> list[DeviceBatch]:
        """All device batches in order."""
        return [batch for update in self.updates for batch in update]


def _shuffled_epochs(examples: int, seed: int) -> Iterator[tuple[int, int]]:
    """Epoch and index of an example, without end."""
    for epoch in count():
        order = list(range(examples))
        random.Random(f"crosstune batches {seed} {epoch}").shuffle(order)
        yield from ((epoch, example) for example in order)


class _Update:
    """Device batches while they are filled."""

    def __init__(self, batches: int, lengths: Sequence[int], tokens: int, capacity: int, packed: bool) -> None:
        self.batches: list[list[int]] = [[] for _ in range(batches)]
        self._lengths = lengths
        self._sums = [0] * batches
        self._longest = [0] * batches
        self._tokens = tokens
        self._capacity = capacity
        self._packed = packed
        self._taken: set[int] = set()

    def _padded(self, batch: int, length: int) -> int:
        """Tokens with padding that `batch` would have with one more example of `length`."""
        if self._packed:
            return self._sums[batch] + length
        return (len(self.batches[batch]) + 1) * max(self._longest[batch], length)

    def take(self, example: int) -> bool:
        """Puts an example where it leaves the least padding, then the most room; False where it does not fit."""
        if example in self._taken:
            return False  # twice in one update would only weigh it double
        length = self._lengths[example]
        empty = [batch for batch, members in enumerate(self.batches) if not members]
        if not empty and sum(self._sums) + length > self._tokens:
            return False
        places = empty or [b for b in range(len(self.batches)) if self._padded(b, length) <= self._capacity]
        if not places:
            return False

        def cost(batch: int) -> tuple[int, int]:
            added = self._padded(batch, length) - self._padded_now(batch) - length
            return added, self._sums[batch]

        best = min(places, key=cost)
        self.batches[best].append(example)
        self._sums[best] += length
        self._longest[best] = max(self._longest[best], length)
        self._taken.add(example)
        return True

    def _padded_now(self, batch: int) -> int:
        return self._sums[batch] if self._packed else len(self.batches[batch]) * self._longest[batch]

    def has_empty_batch(self) -> bool:
        return not all(self.batches)

    def is_full(self) -> bool:
        return all(self.batches) and sum(self._sums) >= self._tokens


def _padded_tokens(batch: Sequence[int], lengths: Sequence[int], packed: bool) -> int:
    sizes = [lengths[index] for index in batch]
    return sum(sizes) if packed else len(sizes) * max(sizes, default=0)


def _fitted(batches: Sequence[Sequence[int]], lengths: Sequence[int], capacity: int, packed: bool) -> list[list[int]]:
    """The same examples in as few device batches of this capacity as come about by taking the longest first."""
    if all(_padded_tokens(batch, lengths, packed) <= capacity for batch in batches):
        return [list(batch) for batch in batches]
    fitted: list[list[int]] = []
    for example in sorted((i for batch in batches for i in batch), key=lambda i: (-lengths[i], i)):
        fits = (batch for batch in fitted if _padded_tokens([*batch, example], lengths, packed) <= capacity)
        place = next(fits, None)
        if place is None:
            fitted.append([example])
        else:
            place.append(example)
    return fitted


def _shared_out(
    batches: Sequence[Sequence[int]], number: int, lengths: Sequence[int], capacity: int, packed: bool
) -> list[list[int]]:
    """The examples of device batches that fit in more of them, about alike in size; empty where examples run out."""
    if len(batches) == number:
        return [list(batch) for batch in batches]
    if packed:
        spread: list[list[int]] = [[] for _ in range(number)]
        sums = [0] * number
        for example in sorted((i for batch in batches for i in batch), key=lambda i: (-lengths[i], i)):
            emptiest = min(range(number), key=lambda batch: (sums[batch], batch))
            spread[emptiest].append(example)
            sums[emptiest] += lengths[example]
        if max(sums) <= capacity:
            return spread
    # Halves of what fits fit as well.
    parts = [sorted(batch, key=lambda i: (-lengths[i], i)) for batch in batches]
    while len(parts) < number and (several := [part for part in parts if len(part) > 1]):
        largest = max(several, key=lambda part: (_padded_tokens(part, lengths, packed), part))
        parts.remove(largest)
        middle = len(largest) // 2
        parts += [largest[:middle], largest[middle:]]
    return parts + [[] for _ in range(number - len(parts))]


def plan_batches(
    lengths: Sequence[int],
    *,
    seed: int,
    max_steps: int,
    tokens_per_step: int,
    tokens_per_device_batch: int,
    processes: int = 1,
    packed: bool = True,
    device_tokens: int | None = None,
) -> BatchPlan:
    """Plans the batches of a training.

    Every epoch is shuffled anew. An update takes examples in that order and leaves out, for the next update, those
    that no longer fit: so it has at most `tokens_per_step` tokens, except that each device batch of one process has one
    example at least. No example is twice in one update: a set with fewer tokens than an update makes smaller updates.

    Args:
        lengths: tokens of each example, each at most `tokens_per_device_batch`.
        seed: decides the order.
        max_steps: number of updates.
        tokens_per_step: most tokens of an update, without padding.
        tokens_per_device_batch: most tokens of a device batch, with padding.
        processes: processes that share each update; its examples are the same for any number of them.
        packed: examples lie end to end in a device batch; otherwise each is padded to the longest.
        device_tokens: what a device turned out to hold, less than `tokens_per_device_batch`: updates have the same
            examples in more and smaller batches. None: all of it.

    Raises:
        ValueError: an example is longer than a device batch.
    """
    capacity = tokens_per_device_batch if device_tokens is None else min(device_tokens, tokens_per_device_batch)
    if max(lengths) > capacity:
        raise ValueError(f"an example of {max(lengths)} tokens exceeds a device batch of {capacity}")
    rounds = max(1, -(-tokens_per_step // tokens_per_device_batch))
    of_one_process = min(rounds, len(lengths))

    stream = _shuffled_epochs(len(lengths), seed)
    waiting: list[tuple[int, int]] = []
    chosen: list[list[list[int]]] = []
    for _ in range(max_steps):
        update = _Update(of_one_process, lengths, tokens_per_step, tokens_per_device_batch, packed)
        passed_over: list[tuple[int, int]] = []
        position = 0
        while update.has_empty_batch() or len(passed_over) < LOOKAHEAD:
            if position == len(waiting):
                waiting.extend(islice(stream, LOOKAHEAD))
            epoch, example = waiting[position]
            if passed_over and epoch > passed_over[0][0] + 1 and not update.has_empty_batch():
                break  # else short examples would run ahead of long ones without end
            position += 1
            if not update.take(example):
                passed_over.append((epoch, example))
            elif update.is_full():
                break
        waiting = passed_over + waiting[position:]
        chosen.append(_fitted(update.batches, lengths, capacity, packed))
    batches_per_update = -(-max(map(len, chosen)) // processes) * processes
    updates = []
    for fitted in chosen:
        batches = _shared_out(fitted, batches_per_update, lengths, capacity, packed)
        # Largest first, so that batches computed at the same time by several processes are alike.
        batches.sort(key=lambda batch: (-sum(lengths[i] for i in batch), batch))
        updates.append(tuple(tuple(batch) for batch in batches))
    return BatchPlan(tuple(updates), batches_per_update)
