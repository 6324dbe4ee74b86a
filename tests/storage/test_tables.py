import dataclasses
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.errors import InvalidData, StorageFailure
from crosstune.records import Conversation, Ending, Message, Prompt, Response, Score
from crosstune.storage.tables import RecordLog, read_table, table_schema, to_frame, write_table

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
prompts = st.builds(
    Prompt,
    id=text,
    set=text,
    task=text,
    language=text,
    requested_language=text,
    messages=st.lists(st.builds(Message, role=st.just("user"), content=text), max_size=3).map(tuple),
    modifiers=st.lists(text, max_size=2).map(tuple),
    tags=st.lists(text, max_size=2).map(tuple),
)


def response(text="да", prompt_id="a/1"):
    return Response("run", prompt_id, "ru", text, Ending.LENGTH, 3, 4, 0.5)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(prompts, max_size=4))
def test_records_come_back_from_parquet_as_they_were(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("tables") / "prompts.parquet"
    write_table(path, Prompt, records)
    assert read_table(path, Prompt) == records


def test_columns_are_the_fields_and_the_schema_version():
    assert table_schema(Score).names() == [*(f.name for f in dataclasses.fields(Score)), "schema_version"]
    frame = to_frame(Score, [Score("r", "p", "fr", "fr", "scorer:x", "x", None, "empty")])
    assert frame["value"].dtype == pl.Float64 and frame["value"][0] is None and frame["reason"][0] == "empty"


def test_a_score_has_a_value_or_a_reason():
    with pytest.raises(ValueError, match="either"):
        Score("r", "p", "fr", "fr", "scorer:x", "x", None)
    with pytest.raises(ValueError, match="either"):
        Score("r", "p", "fr", "fr", "scorer:x", "x", 0.0, "empty")


def test_another_schema_version_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    to_frame(Conversation, [Conversation("a", (), "en", "s")]).with_columns(schema_version=pl.lit(99)).write_parquet(
        path
    )
    with pytest.raises(InvalidData, match="schema version 99"):
        read_table(path, Conversation)


def test_a_damaged_table_says_where_it_is(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(StorageFailure, match="damaged") as caught:
        read_table(path, Prompt)
    assert caught.value.where == str(path)


def test_a_torn_last_line_is_cut_and_the_rest_kept(tmp_path):
    path = tmp_path / "log.jsonl"
    log = RecordLog(path, Response)
    log.append([response(), response("ещё\nстрока", "a/2")])
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines(keepends=True)[1])):
        path.write_bytes(whole[:-cut])
        again = RecordLog(path, Response)
        assert again.read() == [response()]
    again.append([response("neu", "a/3")])
    assert [item.prompt_id for item in again.read()] == ["a/1", "a/3"]


def test_a_foreign_line_in_the_middle_is_an_error_with_its_number(tmp_path):
    path = tmp_path / "log.jsonl"
    RecordLog(path, Response).append([response()])
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(InvalidData) as caught:
        RecordLog(path, Response).read()
    assert caught.value.where.endswith("line 1")


def test_a_write_that_fails_halfway_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    log = RecordLog(path, Response)
    log.append([response()])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailure, match="no space"):
        log.append([response("zwei", "a/2")])
    monkeypatch.undo()
    assert RecordLog(path, Response).read() == [response()]
    assert json.loads(path.read_text("utf-8"))["text"] == "да"
