"""`crosstune data`: the sets of instructions that ship, what a set holds, and what is wrong with it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from crosstune.cli.console import console, counted, plain, print_table
from crosstune.cli.progress_bar import ProgressBar
from crosstune.cli.translate import translate

if TYPE_CHECKING:
    from crosstune.instructions.config import MixturePart
    from crosstune.instructions.contamination import Overlap
    from crosstune.instructions.review import Lengths, Review
    from crosstune.instructions.sources import Example

app = typer.Typer(help="Instruction data: list, show, check and translate sets.", no_args_is_help=True)

_SHOWN_CHARACTERS = 600
_PROBLEMS_SHOWN = 50

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A set that ships (starter-en), a file, or hub:org/name.", show_default=False
    ),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="Format of the rows; default: recognised by their columns.")
]
ColumnsOption = Annotated[
    list[str] | None, typer.Option("--columns", metavar="OLD=NEW", help="Rename a column; repeatable.")
]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Only such rows; repeatable.")
]
LanguageOption = Annotated[
    list[str] | None, typer.Option("--language", "-l", metavar="CODE", help="Only rows in it; repeatable.")
]
InLanguageOption = Annotated[
    str | None, typer.Option("--in-language", metavar="CODE", help="Says that all rows are in this language.")
]


@app.command("list")
def list_sets(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the sets that ship with crosstune: languages, examples, categories."""
    from crosstune.instructions.packaged import packaged_instruction_sets

    sets = packaged_instruction_sets()
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in sets], ensure_ascii=False, indent=1))
        return
    table = _table("set", "examples", "languages", "categories")
    for item in sets:
        languages = ", ".join(f"{code} {count}" for code, count in item.languages.items())
        categories = ", ".join(f"{name} {count}" for name, count in item.categories.items())
        table.add_row(f"[bold]{item.name}[/bold]", str(item.examples), languages, categories)
    print_table(table)


@app.command("show")
def show(
    source: SourceArgument,
    language: LanguageOption = None,
    in_language: InLanguageOption = None,
    category: Annotated[str | None, typer.Option("--category", help="Only rows of this category.")] = None,
    where: WhereOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many examples.")] = 5,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Draw the examples; default: the first ones.", show_default=False)
    ] = None,
    format: FormatOption = None,
    columns: ColumnsOption = None,
    whole: Annotated[bool, typer.Option("--whole", help="Do not cut long texts.")] = False,
) -> None:
    """Show examples of a set in a readable form, with their lengths in words."""
    from crosstune.errors import InvalidData
    from crosstune.instructions.mixture import drawn_ids
    from crosstune.instructions.sources import read_examples

    part = _part(source, format, columns, where, language, in_language)
    read = read_examples(part, Path())
    examples = [item for item in read if category is None or item.category == category]
    if not examples:
        known = sorted({item.category for item in read if item.category})
        raise InvalidData(
            f"there is no example of the category '{category}'",
            where=source,
            hint="there are " + ", ".join(known) if known else "the rows have no categories",
        )
    shown = examples[:limit]
    if seed is not None:
        conversations = [item.conversation for item in examples]
        ids = drawn_ids(conversations, limit, seed, balanced=bool(part.languages))
        shown = [item for item in examples if item.conversation.id in ids]
    for item in shown:
        _show_example(item, None if whole else _SHOWN_CHARACTERS)
    console.print(f"{len(shown)} of {counted(len(examples), 'example')}")


def _show_example(example: "Example", cut: int | None) -> None:
    from crosstune.text.segments import words

    conversation = example.conversation
    facts = [conversation.language, *([example.category] if example.category else []), example.where]
    console.print(f"[bold]{plain(conversation.id)}[/bold]  {plain(' · '.join(facts))}", soft_wrap=True)
    for message in conversation.messages:
        text = message.content
        shown = text if cut is None or len(text) <= cut else text[:cut] + " …"
        length = counted(len(words(text, conversation.language)), "word")
        console.print(f"  [cyan]{message.role}[/cyan] ({length})", soft_wrap=True)
        for line in shown.splitlines():
            console.print(f"    {plain(line)}", soft_wrap=True)
    console.print()


@app.command("check")
def check(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE…", help="Sets that ship (starter-en), files, or hub:org/name.", show_default=False
        ),
    ],
    format: FormatOption = None,
    columns: ColumnsOption = None,
    where: WhereOption = None,
    language: LanguageOption = None,
    in_language: InLanguageOption = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="SET", help="Prompt sets to look for; repeatable; default: all that ship; none: no."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model's folder: lengths are in its tokens instead of words.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check sets: counts, lengths, problems by line, overlap with evaluation prompts; status 1 with problems."""
    from crosstune.instructions.review import review

    tokens = _token_counter(model) if model is not None else None
    reports = []
    for source in sources:
        part = _part(source, format, columns, where, language, in_language)
        with ProgressBar(f"checking {source}") as bar:
            found = review(part, Path(), bar.on_progress, tokens=tokens)
        with ProgressBar(f"comparing {source} with prompts") as bar:
            overlapping = _overlaps(found, against, bar)
        reports.append((source, found, overlapping))
    if as_json:
        typer.echo(json.dumps([_as_data(*item) for item in reports], ensure_ascii=False, indent=1))
    else:
        for item in reports:
            _show_review(*item, compared=against is None or set(against) != {"none"})
    if any(found.problems or overlapping for _, found, overlapping in reports):
        raise typer.Exit(1)


