"""`crosstune answer`: one model answers prompts from files, however many, here or spread over a cluster."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.cluster_options import (
    AddressOption,
    CpusOption,
    DeviceOption,
    ExecutorName,
    ExecutorOption,
    PatienceOption,
    RetriesOption,
    WorkersOption,
    cluster_choice,
)
from crosstune.cli.console import console, counted, end_politely, error_console, plain
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.generation.config import GenerationConfig


def answer(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Prompts: .parquet, .jsonl, .json, .csv or .tsv, with `text` or `messages`, or a study's prompts.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="MODEL", help="A base model's name, a folder, or org/name of the hub."),
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the answers: .parquet or .jsonl.", show_default=False)],
    adapter: Annotated[
        Path | None,
        typer.Option("--adapter", metavar="FOLDER", help="A LoRA adapter for the model.", show_default=False),
    ] = None,
    chat_format: Annotated[
        str | None,
        typer.Option("--chat-format", metavar="NAME", help="How prompts become text; default: the model's own."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", "-l", metavar="LANGUAGE", help="Language of prompts whose row has none."),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            help="transformers; vllm, on GPUs; or llama.cpp, on a CPU. Default: transformers.",
            show_default=False,
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", help="Tokens after which an answer is cut off.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of `generation` in a study file, as in temperature=0.7 or vllm.max_model_len=4096; "
            "repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For sampling.")] = 0,
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="What the answers say has answered.", show_default=False)
    ] = None,
    with_prompts: Annotated[
        bool, typer.Option("--with-prompts", help="Add to each answer what its prompt says and asks for.")
    ] = False,
    block: Annotated[
        int | None, typer.Option("--block", min=1, help="Prompts that a worker is handed at once.", show_default="1000")
    ] = None,
    executor: ExecutorOption = ExecutorName.LOCAL,
    address: AddressOption = None,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    cpus: CpusOption = None,
    retries: RetriesOption = None,
    patience: PatienceOption = None,
) -> None:
    """Have a model answer prompts from files, here or on many GPUs. Stopped, the same command goes on."""
    from crosstune.languages import language as known_language
    from crosstune.models.base import resolve_base_model
    from crosstune.study.answer_files import BLOCK_SIZE, Answering, answer_files
    from crosstune.study.cluster import ray_cluster
    from crosstune.study.spread import spread_here, spread_on

    chosen = cluster_choice(
        executor, address=address, device=device, workers=workers, cpus=cpus, retries=retries, patience=patience
    )
    config = _config(overrides or [], backend=backend, max_new_tokens=max_new_tokens)
    answering = Answering(
        files=tuple(files),
        model=resolve_base_model(model, where="--model"),
        config=config,
        adapter=adapter,
        chat_format=_chat_format(chat_format),
        language=None if language is None else known_language(language, where="--language").code,
        seed=seed,
        run=run,
        with_prompts=with_prompts,
    )
    spread = spread_here
    if executor is ExecutorName.RAY:
        count = chosen.pop("workers", None)
        spread = spread_on(ray_cluster(**chosen), count)
    end_politely()
    try:
        with ProgressBar("answering") as bar:
            summary = answer_files(
                answering,
                out,
                spread=spread,
                block_size=block or BLOCK_SIZE,
                on_progress=bar.on_progress,
                on_wait=lambda who: error_console.print(f"waiting: {plain(who)}", soft_wrap=True),
            )
    except KeyboardInterrupt:
        error_console.print(
            "\n[yellow bold]Interrupted.[/yellow bold] Answers are kept. "
            f"Go on with: {plain(shlex.join(['crosstune', *sys.argv[1:]]))}",
            soft_wrap=True,
        )
        sys.exit(130)
    speed = f", {summary.tokens_per_second:,.0f} tokens/s" if summary.tokens_per_second else ""
    note = "" if summary.new else " (finished before)"
    console.print(
        f"[green]✓[/green] {counted(summary.answers, 'answer')} in [bold]{plain(str(out))}[/bold]{note}{speed}",
        soft_wrap=True,
    )


def _chat_format(named: str | None) -> str | None:
    from crosstune.errors import InvalidStudy, did_you_mean
    from crosstune.models.chat_formats import CHAT_FORMATS

    if named is not None and named not in CHAT_FORMATS:
        hint = did_you_mean(named, CHAT_FORMATS)
        raise InvalidStudy(f"unknown chat format '{named}'", where="--chat-format", hint=hint)
    return named


def _config(overrides: list[str], **given: Any) -> "GenerationConfig":
    """The settings of generation, with errors as of a study file."""
    from pydantic import ValidationError

    from crosstune.errors import InvalidStudy, did_you_mean
    from crosstune.generation.config import GenerationConfig
    from crosstune.generation.vllm_config import VllmConfig
    from crosstune.study.document import StudyDocument

    data = StudyDocument({}, {}, "--set").with_overrides(overrides).data
    data |= {name: value for name, value in given.items() if value is not None}
    try:
        return GenerationConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        last = str(first["loc"][-1]) if first["loc"] else ""
        hint = None
        if first["type"] == "extra_forbidden":
            known = VllmConfig.model_fields if name.startswith("vllm.") else GenerationConfig.model_fields
            hint = did_you_mean(last, known)
        option = f"--{last.replace('_', '-')}" if given.get(last) is not None else f"--set {name}"
        what = "there is no such setting" if hint else first["msg"].removeprefix("Value error, ")
        raise InvalidStudy(what, where=option if name else "--set", hint=hint) from None
