import json
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.steps.fingerprint import canonical, differences, fingerprint

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class Colour(StrEnum):
    RED = "red"


def test_the_fingerprint_never_changes_for_what_is_on_disk():
    # Golden: sha256 of {"a":[1,2.5,null,true,"ж"],"b":{}} without spaces. A change here makes every user's cache stale.
    assert fingerprint({"b": {}, "a": (1.0, 2.5, None, True, "ж")}) == (
        "0476d0e916636a02c240d3fcde01992aff5dbf1bce4d5d1b087dfb2ba5476d80"
    )


@given(values)
def test_a_round_trip_through_json_keeps_the_fingerprint(value):
    assert fingerprint(json.loads(json.dumps(value))) == fingerprint(value)


@given(st.dictionaries(st.text(max_size=3), scalars, max_size=5))
def test_the_order_of_keys_does_not_matter(value):
    assert fingerprint(dict(reversed(value.items()))) == fingerprint(value)


@given(values, values)
def test_different_values_differ(one, two):
    assert (canonical(one) == canonical(two) and repr(canonical(one)) == repr(canonical(two))) == (
        fingerprint(one) == fingerprint(two)
    )


@pytest.mark.parametrize("value", [{1, 2}, Path("a"), b"a", float("nan"), float("inf"), {1: 2}, object()])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(TypeError, match=r"config\.a"):
        canonical({"a": value})


def test_an_enum_is_its_value():
    assert fingerprint({"a": Colour.RED}) == fingerprint({"a": "red"})


def test_differences_name_the_path_and_both_values():
    old, new = {"lr": 0.1, "a": {"b": 1, "c": 2}}, {"lr": 0.2, "a": {"b": 1, "d": 3}}
    assert differences(old, new) == ["a.c: 2 -> (absent)", "a.d: (absent) -> 3", "lr: 0.1 -> 0.2"]
