import json
import threading
import time
from pathlib import Path

import pytest

from chat_server import ChatServer, Reply, chat_server
from crosstune.errors import Busy, InvalidData, ModelUnavailable
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import read_language_file
from crosstune.prompts.load import load_prompts
from crosstune.storage.locks import lock
from crosstune.translation.backends.chat import ChatTranslator
from crosstune.translation.documents import conversation_documents, is_prompt_set, prompt_documents
from crosstune.translation.flags import Flag
from crosstune.translation.translate import TranslationSummary, _lock_path, translate
from crosstune.translation.translator import Translated

pytestmark = pytest.mark.enable_socket  # loopback alone: the endpoint of these tests

PAIRS = {
    "How do I list the files in a folder? Use `ls` in {folder}.": (
        "Comment afficher la liste des fichiers d’un dossier ? Utilise ⟦1⟧ dans ⟦2⟧."
    ),
    "Open a terminal and run this, please:\n```sh\nls {folder}\n```": (
        "Ouvre un terminal et lance ceci, s’il te plaît :\n⟦1⟧"
    ),
    "Why does the sky turn red in the evening when the sun goes down?": (
        "Pourquoi le ciel devient-il rouge le soir quand le soleil se couche ?"
    ),
    "The light then has a longer way through the air, which scatters blue light more.": (
        "La lumière parcourt alors un plus long chemin dans l’air, qui diffuse davantage la lumière bleue."
    ),
    "Which ocean lies between Europe and North America?": "Quel océan sépare l’Europe de l’Amérique du Nord ?",
    "Atlantic Ocean": "océan Atlantique",
}
BAHARI = {
    "Which ocean lies between Europe and North America?": "Ni bahari gani iliyo kati ya Ulaya na Amerika Kaskazini?",
    "Atlantic Ocean": "Bahari ya Atlantiki",
    "Atlantic": "Atlantiki",
}
ASKED = dict(
    zip(
        ("How do I list the files in a folder? Use ⟦1⟧ in ⟦2⟧.", "Open a terminal and run this, please:\n⟦1⟧"),
        PAIRS,
        strict=False,
    )
)


