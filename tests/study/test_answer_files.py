"""Prompts from files are answered in blocks, here and on a Ray cluster, and give what the plain backend gives."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from crosstune.errors import InvalidData, InvalidStudy, ModelUnavailable, StepFailed
from crosstune.generation.backends import transformers
from crosstune.generation.config import GenerationConfig
from crosstune.models.base import resolve_base_model
from crosstune.models.loading import load_tokenizer
from crosstune.prompts.prompt_file import stream_prompts
from crosstune.records import Check, Message, Prompt, Response
from crosstune.storage.tables import RecordLog, read_table, write_table
from crosstune.study.answer_files import Answering, answer_files
from crosstune.study.cluster import ray_cluster as described_cluster
from crosstune.study.spread import spread_on

FAKE = Path(__file__).parents[1] / "generation" / "fake_vllm.py"
CONFIG = GenerationConfig(max_new_tokens=5, temperature=1.0, dtype="float32")


def prompt(number: int, language: str = "en", text: str = "How") -> Prompt:
    return Prompt(f"set/{number}", "set", "task", language, language, (Message("user", f"{text} {'so ' * number}?"),))


PROMPTS = [prompt(number, language) for number in range(5) for language in ("en", "fr")]


@pytest.fixture
def answering(tmp_path, tiny_model):
    write_table(tmp_path / "prompts.parquet", Prompt, PROMPTS)
    return Answering(
        files=(tmp_path / "prompts.parquet",),
        model=resolve_base_model(str(tiny_model)),
        config=CONFIG,
        chat_format="chatml",
        seed=7,
        run="r",
    )


@pytest.fixture
def plain(tiny_model, tmp_path):
    """What the backend answers by itself, without the times."""
    log = RecordLog(tmp_path / "plain.jsonl", Response)
    options = {"model_folder": tiny_model, "adapter": None, "chat_format": "chatml", "config": CONFIG, "seed": 7}
    transformers.generate(PROMPTS, run="r", log=log, **options)
    return timeless(log.read())


def timeless(responses):
    order = {(item.id, item.language): place for place, item in enumerate(PROMPTS)}
    found = sorted(responses, key=lambda response: order[response.prompt_id, response.language])
    return [replace(response, seconds=0.0) for response in found]


def test_blocks_give_what_the_backend_gives_in_the_order_of_the_file(answering, plain, tmp_path):
    told = []
    out = tmp_path / "responses.parquet"
    summary = answer_files(answering, out, block_size=3, on_progress=told.append)
    written = read_table(out, Response)
    assert [(item.prompt_id, item.language) for item in written] == [(item.id, item.language) for item in PROMPTS]
    assert timeless(written) == plain
    assert (summary.answers, summary.new) == (10, 10)
    assert (told[-1].done, told[-1].total, told[-1].unit) == (10, 10, "answers")
    assert [progress.done for progress in told if progress.unit == "answers"] == sorted(
        progress.done for progress in told if progress.unit == "answers"
    )
    assert not list(tmp_path.glob(".*.answering"))
    again = answer_files(answering, out, block_size=3)
    assert (again.answers, again.new) == (10, 0)


def test_jsonl_with_prompts_can_be_scored_as_it_is(answering, plain, tmp_path):
    asked = Prompt(
        "q", "s", "facts", "en", "fr", (Message("user", "Which?"),), answers=("Paris",), checks=(Check("a"),)
    )
    write_table(tmp_path / "one.parquet", Prompt, [asked])
    out = tmp_path / "responses.jsonl"
    answer_files(replace(answering, files=(tmp_path / "one.parquet",), with_prompts=True), out)
    (row,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert (row["run"], row["prompt_id"], row["language"], row["requested_language"]) == ("r", "q", "en", "fr")
    assert row["answers"] == ["Paris"] and row["messages"] == [{"role": "user", "content": "Which?"}]


def test_stopped_in_a_block_it_goes_on_with_the_prompt_that_is_missing(answering, plain, tmp_path, monkeypatch):
    asked = []
    original = transformers._Answering.batch

    def batch(self, questions):
        if len(asked) == 4:
            asked.append(None)
            raise KeyboardInterrupt
        asked.extend(questions)
        return original(self, questions)

    monkeypatch.setattr(transformers._Answering, "batch", batch)
    one_at_a_time = replace(answering, config=CONFIG.model_copy(update={"tokens_per_batch": 1}))
    out = tmp_path / "responses.parquet"
    with pytest.raises(KeyboardInterrupt):
        answer_files(one_at_a_time, out, block_size=3)
    assert not out.exists()
    answer_files(one_at_a_time, out, block_size=3)
    # Four before, of which the fourth is one of the second block; the other six after: none twice.
    assert len(asked) == 4 + 1 + 6
    assert timeless(read_table(out, Response)) == plain


def test_the_model_is_loaded_once_for_all_blocks(answering, tmp_path, monkeypatch):
    loads = []
    original = transformers._load
    monkeypatch.setattr(transformers, "_load", lambda *args: loads.append(args) or original(*args))
    answer_files(answering, tmp_path / "responses.parquet", block_size=2)
    assert len(loads) == 1


def test_a_prompt_that_does_not_fit_leaves_the_other_blocks_answered(answering, tmp_path):
    long = prompt(1000, text="Why")
    write_table(tmp_path / "prompts.parquet", Prompt, [*PROMPTS[:4], long, *PROMPTS[4:]])
    with pytest.raises(StepFailed, match=r"'set/1000' \(en\) has \d+ tokens.*8 of 11 answers are kept"):
        answer_files(answering, tmp_path / "responses.parquet", block_size=3)  # the second of four is without


def test_answers_of_something_else_are_not_mixed(answering, tmp_path):
    out = tmp_path / "responses.parquet"
    answer_files(answering, out)
    with pytest.raises(InvalidData, match="made with another seed"):
        answer_files(replace(answering, seed=8), out)
    (tmp_path / "mine.parquet").write_text("mine")
    with pytest.raises(InvalidData, match="there is such a file already"):
        answer_files(answering, tmp_path / "mine.parquet")
    with pytest.raises(InvalidData, match=r"ends in none of .parquet, .jsonl"):
        answer_files(answering, tmp_path / "out.csv")
    llama = replace(answering, config=GenerationConfig(backend="llama.cpp"))
    with pytest.raises(InvalidStudy, match="answers with packaged base models"):
        answer_files(llama, tmp_path / "other.parquet")
    with pytest.raises(ModelUnavailable, match=r"no adapter_config\.json"):
        answer_files(replace(answering, adapter=tmp_path), tmp_path / "other.parquet")


def test_finished_blocks_of_something_else_are_not_mixed_either(answering, tmp_path):
    out = tmp_path / "responses.parquet"
    long = prompt(1000, text="Why")
    write_table(tmp_path / "prompts.parquet", Prompt, [*PROMPTS[:4], long, *PROMPTS[4:]])
    with pytest.raises(StepFailed):
        answer_files(answering, out, block_size=3)
    folder = tmp_path / ".responses.parquet.answering" / "answers"
    assert list(folder.glob("*.parquet"))
    for log in folder.glob("*.jsonl"):
        log.unlink()  # whole blocks alone are left
    with pytest.raises(InvalidData, match="made with another seed"):
        answer_files(replace(answering, seed=8), out)


def test_a_try_that_ended_before_its_first_answer_is_in_nobodys_way(answering, tmp_path, monkeypatch):
    out = tmp_path / "responses.parquet"
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "vllm" else find(name, *more))
    with pytest.raises(ModelUnavailable, match="the backend vllm needs the package vllm"):
        answer_files(replace(answering, config=GenerationConfig(backend="vllm")), out)
    assert answer_files(answering, out).answers == len(PROMPTS)


def test_rows_that_others_wrote(tmp_path):
    path = tmp_path / "asked.jsonl"
    rows = [
        {"text": "One?", "source": "somewhere"},
        [{"role": "system", "content": "Short."}, {"role": "user", "content": "Two?"}],
        {"id": "x", "prompt": "Trois ?", "language": "French"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(stream_prompts([path], language="en"))
    assert [(item.id, item.language) for item in found] == [("asked/1", "en"), ("asked/2", "en"), ("x", "fr")]
    assert [message.content for message in found[1].messages] == ["Short.", "Two?"]
    with pytest.raises(InvalidData, match=r"asked.jsonl, line 1: a row without a language"):
        list(stream_prompts([path]))


def test_two_prompts_of_one_id_are_refused_and_leave_nothing(answering, tmp_path):
    write_table(tmp_path / "prompts.parquet", Prompt, [*PROMPTS, PROMPTS[2]])
    with pytest.raises(InvalidData, match="prompt 11: two prompts have the id 'set/1' in 'en'"):
        answer_files(answering, tmp_path / "responses.parquet", block_size=4)
    assert not list(tmp_path.glob(".*.answering"))


def crosstune(*arguments, **options):
    command = [sys.executable, "-m", "crosstune", "answer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_the_command_says_what_is_wrong(tiny_model, tmp_path):
    (tmp_path / "asked.jsonl").write_text('{"text": "One?", "language": "en"}\n')
    common = [tmp_path / "asked.jsonl", "-m", tiny_model, "--out", tmp_path / "r.parquet"]
    done = crosstune(*common, "--workers", 2)
    assert done.returncode == 2 and "--workers goes with --executor ray" in done.stderr
    done = crosstune(*common, "--set", "vllm.conections=3")
    assert done.returncode == 1 and "did you mean 'connections'?" in done.stderr


def test_the_command_answers(tiny_model, tmp_path):
    (tmp_path / "asked.jsonl").write_text('{"text": "One?", "language": "en"}\n')
    out = tmp_path / "r.parquet"
    done = crosstune(tmp_path / "asked.jsonl", "-m", tiny_model, "--out", out, "--max-new-tokens", 3)
    assert done.returncode == 0, done.stderr
    assert "1 answer in" in done.stdout and len(pl.read_parquet(out)) == 1


# On a cluster. Workers are processes of the nodes, so what is put in their way is sent along by value.


class Faulty:
    """A worker that has accidents, noted in a folder: it is killed at one block, once or always."""

    def __init__(self, inner, folder, *, block, always=False):
        self._inner, self._folder, self._block, self._always = inner, Path(folder), block, always

    def __call__(self, piece, on_progress):
        marker = self._folder / f"killed-{piece}"
        if piece == self._block and (self._always or not marker.exists()):
            with marker.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), 9)
        return self._inner(piece, on_progress)


def on_cluster(cluster, tmp_path, wrap=None, **options):
    """A way to spread work on the test's cluster, with workers that `wrap` makes of the real ones."""
    spread = spread_on(described_cluster(cluster.address, **options))

    def wrapped(pieces, make_worker, on_piece, *, folder, needs):
        def make():
            return make_worker() if wrap is None else wrap(make_worker())

        return spread(pieces, make, on_piece, folder=folder, needs=replace(needs, cpus=1.0, memory_bytes=None))

    return wrapped


