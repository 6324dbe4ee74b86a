"""`crosstune annotate`: a web app in which people rate the answers of a study or of any file."""

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.cli.console import RootOption, console, counted, error_console, plain

if TYPE_CHECKING:
    from crosstune.annotation.database import Database
    from crosstune.annotation.records import NewItem

_STUDY_SUFFIXES = (".yaml", ".yml")


def annotate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY|FILE",
            help="A study file (YAML) that has been run, or answers: .jsonl, .json, .csv, .tsv or .parquet.",
            show_default=False,
        ),
    ],
    languages: Annotated[
        str | None,
        typer.Option(
            "--languages",
            metavar="LANGUAGES",
            help="Only answers that should be in these, with commas between. Default: all.",
            show_default=False,
        ),
    ] = None,
    per_language: Annotated[
        int | None,
        typer.Option(
            "--per-language", min=1, help="So many answers of each language. Default: all.", show_default=False
        ),
    ] = None,
    raters: Annotated[int, typer.Option("--raters", min=1, help="Raters of an answer that several rate.")] = 2,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, max=1, help="Share of the answers that several rate.")
    ] = 0.2,
    pairs: Annotated[bool, typer.Option("--pairs", help="Show two runs' answers side by side.")] = False,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="NAME", help="Add an annotator and print their link; repeatable."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OURS=THEIRS", help="Of a file: which column is which; see crosstune score."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", "-l", metavar="LANGUAGE", help="Of a file: language of answers whose row has none."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8765,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            help="What links begin with, where people come through another server: https://rate.example.org",
            show_default=False,
        ),
    ] = None,
    root: RootOption = None,
) -> None:
    """Let people rate answers in a browser. Needs crosstune\\[annotate].

    Prints the coordinator's link, from which answers are chosen, annotators get their links, and marks are exported;
    serves until Ctrl-C. Everything is kept in one database beside the results, and going on later is the same command.
    """
    from importlib.util import find_spec

    from crosstune.errors import Busy, InvalidData, ModelUnavailable
    from crosstune.languages import language as known
    from crosstune.storage.locks import lock

    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise ModelUnavailable(
            "annotating needs the packages fastapi and uvicorn", hint="install them: pip install 'crosstune[annotate]'"
        )
    reached_by = _checked(address)
    codes = [name.strip() for name in (languages or "").split(",") if name.strip()]
    wanted = [known(code, where="--languages").code for code in codes]
    items, file, name = _answers(path, root, column, language)
    if not items:
        raise InvalidData("there is no answer to rate", where=str(path))
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(file.with_name(file.name + ".lock"), f"annotating {name}", wait=False))
        except Busy as error:
            raise Busy(
                error.message,
                where=str(file),
                hint="one server at a time has a database: use that one, or end it first",
            ) from None
        from crosstune.annotation.database import Database

        database = stack.enter_context(closing(Database(file)))
        _prepare(database, items, pairs, wanted, per_language, raters, overlap)
        _serve(database, name, add or [], host, port, reached_by)


def _checked(address: str | None) -> str:
    """The address that links begin with, without a stroke at its end; empty when none is given."""
    from urllib.parse import urlsplit

    from crosstune.errors import InvalidData

    if address is None:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as one bracket of two
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise InvalidData(f"'{address}' is no address of a server", where="--address", hint="https://rate.example.org")
    return f"{parts.scheme}://{parts.netloc}"


def _answers(
    path: Path, root: Path | None, column: list[str] | None, language: str | None
) -> tuple[list["NewItem"], Path, str]:
    """The answers, where their database is, and what they are called."""
    from crosstune.annotation.database import database_of_file, database_of_study

    if path.suffix.lower() in _STUDY_SUFFIXES:
        from crosstune.annotation.sources import study_items
        from crosstune.study.study import Study

        study = Study.load(path, root=root)
        tables = study.results()
        items = study_items(tables.prompts, tables.responses, tables.scores)
        return items, database_of_study(study.root, study.name), study.name
    return _of_file(path, column, language), database_of_file(path), path.stem


