"""`crosstune card`: a model card of a tuned run, with its results as the hub reads them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstune.cli.console import RootOption, StudyArgument, error_console, plain

if TYPE_CHECKING:
    from crosstune.cli.run_choice import TunedRun

RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="NAME",
        help="A run, or the label of a configuration with one seed. Default: what the study selects.",
        show_default=False,
    ),
]
TitleOption = Annotated[
    str | None, typer.Option("--title", help="Of the card. Default: the run's name.", show_default=False)
]

BaseModelOption = Annotated[
    str | None,
    typer.Option(
        "--base-model",
        metavar="OWNER/NAME",
        help="What the hub calls the base model. Default: its name there where crosstune knows it, else as the study "
        "names it, without folders.",
        show_default=False,
    ),
]
LicenseOption = Annotated[
    str | None,
    typer.Option("--license", help="Its short name on the hub, such as apache-2.0. Default: none.", show_default=False),
]


def card(
    study: StudyArgument,
    run: RunOption = None,
    title: TitleOption = None,
    base_model: BaseModelOption = None,
    licence: LicenseOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Such as README.md. Default: print it.", show_default=False),
    ] = None,
    root: RootOption = None,
) -> None:
    """Write a model card for the Hugging Face hub, from a study that has been run."""
    from crosstune.cli.run_choice import tuned_run
    from crosstune.errors import StorageFailure
    from crosstune.storage.atomic import write_atomic

    if out is not None and out.is_dir():
        raise StorageFailure("this is a folder", where=str(out), hint=f"name a file in it: {out / 'README.md'}")
    text = card_text(tuned_run(study, run, root), title=title, base_model=base_model, licence=licence)
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    write_atomic(out, text if text.endswith("\n") else text + "\n")
    error_console.print(f"Written: {plain(str(out))}", soft_wrap=True)


def card_text(run: "TunedRun", *, title: str | None, base_model: str | None, licence: str | None) -> str:
    """The card of a run."""
    from crosstune.models.packaged import PACKAGED_MODELS
    from crosstune.reporting.model_card import model_card

    model = run.cell.base_model
    return model_card(
        run.tables,
        run.name,
        base_model=base_model or run.base_model,
        title=title or run.name,
        license=licence,
        weights=PACKAGED_MODELS[model.location].description if model.kind == "packaged" else None,
    )
