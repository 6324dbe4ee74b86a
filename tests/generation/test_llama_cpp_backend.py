"""From prompts to responses by llama.cpp: a tiny model in float32, which must answer as it does by transformers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from tiny_gguf import write_tiny_gguf

from crosstune.errors import InvalidData, ModelUnavailable, StepFailed
from crosstune.generation import llama_cpp_program, llama_cpp_server, lora_gguf
from crosstune.generation.backends import llama_cpp as backend
from crosstune.generation.backends import transformers
from crosstune.generation.config import GenerationConfig
from crosstune.generation.llama_cpp_requests import PromptRequests
from crosstune.generation.llama_cpp_server import BadReply
from crosstune.models.base import resolve_base_model
from crosstune.models.loading import load_tokenizer
from crosstune.models.packaged import PACKAGED_MODELS, packaged_parts
from crosstune.records import Ending, Message, Prompt, Response
from crosstune.steps.step import Workspace
from crosstune.storage.tables import RecordLog, read_table, write_table
from crosstune.study import answering
from crosstune.study.grid import Cell

pytest.importorskip("xllamacpp")

pytestmark = pytest.mark.enable_socket  # loopback alone


def prompt(text: str, language: str = "en") -> Prompt:
    return Prompt(f"set/{text}", "set", "task", language, language, (Message("user", text),))


PROMPTS = [prompt(text) for text in ("Hi", "Hello there", "abc abc abc abc", "Ünï 漢字")]


def configured(**changes) -> GenerationConfig:
    return GenerationConfig(**{"max_new_tokens": 24, "backend": "llama.cpp"} | changes)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def lively(tiny_model, tmp_path_factory):
    """The tiny model with weights so large that its answers are of many tokens and no choice is a close one."""
    folder = tmp_path_factory.mktemp("lively") / "model"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    larger = {name: tensor * (8 if tensor.dim() == 2 else 1) for name, tensor in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def gguf(lively):
    return write_tiny_gguf(lively, lively.parent / "model.gguf")


@pytest.fixture(scope="module")
def adapter(lively):
    """A LoRA adapter that changes every answer, of all linear layers."""
    from peft import LoraConfig, get_peft_model

    from crosstune.models.loading import load_model

    torch.manual_seed(1)
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=layers, init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(load_model(lively, dtype=torch.float32, device="cpu"), config)
    model.save_pretrained(lively.parent / "adapter")
    return lively.parent / "adapter"


@pytest.fixture
def answer(lively, gguf, tmp_path):
    def generate(prompts=PROMPTS, *, log="step", **changes):
        """The answers by the text of their prompts."""
        records = RecordLog(tmp_path / log / "responses.jsonl", Response)
        arguments = {
            "run": "r",
            "model_folder": lively,
            "adapter": None,
            "chat_format": "chatml",
            "config": configured(),
            "seed": 0,
            "gguf": gguf,
            "threads": 1,
        }
        backend.generate(prompts, log=records, **arguments | changes)
        return {item.prompt_id.removeprefix("set/"): item for item in records.read()}

    return generate


@pytest.fixture
def expected(lively, tmp_path):
    def generate(adapter=None, **changes):
        records = RecordLog(tmp_path / "transformers" / "responses.jsonl", Response)
        config = GenerationConfig(**{"max_new_tokens": 24, "dtype": "float32"} | changes)
        transformers.generate(
            PROMPTS,
            run="r",
            model_folder=lively,
            adapter=adapter,
            chat_format="chatml",
            config=config,
            seed=0,
            log=records,
        )
        return {item.prompt_id.removeprefix("set/"): item for item in records.read()}

    return generate


def essence(answers):
    return {
        name: (item.text, item.ending, item.prompt_tokens, item.completion_tokens) for name, item in answers.items()
    }


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_answers_are_those_of_transformers(answer, expected, penalty):
    mine = answer(config=configured(repetition_penalty=penalty))
    assert essence(mine) == essence(expected(repetition_penalty=penalty))
    assert len({item.text for item in mine.values()}) == len(PROMPTS)


def test_an_adapter_changes_answers_as_it_does_in_transformers(answer, expected, adapter, monkeypatch):
    mine = answer(adapter=adapter)
    assert essence(mine) == essence(expected(adapter))
    plain = answer(log="plain")
    assert all(mine[name].text != plain[name].text for name in mine)
    # What the order of rows in a head is worth: with that of transformers the answers are others.
    monkeypatch.setitem(lora_gguf.ARCHITECTURES, "llama", lora_gguf.Architecture("llama", permutes=False))
    wrong = answer(adapter=adapter, log="wrong")
    assert essence(wrong) != essence(mine)


def test_progress_log_and_what_was_answered_before(answer, tmp_path):
    seen = []
    first = answer(PROMPTS[:2])
    answers = answer(on_progress=seen.append)
    assert [(item.done, item.total) for item in seen] == [(2, 4), (3, 4), (4, 4)]
    assert seen[-1].tokens_per_second > 0
    assert {name: answers[name] for name in first} == first
    assert len((tmp_path / "step" / "responses.jsonl").read_text().splitlines()) == 4
    assert [path.name for path in (tmp_path / "step").iterdir()] == ["responses.jsonl"]  # no warnings, no log
    answer(gguf=Path("nowhere"))  # nothing left to ask: no server is started


def test_draws_depend_on_the_seed_and_not_on_the_other_prompts(answer):
    config = configured(temperature=1.5, top_k=50, top_p=0.95)
    together = answer(config=config)
    alone = answer([PROMPTS[2]], config=config, log="alone")
    other = answer(config=config, seed=1, log="other")
    name = "abc abc abc abc"
    assert alone[name].text == together[name].text
    assert {item.text for item in other.values()}.isdisjoint({item.text for item in together.values()})


def test_a_prompt_beyond_the_context_is_refused_and_a_long_one_gets_what_is_left(answer):
    with pytest.raises(InvalidData, match="the model reads 512"):
        answer([prompt("a" * 600)])
    room = 20
    long = prompt("a" * 400)
    (probe,) = answer([long], config=configured(max_new_tokens=1), log="probe").values()
    fitting = prompt("a" * (400 + 512 - probe.prompt_tokens - room))
    (item,) = answer([fitting], config=configured(max_new_tokens=200), log="long").values()
    assert (item.prompt_tokens, item.completion_tokens, item.ending) == (512 - room, room, Ending.LENGTH)


def test_a_damaged_model_is_no_crash(answer, tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and no more")
    with pytest.raises(ModelUnavailable, match=r"cannot load the model(.|\n)*the last lines of its log"):
        answer(gguf=tmp_path / "bad.gguf")


def test_when_the_server_is_killed_the_answers_before_stay(answer, tmp_path, monkeypatch):
    ask = llama_cpp_server.LlamaCppServer.ask
    asked = []

    def dying(self, body):
        asked.append(body)
        if len(asked) == 3:
            self._process.kill()
        return ask(self, body)

    records = RecordLog(tmp_path / "step" / "responses.jsonl", Response)
    monkeypatch.setattr(llama_cpp_server.LlamaCppServer, "ask", dying)
    with pytest.raises(StepFailed, match=r"the server ended \(status -9\); 2 of 4 prompts are not answered"):
        answer(config=configured(tokens_per_batch=1))  # one after the other
    assert len(records.read()) == 2
    monkeypatch.setattr(llama_cpp_server.LlamaCppServer, "ask", ask)
    assert len(answer()) == 4
    assert len(records.read()) == 4


def test_without_the_package_what_to_install_is_said(answer, monkeypatch):
    monkeypatch.setattr(llama_cpp_server, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'crosstune\[serve\]'"):
        answer()


def test_the_server_ends_with_a_process_that_is_killed(gguf):
    settings = {"gguf": str(gguf), "adapter": None, "slots": 1, "context": 256, "threads": 1, "key": "k"}
    script = (
        "import subprocess, sys, time\n"
        f"server = subprocess.Popen([sys.executable, '-P', {llama_cpp_program.__file__!r}], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        f"server.stdin.write({json.dumps(settings)!r}.encode() + b'\\n')\n"
        "server.stdin.flush()\n"
        "print(server.stdout.readline().decode().strip(), server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    line = parent.stdout.readline().split()
    assert "http://127.0.0.1:" in line[1]
    server = int(line[-1])
    assert psutil.pid_exists(server)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while psutil.pid_exists(server) and psutil.Process(server).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "the server outlived the process that started it"
        time.sleep(0.05)


class TestRequests:
    """How an answer is put together, against replies made up here."""

    @pytest.fixture
    def requests(self, lively):
        return PromptRequests(PROMPTS[:1], lively, "chatml", config=configured(max_new_tokens=10), seed=0)

    def ids(self, folder, *tokens):
        return [int(number) for number in load_tokenizer(folder).convert_tokens_to_ids(list(tokens))]

    def answer(self, requests, *replies):
        left, bodies = list(replies), []

        def ask(body):
            bodies.append(body)
            ids, why = left.pop(0)
            return {"tokens": ids, "stop_type": why}

        found = requests.answer(requests.requests[0], ask)
        assert not left
        return found, bodies

    def test_the_end_of_a_turn_ends_it(self, requests, lively):
        ids = self.ids(lively, "a", "b", "<|im_end|>")
        assert self.answer(requests, (ids, "eos"))[0] == ids
        item = requests.response(requests.requests[0], ids, "r", 0.5)
        assert (item.text, item.ending, item.completion_tokens) == ("ab", Ending.END_TOKEN, 3)

    def test_the_beginning_of_another_turn_ends_it(self, requests, lively):
        ids = self.ids(lively, "a", "<|im_start|>")
        found, bodies = self.answer(requests, (ids, "word"))
        assert found == ids
        assert "<|im_start|>" in bodies[0]["stop"]

    def test_an_end_that_the_format_does_not_know_is_gone_beyond(self, requests, lively):
        # <pad> stands for a token that llama.cpp alone takes for an end.
        first, second = self.ids(lively, "a", "<pad>"), self.ids(lively, "b", "</s>")
        found, bodies = self.answer(requests, (first, "eos"), (second, "eos"))
        assert found == [*first, *second]
        assert bodies[1]["prompt"] == [*bodies[0]["prompt"], *first]
        assert [body["n_predict"] for body in bodies] == [10, 8]

    def test_the_limit_ends_it(self, requests, lively):
        ids = self.ids(lively, *"abcdefghij")
        assert self.answer(requests, (ids, "limit"))[0] == ids
        assert requests.response(requests.requests[0], ids, "r", 0.5).ending is Ending.LENGTH

    @pytest.mark.parametrize(
        "reply", [([5] * 11, "limit"), ([5] * 3, "limit"), ([], "eos"), (None, "eos"), ([5], "none")]
    )
    def test_a_reply_that_is_no_answer_is_refused(self, requests, reply):
        with pytest.raises(BadReply, match="the answer"):
            self.answer(requests, reply)


def test_one_prompt_that_gets_no_answer_does_not_cost_the_others_theirs(answer, tmp_path, monkeypatch):
    ask = llama_cpp_server.LlamaCppServer.ask

    def picky(self, body):
        if len(body["prompt"]) == longest:
            raise BadReply("status 500: no")
        return ask(self, body)

    longest = max(item.prompt_tokens for item in answer(log="all", config=configured(max_new_tokens=1)).values())
    monkeypatch.setattr(llama_cpp_server.LlamaCppServer, "ask", picky)
    with pytest.raises(StepFailed, match=r"1 of 4 prompts were not answered; the first is 'set/abc abc abc abc'.*500"):
        answer()
    assert len(RecordLog(tmp_path / "step" / "responses.jsonl", Response).read()) == 3


def test_a_precision_is_refused_as_the_file_has_its_own():
    with pytest.raises(ValidationError, match=r"dtype is not for backend: llama.cpp"):
        GenerationConfig(backend="llama.cpp", dtype="bfloat16")


def test_the_backend_is_part_of_what_answers_are_known_by():
    assert configured().identity()["backend"] == "llama.cpp"
    assert "backend" not in GenerationConfig().identity()


@pytest.mark.packaged_model
def test_a_step_answers_with_a_packaged_model(tmp_path):
    base = resolve_base_model("smollm2-135m")
    try:
        packaged_parts(PACKAGED_MODELS[base.name])
    except ModelUnavailable as error:
        pytest.skip(str(error))
    write_table(tmp_path / "prompts" / "prompts.parquet", Prompt, PROMPTS[:2])
    cell = Cell("untuned", base, "chatml", None, configured(max_new_tokens=4), {})
    answering.answer(Workspace(tmp_path / "step", {"prompts": tmp_path / "prompts"}, lambda progress: None), cell=cell)
    found = read_table(tmp_path / "step" / "responses.parquet", Response)
    assert {item.prompt_id for item in found} == {"set/Hi", "set/Hello there"}
    assert all(item.text.isprintable() and item.completion_tokens <= 4 for item in found)
    assert json.loads((tmp_path / "step" / "generation.json").read_text())["answers"] == 2
