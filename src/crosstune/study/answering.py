"""The generation stage: lets the model of a cell answer every prompt, here or over an API, and writes its tables.

responses.jsonl      while answers are coming
responses.parquet    all of them
vllm.log             what the vLLM server wrote meanwhile, where that is the backend
llama.cpp.log        what llama.cpp warned of meanwhile, where that is the backend, if anything
generation.json      how many, and how fast; written last
"""

import gc
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crosstune.errors import StorageFailure
from crosstune.models.kept import let_model_go
from crosstune.records import Prompt, Response
from crosstune.steps.step import Workspace
from crosstune.storage.atomic import write_atomic
from crosstune.study.grid import ApiCell, Cell

if TYPE_CHECKING:
    from crosstune.generation.backend import Backend
    from crosstune.storage.tables import RecordLog


def answer(workspace: Workspace, *, cell: Cell) -> None:
    """Lets the cell's model, tuned or not, answer every prompt."""
    from crosstune.models.prepare import prepare
    from crosstune.storage.tables import read_table

    if _is_answered(workspace):
        return
    base = prepare(cell.base_model, workspace.on_progress)
    tuned = _tuned(workspace)
    is_adapter = tuned is not None and (tuned / "adapter_config.json").exists()
    log = _log_of(cell.name, workspace.out / "responses.jsonl")
    generate = _backend(cell, fully_tuned=tuned is not None and not is_adapter)
    with freed_memory():
        generate(
            read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt),
            run=cell.name,
            model_folder=base if tuned is None or is_adapter else tuned,
            adapter=tuned if is_adapter else None,
            chat_format=cell.chat_format,
            config=cell.generation,
            seed=_seed(cell),
            log=log,
            on_progress=workspace.on_progress,
        )
    _write_responses(workspace, log)


def answer_together(workspaces: Sequence[Workspace], cells: Sequence[Cell]) -> None:
    """Lets cells of one base model, asked the same prompts, answer in the same batches; leaves each its answers.

    Args:
        workspaces: of the steps of the cells, which finish them.
        cells: alike in all but their tuning, which leaves the base model's weights as they are.
    """
    from crosstune.generation.backend import Answerer
    from crosstune.generation.backends.transformers import generate_together
    from crosstune.models.prepare import prepare
    from crosstune.storage.tables import read_table

    left = [pair for pair in zip(workspaces, cells, strict=True) if not _is_answered(pair[0])]
    if len(left) < 2:
        return
    first, cell = left[0]
    base = prepare(cell.base_model, first.on_progress)
    with freed_memory():
        generate_together(
            read_table(first.inputs["prompts"] / "prompts.parquet", Prompt),
            [
                Answerer(
                    run=cell.name,
                    adapter=_tuned(workspace),
                    seed=_seed(cell),
                    log=_log_of(cell.name, workspace.out / "responses.jsonl"),
                    on_progress=workspace.on_progress,
                )
                for workspace, cell in left
            ],
            model_folder=base,
            chat_format=cell.chat_format,
            config=cell.generation,
        )


def _tuned(workspace: Workspace) -> Path | None:
    return workspace.inputs["training"] / "model" if "training" in workspace.inputs else None


def _seed(cell: Cell) -> int:
    return cell.tuning.seed if cell.tuning is not None else 0


def _backend(cell: Cell, *, fully_tuned: bool) -> "Backend":
    if cell.generation.backend != "transformers":
        let_model_go()  # another program needs the memory
    if cell.generation.backend == "vllm":
        from crosstune.generation.backends import vllm

        return partial(vllm.generate, shared=not fully_tuned)
    if cell.generation.backend == "llama.cpp":
        from crosstune.generation.backends import llama_cpp
        from crosstune.models.packaged import PACKAGED_MODELS
        from crosstune.models.packaged_gguf import packaged_gguf

        return partial(llama_cpp.generate, gguf=packaged_gguf(PACKAGED_MODELS[cell.base_model.location]))
    from crosstune.generation.backends import transformers

    return transformers.generate


def answer_over_api(workspace: Workspace, *, cell: ApiCell) -> None:
    """Lets the cell's model answer every prompt over its API."""
    from crosstune.generation.backends.inspect import generate
    from crosstune.storage.tables import read_table

    if _is_answered(workspace):
        return
    log = _log_of(cell.name, workspace.out / "responses.jsonl")
    generate(
        read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt),
        run=cell.name,
        model=cell.model.model,
        base_url=cell.model.base_url,
        config=cell.generation,
        log=log,
        on_progress=workspace.on_progress,
        connections=cell.model.connections,
    )
    _write_responses(workspace, log)


def _is_answered(workspace: Workspace) -> bool:
    """Whether an earlier try was killed between the end of its work and the step's completion, and all is whole."""
    from crosstune.storage.tables import read_frame

    try:
        said = json.loads((workspace.out / "generation.json").read_text("utf-8"))["answers"]  # written last
        if len(read_frame(workspace.out / "responses.parquet")) != said:
            return False
    except (OSError, ValueError, KeyError, TypeError, StorageFailure):
        return False
    (workspace.out / "responses.jsonl").unlink(missing_ok=True)
    return True


def _write_responses(workspace: Workspace, log: "RecordLog[Response]") -> None:
    from crosstune.storage.tables import write_table

    responses = sorted(log.read(), key=lambda response: (response.language, response.prompt_id))
    write_table(workspace.out / "responses.parquet", Response, responses)
    seconds = sum(response.seconds for response in responses)
    tokens = sum(response.completion_tokens for response in responses)
    summary = {
        "answers": len(responses),
        "completion_tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else None,
    }
    write_atomic(workspace.out / "generation.json", json.dumps(summary, indent=1))
    log.path.unlink()


def _log_of(run: str, path: Path) -> "RecordLog[Response]":
    """The log of answers of a step, which may have been begun under another name of the cell."""
    from crosstune.storage.tables import RecordLog

    log = RecordLog(path, Response)
    begun = log.read()
    if any(response.run != run for response in begun):
        renamed = RecordLog(path.with_name("renamed.jsonl"), Response)
        renamed.path.write_bytes(b"")
        renamed.append([replace(response, run=run) for response in begun])
        renamed.path.replace(path)
    return log


@contextmanager
def freed_memory() -> Iterator[None]:
    """Gives a model's memory back at once: the next step runs in the same process."""
    try:
        yield
    finally:
        gc.collect()
        if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()
