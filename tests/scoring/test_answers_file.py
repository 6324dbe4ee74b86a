import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.errors import InvalidData
from crosstune.languages import languages
from crosstune.records import Ending
from crosstune.scoring.answer import Answer
from crosstune.scoring.answer_columns import answer_columns, told_columns
from crosstune.scoring.answer_row import RowReader
from crosstune.scoring.answers_file import AnswersFile, unknown_languages
from crosstune.scoring.language_names import language_called, nearest_language
from crosstune.text.rows import SourceRow


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fr", "fr"),
        (" FR ", "fr"),
        ("French", "fr"),
        ("FRANÇAIS", "fr"),
        ("Franc\u0327ais", "fr"),
        ("日本語", "ja"),
        ("pt-BR", "pt"),
        ("pt_br", "pt"),
        ("zh-Hans-CN", "zh"),
        ("fra_Latn", "fr"),
        ("fra", "fr"),
        ("zho_Hant", "zh"),
        ("nob", "no"),
        ("qu", "qu"),
        ("qu-PE", "qu-PE"),
        ("Frensh", "Frensh"),
        ("en fr", "en fr"),
        ("", ""),
    ],
)
def test_what_languages_are_called(name: str, code: str) -> None:
    assert language_called(name) == code


def test_every_code_and_name_of_the_table_is_known() -> None:
    for code, entry in languages().items():
        for name in (code, entry.name, entry.endonym, entry.flores):
            assert not name or language_called(name) == code
    assert nearest_language("Frensh") == "fr" and nearest_language("?") is None


def answer(row: Any, **told: str) -> Answer:
    found = answer_columns(list(row), told, where="x", language="de")
    read = RowReader(found, language="German").read(SourceRow(3, "x, row 3", row), pytest.fail)
    assert read is not None and read.row == 3
    return read.answer


def refused(row: Any) -> str:
    columns = answer_columns(list(row) if isinstance(row, dict) else ["response"], {}, where="x", language="de")
    problems: list[InvalidData] = []
    assert RowReader(columns).read(SourceRow(3, "x, row 3", row), problems.append) is None
    return str(problems[0])


def test_a_whole_row() -> None:
    found = answer(
        {
            "prompt": "Qui ?",
            "response": "Moi.",
            "language": "French",
            "requested_language": "en-GB",
            "model": "m",
            "id": 7,
            "task": "who",
            "modifiers": ["short"],
            "answers": ["Moi", "moi*", 3],
            "finish_reason": "length",
        }
    )
    assert (found.prompt, found.text, found.language, found.requested_language) == ("Qui ?", "Moi.", "fr", "en")
    assert (found.run, found.prompt_id, found.task, found.ending) == ("m", "7", "who", Ending.LENGTH)
    assert [check.kind for check in found.checks] == ["sentences"] and found.accepted == ("Moi", "moi*", "3")


def test_a_row_with_nothing_but_a_response() -> None:
    found = answer({"response": "Ja."})
    assert (found.language, found.requested_language, found.run, found.prompt) == ("de", "de", "", "")
    assert (found.accepted, found.checks, found.ending, found.prompt_id) == ((), (), None, "x, row 3")


def test_the_language_asked_for() -> None:
    assert answer({"response": "", "language": "fr", "modifiers": "short+in_es"}).requested_language == "es"
    assert answer({"response": "", "language": "fr", "modifiers": "lang_it, short"}).requested_language == "it"
    assert answer({"response": "", "language": "fr", "modifiers": "lang_zz,in_es"}).requested_language == "es"
    assert answer({"response": "", "language": "fr", "modifiers": "short,lang_zz"}).requested_language == "zz"
    both = {"response": "", "language": "fr", "modifiers": "in_es", "requested_language": "pt-BR"}
    assert answer(both).requested_language == "pt"
    assert answer({"response": "", "language": "", "requested_language": None}).requested_language == "de"


def test_modifiers_in_every_form() -> None:
    for form in (["short", "items_3"], "short+items_3", " short , items_3 ", '["short", "items_3"]'):
        assert [check.kind for check in answer({"response": "", "modifiers": form}).checks] == ["sentences", "items"]
    for form in (None, "", "none", [], float("nan"), 3, [None]):
        assert answer({"response": "", "modifiers": form}).checks == ()


def test_accepted_answers_in_every_form() -> None:
    for form in (["Paris", "paris"], "Paris|paris", "Paris | paris | ", '["Paris", "paris"]'):
        assert answer({"response": "", "answers": form}).accepted == ("Paris", "paris")
    assert answer({"response": "", "answers": 1969}).accepted == ("1969",)


def test_chat_messages() -> None:
    turns = [
        {"role": "user", "content": "Eins?"},
        {"role": "assistant", "content": "Ja."},
        {"role": "user", "content": "Zwei?"},
    ]
    for form in (turns, json.dumps(turns)):
        found = answer({"messages": form, "response": [{"role": "assistant", "content": "Auch."}]})
        assert (found.prompt, found.text) == ("Zwei?", "Auch.")
    assert answer({"prompt": "[{ is no JSON", "response": '[{"a": 1}]'}).text == '[{"a": 1}]'


def test_what_is_missing_is_no_answer_and_what_is_wrong_is_refused() -> None:
    assert answer({"response": None}).text is None and answer({"response": float("nan")}).text is None
    assert answer({"response": ""}).text == ""
    assert "'response' is a number, not text" in refused({"response": 3})
    assert "'response' is an object" in refused({"response": {"text": "x"}})
    assert "'prompt' is a list" in refused({"response": "", "prompt": ["x"]})
    assert "'answers' is an object" in refused({"response": "", "answers": {"a": 1}})
    assert "x, row 3: the row is a list, not an object" in refused([1])


