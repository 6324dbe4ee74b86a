"""Has one model answer prompts from files, however many, here or spread over a cluster: no study is needed.

<out>                  the answers, rows of `records.Response`; .parquet or .jsonl; written last
<out>.json             what answered, with what, how many and how fast; beside it from then on
.<out>.answering/      while they are coming: see `generation.prompt_blocks`; then it is gone
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.errors import CrosstuneError, InvalidData, StepFailed, StorageFailure
from crosstune.models.base import BaseModel, model_identity
from crosstune.progress import OnProgress, ignore_progress
from crosstune.steps.executors.pieces import Done, GivenUp, MakeWorker, OnPiece
from crosstune.steps.step import Needs
from crosstune.storage.atomic import write_atomic
from crosstune.storage.digests import file_digest
from crosstune.storage.locks import lock
from crosstune.study.backend_checks import require_answers
from crosstune.study.environment import environment
from crosstune.study.estimate import generation_cost
from crosstune.study.grid import DEFAULT_CHAT_FORMAT
from crosstune.study.machines import accelerator
from crosstune.study.spread import Spread, Told, spread_here

if TYPE_CHECKING:
    from crosstune.generation.block_answerer import Asked
    from crosstune.generation.config import GenerationConfig
    from crosstune.generation.prompt_blocks import PromptBlocks

BLOCK_SIZE = 1_000
"""Prompts that are handed to a worker at once: so many that starting on them costs nothing, so few that all workers end
at about the same time."""
SUFFIXES = (".parquet", ".jsonl")
_CPUS = 4.0
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers which prompts.

    Attributes:
        files: of prompts, see `prompts.prompt_file`.
        model: that answers.
        config: how it generates.
        adapter: a LoRA adapter for it; None: the model as it is.
        chat_format: by which prompts become text; None: that of the model.
        language: of prompts whose row names none.
        seed: for sampling.
        run: what the answers say has answered; None: the name of the model, and of the adapter's folder.
        with_prompts: whether each row of answers also has what its prompt says and asks for.
    """

    files: tuple[Path, ...]
    model: BaseModel
    config: "GenerationConfig"
    adapter: Path | None = None
    chat_format: str | None = None
    language: str | None = None
    seed: int = 0
    run: str | None = None
    with_prompts: bool = False

    @property
    def run_name(self) -> str:
        """What the answers say has answered."""
        if self.run is not None:
            return self.run
        model = self.model.name.rstrip("/").split("/")[-1]
        return model if self.adapter is None else f"{model}_{self.adapter.resolve().name}"

    def about(self) -> dict[str, Any]:
        """What decides the answers.

        Raises:
            InvalidData: a file of prompts cannot be read.
            ModelUnavailable: a file of the model or the adapter is missing.
        """
        from crosstune.errors import ModelUnavailable

        try:
            prompts = [file_digest(path) for path in self.files]
        except OSError as error:
            raise InvalidData(f"cannot be read ({error.strerror})", where=str(error.filename)) from error
        adapter = None
        if self.adapter is not None:
            try:
                adapter = [file_digest(self.adapter / name) for name in _ADAPTER_FILES]
            except OSError as error:
                raise ModelUnavailable(
                    f"the adapter has no {Path(str(error.filename)).name}",
                    where=str(self.adapter),
                    hint="name the folder that holds adapter_config.json, such as training/…/model of a study",
                ) from error
        return {
            "prompts": prompts,
            "language": self.language,
            "model": model_identity(self.model),
            "adapter": adapter,
            "chat_format": self.chat_format or self.model.chat_format or DEFAULT_CHAT_FORMAT,
            "generation": self.config.identity(),
            "seed": self.seed,
            "run": self.run_name,
            "with_prompts": self.with_prompts,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it.

    Attributes:
        answers: in the file.
        new: that came in this run.
        completion_tokens: of all answers.
        tokens_per_second: of this run, all workers together; None where nothing was left to do.
    """

    answers: int
    new: int
    completion_tokens: int
    tokens_per_second: float | None


def answer_files(
    answering: Answering,
    out: Path,
    *,
    spread: Spread = spread_here,
    block_size: int = BLOCK_SIZE,
    on_progress: OnProgress = ignore_progress,
    on_wait: Callable[[str], None] | None = None,
    vllm_command: tuple[str, ...] | None = None,
) -> Summary:
    """Answers the prompts, going on from where an earlier call ended.

    Args:
        answering: what answers which prompts.
        out: a `.parquet` or `.jsonl` file. Its folder must be the same on all machines.
        spread: where the work is done.
        block_size: prompts that are handed out together, of a fresh start.
        on_progress: told how many prompts are answered.
        on_wait: told who is at the same `out`.
        vllm_command: in place of the installed vLLM's.

    Raises:
        InvalidData: a prompt cannot be used, or `out` is of something else.
        InvalidStudy: the backend cannot answer with this model.
        ModelUnavailable: the model, adapter or backend cannot be used.
        StepFailed: some prompts are not answered; the answers to the others are kept.
        CrosstuneError: what else ended it; what is finished is kept.
    """
    if out.suffix not in SUFFIXES:
        raise InvalidData(f"'{out}' ends in none of {', '.join(SUFFIXES)}", where="--out")
    if out.is_dir():
        raise InvalidData("this is a folder", where=str(out), hint=f"name a file in it: {out / 'responses.parquet'}")
    require_answers(answering.model, None, answering.config, where=None)
    out = out.resolve()
    folder = out.with_name(f".{out.name}.answering")
    with lock(folder.with_name(f".{out.name}.lock"), f"answers for {out.name}", on_wait=on_wait):
        about = answering.about()
        if (finished := _finished(out, about)) is not None:
            return finished
        started = time.monotonic()
        blocks = _blocks(answering, folder, about, block_size, on_progress)
        before = blocks.answered()
        asked = _asked(answering, about, vllm_command)
        _answer(blocks, asked, partial(spread, folder=folder, needs=_needs(answering)), before, on_progress)
        total = blocks.join(out, with_prompts=answering.with_prompts)
        seconds = time.monotonic() - started
        new = total.answers - before
        speed = total.completion_tokens * new / total.answers / seconds if new else None
        summary = Summary(total.answers, new, total.completion_tokens, speed)
        facts = {
            "about": about,
            "summary": asdict(summary) | {"seconds": seconds},
            "files": [str(path) for path in answering.files],
            "model": answering.model.name,
            "environment": environment(),
        }
        write_atomic(_facts_path(out), json.dumps(facts, ensure_ascii=False, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        return summary


def _facts_path(out: Path) -> Path:
    return out.with_name(out.name + ".json")


def _finished(out: Path, about: Mapping[str, Any]) -> Summary | None:
    from crosstune.generation.prompt_blocks import require_same

    if not out.exists():
        return None
    try:
        facts = json.loads(_facts_path(out).read_text("utf-8"))
        summary, earlier = facts["summary"], dict(facts["about"])
        finished = Summary(int(summary["answers"]), 0, int(summary["completion_tokens"]), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Killed between the two files: the blocks are there still, and are joined again.
        if out.with_name(f".{out.name}.answering").is_dir():
            return None
        raise InvalidData("there is such a file already", where=str(out), hint="name another, or delete it") from error
    require_same(earlier, about, where=str(out))
    return finished


def _blocks(
    answering: Answering, folder: Path, about: Mapping[str, Any], size: int, on_progress: OnProgress
) -> "PromptBlocks":
    from crosstune.generation.prompt_blocks import cut_up, find_blocks
    from crosstune.prompts.prompt_file import stream_prompts

    found = find_blocks(folder, about)
    if found is not None:
        return found
    prompts = stream_prompts(answering.files, language=answering.language)
    try:
        return cut_up(prompts, folder, size=size, about=about, on_progress=on_progress)
    except InvalidData:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _asked(answering: Answering, about: Mapping[str, Any], vllm_command: tuple[str, ...] | None) -> "Asked":
    from crosstune.generation.block_answerer import Asked

    return Asked(
        model=answering.model,
        adapter=answering.adapter.resolve() if answering.adapter is not None else None,
        chat_format=about["chat_format"],
        config=answering.config,
        seed=answering.seed,
        run=answering.run_name,
        vllm_command=vllm_command,
    )


def _answer(
    blocks: "PromptBlocks",
    asked: "Asked",
    spread: Callable[[Sequence[int], MakeWorker, OnPiece], Iterator[Done | GivenUp]],
    before: int,
    on_progress: OnProgress,
) -> None:
    from crosstune.generation.block_answerer import BlockAnswerer

    pieces = blocks.unfinished()
    progress = Told(blocks.prompts, before, on_progress)
    given_up: list[GivenUp] = []
    if pieces:
        for ending in spread(pieces, partial(BlockAnswerer, blocks, asked), progress.of_piece):
            if isinstance(ending, Done):
                progress.done(ending.piece, ending.result.answers)
            else:
                given_up.append(ending)
    if given_up:
        more = f" (and {len(given_up) - 1} more blocks)" if len(given_up) > 1 else ""
        raise _not_all(given_up[0].error, blocks, more)


def _not_all(first: CrosstuneError, blocks: "PromptBlocks", more: str) -> CrosstuneError:
    if isinstance(first, StorageFailure):
        return first
    kept = f"{blocks.answered()} of {blocks.prompts} answers are kept"
    hint = f"{first.hint}; {kept}" if first.hint else f"{kept}; the same command goes on"
    return StepFailed(f"not all prompts are answered: {first.message}{more}", where=first.where, hint=hint)


def _needs(answering: Answering) -> Needs:
    cost = generation_cost(answering.model.shape, 1, answering.config, accelerator("h100"), None)
    return Needs(cpus=_CPUS, gpus=1.0, memory_bytes=cost.memory_bytes)
