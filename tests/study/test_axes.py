from pydantic import BaseModel

from crosstune.study.axes import section_for_adaptation, takes_list, variants


class Inner(BaseModel):
    rank: int = 1
    modules: str | list[str] = "all"


class Outer(BaseModel):
    steps: int = 1
    trackers: list[str] = []
    inner: Inner | None = None
    filter: dict[str, str] = {}


def test_lists_multiply_with_the_last_key_running_fastest():
    assert list(variants({"steps": [1, 2], "other": ["a", "b"]}, Outer)) == [
        {"steps": 1, "other": "a"},
        {"steps": 1, "other": "b"},
        {"steps": 2, "other": "a"},
        {"steps": 2, "other": "b"},
    ]


def test_a_list_by_nature_is_one_value_and_a_list_of_lists_an_axis():
    assert list(variants({"trackers": ["a", "b"]}, Outer)) == [{"trackers": ["a", "b"]}]
    assert list(variants({"trackers": [["a"], ["b"]]}, Outer)) == [{"trackers": ["a"]}, {"trackers": ["b"]}]
    assert takes_list(Inner.model_fields["modules"].annotation)


def test_axes_inside_a_nested_section_multiply_too():
    assert list(variants({"inner": {"rank": [8, 16]}, "steps": 1}, Outer)) == [
        {"inner": {"rank": 8}, "steps": 1},
        {"inner": {"rank": 16}, "steps": 1},
    ]


def test_an_empty_list_is_left_for_validation_to_refuse():
    assert list(variants({"steps": []}, Outer)) == [{"steps": []}]


def test_values_by_adaptation():
    section = {"tokens": {"full": 80, "lora": [16, 32]}, "steps": 5, "only": {"full": 1}, "filter": {"x": "y"}}
    assert section_for_adaptation(section, "lora") == {"tokens": [16, 32], "steps": 5, "filter": {"x": "y"}}
    assert section_for_adaptation(section, "full") == {"tokens": 80, "steps": 5, "only": 1, "filter": {"x": "y"}}
