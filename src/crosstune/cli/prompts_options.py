"""Options that the commands on prompt sets share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.errors import InvalidData, InvalidStudy

if TYPE_CHECKING:
    from pydantic import ValidationError

    from crosstune.prompts.config import PromptSource

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


def refused_setting(error: "ValidationError") -> InvalidStudy:
    """What a model of settings refused on the command line, as it is told to the user."""
    problem = error.errors()[0]
    place = str(problem["loc"][0]) if problem["loc"] else "sets"
    return InvalidStudy(problem["msg"].removeprefix("Value error, "), where=place)


def named_source(name: str) -> "PromptSource":
    """A prompt set that was named on the command line.

    Raises:
        InvalidStudy: it can be no set, file or data set.
        InvalidData: it is a packaged set that is not there, a folder, or another kind of file.
    """
    from pydantic import ValidationError

    from crosstune.prompts.config import prompt_source
    from crosstune.prompts.packaged import set_rows
    from crosstune.prompts.sets import refuse_other_file

    if not name.strip():
        raise InvalidStudy("the name of a set is empty", where="sets", hint="see: crosstune prompts list")
    try:
        source = prompt_source(name)
    except ValidationError as error:
        raise InvalidStudy(refused_setting(error).message, where="sets") from error
    if source.is_packaged:
        refuse_other_file(source, Path())
        set_rows(name)
    return source