def _of_file(path: Path, column: list[str] | None, language: str | None) -> list["NewItem"]:
    from crosstune.annotation.records import NewItem
    from crosstune.errors import InvalidData
    from crosstune.records import Ending
    from crosstune.scoring.answer_columns import told_columns
    from crosstune.scoring.answers_file import AnswersFile

    unreadable: list[InvalidData] = []
    file = AnswersFile([path], columns=told_columns(column or ()), language=language, keep=["modifiers"])
    for note in file.notes:
        error_console.print(f"[yellow]note:[/yellow] {plain(note)}", soft_wrap=True)
    items, missing = [], 0
    for row in file.read(unreadable.append):
        answer = row.answer
        if answer.text is None:
            missing += 1
            continue
        items.append(
            NewItem(
                run=answer.run,
                prompt_id=answer.prompt_id,
                language=answer.language,
                requested_language=answer.requested_language,
                prompt=answer.prompt,
                answer=answer.text,
                task=answer.task,
                modifiers=(row.kept[0] if row.kept else None) or "",
                cut_off=answer.ending is Ending.LENGTH,
            )
        )
    if unreadable:
        error_console.print(
            f"[yellow]warning:[/yellow] {counted(len(unreadable), 'row')} could not be read, the first: "
            f"{plain(str(unreadable[0]))}",
            soft_wrap=True,
        )
    if missing:
        error_console.print(f"[yellow]note:[/yellow] rows without an answer, left out: {missing}")
    return items


def _prepare(
    database: "Database",
    items: list["NewItem"],
    with_pairs: bool,
    languages: list[str],
    per_language: int | None,
    raters: int,
    overlap: float,
) -> None:
    from crosstune.annotation.items import add_items
    from crosstune.annotation.selection import Selection, choose
    from crosstune.annotation.sources import pairs

    # Whether pairs are compared is decided when the database is made: who goes on need not say it again.
    kind = database.setting("kind") or ("pairs" if with_pairs else "answers")
    database.set_setting("kind", kind)
    if with_pairs and kind != "pairs":
        error_console.print("[yellow]note:[/yellow] this database has single answers; --pairs is passed over")
    taken = add_items(database, pairs(items) if kind == "pairs" else items)
    if taken.withdrawn or taken.changed:
        error_console.print(
            f"[yellow]note:[/yellow] answers that are no longer there: {taken.withdrawn}, with another text now: "
            f"{taken.changed}. Marks of the old ones are kept in the history.",
            soft_wrap=True,
        )
    with database.reading() as connection:
        has_chosen = connection.execute("SELECT EXISTS (SELECT 1 FROM items WHERE wanted > 0)").fetchone()[0]
    if has_chosen:
        error_console.print("[dim]Answers were chosen before; choose more on the coordinator's page.[/dim]")
        return
    selection = Selection(languages=tuple(languages), per_language=per_language, raters=raters, overlap=overlap)
    chosen = choose(database, selection)
    console.print(f"Answers to be rated: {', '.join(f'{code} {count}' for code, count in chosen.by_language.items())}")


def _serve(database: "Database", name: str, add: list[str], host: str, port: int, reached_by: str) -> None:
    from urllib.parse import urlsplit

    from crosstune.annotation.annotators import DAYS, add_annotator, all_annotators
    from crosstune.annotation.server.app import create_app, new_token
    from crosstune.annotation.server.serving import LOOPBACK, serve

    if host not in LOOPBACK:
        error_console.print(
            f"[yellow]warning:[/yellow] everybody who reaches {plain(host)} can open these pages with a link, and "
            "links and marks travel unencrypted: put a server with HTTPS in front, or use a tunnel",
            soft_wrap=True,
        )
    token = new_token()
    # On loopback the server is asked by its own names alone, or by that of the server in front of it.
    names = (*LOOPBACK, urlsplit(reached_by).hostname or "") if host in LOOPBACK else ()
    app = create_app(
        database,
        coordinator_token=token,
        name=name,
        address=reached_by,
        host_names=[each for each in names if each],
    )

    def show(listens_at: str) -> None:
        address = reached_by or listens_at
        taken = {annotator.pseudonym for annotator in all_annotators(database)}
        for each in add:
            if each in taken:
                console.print(f"[bold]{plain(each)}[/bold] is there already; a new link is made by the coordinator.")
                continue
            link = add_annotator(database, each)
            console.print(f"[bold]{plain(each)}[/bold], for {DAYS} days: {address}/join/{link.token}", soft_wrap=True)
        console.print(f"[bold]Coordinator:[/bold] {address}/coordinate/{token}", soft_wrap=True)
        if host in LOOPBACK and not reached_by:
            console.print("[dim]These links open on this machine alone; for others, see --address and --host.[/dim]")
        console.print("[dim]Whoever has a link has its pages. Ctrl-C ends the server; everything is saved.[/dim]")
        sys.stdout.flush()  # who reads the links from a pipe waits for them

    serve(app, host, port, show)
