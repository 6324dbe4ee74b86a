"""`crosstune explain`: why each step would run, or why not."""

from typing import Annotated

import typer
from rich.markup import escape

from crosstune.cli.console import RootOption, SetOption, StoreOption, StudyArgument, console


def explain(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    store: StoreOption = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only steps of this kind, as in training.")] = None,
) -> None:
    """Say for each step whether it is finished, and for a new one how it differs from the nearest finished one."""
    from crosstune.errors import InvalidStudy, did_you_mean
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root, store=store)
    kinds = list(dict.fromkeys(step.kind for step in loaded.steps))
    if kind is not None and kind not in kinds:
        raise InvalidStudy(f"no step of kind '{kind}'", where="--kind", hint=did_you_mean(kind, kinds))
    for explanation in loaded.explain():
        if kind is not None and explanation.step.kind != kind:
            continue
        colour = {"finished": "green", "partial": "yellow"}.get(explanation.state, "cyan")
        console.print(
            f"[{colour}]{explanation.state.value}[/{colour}] [bold]{explanation.step.kind}[/bold] "
            f"{escape(explanation.step.name)} [dim]{explanation.step.folder}[/dim]",
            soft_wrap=True,
        )
        for reason in explanation.reasons:
            console.print(f"    {escape(reason)}", soft_wrap=True)
