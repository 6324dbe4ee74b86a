"""From prompts to responses through a vLLM server: here a stand-in that speaks its protocol (`fake_vllm.py`)."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from crosstune.errors import InvalidData, ModelUnavailable, OutOfMemory, StepFailed
from crosstune.generation import vllm_client, vllm_pool
from crosstune.generation.backends import vllm as backend
from crosstune.generation.config import GenerationConfig
from crosstune.generation.vllm_process import free_port
from crosstune.models.base import resolve_base_model
from crosstune.models.chat_formats import chat_format, encode_prompt
from crosstune.models.loading import load_tokenizer
from crosstune.records import Ending, Message, Prompt, Response
from crosstune.steps.step import Workspace
from crosstune.storage.tables import RecordLog, read_table, write_table
from crosstune.study import answering
from crosstune.study.grid import Cell

pytestmark = pytest.mark.enable_socket  # loopback alone

FAKE = Path(__file__).with_name("fake_vllm.py")


def configured(**changes):
    options = changes.pop("vllm", {})
    return GenerationConfig(**{"max_new_tokens": 40, "dtype": "float32", "backend": "vllm"} | changes, vllm=options)


def prompt(text: str, language: str = "en") -> Prompt:
    return Prompt(f"set/{text}", "set", "task", language, language, (Message("user", text),))


PROMPTS = [prompt(text, language) for text in ("one", "two", "three") for language in ("en", "fr")]


class Fake:
    """The stand-in as a command, and what it wrote down."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self.command = [sys.executable, str(FAKE), str(folder)]
        folder.mkdir()
        vocabulary = load_tokenizer(model).get_vocab()
        (folder / "letters.json").write_text(json.dumps({number: letter for letter, number in vocabulary.items()}))
        self.faults()

    def faults(self, **faults) -> None:
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def _lines(self, name):
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def starts(self):
        return self._lines("starts.jsonl")

    def requests(self, path="/v1/completions"):
        return [line for line in self._lines("requests.jsonl") if line["path"] == path]

    @property
    def adapters_loaded(self):
        return [line["lora_name"] for line in self.requests("/v1/load_lora_adapter")]


@pytest.fixture
def fake(tmp_path, tiny_model, monkeypatch):
    monkeypatch.setattr(vllm_client, "_WAITS", (0.01, 0.01))
    yield Fake(tmp_path / "fake", tiny_model)
    vllm_pool.close_server()


@pytest.fixture
def answer(fake, tiny_model, tmp_path):
    def generate(prompts=PROMPTS, *, log="step", **changes):
        """The answers by text and language of their prompts, of one step."""
        records = RecordLog(tmp_path / log / "responses.jsonl", Response)
        arguments = {
            "run": "r",
            "model_folder": tiny_model,
            "adapter": None,
            "chat_format": "chatml",
            "config": configured(),
            "seed": 0,
            "command": fake.command,
        }
        backend.generate(prompts, log=records, **arguments | changes)
        return {(item.prompt_id.removeprefix("set/"), item.language): item for item in records.read()}

    return generate


@pytest.fixture
def adapter(tmp_path):
    def write(name, rank=8):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "peft_type": "LORA"}))
        (folder / "adapter_model.safetensors").write_bytes(name.encode())
        return folder

    return write


def is_gone(pid, seconds=10.0):
    until = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_answers_every_prompt_once_and_tells_progress(answer, fake):
    seen = []
    answers = answer(on_progress=seen.append)
    assert {key: item.text for key, item in answers.items()} == {
        (text, language): text for text in ("one", "two", "three") for language in ("en", "fr")
    }
    assert len(fake.requests()) == 6
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 6, 6)
    assert any("starting vLLM" in progress.note for progress in seen) and seen[-1].tokens_per_second > 0
    three = answers["three", "en"]
    # <|im_start|>, "user\n", "three", <|im_end|>, "\n", <|im_start|>, "assistant\n"; the answer: five letters, an end.
    assert (three.prompt_tokens, three.completion_tokens, three.ending) == (
        1 + 5 + 5 + 1 + 1 + 1 + 10,
        6,
        Ending.END_TOKEN,
    )
    assert all(item.seconds > 0 for item in answers.values())


