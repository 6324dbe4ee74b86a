"""`crosstune data translate`: an instruction or prompt set in another language, doubtful rows set apart."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import amount, console, counted, error_console, plain
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.translation.documents import Document
    from crosstune.translation.translate import TranslationSummary
    from crosstune.translation.translator import Translator


def translate(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A set of instructions or prompts: packaged (starter-en, everyday), a file, or hub:org/name. "
            "Several packaged prompt sets go into one file.",
            show_default=False,
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="CODE", help="Language wanted.", show_default=False)],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="With --endpoint: the chat model's name there. Without: a translation model, as a folder or hub id.",
            show_default=False,
        ),
    ],
    source_language: Annotated[str, typer.Option("--from", metavar="CODE", help="Language of the source.")] = "en",
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="URL", help="Base URL of a chat endpoint that speaks OpenAI's protocol."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; default: <set>.<language>.jsonl here.", show_default=False),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many rows, for a try.")] = None,
    keep_flagged: Annotated[
        bool, typer.Option("--keep-flagged", help="Keep doubtful rows in the file too, so that no id is missing.")
    ] = False,
    prompts: Annotated[
        bool | None,
        typer.Option(
            "--prompts/--instructions", help="What SOURCE holds; default: told by its columns.", show_default=False
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Rows under way at once at an endpoint.")] = 8,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the endpoint's key.")
    ] = "OPENAI_API_KEY",
) -> None:
    """Translate a set: code, placeholders and ids stay; an interrupted run goes on; doubtful rows are set apart."""
    from crosstune.errors import InvalidData
    from crosstune.languages import language
    from crosstune.translation.flags import meaning_is_checked
    from crosstune.translation.translate import translate as translate_documents

    target, known_source = language(to, where="--to").code, language(source_language, where="--from").code
    if target == known_source:
        raise InvalidData(f"the set is in '{target}' already", where="--to", hint="say another language")
    documents = _documents(sources, known_source, prompts)[:limit]
    path = out or Path(f"{_name(sources[0])}.{target}.jsonl" if len(sources) == 1 else f"{target}.jsonl")
    if path.suffix != ".jsonl":
        raise InvalidData(f"'{path}' does not end in .jsonl", where="--out", hint="the translation is JSON Lines")
    letters = sum(len(text) for document in documents for text in document.texts)
    console.print(
        f"{counted(len(documents), 'row')} with {amount(letters)} characters from {language(known_source).name} to "
        f"{language(target).name}, by [bold]{plain(model)}[/bold]{f' at {plain(endpoint)}' if endpoint else ''}",
        soft_wrap=True,
    )
    if not meaning_is_checked(known_source, target):
        console.print(
            "[yellow]note:[/yellow] the sentence encoder does not know both languages: whether meanings agree is not "
            "checked",
            soft_wrap=True,
        )
    translator = _translator(model, endpoint, api_key_env, concurrency)
    try:
        with ProgressBar("translating") as bar:
            summary = translate_documents(
                documents,
                translator,
                source=known_source,
                target=target,
                out=path,
                keep_flagged=keep_flagged,
                on_progress=bar.on_progress,
            )
    except KeyboardInterrupt:
        error_console.print(
            "\n[yellow bold]Interrupted.[/yellow bold] What is translated is kept; the same command goes on."
        )
        sys.exit(130)
    _show(summary, path)
    if summary.failures:
        sys.exit(1)


def _documents(sources: list[str], language: str, prompts: bool | None) -> "list[Document]":
    from crosstune.errors import InvalidData
    from crosstune.instructions.config import InstructionsConfig
    from crosstune.prompts.packaged import packaged_sets
    from crosstune.translation.documents import conversation_documents, is_prompt_set, prompt_documents

    if all(source in packaged_sets() for source in sources):
        return [document for source in sources for document in prompt_documents(source, Path(), language)]
    if len(sources) == 1:
        _check_name(sources[0])
    if len(sources) > 1:
        raise InvalidData("only packaged prompt sets go into one file", hint="translate one source at a time")
    (source,) = sources
    if is_prompt_set(source, Path()) if prompts is None else prompts:
        return prompt_documents(source, Path(), language)
    return conversation_documents(InstructionsConfig(source=source), Path(), language)


def _check_name(source: str) -> None:
    """Refuses a name that neither a packaged set of instructions nor one of prompts has.

    Raises:
        InvalidData: with the nearest name of either.
    """
    from crosstune.errors import InvalidData, did_you_mean
    from crosstune.instructions.sources import packaged_files
    from crosstune.prompts.config import prompt_source
    from crosstune.prompts.packaged import packaged_sets

    known = [*packaged_files(), *packaged_sets()]
    if prompt_source(source).is_packaged and source not in known:
        raise InvalidData(
            f"'{source}' is not a set that ships with crosstune",
            hint=f"{did_you_mean(source, known)} (a file is named with its suffix, such as data.jsonl, and a set on "
            "the hub as hub:org/name)",
        )


def _name(source: str) -> str:
    name = re.sub(
        r"\.(jsonl?|csv|tsv|parquet)$", "", source.removeprefix("hub:").rsplit("/", 1)[-1], flags=re.IGNORECASE
    )
    return re.sub(r"[^\w.-]+", "-", name.replace("{language}", "")).strip(".-_") or "translation"


def _translator(model: str, endpoint: str | None, api_key_env: str, concurrency: int) -> "Translator":
    if endpoint is not None:
        from crosstune.translation.backends.chat import ChatTranslator

        return ChatTranslator(model, endpoint=endpoint, api_key_env=api_key_env, concurrency=concurrency)
    from crosstune.models.base import resolve_base_model
    from crosstune.models.prepare import prepare
    from crosstune.translation.backends.seq2seq import Seq2SeqTranslator

    resolved = resolve_base_model(model, where="--model")
    with console.status(f"loading {plain(model)}"):
        return Seq2SeqTranslator(model, prepare(resolved))


def _show(summary: "TranslationSummary", path: Path) -> None:
    if summary.flags:
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("flagged because")
        table.add_column("rows", justify="right")
        for flag, count in sorted(summary.flags.items(), key=lambda item: -item[1]):
            table.add_row(flag.value.replace("_", " "), str(count))
        console.print(table)
    if summary.failures:
        first, why = next(iter(summary.failures.items()))
        console.print(
            f"[red]{counted(len(summary.failures), 'row')} failed[/red], such as {plain(first)}: {plain(why)}. "
            "The same command tries them again; what is translated is kept.",
            soft_wrap=True,
        )
    elif summary.written:
        console.print(
            f"[green]✓[/green] {counted(summary.written, 'row')} in [bold]{escape(str(path))}[/bold]", soft_wrap=True
        )
    if summary.flagged_path is not None:
        console.print(
            f"{counted(summary.flagged, 'row')} to look at in [bold]{escape(str(summary.flagged_path))}[/bold]",
            soft_wrap=True,
        )
