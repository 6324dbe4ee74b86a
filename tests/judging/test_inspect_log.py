"""Logs for Inspect's viewer: what is read back is what was asked, replied and marked."""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log, read_eval_log_sample

from crosstune.errors import StorageFailure
from crosstune.judging import inspect_log
from crosstune.judging.config import JudgeModel, Price
from crosstune.judging.exchange import Exchange, request_digest
from crosstune.judging.inspect_log import write_inspect_logs
from crosstune.judging.side import JudgedSample
from crosstune.judging.subject import Subject
from crosstune.records import Message, Reason, Score

JUDGE = JudgeModel(model="openai-api/local/gemma", base_url="http://127.0.0.1:8080/v1", max_tokens=300)
ASKED = (Message("system", "You mark answers."), Message("user", "The answer: Bonjour."))


def sample(
    prompt_id: str = "everyday/recipe-1+short",
    *,
    run: str = "tuned-en",
    text: str = "Bonjour.",
    marks: tuple[float | Reason, float | Reason] = (2, 1),
    detail: str = "it is French",
    messages: tuple[Message, ...] = ASKED,
    reply: str = '{"language": 2}',
    failure: str = "",
    judge: JudgeModel = JUDGE,
    added: str = "",
    **of_exchange: object,
) -> JudgedSample:
    subject = Subject(
        run, prompt_id, "fr", "fr", (Message("user", "Dis bonjour."),), text, ("short",), ("Bonjour", "Salut")
    )
    scores = tuple(
        Score(
            run=run,
            prompt_id=prompt_id,
            language="fr",
            requested_language="fr",
            rater=f"judge:{judge.name}{added}",
            facet=facet,
            value=None if isinstance(mark, Reason) else mark,
            reason=mark.value if isinstance(mark, Reason) else None,
            detail=detail,
        )
        for facet, mark in zip(("language", "fluency"), marks, strict=True)
    )
    exchange = Exchange(
        request=request_digest(added, (Message("user", f"{run} {prompt_id}"),)),
        model=judge.model,
        reply=reply,
        failure=failure,
        detail=detail if failure else "",
        input_tokens=400,
        output_tokens=20,
        seconds=1.5,
        tries=1,
        time="2026-03-01T12:00:00.000+00:00",
    )
    return JudgedSample(judge, subject, messages, replace(exchange, **of_exchange), scores)


FAILED = sample(
    "everyday/recipe-2",
    marks=(Reason.ENDPOINT_FAILED, Reason.ENDPOINT_FAILED),
    detail="the endpoint says 503\x1b[31m",
    reply="",
    failure="endpoint_failed",
    input_tokens=0,
    output_tokens=0,
    tries=6,
)


def read(folder: Path, *samples: JudgedSample, task: str = "study") -> tuple[EvalLog, list[EvalSample]]:
    [path] = write_inspect_logs(samples, folder, task=task)
    log = read_eval_log(str(path))
    assert log.samples is not None
    return log, log.samples


def numbered(count: int, **options: object) -> Iterator[JudgedSample]:
    return (sample(f"prompt-{number}", **options) for number in range(count))


def test_a_sample_has_what_was_asked_replied_and_marked(tmp_path: Path) -> None:
    _, [one] = read(tmp_path, sample(marks=(2, Reason.JUDGE_UNPARSABLE), request="0123abcd"))
    assert one.id == "tuned-en/everyday/recipe-1+short/fr"
    assert [(turn.role, turn.text) for turn in one.input] == [
        ("system", "You mark answers."),
        ("user", "The answer: Bonjour."),
    ]
    assert [turn.role for turn in one.messages] == ["system", "user", "assistant"]
    assert one.output.completion == '{"language": 2}'
    assert one.output.usage is not None
    assert (one.output.usage.input_tokens, one.output.usage.output_tokens, one.output.usage.total_tokens) == (
        400,
        20,
        420,
    )
    assert one.output.time == one.total_time == 1.5
    assert (one.started_at, one.completed_at) == ("2026-03-01T11:59:58.500000+00:00", "2026-03-01T12:00:00+00:00")
    assert one.target == "Bonjour; Salut"
    assert one.metadata == {
        "run": "tuned-en",
        "prompt_id": "everyday/recipe-1+short",
        "language": "fr",
        "requested_language": "fr",
        "modifiers": "short",
        "cut_off": False,
        "tries": 1,
        "failure": "",
        "request": "0123abcd",
    }
    assert one.error is None
    assert one.scores is not None
    assert list(one.scores) == ["language", "fluency"]
    language, fluency = one.scores.values()
    assert (language.value, language.reason) == (2, None)
    assert (language.answer, language.explanation) == ("Bonjour.", "it is French")
    assert math.isnan(fluency.as_float())
    assert fluency.reason == "judge_unparsable"


