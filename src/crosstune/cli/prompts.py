"""`crosstune prompts`: the prompt sets that there are, what is in them, and what is wrong with them."""

import json
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from crosstune.cli.console import console
from crosstune.cli.prompts_check import check_prompts
from crosstune.cli.prompts_options import JsonOption, LanguageFileOption, existing
from crosstune.cli.prompts_show import show_prompts
from crosstune.cli.prompts_table import language_tables

app = typer.Typer(no_args_is_help=True, help="Prompt sets: list them, show them, check them.")
app.command("show")(show_prompts)
app.command("check")(check_prompts)


@app.command("list")
def list_prompts(language_files: LanguageFileOption = None, as_json: JsonOption = False) -> None:
    """Show the sets that ship with crosstune by kind of task and language, and the modifiers."""
    from crosstune.prompts.language_file import language_file, language_of_path, packaged_language_codes
    from crosstune.prompts.load import packaged_prompt_sets
    from crosstune.prompts.modifiers import NONE, families

    extra = existing(language_files)
    sets = packaged_prompt_sets(extra)
    own = [language_of_path(path) for path in extra]
    codes = list(dict.fromkeys([*packaged_language_codes(), *own]))
    wordings = {code: language_file(code, extra).modifiers for code in codes}
    modifiers = [
        (name, members, [code for code in codes if name in wordings[code]])
        for name, members in families().items()
        if name != NONE
    ]
    if as_json:
        data = {
            "sets": [asdict(item) for item in sets],
            "modifiers": [
                {
                    "name": name,
                    "names": [member.name for member in members],
                    "check": dict(members[0].check),
                    "languages": there,
                    "not_for": dict(members[0].not_for),
                }
                for name, members, there in modifiers
            ],
        }
        typer.echo(json.dumps(data, ensure_ascii=False, indent=1))
        return
    rows = []
    for item in sets:
        total = f"[bold]{sum(item.tasks.values())}[/bold]"
        rows.append((f"[bold]{escape(item.name)}[/bold]", dict.fromkeys(item.prompts, total)))
        rows += [(f"  {escape(task)}", dict.fromkeys(item.prompts, str(n))) for task, n in item.tasks.items()]
    for table in language_tables("set, kind of task", {code: code for code in codes}, rows, console.width):
        console.print(table)
        console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("modifier", "numbers", "verified by", "languages"):
        table.add_column(column, overflow="fold")
    for name, members, there in modifiers:
        numbers = [member.number for member in members if member.number is not None]
        missing = [code for code in codes if code not in there and members[0].requested_language != code]
        table.add_row(
            escape(name),
            f"{numbers[0]}–{numbers[-1]}" if numbers else "",
            "a judge" if members[0].is_judged else escape(str(members[0].check.get("kind", ""))),
            "all" if not missing else f"not {', '.join(missing)}",
        )
    console.print(table)
