"""`crosstune schema`: the JSON Schema of the study file, for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer

from crosstune.cli.console import console


def schema(
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Print the JSON Schema of the study file, so that an editor can complete and check it."""
    from crosstune.storage.atomic import write_atomic
    from crosstune.study.schema import study_schema

    text = json.dumps(study_schema(), ensure_ascii=False, indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    write_atomic(out, text)
    console.print(f"wrote {out}")