def test_a_failed_call_is_an_error_without_reply_or_marks(tmp_path: Path) -> None:
    log, [one] = read(tmp_path, FAILED)
    assert one.error is not None
    # The escape that would colour a terminal is replaced.
    assert one.error.message == "endpoint_failed: the endpoint says 503\ufffd[31m"
    assert one.output.choices == []
    assert [turn.role for turn in one.messages] == ["system", "user"]
    assert one.metadata["tries"] == 6
    assert one.scores is not None
    assert all(math.isnan(score.as_float()) and score.reason == "endpoint_failed" for score in one.scores.values())
    assert log.results is not None
    assert log.results.completed_samples == 0
    assert math.isnan(log.results.scores[0].metrics["mean"].value)


def test_a_refusal_keeps_what_the_judge_said(tmp_path: Path) -> None:
    refused = sample(marks=(Reason.JUDGE_REFUSED,) * 2, reply="I cannot.", failure="judge_refused")
    _, [one] = read(tmp_path, refused)
    assert (one.output.completion, one.output.stop_reason) == ("I cannot.", "content_filter")


def test_a_repaired_conversation_has_all_its_turns(tmp_path: Path) -> None:
    again = (Message("assistant", "Well, 2."), Message("user", "Reply with JSON alone."))
    _, [one] = read(tmp_path, sample(messages=(*ASKED, *again)))
    assert [turn.role for turn in one.input] == ["system", "user", "assistant", "user"]
    assert one.input[2].text == "Well, 2."
    assert len({turn.id for turn in one.messages}) == 5


def test_untrusted_text_is_kept_and_cannot_break_a_log(tmp_path: Path) -> None:
    html = "<script>alert(1)</script>"
    messages = (Message("user", f"{html} \ud800 \udc00 \ud83d\ude00 \x00"),)
    bad = sample(
        "p\ud800\x00q", run="r\udfff", text=f"{html}\ud800", detail="\udc80?", messages=messages, reply="\ud800{}"
    )
    log, [one] = read(tmp_path, bad)
    # A half of a character is replaced; two halves that belong together are the character that they make.
    assert one.input[0].text == f"{html} \ufffd \ufffd \U0001f600 \x00"
    assert one.output.completion == "\ufffd{}"
    assert one.id == "r\ufffd/p\ufffd\ufffdq/fr"
    assert one.metadata["prompt_id"] == "p\ufffd\x00q"
    assert one.scores is not None
    assert one.scores["language"].answer == f"{html}\ufffd"
    assert one.scores["language"].explanation == "\ufffd?"
    assert log.eval.viewer is not None
    assert log.eval.viewer.trust_content is False
    alone = read_eval_log_sample(log.location, id=one.id, epoch=1)
    assert alone.input[0].text == one.input[0].text


def test_a_huge_answer_is_cut_beside_the_marks_alone(tmp_path: Path) -> None:
    huge = "ж" * 300_000
    _, [one] = read(tmp_path, sample(text=huge, messages=(Message("user", huge),)))
    assert one.input[0].text == huge
    assert one.scores is not None
    assert one.scores["fluency"].answer == "ж" * 1_000 + "…"


def test_the_head_has_means_over_what_is_marked_and_how_many(tmp_path: Path) -> None:
    others = sample("b", marks=(1, Reason.OUT_OF_RANGE)), sample("c", marks=(1, 0))
    log, _ = read(tmp_path, sample("a", marks=(2, 1)), *others, FAILED)
    assert log.status == "success"
    assert log.results is not None
    assert (log.results.total_samples, log.results.completed_samples) == (4, 3)
    language, fluency = log.results.scores
    # language: 2, 1, 1 and one failure; fluency: 1, 0, one that is not on the scale and one failure.
    assert (language.name, language.scored_samples, language.unscored_samples) == ("language", 3, 1)
    assert language.metrics["mean"].value == pytest.approx(4 / 3)
    assert (fluency.name, fluency.scored_samples, fluency.unscored_samples) == ("fluency", 2, 2)
    assert fluency.metrics["mean"].value == 0.5


def test_the_head_says_who_judged_when_and_for_how_much(tmp_path: Path) -> None:
    judge = JudgeModel(
        model="openai-api/local/gemma",
        base_url="http://me:secret@127.0.0.1:8080/v1?key=secret",
        max_tokens=300,
        args={"api_key": "secret"},
        price=Price(input=1, output=10),
    )
    first = sample("a", judge=judge)
    later = sample("b", judge=judge, time="2026-03-01T13:00:00.000+00:00")
    same_request = replace(first, subject=replace(first.subject, run="base"))
    log, _ = read(tmp_path, later, first, same_request, task="My study")
    assert (log.eval.task, log.eval.model) == ("My study", "openai-api/local/gemma")
    assert log.eval.model_base_url == "http://127.0.0.1:8080/v1"
    assert "secret" not in log.model_dump_json()
    assert (log.eval.model_generate_config.max_tokens, log.eval.model_generate_config.temperature) == (300, 0.0)
    assert log.eval.dataset.samples == 3
    assert log.eval.dataset.sample_ids == ["tuned-en/b/fr", "tuned-en/a/fr", "base/a/fr"]
    assert log.eval.created == log.stats.started_at == "2026-03-01T11:59:58.500000+00:00"
    assert log.stats.completed_at == "2026-03-01T13:00:00+00:00"
    # Two requests were paid for: 800 tokens in at 1 and 40 out at 10 dollars a million.
    usage = log.stats.model_usage["openai-api/local/gemma"]
    assert (usage.input_tokens, usage.output_tokens) == (800, 40)
    assert usage.total_cost == pytest.approx(0.0012)


