"""How many examples each part of a mixture gives, and which: pure functions of counts, ids and a seed."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import floor

from crosstune.errors import InvalidData
from crosstune.instructions.config import MixturePart
from crosstune.records import Conversation


def part_sizes(parts: Sequence[MixturePart], available: Sequence[int], total: int | None) -> list[int]:
    """The number of examples that each part gives.

    Parts with `examples` give as many. The others share the rest of the total by weight (without weights by their
    size), rounded by largest remainders, ties to the earlier part. Without a total, weighted parts give the most at
    which none runs out, and parts without weights give all.

    Args:
        parts: of a mixture, or a single source.
        available: the examples that each part has.
        total: of the mixture, None: see above.

    Raises:
        InvalidData: a part has too few (names it, what is there and the largest total that works), or gets none.
    """
    sizes = [part.examples or 0 for part in parts]
    for part, size, there in zip(parts, sizes, available, strict=True):
        if size > there:
            raise InvalidData(
                f"{_asked_for(size, part.name)}, and there {_are(there)}",
                hint=f"set its examples to {there} or fewer, or leave it out for all",
            )
    shared = [index for index, part in enumerate(parts) if part.examples is None]
    if not shared:
        return sizes
    most = [available[index] for index in shared]
    weighted = parts[shared[0]].weight is not None
    weights = [Fraction(str(parts[index].weight)) if weighted else Fraction(available[index]) for index in shared]
    fixed = sum(sizes)
    all_there = _largest(weights, most) if weighted else sum(most)
    rest = all_there if total is None else total - fixed
    shares = _apportioned(weights, rest)
    for index, share, there in zip(shared, shares, most, strict=True):
        if share > there:
            which = parts[index].name
            wanted = _asked_for(share, which if len(parts) > 1 else "")
            raise InvalidData(
                f"{wanted}, and there {_are(there)}",
                hint=f"set examples to {all_there + fixed} or fewer, or leave it out for "
                + ("as many as there are" if weighted else "all"),
            )
        if share == 0:
            raise InvalidData(
                f"the part {parts[index].name} gets none of {rest} examples", hint="raise its weight or the total"
            )
        sizes[index] = share
    return sizes


def _asked_for(count: int, name: str) -> str:
    examples = "example" if count == 1 else "examples"
    return f"{count} {examples}{f' of {name}' if name else ''} {'is' if count == 1 else 'are'} asked for"


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count}"


def _apportioned(weights: Sequence[Fraction], total: int) -> list[int]:
    """`total` in whole numbers in proportion to `weights`, by largest remainders."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [floor(value) for value in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (shares[index] - exact[index], index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _largest(weights: Sequence[Fraction], available: Sequence[int]) -> int:
    """The largest total of which no part's share is more than it has."""
    # A share is at least its exact value rounded down, so that no total above this can work.
    total = min(floor((there + 1) * sum(weights) / weight) for weight, there in zip(weights, available, strict=True))
    while any(share > there for share, there in zip(_apportioned(weights, total), available, strict=True)):
        total -= 1
    return total


def drawn_ids(conversations: Sequence[Conversation], count: int, seed: int, *, balanced: bool) -> set[str]:
    """The ids of a draw: a smaller one is part of every larger one with the same seed.

    Args:
        conversations: what to draw from, with ids of their own.
        count: how many, at most as many as there are.
        seed: of the draw.
        balanced: the same number of each language, as long as each has enough; else every row alike.

    Returns:
        Those with the smallest SHA-256 of seed and id; when balanced, the first of each language, then the second of
        each, and so on. Languages take turns in the order of their smallest SHA-256.
    """

    def rank(conversation: Conversation) -> bytes:
        return hashlib.sha256(f"{seed}\n{conversation.id}".encode("utf-8", "surrogatepass")).digest()

    ranked = sorted(conversations, key=rank)
    if balanced:
        turns: defaultdict[str, int] = defaultdict(int)
        keys = []
        for place, conversation in enumerate(ranked):
            turns[conversation.language] += 1
            keys.append((turns[conversation.language], place))
        ranked = [ranked[place] for _, place in sorted(keys)]
    return {conversation.id for conversation in ranked[:count]}