def _overlaps(found: "Review", against: list[str] | None, bar: ProgressBar) -> "list[Overlap]":
    from crosstune.errors import InvalidData, did_you_mean
    from crosstune.instructions.contamination import overlaps
    from crosstune.prompts.config import PromptsConfig, prompt_source
    from crosstune.prompts.load import load_prompts
    from crosstune.prompts.packaged import packaged_languages, packaged_sets
    from crosstune.prompts.sets import set_languages

    names = list(packaged_sets()) if against is None else [name for name in against if name != "none"]
    for name in names:
        if prompt_source(name).is_packaged and name not in packaged_sets():
            raise InvalidData(
                f"'{name}' is not a prompt set that ships with crosstune",
                where="--against",
                hint=did_you_mean(name, packaged_sets()),
            )
    wanted = {"en", *found.languages}
    prompts = []
    for name in names:
        packaged = name in packaged_sets()
        there = packaged_languages(name) if packaged else set_languages(prompt_source(name), Path())
        codes = [code for code in there if code in wanted] or there
        if codes:
            prompts += load_prompts(PromptsConfig(sets=[name], languages=codes), Path())
    return overlaps(found.examples, prompts, bar.on_progress)


def _token_counter(folder: Path) -> Callable[[str], int]:
    from transformers import AutoTokenizer

    from crosstune.errors import InvalidData

    if not folder.is_dir():
        raise InvalidData("no such folder", where=str(folder), hint="--model takes the folder of a model or tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def _part(
    source: str,
    format: str | None,
    columns: list[str] | None,
    where: list[str] | None,
    languages: list[str] | None,
    in_language: str | None,
) -> "MixturePart":
    """The source as a study file would name it.

    Raises:
        InvalidData: an option cannot be used.
    """
    from pydantic import ValidationError

    from crosstune.errors import InvalidData
    from crosstune.instructions.config import MixturePart

    try:
        return MixturePart.model_validate(
            {
                "source": source,
                "format": format,
                "columns": _pairs("--columns", columns),
                "where": _pairs("--where", where),
                "languages": languages or (),
                "language": in_language,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidData(first["msg"].removeprefix("Value error, "), where=source) from error


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    from crosstune.errors import InvalidData

    pairs = {}
    for value in values or []:
        name, equals, other = value.partition("=")
        if not (name and equals and other):
            raise InvalidData(f"'{value}' is not two words with = between", where=option)
        pairs[name] = other
    return pairs


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _show_review(source: str, found: "Review", overlapping: "list[Overlap]", *, compared: bool) -> None:
    from crosstune.cli.overlaps import print_overlaps
    from crosstune.instructions.contamination import languages_without_likeness

    def counts(values: dict[Any, int]) -> str:
        return ", ".join(f"{plain(str(name)) or 'not said'} {count}" for name, count in values.items())

    console.print(
        f"[bold]{plain(source)}[/bold]: {counted(len(found.examples), 'example')} in {counted(found.rows, 'row')}",
        soft_wrap=True,
    )
    table = _table("", "")
    table.add_row("languages", counts(found.languages))
    if found.categories:
        table.add_row("categories", counts(found.categories))
    table.add_row("user's turns", counts(found.turns))
    for name, lengths in (("questions", found.question_lengths), ("answers", found.answer_lengths)):
        if lengths is not None:
            table.add_row(name, _length_words(lengths, found.unit))
    table.show_header = False
    print_table(table)
    for problem in found.problems[:_PROBLEMS_SHOWN]:
        console.print(f"  [red]{plain(problem.where)}[/red]: {plain(problem.message)}", soft_wrap=True)
    if len(found.problems) > _PROBLEMS_SHOWN:
        console.print(f"  … {len(found.problems) - _PROBLEMS_SHOWN} more: all are in --json")
    for note in found.notes:
        console.print(f"  [yellow]note:[/yellow] {plain(note)}", soft_wrap=True)
    by_words = [code for code in languages_without_likeness(found.examples, ()) if code] if compared else []
    if by_words:
        words = f"only shared words with prompts are found in {', '.join(by_words)}"
        console.print(f"  [yellow]note:[/yellow] {words}", soft_wrap=True)
    if overlapping:
        count = len({item.conversation_id for item in overlapping})
        console.print(f"  [yellow]{counted(count, 'example')} overlapping with prompts[/yellow]")
        print_overlaps(overlapping[:_PROBLEMS_SHOWN])
    if not found.problems and not overlapping:
        console.print("  [green]✓[/green] no problems")
    else:
        console.print(f"  {counted(len(found.problems), 'problem')}, {counted(len(overlapping), 'overlap')}")


def _length_words(lengths: "Lengths", unit: str) -> str:
    middle = unit.removesuffix("s") if lengths.median == 1 else unit
    return (
        f"{lengths.median} {middle} in the middle, half of them {lengths.lower}–{lengths.upper}, "
        f"95 % up to {lengths.most_of_them}, all {lengths.least}–{lengths.most}"
    )


def _as_data(source: str, found: "Review", overlapping: "list[Overlap]") -> dict[str, Any]:
    return {
        "source": source,
        "rows": found.rows,
        "examples": len(found.examples),
        "languages": found.languages,
        "categories": found.categories,
        "user_turns": found.turns,
        "length_unit": found.unit,
        "question_lengths": asdict(found.question_lengths) if found.question_lengths else None,
        "answer_lengths": asdict(found.answer_lengths) if found.answer_lengths else None,
        "problems": [asdict(problem) for problem in found.problems],
        "notes": list(found.notes),
        "overlaps": [asdict(item) for item in overlapping],
    }


app.command("translate")(translate)