def test_names_fit_into_tables() -> None:
    found = answer({"response": "\ud800", "model": "m\ud800" + "x" * 1000, "id": "i" * 1000, "task": ["a", "b"]})
    assert found.text == "\ud800"  # measures clean it
    assert found.run == "m\ufffd" + "x" * 198 and len(found.prompt_id) == 16 and found.task == '["a", "b"]'
    other = answer({"response": "", "id": "i" * 999})
    assert other.prompt_id != found.prompt_id
    one, two = (answer({"prompt": text, "response": ""}) for text in ("Wer?", "Wo?"))
    assert one.prompt_id != two.prompt_id == answer({"prompt": "Wo?", "response": "x"}).prompt_id


def test_columns_by_other_names() -> None:
    def theirs(*names: str, **told: str) -> dict[str, str]:
        return dict(answer_columns(names, told, where="a.csv", language=None).theirs)

    assert theirs("response", "language", "output") == {"response": "response", "language": "language"}
    assert theirs("Question", "completion", "Lang") == {
        "prompt": "Question",
        "response": "completion",
        "language": "Lang",
    }
    assert theirs("a", "language", response="a")["response"] == "a"
    assert "prompt" not in theirs("prompt", "response", "language", prompt="")
    assert theirs("prompt", "text", "language", prompt="text", response="prompt") == {
        "prompt": "text",
        "response": "prompt",
        "language": "language",
    }
    notes = answer_columns(["completion", "language", "run", "model_name"], {}, where="x").notes
    assert notes == (
        "the column 'completion' is read as 'response'",
        "'model' could be the column 'run' or 'model_name', and none is read; say which: --column model=run",
    )


@pytest.mark.parametrize(
    ("names", "told", "problem"),
    [
        (
            ["completion", "output", "language"],
            {},
            "could be the column 'completion' or 'output'.*--column response=comp",
        ),
        (["promt", "respons", "language"], {}, "no column 'response'; did you mean 'respons'.*'promt', 'respons'"),
        (["response"], {}, "no column 'language'.*--language fr"),
        ([], {"prompt": "x"}, "the rows have no columns; a row is an object, such as"),
        (["response", "language"], {"response": ""}, "answers cannot be measured without 'response'; name it"),
        (["response"], {"language": ""}, "without 'language'; name it, or give all answers one language"),
        (["a", "language"], {"response": "a", "prompt": "a"}, "'a' is told to be both 'response' and 'prompt'"),
        (["response", "language"], {"respone": "x"}, "'respone' is not a column that is read; did you mean 'response'"),
        (["response", "language"], {"prompt": "ask"}, "no column 'ask' for 'prompt'; there are 'response', 'language'"),
    ],
)
def test_columns_that_cannot_be_told(names: list[str], told: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidData, match=problem):
        answer_columns(names, told, where="a.csv")


def test_options_for_columns() -> None:
    assert told_columns(["response=a=b", "model=", "model="]) == {"response": "a=b", "model": ""}
    with pytest.raises(InvalidData, match="'model' is told to be both 'a' and 'b'"):
        told_columns(["model=a", "response=x", "model=b"])
    with pytest.raises(InvalidData, match="'completion' does not say"):
        told_columns(["completion"])


def test_files_are_read_as_often_as_need_be(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"response": "a", "language": "fr"}\n{bad\n{"x": 1}\n{"response": 1}\n')
    pl.DataFrame({"completion": ["b"], "lang": ["qu"], "kind": ["k"]}).write_parquet(tmp_path / "two.parquet")
    with pytest.raises(InvalidData, match=r"one\.jsonl: there is no column 'kind'"):
        AnswersFile([tmp_path / "one.jsonl", tmp_path / "two.parquet"], keep=["kind"])
    files = AnswersFile([tmp_path / "one.jsonl", tmp_path / "two.parquet"], keep=["file", "language", "model"])
    for _ in range(2):
        problems: list[InvalidData] = []
        unknown: Counter[str] = Counter()
        rows = list(unknown_languages(files.read(problems.append), unknown))
        assert [(row.answer.run, row.answer.text, row.row) for row in rows] == [
            ("one", "a", 1),
            ("one", None, 3),
            ("two", "b", 1),
        ]
        assert [row.kept for row in rows] == [(str(tmp_path / name),) for name in ("one.jsonl",) * 2 + ("two.parquet",)]
        assert [problem.where for problem in problems] == [f"{tmp_path}/one.jsonl, line {line}" for line in (2, 4)]
        assert unknown == {"": 1, "qu": 1} and files.share == 1.0
    with pytest.raises(InvalidData, match="scores have a column of that name"):
        AnswersFile([tmp_path / "one.jsonl"], keep=["value"])


def test_files_in_which_nothing_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, problem in (
        ("prompt,response,language\n", "there is no row in it"),
        ("prompt,response,language\na,b\nc\n", "line 2: no row can be read: 2 cells"),
        ("", "the file is empty"),
    ):
        path.write_text(content)
        with pytest.raises(InvalidData, match=problem):
            AnswersFile([path])


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["prompt", "response", "language", "id", "modifiers", "answers", "model"]), VALUE)
)
def test_any_row_is_an_answer_or_refused(row: dict[str, Any]) -> None:
    columns = answer_columns([*row, "response", "language"], {}, where="x")
    problems: list[InvalidData] = []
    read = RowReader(columns).read(SourceRow(1, "x, row 1", row), problems.append)
    assert (read is None) == bool(problems)
    if read is not None:
        for name in (read.answer.run, read.answer.prompt_id, read.answer.language, read.answer.requested_language):
            name.encode()