def test_files_are_of_one_judge_one_kind_of_mark_and_so_many_samples(tmp_path: Path) -> None:
    other = JudgeModel(model="openai/gpt:5")
    samples = [
        *numbered(5),
        *numbered(2, judge=other),
        *numbered(1, added=" (again)"),
        *numbered(1, added=" (translated)"),
    ]
    random.Random(0).shuffle(samples)
    paths = write_inspect_logs(samples, tmp_path / "logs", task="a study", most=2)
    counts = {path.name: len(read_eval_log(str(path)).samples or []) for path in paths}
    # printf 'openai/gpt:5\0' | sha256sum begins with 01234c75: model, NUL, address.
    gemma, gpt = "a-study-local-gemma-cb6a9381", "a-study-openai-gpt-5-01234c75"
    assert counts == {
        f"{gemma}-1.eval": 2,
        f"{gemma}-2.eval": 2,
        f"{gemma}-3.eval": 1,
        f"{gpt}-1.eval": 2,
        f"{gemma}-again-1.eval": 1,
        f"{gemma}-translated-1.eval": 1,
    }
    assert {path.name for path in (tmp_path / "logs").iterdir()} == set(counts)
    again = read_eval_log(str(tmp_path / "logs" / f"{gemma}-again-1.eval"), header_only=True)
    assert again.eval.task == "a study (again)"


def test_names_tell_addresses_and_letters_apart() -> None:
    judges = [
        JudgeModel(model="openai/a:b"),
        JudgeModel(model="openai/a-b"),
        JudgeModel(model="openai/a-b", base_url="http://127.0.0.1:1/v1"),
    ]
    names = {inspect_log._name(sample(judge=judge), "../исследование") for judge in judges}
    assert len(names) == 3
    assert all(name.startswith("-исследование-openai-a-b-") for name in names)


def test_writing_again_replaces(tmp_path: Path) -> None:
    kept = tmp_path / "study-other-1.eval"
    kept.write_bytes(b"not ours")
    before = write_inspect_logs(numbered(5), tmp_path, task="study", most=2)
    assert len(before) == 3
    after = write_inspect_logs(numbered(3, marks=(0, 0)), tmp_path, task="study", most=2)
    assert after == before[:2]
    assert sorted(tmp_path.iterdir()) == sorted([*after, kept])
    log = read_eval_log(str(after[0]))
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 0
    # Nothing in a log is drawn by chance.
    write_inspect_logs(numbered(3, marks=(0, 0)), tmp_path, task="study", most=2)
    assert read_eval_log(str(after[0])).model_dump_json() == log.model_dump_json()


def test_logs_of_one_name_in_two_folders_are_no_retries_of_each_other(tmp_path: Path) -> None:
    here, _ = read(tmp_path / "a", sample("a"))
    there, _ = read(tmp_path / "b", sample("b"))
    assert Path(here.location).name == Path(there.location).name
    assert here.eval.task_id != there.eval.task_id


def test_samples_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    _, samples = read(tmp_path, sample("a/b", run="c"), sample("b", run="c/a"), sample("a/b", run="c"))
    assert [one.id for one in samples] == ["c/a/b/fr", "c/a/b/fr (2)", "c/a/b/fr (3)"]


def test_a_failure_half_way_leaves_the_earlier_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [path] = write_inspect_logs([sample()], tmp_path, task="study")
    whole = path.read_bytes()

    def disk_full(log: EvalLog, location: Path, **_: object) -> None:
        Path(location).write_bytes(b"PK half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inspect_ai.log.write_eval_log", disk_full)
    with pytest.raises(StorageFailure, match="no space left"):
        write_inspect_logs([sample(marks=(0, 0))], tmp_path, task="study")
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_of_no_samples_there_is_no_file(tmp_path: Path) -> None:
    assert write_inspect_logs([], tmp_path / "logs", task="study") == []
    assert not (tmp_path / "logs").exists()
    with pytest.raises(ValueError, match="at least 1"):
        write_inspect_logs([sample()], tmp_path, task="study", most=0)


def test_inspect_lists_them(tmp_path: Path) -> None:
    paths = write_inspect_logs([sample(), FAILED], tmp_path, task="study")
    [listed] = list_eval_logs(str(tmp_path))
    assert (Path(listed.name).name, listed.task) == (paths[0].name, "study")
