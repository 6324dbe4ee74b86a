"""The options of a judge that `crosstune judge` and `crosstune check-judge` share, and what they make of them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import typer

from crosstune.cli.console import RootOption, error_console, plain

if TYPE_CHECKING:
    from crosstune.judging.config import JudgeConfig

ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A judge as Inspect AI names it: openai/gpt-5-mini, anthropic/…, vllm/…; for any other endpoint "
        "openai-api/local/NAME with --base-url. Repeatable: several are a panel.",
        show_default=False,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Where requests go, such as http://127.0.0.1:8080/v1."),
]
ConnectionsOption = Annotated[
    int | None,
    typer.Option("--connections", min=1, help="Calls at once; default: as many as the endpoint turns out to allow."),
]
PriceOption = Annotated[
    str | None,
    typer.Option("--price", metavar="IN,OUT", help="Dollars for a million tokens of requests and of replies."),
]
ReplyTokensOption = Annotated[int, typer.Option("--reply-tokens", min=16, help="Limit of a reply.")]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", help="Of the judge; -1: the provider's own, which models that think need.")
]
SchemaOption = Annotated[
    bool, typer.Option("--schema/--no-schema", help="Whether the endpoint is sent the JSON schema of a reply.")
]
RubricOption = Annotated[
    str | None, typer.Option("--rubric", help="A packaged rubric, or a folder.", show_default="english-1")
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="FOLDER",
        help="Where every call is kept, so that none is paid for twice; default: judge/ in the folder for results.",
        show_default=False,
    ),
]


_OPTIONS = {"price": "--price", "base_url": "--base-url", "max_tokens": "--reply-tokens"}
"""By the fields of a judge that they become."""


class PanelRule(StrEnum):
    """How several judges become one mark."""

    MEDIAN = "median"
    MAJORITY = "majority"


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What the user says of judges, of their rubric, and of where calls are kept."""

    model: ModelOption = None
    base_url: BaseUrlOption = None
    connections: ConnectionsOption = None
    price: PriceOption = None
    reply_tokens: ReplyTokensOption = 1024
    temperature: TemperatureOption = 0.0
    schema: SchemaOption = True
    rubric: RubricOption = None
    ledger: LedgerOption = None
    root: RootOption = None

    def models(self) -> list[dict[str, Any]] | None:
        """Judges as a study file would name them; None where none is named.

        Raises:
            InvalidStudy: the price is no pair of numbers, or a model is named in no way that Inspect knows.
        """
        return [self._entry(model) for model in self.model] if self.model else None

    def _entry(self, model: str) -> dict[str, Any]:
        from pydantic import ValidationError

        from crosstune.errors import InvalidStudy
        from crosstune.judging.config import JudgeModel

        entry: dict[str, Any] = {
            "model": model,
            "connections": self.connections,
            "price": _price(self.price),
            "max_tokens": self.reply_tokens,
            "temperature": None if self.temperature < 0 else self.temperature,
            "structured": self.schema,
        }
        is_only = len(self.model or ()) == 1
        if self.base_url is not None and (model.startswith(("openai-api/", "vllm/")) or is_only):
            entry["base_url"] = self.base_url
        try:
            JudgeModel.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            of_model = "base_url" if first["msg"].startswith("Value error, base_url") else "model"
            named = str(first["loc"][0]) if first["loc"] else of_model
            where = _OPTIONS.get(named, "--model")
            raise InvalidStudy(first["msg"].removeprefix("Value error, "), where=where) from None
        return entry

    def folder(self) -> Path:
        """Where calls are kept."""
        from crosstune.study.study import default_root

        return self.ledger or (self.root or default_root()) / "judge"


def takes_judge(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `judges`, a `JudgeOptions`, is the options of it, one by one."""
    hints = get_type_hints(JudgeOptions, include_extras=True)
    kind = Parameter.POSITIONAL_OR_KEYWORD
    shared = [
        Parameter(each.name, kind, default=each.default, annotation=hints[each.name]) for each in fields(JudgeOptions)
    ]
    own = list(signature(command, eval_str=True).parameters.values())
    place = next(number for number, each in enumerate(own) if each.name == "judges")
    parameters = [*own[:place], *shared, *own[place + 1 :]]

    @wraps(command)
    def with_options(**given: Any) -> None:
        judges = JudgeOptions(**{each.name: given.pop(each.name) for each in shared})
        command(judges=judges, **given)

    # By these typer, which knows no groups of options, finds them.
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _price(text: str | None) -> dict[str, float] | None:
    from crosstune.errors import InvalidStudy

    if text is None:
        return None
    try:
        read, written = (float(part) for part in text.split(","))
        if not (isfinite(read) and isfinite(written)):
            raise ValueError
    except ValueError:
        raise InvalidStudy(
            f"'{text}' is not two prices", where="--price", hint="as in --price 0.25,2: dollars a million tokens"
        ) from None
    return {"input": read, "output": written}


def judge_config(values: dict[str, Any]) -> "JudgeConfig":
    """A checked configuration.

    Raises:
        InvalidStudy: a value of it cannot be.
    """
    from pydantic import ValidationError

    from crosstune.errors import InvalidStudy
    from crosstune.judging.config import JudgeConfig

    try:
        return JudgeConfig.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidStudy(first["msg"].removeprefix("Value error, "), where=place or "judge") from None


def interrupted(ledger: Path) -> NoReturn:
    """Ends the program as Ctrl-C does, and says that nothing is lost."""
    error_console.print(
        f"\n[yellow bold]Interrupted.[/yellow bold] Every reply is kept in {plain(str(ledger))}; "
        "the same command goes on from there.",
        soft_wrap=True,
    )
    sys.exit(130)


def say_who_holds_it(who: str) -> None:
    """Tells what is waited for."""
    error_console.print(f"waiting for another that judges with the same model: {plain(who)}", soft_wrap=True)
