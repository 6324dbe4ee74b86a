"""`crosstune status`: how far a study is."""

import json
import sys
from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape

from crosstune.cli.console import RootOption, SetOption, StoreOption, StudyArgument, console


def status(
    study: StudyArgument,
    overrides: SetOption = None,
    root: RootOption = None,
    store: StoreOption = None,
    require_done: Annotated[
        bool, typer.Option("--require-done", help="End with status 1 unless every step is finished.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the states as JSON.")] = False,
) -> None:
    """Show which steps are finished, interrupted or to do, and where the report is."""
    from crosstune.study.store import is_begun, url_of
    from crosstune.study.study import Study

    loaded = Study.load(study, overrides=overrides or [], root=root, store=store)
    states = loaded.states()
    if as_json:
        listed = [{"kind": s.kind, "name": s.name, "state": state.value, "folder": s.folder} for s, state in states]
        told = {"study": loaded.name, "root": str(loaded.root), "store": url_of(loaded.store), "steps": listed}
        typer.echo(json.dumps(told, indent=1))
    else:
        for step, state in states:
            sign = {"finished": "[green]✓ finished   [/green]", "partial": "[yellow]… interrupted[/yellow]"}.get(
                state, "  to do      "
            )
            console.print(f"{sign} [bold]{step.kind}[/bold] {escape(step.name)}")
        counts = Counter(state.value for _, state in states)
        console.print(
            f"\n{escape(loaded.name)}: {counts['finished']} of {len(states)} steps finished, "
            f"{counts['partial']} interrupted"
        )
        url = url_of(loaded.store)
        if url is not None:
            note = "" if is_begun(loaded.store) else " (holds nothing yet)"
            console.print(f"store: {escape(url)}{note}", soft_wrap=True)
        if loaded.report_path.exists():
            console.print(f"report: {escape(str(loaded.report_path))}", soft_wrap=True)
        elif url is not None and states[-1][1] == "finished":
            console.print("report: in the store; `crosstune report` with the same --store fetches it", soft_wrap=True)
    if require_done and any(state != "finished" for _, state in states):
        sys.exit(1)
