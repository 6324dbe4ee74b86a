"""Options that the commands on prompt sets share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from crosstune.errors import InvalidData

LanguageFileOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--language-file",
        metavar="FILE",
        help="The packaged sets in a language of your own, such as sw.jsonl; repeatable.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def existing(paths: Sequence[Path] | None) -> tuple[Path, ...]:
    """Files that were named on the command line.

    Raises:
        InvalidData: one is not there.
    """
    for path in paths or ():
        if not path.is_file():
            raise InvalidData("no such file", where=str(path))
    return tuple(paths or ())
