"""The `crosstune` command. Commands import what they need when they run, so that --help answers at once."""

import io
import os
import sys
from typing import Annotated

import typer

from crosstune import __version__
from crosstune.cli import (
    agreement,
    annotate,
    answer,
    card,
    check_judge,
    compare,
    data,
    explain,
    facets,
    gate,
    judge,
    plan,
    prompts,
    push,
    report,
    run,
    schema,
    score,
    serve,
    status,
)
from crosstune.cli.console import show_error
from crosstune.errors import CrosstuneError

app = typer.Typer(
    name="crosstune",
    help="Tune language models on instructions in one language and measure how far that carries to others.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("explain")(explain.explain)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("gate")(gate.gate)
app.command("card")(card.card)
app.command("push")(push.push)
app.command("answer")(answer.answer)
app.command("score")(score.score)
app.command("facets")(facets.facets)
app.command("judge")(judge.judge)
app.command("check-judge")(check_judge.check_judge)
app.command("agreement")(agreement.agreement)
app.command("annotate")(annotate.annotate)
app.command("serve")(serve.serve)
app.command("schema")(schema.schema)
app.add_typer(data.app, name="data")
app.add_typer(prompts.app, name="prompts")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"crosstune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Runs the command line; errors meant for the user end with status 1 and without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × or ✓ shows ? in their place
    try:
        app()
    except CrosstuneError as error:
        if os.environ.get("CROSSTUNE_DEBUG"):
            raise
        show_error(error)
        sys.exit(1)
