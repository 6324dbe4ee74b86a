from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import instructions_identity


def test_a_label_renames_the_set_and_is_no_part_of_its_identity(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "completion": "a"}\n')
    plain = InstructionsConfig(source="a.jsonl", examples=1)
    labelled = plain.model_copy(update={"label": "mine"})
    assert (plain.name, labelled.name) == ("a-1", "mine-1")
    assert instructions_identity(plain, tmp_path) == instructions_identity(labelled, tmp_path)