def test_the_server_is_sent_what_decides_the_answer(answer, fake, tiny_model):
    answer([prompt("hi")], config=configured(repetition_penalty=1.1, vllm={"max_model_len": 300}))
    (request,) = fake.requests()
    tokenizer = load_tokenizer(tiny_model)
    assert request["prompt"] == encode_prompt(chat_format("chatml"), tokenizer, prompt("hi").messages)
    # Stop tokens: </s>, <|im_start|> and <|im_end|>; the model's own end of text is one of them.
    expected = {
        "model": "base", "max_tokens": 40, "stop_token_ids": [2, 3, 4], "ignore_eos": True, "temperature": 0.0,
        "repetition_penalty": 1.1, "top_p": 1.0, "top_k": 0, "return_token_ids": True, "add_special_tokens": False,
    }  # fmt: skip
    assert request | expected == request and "seed" not in request
    assert set(request["stop"]) == {"<|im_end|>", "<|im_start|>"}
    (start,) = fake.starts
    options = dict(zip(start["argv"][1::2], start["argv"][2::2], strict=False))
    assert start["argv"][0] == str(tiny_model) and "--enable-lora" in start["argv"]
    assert (options["--dtype"], options["--max-model-len"], options["--host"]) == ("float32", "300", "127.0.0.1")
    assert (options["--generation-config"], options["--load-format"]) == ("vllm", "safetensors")
    assert start["environment"]["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert len(start["environment"]["VLLM_API_KEY"]) > 20 and start["environment"]["VLLM_SERVER_DEV_MODE"] is None


def test_each_prompt_has_a_seed_of_its_own_when_sampling(answer, fake):
    config = configured(temperature=0.7, top_p=0.9, top_k=5)
    for step, seed in enumerate((0, 0, 1)):
        answer(PROMPTS[step % 2 :], config=config, seed=seed, log=f"step{step}")
    sent = [(tuple(line["prompt"]), line["seed"]) for line in fake.requests()]
    first, second, other = set(sent[:6]), set(sent[6:11]), set(sent[11:])
    # The second call asks for one prompt less, and the seeds of the rest are the same; another seed has others.
    assert (
        len({seed for _, seed in first}) == 6 and second < first and not {s for _, s in other} & {s for _, s in first}
    )
    assert all((r["temperature"], r["top_p"], r["top_k"]) == (0.7, 0.9, 5) for r in fake.requests())


def test_endings_are_those_of_the_chat_format(answer, fake, tiny_model):
    """`#` is answered by the model's end of text, `@` by the start of another turn."""
    fake.faults(tokens={"#": 2, "@": 3})
    texts = ("ab#cd", "ab@cd", "a<|im_end|>b", "abcdefghijklmn")
    answers = answer([prompt(text) for text in texts], config=configured(max_new_tokens=13))
    found = [(answers[text, "en"].text, answers[text, "en"].ending) for text in texts]
    assert found == [
        ("ab", Ending.END_OF_TEXT),
        ("ab", Ending.STOP_STRING),
        ("a", Ending.STOP_STRING),
        ("abcdefghijklm", Ending.LENGTH),
    ]
    assert [answers[text, "en"].completion_tokens for text in texts] == [3, 3, 13, 13]


def test_two_steps_share_a_server_and_each_adapter_is_loaded_once(answer, fake, adapter, tmp_path):
    first, second = adapter("first"), adapter("second", rank=16)
    copy = shutil.copytree(first, tmp_path / "copy")  # the same adapter in another place
    for step, folder in enumerate((None, first, second, first, copy)):
        answers = answer([prompt("abc")], adapter=folder, log=f"step{step}")
        assert answers["abc", "en"].text == ("abc" if folder is None else "cba")
    assert len(fake.starts) == 1 and len(fake.adapters_loaded) == len(set(fake.adapters_loaded)) == 2
    asked = [line["model"] for line in fake.requests()]
    assert asked[0] == "base" and asked[1] == asked[3] == asked[4] != asked[2]
    # Each step has its own part of the server's log.
    assert "start 0" in (tmp_path / "step0" / "vllm.log").read_text()
    assert not (tmp_path / "step1" / "vllm.log").exists()


def test_an_adapter_of_a_larger_rank_has_the_server_started_for_it(answer, fake, adapter):
    answer([prompt("a")], log="untuned")
    answer([prompt("ab")], adapter=adapter("large", rank=40), log="large")
    answer([prompt("ab")], adapter=adapter("small", rank=4), log="small")
    ranks = [start["argv"][start["argv"].index("--max-lora-rank") + 1] for start in fake.starts]
    assert ranks == ["16", "64"]
    assert is_gone(fake.starts[0]["pid"])


def test_an_adapter_that_is_refused_is_an_error_and_the_server_stays(answer, fake, adapter):
    fake.faults(refuse="odd")
    with pytest.raises(ModelUnavailable, match=r"does not take the adapter .LoRA rank 8 is greater") as caught:
        answer([prompt("a")], adapter=adapter("odd"))
    assert caught.value.where.endswith("odd")
    answer([prompt("a")])
    assert len(fake.starts) == 1
    with pytest.raises(ModelUnavailable, match="rank is 1000, and vLLM takes 512"):
        answer([prompt("b")], adapter=adapter("huge", rank=1000))
    damaged = adapter("damaged")
    (damaged / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"has no adapter_model\.safetensors"):
        answer([prompt("b")], adapter=damaged)


def test_a_fully_tuned_model_has_a_server_of_its_own_that_ends_with_the_step(answer, fake, tmp_path, tiny_model):
    tuned = shutil.copytree(tiny_model, tmp_path / "tuned")
    answer([prompt("a")], log="untuned")
    answer([prompt("a")], model_folder=tuned, shared=False, log="tuned-step")
    untuned, full = fake.starts
    assert full["argv"][0] == str(tuned) and "--enable-lora" not in full["argv"]
    assert is_gone(untuned["pid"]) and is_gone(full["pid"])


def test_only_what_is_missing_is_asked_again(answer, fake):
    answer(PROMPTS[:4])
    assert len(answer()) == 6 and len(fake.requests()) == 6
    before = len(fake.requests())
    answer()
    assert len(fake.requests()) == before
    # Answers of another run in the same log are not this run's.
    answer(PROMPTS[:1], run="other")
    assert len(fake.requests()) == before + 1


def test_a_server_that_dies_is_started_once_more_and_nothing_is_answered_twice(answer, fake, adapter, tmp_path):
    fake.faults(die_after=2, starts=1)
    seen = []
    answers = answer(adapter=adapter("one"), config=configured(vllm={"connections": 2}), on_progress=seen.append)
    assert len(answers) == 6 and len(fake.starts) == 2 and len(fake.adapters_loaded) == 2
    assert len(RecordLog(tmp_path / "step" / "responses.jsonl", Response).read()) == 6
    assert any("started again" in progress.note for progress in seen)


def test_a_server_that_dies_twice_ends_the_step_and_what_came_stays(answer, fake, tmp_path):
    fake.faults(die_after=2)
    with pytest.raises(StepFailed, match=r"ended twice .*; 2 of 6 prompts are not answered") as caught:
        answer(config=configured(vllm={"connections": 1}))
    assert "vllm.log" in caught.value.hint
    assert (tmp_path / "step" / "vllm.log").read_text().count("of the stand-in") == 2
    fake.faults()
    assert len(answer()) == 6


@pytest.mark.parametrize(
    ("written", "error", "words"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\nRuntimeError: Engine core "
         "initialization failed. See root cause above.", OutOfMemory, "CUDA out of memory.*max_model_len"),
        ("ValueError: Free memory on device (3/24 GiB) on startup is less than desired GPU memory utilization",
         OutOfMemory, "Free memory on device.*gpu_memory_utilization"),
        ("ValueError: Model architectures ['Odd'] are not supported for now.", ModelUnavailable, "transformers"),
        ("KeyError: 'rope'\nbye", StepFailed, "status 1 before it was ready: KeyError: 'rope'(.|\n)*\nbye"),
        ("", StepFailed, "start 0 of the stand-in"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_start_says_why(*, answer, fake, tmp_path, written, error, words):
    fake.faults(start=written)
    with pytest.raises(error, match=words):
        answer()
    assert written in (tmp_path / "step" / "vllm.log").read_text()
    assert len(fake.starts) == 1


def test_a_port_that_was_taken_meanwhile_is_another_try(answer, fake):
    fake.faults(start="OSError: [Errno 98] Address already in use", starts=1)
    assert len(answer()) == 6 and len(fake.starts) == 2


def test_a_server_that_is_never_ready_is_given_up_and_ended(answer, fake):
    fake.faults(hangs=True)
    with pytest.raises(StepFailed, match="not ready after 1 s"):
        answer(seconds_to_start=1.0)
    assert is_gone(fake.starts[0]["pid"])


GOOD = {"choices": [{"finish_reason": "stop", "token_ids": [4]}]}


@pytest.mark.parametrize(
    ("status", "reply", "asked", "words"),
    [
        (200, "no JSON", 3, "not one of /v1/completions: no JSON"),
        (200, {"choices": []}, 3, "not one of /v1/completions"),
        (200, {"choices": [{"finish_reason": "abort", "token_ids": [5]}]}, 3, "ended for the reason 'abort'"),
        (200, {"choices": [{"finish_reason": "stop", "token_ids": []}]}, 3, "not 1 to 40 token ids"),
        (200, {"choices": [{"finish_reason": "stop", "token_ids": ["4"]}]}, 3, "not 1 to 40 token ids"),
        (200, {"choices": [{"finish_reason": "stop", "token_ids": [9] * 41}]}, 3, "not 1 to 40 token ids"),
        (200, {"choices": [GOOD["choices"][0] | {"prompt_token_ids": [1]}]}, 3, "read another prompt"),
        (500, {"error": {"message": "no luck"}}, 3, "status 500: no luck"),
        (400, {"error": {"message": "too long"}}, 1, "status 400: too long"),
    ],
)
def test_a_bad_reply_is_tried_again_and_in_the_end_told(*, answer, fake, status, reply, asked, words):
    """The others are answered; three tries, but one where the server says that the request is wrong."""
    fake.faults(replies={"bad": [[status, reply]] * 3})
    with pytest.raises(StepFailed, match=f"1 of 3 prompts were not answered; the first is 'set/bad' .en.: .*{words}"):
        answer([prompt("good"), prompt("bad"), prompt("fine")])
    assert len(fake.requests()) == 2 + asked
    fake.faults()
    vllm_pool.close_server()
    assert len(answer([prompt("good"), prompt("bad"), prompt("fine")])) == 3


def test_a_reply_that_is_bad_once_costs_nothing(answer, fake):
    fake.faults(replies={"one": [[500, "oops"], [200, "torn"]]})
    assert answer([prompt("one")])["one", "en"].text == "one"


def test_after_many_failures_the_rest_is_not_asked(answer, fake):
    fake.faults(replies={"p": [[400, "no"]] * 99})
    with pytest.raises(StepFailed, match="20 of 30 prompts were not answered, 10 more were not asked"):
        answer([prompt(f"p{number}") for number in range(30)], config=configured(vllm={"connections": 1}))


def test_the_token_that_ended_an_answer_counts_also_where_the_server_leaves_it_out(answer, fake, tiny_model):
    a = load_tokenizer(tiny_model).get_vocab()["a"]
    choice = {"finish_reason": "stop", "stop_reason": 4, "token_ids": [a]}
    fake.faults(replies={"one": [[200, {"choices": [choice]}]]})
    found = answer([prompt("one")])["one", "en"]
    assert (found.text, found.ending, found.completion_tokens) == ("a", Ending.END_TOKEN, 2)


def test_a_server_of_another_kind_is_refused(answer, fake):
    fake.faults(replies={"one": [[200, {"choices": [{"finish_reason": "stop", "text": "one"}]}]]})
    with pytest.raises(ModelUnavailable, match="no token ids"):
        answer([prompt("one")])


def test_prompts_that_do_not_fit_are_refused_before_anything_starts(answer, fake):
    with pytest.raises(InvalidData, match=r"has 619 tokens, and the model reads 512"):
        answer([prompt("a" * 600)])  # 19 tokens are not the text's
    # 40 tokens of answer to 3 letters and 19 further tokens of prompt
    with pytest.raises(InvalidData, match="may have 62 tokens, and the vLLM server takes 61"):
        answer([prompt("one")], config=configured(vllm={"max_model_len": 61}))
    assert not fake.starts
    assert len(answer([prompt("one")], config=configured(vllm={"max_model_len": 62}))) == 1


def test_an_answer_gets_what_the_context_leaves(answer, fake):
    answer([prompt("a" * 479)])  # 512 - 19 - 479
    assert fake.requests()[0]["max_tokens"] == 14


def test_the_server_sleeps_between_steps_where_there_is_a_gpu(answer, fake, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_DEVICE", "cuda")
    answer(log="first")
    answer(log="second")
    paths = [line["path"] for line in fake._lines("requests.jsonl") if line["path"] != "/v1/completions"]
    assert paths == ["/sleep?level=1", "/wake_up", "/sleep?level=1"]
    (start,) = fake.starts
    assert "--enable-sleep-mode" in start["argv"] and start["environment"]["VLLM_SERVER_DEV_MODE"] == "1"


def test_a_server_that_cannot_sleep_ends_instead(answer, fake, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_DEVICE", "cuda")
    fake.faults(no_sleep=True)
    answer()
    assert is_gone(fake.starts[0]["pid"])


PROGRAM = """
import os, signal, sys
from pathlib import Path
from crosstune.generation.vllm_config import VllmConfig
from crosstune.generation.vllm_pool import shared_server
from crosstune.generation.vllm_server import Served, VllmServer

model, folder, end, *command = sys.argv[1:]
served = Served(Path(model), "float32", VllmConfig(), adapters=True, sleeps=False)
server = VllmServer(served, command, largest_rank=16, seconds_to_start=60)
with shared_server(server, keep=True, log=Path(folder) / "vllm.log", on_wait=print):
    if end == "in the middle":
        os.kill(os.getpid(), signal.SIGKILL)
if end == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["in the middle", "killed", "by itself"])
def test_the_server_and_what_it_started_end_with_the_process_that_wanted_it(fake, tiny_model, tmp_path, end):
    program = [sys.executable, "-c", PROGRAM, str(tiny_model), str(tmp_path), end, *fake.command]
    fake.faults(child=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(program, env={**os.environ, "TMPDIR": str(temporary)}, timeout=120, check=False)
    assert done.returncode == (0 if end == "by itself" else -signal.SIGKILL)
    (start,) = fake.starts
    assert is_gone(start["pid"]) and is_gone(start["child"])
    until = time.monotonic() + 60
    while (left := list(temporary.iterdir())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left  # its log


def test_a_server_whose_keeper_is_killed_ends_too(answer, fake):
    answer([prompt("a")])
    (keeper,) = (p for p in psutil.Process().children() if "vllm_keeper.py" in " ".join(p.cmdline()))
    keeper.kill()
    assert is_gone(fake.starts[0]["pid"])


def test_steps_at_the_same_time_share_the_server_and_another_model_waits(answer, fake, adapter, tmp_path, tiny_model):
    other = shutil.copytree(tiny_model, tmp_path / "other")
    with ThreadPoolExecutor(3) as pool:
        steps = [
            pool.submit(answer, log="base"),
            pool.submit(answer, log="adapter", adapter=adapter("one")),
            pool.submit(answer, log="other", model_folder=other),
        ]
        found = [step.result()["one", "en"].text for step in steps]
    assert found == ["one", "eno", "one"]
    models = [start["argv"][0] for start in fake.starts]
    assert all(first != second for first, second in pairwise(models)) and set(models) == {str(tiny_model), str(other)}
    assert all(is_gone(start["pid"]) for start in fake.starts[:-1])


def test_an_interrupt_ends_the_server_and_keeps_what_came(answer, fake, tmp_path):
    def interrupt(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer(on_progress=interrupt, config=configured(vllm={"connections": 1}))
    assert is_gone(fake.starts[0]["pid"])
    assert len(RecordLog(tmp_path / "step" / "responses.jsonl", Response).read()) == 2
    assert len(answer()) == 6 and len(fake.requests()) == 6


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(fake, tiny_model):
    """Starts a server that is not crosstune's; gives its process and its address."""
    processes = []

    def start(name, key="", port=None):
        port = port or free_port()
        options = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", name]
        environment = {**os.environ, "VLLM_API_KEY": key}
        processes.append(subprocess.Popen([*fake.command, str(tiny_model), *options], env=environment))
        until = time.monotonic() + 20
        while not listens(port):
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.05)
        return processes[-1], f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_server_that_runs_already_is_used_and_left_alone(answer, fake, adapter, running, monkeypatch):
    process, url = running("some-name", key="secret")
    external = configured(vllm={"server": f"{url}/v1/"})
    with pytest.raises(ModelUnavailable, match=r"refuses the key.*VLLM_API_KEY"):
        answer([prompt("abc")], config=external)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    folder = adapter("one")
    assert answer([prompt("abc")], config=external, log="untuned")["abc", "en"].text == "abc"
    assert answer([prompt("abc")], config=external, adapter=folder, log="tuned")["abc", "en"].text == "cba"
    vllm_pool.close_server()  # and a later run of crosstune
    answer([prompt("abc")], config=external, adapter=folder, log="later")
    assert len(fake.adapters_loaded) == 1 and len(fake.starts) == 1
    assert fake.requests()[0]["model"] == "some-name"
    vllm_pool.close_server()
    assert process.poll() is None


def test_a_server_that_is_not_ours_to_start_is_waited_for(answer, fake, running):
    fake.faults(die_after=2, starts=1)
    process, url = running("tiny-llama")

    def start_again():
        process.wait()
        running("tiny-llama", port=int(url.rpartition(":")[2]))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(start_again)
        assert len(answer(config=configured(vllm={"server": url}))) == 6
    assert len(fake.starts) == 2


def test_a_server_with_another_model_or_none_is_refused(answer, fake, running, tmp_path, tiny_model):
    _, url = running("some-name")
    another = shutil.copytree(tiny_model, tmp_path / "another")
    with pytest.raises(ModelUnavailable, match="the server has some-name, and not another") as caught:
        answer(model_folder=another, config=configured(vllm={"server": url}))
    assert "--served-model-name another" in caught.value.hint
    with pytest.raises(ModelUnavailable, match="cannot be given a fully tuned model"):
        answer(model_folder=another, shared=False, config=configured(vllm={"server": url}))
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ModelUnavailable, match="no vLLM server answers there"):
        answer(config=configured(vllm={"server": nowhere}))
    assert not fake.requests()


def test_without_vllm_it_says_how_to_get_it(answer, monkeypatch):
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'crosstune\[vllm\]'"):
        answer(command=None)


def test_it_works_where_a_loop_is_running_already(answer):
    async def notebook():
        return answer([prompt("one")])

    assert asyncio.run(notebook())["one", "en"].text == "one"


def test_the_backend_is_part_of_the_identity_only_when_it_is_not_the_default():
    plain = GenerationConfig().identity()
    assert not {"backend", "vllm"} & set(plain)
    tuned = GenerationConfig(backend="vllm", vllm={"max_model_len": 2048}).identity()
    assert tuned == GenerationConfig(backend="vllm").identity() == plain | {"backend": "vllm"}
    for wrong in (
        {"backend": "vlm"},
        {"vllm": {"server": "localhost"}},
        {"vllm": {"max_loras": 0}},
        {"vllm": {"n": 1}},
    ):
        with pytest.raises(ValidationError):
            GenerationConfig(**wrong)


def cell(model, **generation):
    return Cell("r", resolve_base_model(str(model)), "chatml", None, configured(**generation), {})


def test_a_step_of_a_study_answers_with_the_backend_of_its_cell(fake, tiny_model, tmp_path, monkeypatch, adapter):
    """Untuned, with an adapter, and fully tuned: the first two share a server, which knows its place after all."""
    monkeypatch.setattr(backend, "_installed", lambda options: fake.command)
    prompts = tmp_path / "prompts"
    write_table(prompts / "prompts.parquet", Prompt, [prompt("abc")])
    shutil.copytree(adapter("lora"), tmp_path / "lora-training" / "model")
    shutil.copytree(tiny_model, tmp_path / "full-training" / "model")
    found = {}
    for name in ("untuned", "lora", "full"):
        inputs = {"prompts": prompts} | ({"training": tmp_path / f"{name}-training"} if name != "untuned" else {})
        answering.answer(Workspace(tmp_path / f"{name}-step", inputs, lambda progress: None), cell=cell(tiny_model))
        (found[name],) = (item.text for item in read_table(tmp_path / f"{name}-step" / "responses.parquet", Response))
        summary = json.loads((tmp_path / f"{name}-step" / "generation.json").read_text())
        assert summary["answers"] == 1 and summary["tokens_per_second"] > 0
    assert found == {"untuned": "abc", "lora": "cba", "full": "abc"}
    assert [Path(start["argv"][0]).parent.name for start in fake.starts] == [tiny_model.parent.name, "full-training"]