@pytest.fixture
def cluster(ray_cluster):
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes do not find the tests
    return ray_cluster


@pytest.mark.enable_socket  # of this process and the nodes, all on this machine
def test_on_a_cluster_with_a_worker_killed_the_table_is_the_same(answering, plain, cluster, tmp_path):
    out = tmp_path / "responses.parquet"
    spread = on_cluster(cluster, tmp_path, lambda inner: Faulty(inner, tmp_path, block=1))
    summary = answer_files(answering, out, block_size=3, spread=spread)
    assert (tmp_path / "killed-1").read_text() == "x"
    assert summary.new == 10 and timeless(read_table(out, Response)) == plain


@pytest.mark.enable_socket
def test_each_worker_starts_a_vllm_server_of_its_own_on_its_own_gpu(answering, cluster, tiny_model, tmp_path):
    fake = tmp_path / "fake"
    fake.mkdir()
    vocabulary = load_tokenizer(tiny_model).get_vocab()
    (fake / "letters.json").write_text(json.dumps({number: letter for letter, number in vocabulary.items()}))
    (fake / "faults.json").write_text("{}")
    command = (sys.executable, str(FAKE), str(fake))
    config = CONFIG.model_copy(update={"backend": "vllm", "max_new_tokens": 60})
    node = cluster.add_node(num_cpus=2, num_gpus=2, object_store_memory=80 << 20, include_dashboard=False)
    try:
        spread = on_cluster(cluster, tmp_path, partial(Together, tmp_path), device="gpu")
        out = tmp_path / "responses.parquet"
        answer_files(replace(answering, config=config), out, block_size=3, spread=spread, vllm_command=command)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    starts = [json.loads(line) for line in (fake / "starts.jsonl").read_text().splitlines()]
    # Ten prompts are four blocks. Two servers for them, each with one of the node's two GPUs, and awake all the time.
    assert sorted(start["environment"]["CUDA_VISIBLE_DEVICES"] for start in starts) == ["0", "1"]
    assert not any("--enable-sleep-mode" in start["argv"] or "--enable-lora" in start["argv"] for start in starts)
    # The stand-in says what it was asked.
    texts = [response.text for response in read_table(out, Response)]
    assert texts == [prompt.messages[0].content for prompt in PROMPTS]


class Together:
    """A worker that waits, before its first block, until another has begun: so that both have something to do."""

    def __init__(self, folder, inner):
        self._folder, self._inner = Path(folder), inner

    def __call__(self, piece, on_progress):
        (self._folder / f"began-{os.getpid()}").touch()
        until = time.monotonic() + 60
        while len(list(self._folder.glob("began-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        return self._inner(piece, on_progress)
