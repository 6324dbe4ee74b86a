"""`crosstune prompts show`: prompts as a model is asked them, in a readable form."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.cli.console import console, plain
from crosstune.cli.prompts_options import JsonOption, LanguageFileOption, named_source, refused_setting
from crosstune.errors import InvalidData, did_you_mean
from crosstune.records import instruction_of

if TYPE_CHECKING:
    from crosstune.records import Prompt


def show_prompts(
    source: Annotated[str, typer.Argument(metavar="SET", help="A packaged set, a path, or hub:org/name.")],
    language: Annotated[
        list[str] | None, typer.Option("--language", "-l", help="Code; repeatable.", show_default="en")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only this kind of task.")] = None,
    prompt_id: Annotated[str | None, typer.Option("--id", help="Only this prompt, by its id or the end of it.")] = None,
    modifier: Annotated[
        list[str] | None, typer.Option("--modifier", "-m", help="Ask with this modifier; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="So many, from all tasks in turn.")] = None,
    english: Annotated[
        bool, typer.Option("--english/--no-english", help="The English source or translation beneath.")
    ] = True,
    language_files: LanguageFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show prompts as a model is asked them, with their answers and checks."""
    from crosstune.prompts.asked import notes_on_unchecked
    from crosstune.prompts.packaged import SOURCE_LANGUAGE

    named_source(source)
    codes = language or [SOURCE_LANGUAGE]
    asked = [
        prompt
        for prompt in _load(source, codes, modifier or ["none"], language_files)
        if (task is None or prompt.task == task) and (prompt_id is None or _has_id(prompt, prompt_id))
    ]
    if not asked:
        known = sorted({prompt.task for prompt in _load(source, codes, ["none"], language_files)})
        hint = did_you_mean(task, known) if task is not None and task not in known else "see: crosstune prompts list"
        raise InvalidData("there is no such prompt", where=source, hint=hint)
    shown = asked if limit is None else _in_turn(asked, limit)
    if as_json:
        typer.echo(json.dumps([asdict(prompt) for prompt in shown], ensure_ascii=False, indent=1))
        return
    originals = {} if not english else _originals(source, codes, modifier or ["none"], language_files)
    for prompt in shown:
        _show(prompt, originals.get(prompt.id))
    own = [word for prompt in shown for word in prompt.modifiers if word not in (modifier or [])]
    for note in notes_on_unchecked(own):
        console.print(f"[yellow]note:[/yellow] {plain(note)}", soft_wrap=True)
    of = f" of {len(asked)}" if len(shown) < len(asked) else ""
    console.print(f"[dim]{len(shown)}{of} {'prompt' if len(asked) == 1 else 'prompts'}[/dim]")


def _load(
    source: str, codes: Sequence[str], modifiers: Sequence[str], language_files: Sequence[Path] | None
) -> "list[Prompt]":
    from pydantic import ValidationError

    from crosstune.prompts.config import PromptsConfig
    from crosstune.prompts.load import load_prompts

    try:
        config = PromptsConfig(
            sets=[source],
            languages=list(codes),
            modifiers=list(modifiers),
            language_files=[str(path) for path in language_files or []],
        )
    except ValidationError as error:
        raise refused_setting(error) from error
    return load_prompts(config, Path())


def _originals(
    source: str, codes: Sequence[str], modifiers: Sequence[str], language_files: Sequence[Path] | None
) -> dict[str, str]:
    """English texts by id; none where the set has no English, which is only a help to readers."""
    from crosstune.prompts.packaged import SOURCE_LANGUAGE

    if all(code == SOURCE_LANGUAGE for code in codes):
        return {}
    try:
        prompts = _load(source, [SOURCE_LANGUAGE], modifiers, language_files)
    except InvalidData:
        return {}
    return {prompt.id: prompt.messages[-1].content for prompt in prompts}


def _has_id(prompt: "Prompt", wanted: str) -> bool:
    base = instruction_of(prompt.id)
    return wanted in (prompt.id, base) or base.endswith("/" + wanted)


def _in_turn(prompts: "list[Prompt]", limit: int) -> "list[Prompt]":
    """The first of each task and language, then the second of each, in their order."""
    seen: Counter[tuple[str, str]] = Counter()
    turns = []
    for place, prompt in enumerate(prompts):
        key = (prompt.language, prompt.task)
        turns.append((seen[key], place))
        seen[key] += 1
    return [prompts[place] for place in sorted(place for _, place in sorted(turns)[:limit])]


def _isolated(text: str, code: str) -> str:
    """A text whose lines a terminal that knows how lays out by themselves, whatever stands around them.

    What is written to a file or another program stays as it is.
    """
    from crosstune.languages import language

    if not console.is_terminal:
        return text
    opening = "\u2067" if language(code).direction == "rtl" else "\u2066"
    return "\n".join(f"{opening}{line}\u2069" if line else line for line in text.split("\n"))


def _show(prompt: "Prompt", original: str | None) -> None:
    from crosstune.languages import language
    from crosstune.prompts.packaged import SOURCE_LANGUAGE

    facts = [language(prompt.language).name, prompt.task, *prompt.tags]
    if prompt.requested_language != prompt.language:
        facts.append(f"answer in {language(prompt.requested_language).name}")
    console.print(f"[bold]{plain(prompt.id)}[/bold]  [dim]{plain(' · '.join(facts))}[/dim]", soft_wrap=True)
    for message in prompt.messages:
        if len(prompt.messages) > 1:
            console.print(f"  [dim]{message.role}:[/dim]")
        console.print(_indented(_isolated(plain(message.content), prompt.language)), soft_wrap=True)
    beside = prompt.gloss or original
    if beside and prompt.language != SOURCE_LANGUAGE:
        console.print(f"[dim]{_indented(plain(beside))}[/dim]", soft_wrap=True)
    if prompt.answers:
        named = " | ".join(_isolated(plain(answer), prompt.language) for answer in prompt.answers)
        console.print(f"  [green]answers:[/green] {named}", soft_wrap=True)
    for check in prompt.checks:
        parameters = json.loads(check.parameters)
        words = " ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in parameters.items())
        console.print(f"  [cyan]check:[/cyan] {plain(f'{check.kind} {words}'.strip())}", soft_wrap=True)
    console.print()


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
