import pytest

from crosstune.errors import InvalidStudy
from crosstune.study.document import StudyDocument, dump_yaml


def parse(text):
    return StudyDocument.parse(text, "s.yaml")


def test_yaml_is_1_2_so_norwegian_is_a_language_and_small_numbers_are_numbers():
    data = parse("languages: [no, en]\nrate: [5e-4, 1e-05]\nyes: on\n").data
    assert data == {"languages": ["no", "en"], "rate": [0.0005, 0.00001], "yes": "on"}
    assert all(type(item) is float for item in data["rate"]) and type(data["languages"]) is list


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "duplicate key"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
    ],
)
def test_broken_yaml_names_the_line(text, line, words):
    with pytest.raises(InvalidStudy, match=words) as caught:
        parse(text)
    assert caught.value.where == f"s.yaml:{line}"


@pytest.mark.parametrize("text", ["", "- a\n", "just words"])
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(InvalidStudy, match="mapping"):
        parse(text)


def test_a_missing_file_and_a_wrong_encoding_are_named(tmp_path):
    (tmp_path / "quickstart.yaml").write_text("name: q\nprompts: {sets: [everyday]}\n")
    with pytest.raises(InvalidStudy, match=r"no such study file.*did you mean .*quickstart\.yaml"):
        StudyDocument.read(tmp_path / "quickstrat.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: 1\nname: caf\xe9\n".encode("latin-1"))
    with pytest.raises(InvalidStudy, match="UTF-8") as caught:
        StudyDocument.read(tmp_path / "latin.yaml")
    assert caught.value.where.endswith("latin.yaml:2")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfname: q\n")
    assert StudyDocument.read(tmp_path / "bom.yaml").data == {"name": "q"}


def test_only_studies_are_suggested(tmp_path):
    for name, text in (
        (".hidden.yaml", "prompts: {}\n"),
        ("compose.yaml", "name: x\nservices: {}\n"),
        ("notes.txt", "prompts: {}\n"),
    ):
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidStudy, match=r"no such study file; give the path of a YAML file$"):
        StudyDocument.read(tmp_path / "hidden.yaml")
    (tmp_path / "other.yml").write_text('"prompts" : {}\n')
    with pytest.raises(InvalidStudy, match=r"no such study file; did you mean .*other\.yml'\?$"):
        StudyDocument.read(tmp_path / "other.yaml")


def test_where_finds_lines_of_keys_items_and_the_nearest_thing_around():
    document = parse("name: a\ntraining:\n  max_steps: 3\nlist:\n  - 1\n  - {x: 1}\n")
    assert document.where(("training", "max_steps")) == "s.yaml:3"
    assert document.where(("training", "absent")) == "s.yaml:2"
    assert document.where(("list", 1, "x")) == "s.yaml:6"
    assert document.where(("absent",)) == "s.yaml"


def test_overrides_replace_values_in_mappings_and_lists():
    document = parse("training: {max_steps: 3}\nlist: [{a: 1}, 2]\n")
    data = document.with_overrides(["training.max_steps=8", "list.0.a=[1e-4, x]", "new.key={b: no}", "list.1=a=b"]).data
    assert data == {
        "training": {"max_steps": 8},
        "list": [{"a": [0.0001, "x"]}, "a=b"],
        "new": {"key": {"b": "no"}},
    }
    assert document.data["training"] == {"max_steps": 3}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training", "not an override"),
        ("=3", "not an override"),
        ("list.7=1", "has 2 items"),
        ("name.x=1", "single value"),
        ("a=[1", "not YAML"),
    ],
)
def test_bad_overrides_are_explained(override, words):
    with pytest.raises(InvalidStudy, match=words) as caught:
        parse("name: s\nlist: [1, 2]").with_overrides([override])
    assert caught.value.where == "--set"


def test_dumped_yaml_reads_back_the_same():
    data = {"name": "s", "languages": ["no", "ru"], "rate": [0.0005], "text": "да: нет", "none": None, "on": True}
    assert parse(dump_yaml(data)).data == data
    assert list(parse(dump_yaml(data)).data) == list(data)
