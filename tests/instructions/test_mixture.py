"""How many examples each part of a mixture gives, by hand, and which."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig, MixturePart
from crosstune.instructions.load import instructions_identity, load_conversations
from crosstune.instructions.mixture import drawn_ids, part_sizes
from crosstune.records import Conversation, Message


def parts(*settings: dict[str, Any]) -> list[MixturePart]:
    return [MixturePart(source=f"set{number}", **item) for number, item in enumerate(settings)]


@pytest.mark.parametrize(
    ("settings", "available", "total", "expected"),
    [
        # 0.9 and 0.1 of 200.
        ([{"weight": 0.9}, {"weight": 0.1}], [300, 48], 200, [180, 20]),
        # Weights need not add up to 1.
        ([{"weight": 9}, {"weight": 1}], [300, 48], 200, [180, 20]),
        # 10/3 each: 3, 3, 3, and the one left goes to the first of equal remainders.
        ([{"weight": 1}, {"weight": 1}, {"weight": 1}], [9, 9, 9], 10, [4, 3, 3]),
        # 7 × 0.5, 0.3, 0.2 = 3.5, 2.1, 1.4: whole parts 3 + 2 + 1, and the one left goes to the remainder 0.5.
        ([{"weight": 0.5}, {"weight": 0.3}, {"weight": 0.2}], [9, 9, 9], 7, [4, 2, 1]),
        # The most at which no part runs out: of 40, 36 and 4; of 41, 36.9 and 4.1: 37 would be too many.
        ([{"weight": 0.9}, {"weight": 0.1}], [36, 48], None, [36, 4]),
        # Of 48 to 10: 480 of the first would be needed, it has 300: 300 + 33.3 of the second.
        ([{"weight": 0.9}, {"weight": 0.1}], [300, 48], None, [300, 33]),
        # No weights: all, or the number asked for.
        ([{}, {"examples": 36}], [300, 264], None, [300, 36]),
        ([{}, {}], [300, 264], None, [300, 264]),
        # Without weights a total is shared by size: 100 × 300 / 400.
        ([{}, {}], [300, 100], 100, [75, 25]),
        # What has a number keeps it; the rest, 164, is shared by weight: 123 and 41.
        ([{"examples": 36}, {"weight": 3}, {"weight": 1}], [264, 300, 300], 200, [36, 123, 41]),
        ([{"examples": 3}, {"examples": 4}], [9, 9], 7, [3, 4]),
        ([{}], [300], 200, [200]),
    ],
)
def test_sizes(settings: list[dict[str, Any]], available: list[int], total: int | None, expected: list[int]) -> None:
    assert part_sizes(parts(*settings), available, total) == expected


@pytest.mark.parametrize(
    ("settings", "available", "total", "message"),
    [
        # 0.9 of 54 is 48.6: 49 are too many; of 53 it is 47.7.
        (
            [{"weight": 0.1}, {"weight": 0.9}],
            [300, 48],
            200,
            r"180 examples of set1-w0.9.*there are 48.*set examples to 53",
        ),
        (
            [{}],
            [300],
            400,
            "400 examples are asked for, and there are 300; set examples to 300 or fewer, or leave it out",
        ),
        ([{"examples": 5}, {}], [4, 9], None, "5 examples of set0-5 are asked for, and there are 4"),
        ([{"weight": 0.99}, {"weight": 0.01}], [99, 99], 10, r"set1-w0.01 gets none of 10"),
    ],
)
def test_too_few(settings: list[dict[str, Any]], available: list[int], total: int | None, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        part_sizes(parts(*settings), available, total)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(20, 400)), min_size=1, max_size=5))
def test_without_a_total_one_more_would_run_out(sizes: list[tuple[int, int]]) -> None:
    weighted, available = parts(*({"weight": weight} for weight, _ in sizes)), [size for _, size in sizes]
    try:
        found = part_sizes(weighted, available, None)
    except InvalidData as error:
        assert "gets none" in error.message
        return
    assert all(size <= there for size, there in zip(found, available, strict=True))
    assert part_sizes(weighted, available, sum(found)) == found
    with pytest.raises(InvalidData, match=f"set examples to {sum(found)} or fewer"):
        part_sizes(weighted, available, sum(available) + 1)


def conversations(**counts: int) -> list[Conversation]:
    return [
        Conversation(f"{code}-{number}", (Message("user", "q"), Message("assistant", "a")), code, "x")
        for code, count in counts.items()
        for number in range(count)
    ]


def test_balanced_draws() -> None:
    rows = conversations(fr=30, ru=30, de=3)
    by_language = Counter(name[:2] for name in drawn_ids(rows, 6, 0, balanced=True))
    assert by_language == {"fr": 2, "ru": 2, "de": 2}
    # German runs out at 3 of 9; the other 12 are shared.
    assert Counter(name[:2] for name in drawn_ids(rows, 15, 0, balanced=True)) == {"fr": 6, "ru": 6, "de": 3}
    draws = [drawn_ids(rows, count, 0, balanced=True) for count in range(1, 64)]
    assert all(small < large for small, large in itertools.pairwise(draws))
    assert drawn_ids(rows, 6, 1, balanced=True) != draws[5]


def write(path: Path, languages: dict[str, int]) -> None:
    rows = [
        {"prompt": f"{code} {number}?", "completion": "Yes, that is so.", "language": code}
        for code, count in languages.items()
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def load(base: Path, **settings: Any) -> list[Conversation]:
    return load_conversations(InstructionsConfig.model_validate(settings), base)


def test_a_mixture_from_files(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"en": 20})
    write(tmp_path / "b.jsonl", {"fr": 5, "ru": 5, "de": 5})
    mixture = [{"source": "a.jsonl", "weight": 0.8}, {"source": "b.jsonl", "languages": ["fr", "ru"], "weight": 0.2}]
    found = load(tmp_path, mixture=mixture, examples=20)
    assert Counter(item.language for item in found) == {"en": 16, "fr": 2, "ru": 2}
    assert [item.source for item in found] == ["a"] * 16 + ["b"] * 4
    smaller = load(tmp_path, mixture=mixture, examples=10)
    assert {item.id for item in smaller} < {item.id for item in found}
    assert load(tmp_path, mixture=mixture, examples=20) == found != load(tmp_path, mixture=mixture, examples=20, seed=1)
    # No part runs out at 25: 20 and 5.
    assert len(load(tmp_path, mixture=mixture)) == 25


def test_parts_with_a_conversation_in_common(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", {"fr": 5, "ru": 5})
    french, russian = ({"source": "b.jsonl", "languages": [code]} for code in ("fr", "ru"))
    assert len(load(tmp_path, mixture=[french, russian])) == 10
    with pytest.raises(InvalidData, match=r"have the conversation 'b/1' \(5 such\); name each set once"):
        load(tmp_path, mixture=[french, french])


def test_languages_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", {"fr": 5, "ru": 4})
    with pytest.raises(InvalidData, match=r"b.jsonl: there is no example in 'de'; there are fr \(5\), ru \(4\)"):
        load(tmp_path, source="b.jsonl", languages=["fr", "de"])
    with pytest.raises(InvalidData, match="the set 'starter-multi' is not there in 'sw'; it has fr"):
        load(tmp_path, source="starter-multi", languages=["sw"])


def test_identity_of_a_mixture(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"en": 5})

    def identity(**settings: Any) -> dict[str, object]:
        return instructions_identity(InstructionsConfig.model_validate(settings), tmp_path)

    base = {
        "mixture": [{"source": "a.jsonl", "weight": 1}, {"source": "starter-multi", "languages": ["fr"], "weight": 2}]
    }
    first = identity(**base)
    assert json.loads(json.dumps(first)) == first == identity(**base, label="mine")
    others = [{"seed": 1}, {"examples": 4}]
    assert all(identity(**base, **other) != first for other in others)
    # Without draws the seed decides nothing, and only the files of the languages that are taken count.
    whole = {"mixture": [{"source": "a.jsonl"}, {"source": "starter-multi", "languages": ["fr"]}]}
    assert identity(**whole) == identity(**whole, seed=1)
    two = identity(source="starter-multi", languages=["fr", "ru"])["parts"]
    assert isinstance(two, list) and len(two[0]["sha256"]) == 2


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"source": "starter-multi", "languages": ["fr", "ru"], "examples": 10}, "starter-multi-fr-ru-10"),
        (
            {"mixture": [{"source": "starter-en"}, {"source": "starter-multi", "examples": 36}]},
            "starter-en+starter-multi-36",
        ),
        (
            {
                "mixture": [{"source": "a.jsonl", "weight": 0.9}, {"source": "b", "languages": ["fr"], "weight": 0.1}],
                "examples": 200,
                "seed": 2,
            },
            "a-w0.9+b-fr-w0.1-total200-seed2",
        ),
        ({"mixture": [{"source": "a"}, {"source": "b"}], "label": "both", "examples": 9}, "both-9"),
        ({"source": "a", "languages": ["fr", "ru", "de", "it", "es"]}, "a-5-languages"),
    ],
)
def test_names(settings: dict[str, Any], name: str) -> None:
    assert InstructionsConfig.model_validate(settings).name == name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs either 'source' or 'mixture'"),
        ({"source": "a", "mixture": [{"source": "b"}]}, "not both"),
        ({"mixture": [{"source": "a"}], "language": "en"}, "'language' belongs into a part"),
        ({"mixture": [{"source": "a", "examples": 3, "weight": 1}]}, "both 'examples' and 'weight'"),
        ({"mixture": [{"mixture": [{"source": "a"}]}]}, "not another mixture"),
        ({"mixture": [{"source": "a", "weight": 1}, {"source": "b"}]}, "give 'b' a weight or examples too"),
        (
            {"mixture": [{"source": "a", "examples": 3}, {"source": "b", "examples": 4}], "examples": 9},
            "have 7 examples in all",
        ),
        ({"mixture": [{"source": "a", "examples": 3}, {"source": "b"}], "examples": 3}, "too few"),
        ({"mixture": [{"source": "a", "weight": 0}]}, "greater than 0"),
        ({"source": "a", "weight": 2}, "weight"),
        ({"source": "a", "languages": ["fr", "fr"]}, "named twice"),
        ({"source": "a", "languages": ["fra"]}, "did you mean 'fr'"),
        ({"source": "a", "language": "en", "languages": ["fr"]}, "'languages' asks for others"),
        ({"mixture": [{"source": "hub:x"}]}, "hub:org/name"),
    ],
)
def test_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        InstructionsConfig.model_validate(settings)


def test_files_of_one_name_in_different_folders(tmp_path: Path) -> None:
    for code in ("en", "fr", "ru"):
        (tmp_path / code).mkdir()
    write(tmp_path / "en" / "train.jsonl", {"en": 2})
    write(tmp_path / "fr" / "train.jsonl", {"fr": 2, "de": 1})
    write(tmp_path / "ru" / "train.jsonl", {"ru": 1})
    sources = [{"source": f"{code}/train.jsonl"} for code in ("en", "fr")]
    assert [item.id for item in load(tmp_path, mixture=sources)] == [
        "train#1/1", "train#1/2", "train#2/1", "train#2/2", "train#2/3",
    ]  # fmt: skip
    # Languages of one file are one source, whose rows are told apart by their lines, however its path is written.
    parts = [
        {"source": "fr/train.jsonl", "languages": ["fr"]},
        {"source": "ru/train.jsonl"},
        {"source": "en/../fr/train.jsonl", "languages": ["de"]},
    ]
    assert [item.id for item in load(tmp_path, mixture=parts)] == ["train#1/1", "train#1/2", "train#2/1", "train#1/3"]
    with pytest.raises(InvalidData, match="have the conversation 'train#1/1'"):
        load(tmp_path, mixture=[sources[0], sources[1], sources[0]])
    # Ids of rows are theirs.
    for code in ("en", "fr"):
        row = {"id": f"{code}-a", "prompt": "One?", "completion": "Yes, that is so.", "language": code}
        (tmp_path / code / "train.jsonl").write_text(json.dumps(row))
    assert [item.id for item in load(tmp_path, mixture=sources)] == ["en-a", "fr-a"]


def test_the_identity_has_the_names_that_tell_files_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "train.jsonl", {"fr": 2, "ru": 2})

    def parts(*folders: str) -> Any:
        mixture = [
            {"source": f"{folder}/train.jsonl", "languages": [code]}
            for folder, code in zip(folders, ("fr", "ru"), strict=True)
        ]
        return instructions_identity(InstructionsConfig.model_validate({"mixture": mixture}), tmp_path)["parts"]

    # The same content throughout: ids are train/1 ... in one file, and train#1/1, train#2/3 in two.
    assert parts("a", "a") == parts("b", "b") != parts("a", "b") == parts("b", "a")
    assert [part["id_name"] for part in parts("a", "b")] == ["train#1", "train#2"]
    assert not any("id_name" in part for part in parts("a", "a"))
