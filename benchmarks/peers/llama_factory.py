"""LLaMA-Factory in an environment of its own, run as its users run it: `llamafactory-cli train config.yaml`.

python -m benchmarks.peers.llama_factory                makes the environment, in the user's cache (about 2.5 GB)
python -m benchmarks.peers.llama_factory --folder DIR   somewhere else, which CROSSTUNE_LLAMA_FACTORY then names

torch is the version that crosstune runs with, from where pip is set to look: the build for processors where that is
what is installed here. What else is given goes to pip.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from crosstune.records import Message
from crosstune.storage.digests import cache_folder

REQUIREMENTS = Path(__file__).with_name("llama-factory.txt")


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One training, as it reports of itself."""

    tokens: int
    """Real ones, as its own template and tokenizer make them."""
    seconds: float
    losses: list[float]
    memory_bytes: int


def environment() -> Path:
    """The folder of its environment."""
    return Path(os.environ.get("CROSSTUNE_LLAMA_FACTORY") or cache_folder() / "peers" / "llama-factory")


def command() -> Path | None:
    """Its program; None where it is not installed."""
    path = environment() / ("Scripts" if os.name == "nt" else "bin") / "llamafactory-cli"
    return path if path.exists() else None


def install(folder: Path, more: Sequence[str]) -> None:
    """Makes the environment.

    Args:
        folder: where; made if it is missing.
        more: arguments of pip.
    """
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    torch = f"torch=={metadata.version('torch')}"
    arguments = ["install", "--requirement", str(REQUIREMENTS), torch, *more]
    subprocess.run([python, "-m", "pip", *arguments], check=True)
    _without_cuda(python)


def _without_cuda(python: Path) -> None:
    """Takes out what would not load, as builds for CUDA beside a torch for processors: torchvision, and the compiled
    part of torchaudio. Training on text needs neither, but imports the second."""
    if subprocess.run([python, "-c", "import torchvision"], capture_output=True, check=False).returncode:
        subprocess.run([python, "-m", "pip", "uninstall", "--yes", "torchvision"], check=True)
    if subprocess.run([python, "-c", "import torchaudio"], capture_output=True, check=False).returncode:
        shutil.rmtree(_packages(python) / "torchaudio" / "lib")
        subprocess.run([python, "-c", "import torchaudio"], check=True)


def _packages(python: Path) -> Path:
    """Where a Python keeps its packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def alpaca(conversations: Sequence[Sequence[Message]]) -> list[dict[str, Any]]:
    """In the format that LLaMA-Factory calls `alpaca`: earlier turns are `history`."""
    rows = []
    for messages in conversations:
        texts = [message.content.strip() for message in messages]
        turns = list(zip(texts[::2], texts[1::2], strict=True))
        (question, answer), history = turns[-1], turns[:-1]
        rows.append({"instruction": question, "input": "", "output": answer, "history": history})
    return rows


def configuration(model: Path, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Its YAML: the settings of its own LoRA examples, and what every contestant has alike."""
    return {
        "model_name_or_path": str(model),
        "template": "gemma",
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_target": "all",
        "dataset": "benchmark",
        "dataset_dir": str(folder),
        "output_dir": str(folder / "out"),
        "overwrite_cache": True,
        "disable_shuffling": True,
        "num_train_epochs": 1.0,
        "lr_scheduler_type": "linear",
        "adam_beta2": 0.95,
        "weight_decay": 0.1,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "include_effective_tokens_per_second": True,
        **settings,
    }


def train(model: Path, conversations: Sequence[Sequence[Message]], settings: Mapping[str, Any]) -> PeerRun:
    """Trains once and reads what it says of its speed.

    Args:
        model: the folder of the base model.
        conversations: turns of user and assistant, in the order in which they are learned.
        settings: of its YAML.

    Raises:
        RuntimeError: it is not installed, or fails.
    """
    program = command()
    if program is None:
        raise RuntimeError("LLaMA-Factory is not installed: python -m benchmarks.peers.llama_factory")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "data.json").write_text(json.dumps(alpaca(conversations), ensure_ascii=False), "utf-8")
        columns = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
        information = {"benchmark": {"file_name": "data.json", "formatting": "alpaca", "columns": columns}}
        (folder / "dataset_info.json").write_text(json.dumps(information), "utf-8")
        # JSON is YAML.
        (folder / "config.yaml").write_text(json.dumps(configuration(model, folder, settings)), "utf-8")
        without = ("PYTHONPATH", "VIRTUAL_ENV")
        variables = {name: value for name, value in os.environ.items() if name not in without}
        variables |= {"DISABLE_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1"}
        with (folder / "log.txt").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(
                [program, "train", str(folder / "config.yaml")],
                cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            memory = _watched(process)
            log.seek(0)
            if process.returncode:
                raise RuntimeError(f"LLaMA-Factory failed: {log.read()[-2000:]}")
        results = json.loads((folder / "out" / "train_results.json").read_text("utf-8"))
        history = json.loads((folder / "out" / "trainer_state.json").read_text("utf-8"))["log_history"]
    seconds = results["train_runtime"]
    return PeerRun(
        round(results["effective_tokens_per_sec"] * seconds / results["epoch"]),
        seconds,
        [entry["loss"] for entry in history if "loss" in entry],
        memory,
    )


def _watched(process: "subprocess.Popen[Any]") -> int:
    """Waits for a process, and gives the most memory that it and its children took together."""
    most = 0

    def watch() -> None:
        nonlocal most
        with suppress(psutil.NoSuchProcess):
            whole = psutil.Process(process.pid)
            while process.poll() is None:
                family = [whole, *whole.children(recursive=True)]
                most = max(most, sum(one.memory_info().rss for one in family))
                time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    watcher.join()
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=environment())
    options, more = parser.parse_known_args()
    install(options.folder, more)
    print(f"installed in {options.folder}")
    sys.exit(0)


if __name__ == "__main__":
    main()