def french(request: dict) -> Reply:
    asked = request["messages"][-1]["content"]
    return Reply(PAIRS[ASKED.get(asked, asked)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [
        {
            "id": "a",
            "messages": [
                {"role": role, "content": text} for role, text in zip(("user", "assistant"), pair, strict=True)
            ],
        }
        for pair in (list(PAIRS)[:2], list(PAIRS)[2:4])
    ]
    rows[1]["id"] = "b"
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def run(server: ChatServer, source: Path, out: Path, **more: object) -> TranslationSummary:
    documents = conversation_documents(InstructionsConfig(source=str(source)), Path(), "en")
    translator = ChatTranslator("m", endpoint=server.url, concurrency=1)
    return translate(documents, translator, source="en", target="fr", out=out, **more)


def test_a_conversation_keeps_its_id_its_code_and_its_placeholders(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.fr.jsonl"
    with chat_server(french) as server:
        summary = run(server, source, out)
    assert (summary.rows, summary.written, summary.flagged, summary.failures) == (2, 2, 0, {})
    conversations = load_conversations(InstructionsConfig(source=str(out)), Path())
    assert [(item.id, item.language) for item in conversations] == [("a", "fr"), ("b", "fr")]
    assert conversations[0].messages[0].content == (
        "Comment afficher la liste des fichiers d’un dossier ? Utilise `ls` dans {folder}."
    )
    assert conversations[0].messages[1].content.endswith("```sh\nls {folder}\n```")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["mine.fr.jsonl", "mine.fr.memory.jsonl", "mine.jsonl"]


def test_an_answer_is_translated_in_view_of_its_question(source: Path, tmp_path: Path) -> None:
    with chat_server(french) as server:
        run(server, source, tmp_path / "o.jsonl")
    answers = [request for request in server.requests if len(request["messages"]) == 4]
    assert len(answers) == 2
    system, question, translated, answer = answers[1]["messages"]
    assert "from English into French" in system["content"]
    assert question["content"].startswith("Why does the sky")
    assert translated["content"].startswith("Pourquoi le ciel")
    assert answer["content"].startswith("The light then")


def test_a_lost_mark_is_asked_for_once_more_and_flagged_when_it_stays_lost(source: Path, tmp_path: Path) -> None:
    def forgetful(request: dict) -> Reply:
        last = request["messages"][-1]["content"]
        if "exactly once: ⟦2⟧" in last:
            return Reply("Comment afficher la liste des fichiers d’un dossier ? Utilise ⟦1⟧ dans ⟦2⟧.")
        if last.startswith("Your translation must contain"):
            return Reply("Ouvre un terminal et lance ceci, s’il te plaît.")
        return Reply(french(request).text.replace("⟦2⟧", "ce dossier").replace("\n⟦1⟧", ""))

    with chat_server(forgetful) as server:
        summary = run(server, source, tmp_path / "o.jsonl")
    assert summary.flags == {Flag.MISSING_PLACEHOLDER: 1}
    flagged = json.loads((tmp_path / "o.flagged.jsonl").read_text("utf-8"))
    assert flagged["id"] == "a" and flagged["flags"]["missing_placeholder"].startswith("```sh")
    assert flagged["row"]["messages"][0]["content"].endswith("Utilise `ls` dans {folder}.")
    assert [json.loads(line)["id"] for line in (tmp_path / "o.jsonl").read_text("utf-8").splitlines()] == ["b"]


def test_keep_flagged_leaves_no_id_out(source: Path, tmp_path: Path) -> None:
    with chat_server(lambda request: Reply("I will not do that, whatever you ask me to write today.")) as server:
        summary = run(server, source, tmp_path / "o.jsonl", keep_flagged=True)
    assert (summary.written, summary.flagged) == (2, 2)
    assert summary.flags[Flag.WRONG_LANGUAGE] == 2
    assert len((tmp_path / "o.jsonl").read_text("utf-8").splitlines()) == 2


def test_when_every_row_is_flagged_nothing_is_written_and_nothing_is_asked_again(source: Path, tmp_path: Path) -> None:
    with chat_server(lambda request: Reply("I will not do that, whatever you ask me to write today.")) as server:
        assert run(server, source, tmp_path / "o.jsonl").written == 0
        asked = len(server.requests)
        assert run(server, source, tmp_path / "o.jsonl").flagged == 2
        assert len(server.requests) == asked
    assert not (tmp_path / "o.jsonl").exists()


def test_a_failed_row_is_tried_again_and_a_finished_one_is_not(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"

    def refuses_the_sky(request: dict) -> Reply:
        return Reply(status=400) if "sky" in request["messages"][1]["content"] else french(request)

    with chat_server(refuses_the_sky) as server:
        summary = run(server, source, out)
        assert list(summary.failures) == ["b"] and "400" in summary.failures["b"]
        assert not out.exists()
    with chat_server(french) as server:
        assert run(server, source, out).written == 2
        assert len(server.requests) == 2, "only the failed conversation is asked again"


def test_a_changed_source_is_translated_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with chat_server(lambda request: Reply(status=400) if "sky" in str(request) else french(request)) as server:
        run(server, source, out)
    source.write_text(source.read_text("utf-8").replace("How do I list", "How  do I list"), "utf-8")
    with chat_server(lambda request: Reply("Comment afficher ⟦1⟧ la liste des fichiers ⟦2⟧ ?")) as server:
        run(server, source, out, keep_flagged=True)
        assert any(
            "How  do I list" in message["content"] for request in server.requests for message in request["messages"]
        )


def test_a_question_with_accepted_answers(tmp_path: Path) -> None:
    row = {"id": "q/1", "task": "world", "text": list(PAIRS)[4], "tags": ["t"], "answers": ["Atlantic Ocean"]}
    (tmp_path / "q.en.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    entry, out = str(tmp_path / "q.{language}.jsonl"), tmp_path / "q.fr.jsonl"
    with chat_server(french) as server:
        translator = ChatTranslator("m", endpoint=server.url)
        translate(prompt_documents(entry, Path(), "en"), translator, source="en", target="fr", out=out)
    prompts = load_prompts(PromptsConfig(sets=[entry], languages=["en", "fr"]), Path())
    assert [(p.id, p.language, p.answers, p.tags) for p in prompts] == [
        ("q/1", "en", ("Atlantic Ocean",), ("t",)),
        ("q/1", "fr", ("océan Atlantique",), ("t",)),
    ]


def test_a_packaged_set_becomes_a_language_file_that_a_study_can_name(tmp_path: Path) -> None:
    documents = [document for document in prompt_documents("facts", Path(), "en") if document.id == "facts/world-03"]
    with chat_server(lambda request: Reply(BAHARI[request["messages"][-1]["content"]])) as server:
        translator = ChatTranslator("m", endpoint=server.url)
        translate(documents, translator, source="en", target="sw", out=tmp_path / "facts.sw.jsonl")
    row = {
        "id": "facts/world-03",
        "text": BAHARI[documents[0].texts[0]],
        "answers": ["Bahari ya Atlantiki", "Atlantiki"],
    }
    assert json.loads((tmp_path / "facts.sw.jsonl").read_text("utf-8")) == row
    assert read_language_file(tmp_path / "facts.sw.jsonl").language == "sw"


def test_settings_that_a_model_does_not_take_are_left_out(source: Path, tmp_path: Path) -> None:
    def particular(request: dict) -> Reply:
        for name in ("max_tokens", "temperature"):
            if name in request:
                return Reply(status=400, error={"message": f"no {name}", "type": "t", "param": name, "code": None})
        return Reply("<think>Let me see.</think>\n" + french(request).text)

    with chat_server(particular) as server:
        assert run(server, source, tmp_path / "o.jsonl").written == 2
    assert not {"max_tokens", "temperature"} & set(server.requests[-1])


def test_settings_that_many_rows_are_refused_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(8, timeout=20)

    def particular(request: dict) -> Reply:
        if "max_tokens" in request:
            together.wait()  # all eight are under way before the first is refused
            return Reply(status=400, error={"message": "no", "type": "t", "param": "max_tokens", "code": None})
        return Reply("Pourquoi la mer est-elle salée ?")

    with chat_server(particular) as server:
        translator = ChatTranslator("m", endpoint=server.url, concurrency=8)
        results = dict(translator.translate([["Why is the sea salty?"]] * 8, "en", "fr"))
    assert set(results) == set(range(8))
    assert all(result == Translated(("Pourquoi la mer est-elle salée ?",)) for result in results.values())


def test_what_is_under_way_when_the_endpoint_fails_is_kept(source: Path, tmp_path: Path) -> None:
    refused = threading.Event()

    def answer(request: dict) -> Reply:
        if "list the files" in str(request):
            refused.set()
            return Reply(status=401)
        refused.wait(10)
        return french(request)

    documents = conversation_documents(InstructionsConfig(source=str(source)), Path(), "en")
    out = tmp_path / "o.jsonl"
    with chat_server(answer) as server, pytest.raises(ModelUnavailable):
        translate(documents, ChatTranslator("m", endpoint=server.url), source="en", target="fr", out=out)
    with chat_server(french) as server:
        run(server, source, out)
    assert not any("sky" in str(request) for request in server.requests), "it was translated before"


def test_nothing_is_translated_twice_for_another_part_or_with_flagged_rows(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    documents = conversation_documents(InstructionsConfig(source=str(source)), Path(), "en")
    with chat_server(lambda request: Reply("I will not do that, whatever you ask me today.")) as server:
        translator = ChatTranslator("m", endpoint=server.url)
        translate(documents[:1], translator, source="en", target="fr", out=out)
        asked = len(server.requests)
        translate(documents[:1], translator, source="en", target="fr", out=out, keep_flagged=True)
        assert len(server.requests) == asked
        out.unlink()
        assert translate(documents, translator, source="en", target="fr", out=out, keep_flagged=True).written == 2
        assert not any("list the files" in str(request) for request in server.requests[asked:])


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_prompt_file_without_languages_is_known_by_its_columns(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"q.{suffix}"
    path.write_text("id,text\na,Why?\n" if suffix == "csv" else '{"id": "a", "text": "Why?"}\n', "utf-8")
    assert is_prompt_set(str(path), Path())
    (document,) = prompt_documents(str(path), Path(), "en")
    assert document.translated(["Pourquoi ?"], "fr") == {
        "id": "a", "task": "q", "tags": [], "text": "Pourquoi ?", "language": "fr",
    }  # fmt: skip
    assert not is_prompt_set("starter-en", Path()) and is_prompt_set("facts", Path())


def test_a_cut_off_reply_is_flagged(source: Path, tmp_path: Path) -> None:
    with chat_server(lambda request: Reply(french(request).text, finish_reason="length")) as server:
        assert run(server, source, tmp_path / "o.jsonl").flags[Flag.CUT_OFF] == 2


@pytest.mark.parametrize(("status", "words"), [(401, "refuses the key"), (404, "has no model 'm'")])
def test_what_no_row_can_get_past_is_an_error(source: Path, tmp_path: Path, status: int, words: str) -> None:
    with chat_server(lambda request: Reply(status=status)) as server, pytest.raises(ModelUnavailable, match=words):
        run(server, source, tmp_path / "o.jsonl")


def test_a_dead_endpoint_keeps_what_is_translated(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crosstune.translation.backends.chat._RETRIES", 0)
    with chat_server(french) as server:
        pass  # closed again
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        run(server, source, tmp_path / "o.jsonl")
    assert time.monotonic() - started < 30


def test_no_key_no_package_and_a_file_that_is_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ModelUnavailable, match="MY_KEY is not set"):
        ChatTranslator("m", api_key_env="MY_KEY")
    (tmp_path / "o.jsonl").write_text("{}\n")
    with chat_server(french) as server, pytest.raises(InvalidData, match="there already"):
        run(server, source, tmp_path / "o.jsonl")
    with lock(_lock_path(tmp_path / "p.jsonl"), "test"), chat_server(french) as server, pytest.raises(Busy):
        run(server, source, tmp_path / "p.jsonl")


def test_the_key_is_sent_and_a_set_in_another_language_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with chat_server(french) as server:
        run(server, source, tmp_path / "o.jsonl")
    assert server.requests[0]["key"] == "Bearer secret"
    with pytest.raises(InvalidData, match="no conversation is in 'de'"):
        conversation_documents(InstructionsConfig(source=str(source)), Path(), "de")
